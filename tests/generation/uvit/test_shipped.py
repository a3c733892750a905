"""The weights that come with the project: they load, and follow what is asked."""

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.cli.main import main
from reel2sim.generation import UViTBackend
from reel2sim.generation.uvit.checkpoint import load_model
from reel2sim.generation.uvit.sampler import Request, sample
from reel2sim.generation.uvit.shipped import shipped_weights

_STEPS = 8


@pytest.fixture(scope="module")
def model():
    path = shipped_weights()
    assert path is not None
    assert path.stat().st_size < 48 * 2**20
    return load_model(path)


def made(model, prompt, **asked):
    request = Request(prompt=prompt, steps=_STEPS, text_scale=3.0)
    return sample(model, replace(request, **asked))


def paint(film):
    """Mean colour of what is covered in the still orbit, 0..255."""
    still = film.images[:4].reshape(-1, 4).astype(float)
    return still[still[:, 3] > 127, :3].mean(axis=0)


def covered(film):
    """Share of the pictures that is covered."""
    return float((film.images[..., 3] > 127).mean())


def test_the_card_says_what_it_is(model, capsys):
    assert {"data", "figures", "limits", "steps"} <= {*model.card}
    agreement = model.card["figures"]["agreement"]["made"]
    for facet in ("family", "joints"):
        assert agreement[facet]["right"] > 1.5 * agreement[facet]["chance"]
    assert main(["generator", "card"]) == 0
    assert "Limits" in capsys.readouterr().out


def test_the_same_request_gives_the_same_film(model):
    one, again = (made(model, "a blue chest, the lid opens", seed=3) for _ in range(2))
    assert np.array_equal(one.images, again.images)


def test_families_and_colours_are_those_of_the_prompt(model):
    orange = made(model, "an orange metal chest, the chest's first lid opens")
    white = made(model, "a white metal chest, the chest's first lid opens")
    barrier = made(model, "an orange metal barrier, the barrier's first bar opens")
    garage = made(model, "an orange metal garage, the garage's first door opens")
    warmth = [colour[0] - colour[2] for colour in map(paint, (orange, white))]
    assert warmth[0] > warmth[1] + 20
    assert covered(garage) > 2 * covered(barrier)
    # A garage door is thin: seen from the side, its pictures are mostly empty.
    seen = (garage.images[:4, ..., 3] > 127).mean(axis=(1, 2))
    assert min(seen[0], seen[2]) > 2 * max(seen[1], seen[3])


def test_it_moves_more_where_more_is_asked(model):
    prompts = (
        "a garage, the garage's first door opens",
        "a white metal chest, the chest's first lid opens half way",
    )
    for prompt in prompts:
        little, much = (made(model, prompt, motion=motion).motion for motion in (0.003, 0.05))
        assert much > 1.2 * little, prompt


def test_the_backend_takes_it_where_no_other_is_named(monkeypatch):
    monkeypatch.delenv("REEL2SIM_UVIT", raising=False)
    backend = UViTBackend()
    assert backend.capabilities.missing == ""
    assert backend.weights == shipped_weights()
