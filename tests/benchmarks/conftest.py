"""What the benchmarks' tests share: their own modules, a body to film and a folder of data."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

from reel2sim.scene.rig import JointType

ROOT = Path(__file__).parents[2]
_MODULES = ("body", "cameras", "controls", "models", "raycast", "sdf", "shape", "truth", "usd")


@pytest.fixture
def captures(monkeypatch):
    """The benchmark's own modules, as its scripts import them."""
    pytest.importorskip("embreex")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    found = {name: importlib.import_module(f"captures.{name}") for name in _MODULES}
    found["render"] = importlib.import_module("render_captures")
    yield SimpleNamespace(**found)
    for name in [n for n in sys.modules if n.split(".")[0] in ("captures", "render_captures")]:
        del sys.modules[name]


@pytest.fixture
def chain(captures):
    """Two boxes: an arm that turns on a base, and a finger that slides on the arm."""

    def box(center):
        return trimesh.creation.box((0.2, 0.2, 0.2)).apply_translation(center)

    parts = {"base": box((0, 0, 0)), "arm": box((0.3, 0, 0)), "finger": box((0.6, 0, 0))}
    joint = captures.models.ModelJoint
    z, x, at = np.array([0, 0, 1.0]), np.array([1.0, 0, 0]), np.zeros(3)
    turn = joint("turn", JointType.REVOLUTE, "base", "arm", z, at, 1.0, (-0.5, 1.5))
    slide = joint("slide", JointType.PRISMATIC, "arm", "finger", x, at, 0.1, (0.0, 0.12))
    return captures.models.Model("chain", parts, (turn, slide))


@pytest.fixture
def data():
    """The folder of reference objects."""
    folder = Path(os.environ.get("REEL2SIM_DATA", ROOT / ".." / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no reference objects at {folder}; set REEL2SIM_DATA")
    return folder
