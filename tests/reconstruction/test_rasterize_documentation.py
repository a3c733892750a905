"""The documentation of the rasteriser is true where a test can tell."""

import re
from pathlib import Path

import torch

from reel2sim.reconstruction.rasterize import model

PAGE = (Path(__file__).parents[2] / "docs" / "rasterizer.md").read_text(encoding="utf-8")


def test_the_example_runs_and_learns():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    torch.manual_seed(0)
    spaces: dict[str, object] = {}
    exec(example, spaces)
    assert float(spaces["loss"]) < 0.1


def test_the_constants_are_those_of_the_model():
    stated = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^ |]+)", PAGE, re.M))
    assert stated.keys() == {name for name in dir(model) if name.isupper()} - {"SCALE_MIN_M"}
    for name, value in stated.items():
        number = 1 / 255 if value == "1/255" else float(value)
        assert getattr(model, name) == number, name
