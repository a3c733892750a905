"""The shipped capture is whole and agrees with its truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reel2sim.generation.truth import load_truth
from reel2sim.media import load_reel
from reel2sim.scene.rig import JointType

ROOT = Path(__file__).parents[2]
DRAWER = ROOT / "examples" / "drawer"


def test_drawer_is_a_calibrated_masked_capture():
    reel = load_reel(DRAWER)
    assert {name: len(frames) for name, frames in reel.streams.items()} == {
        "static": 24,
        "orbit": 24,
        "front": 24,
    }
    assert reel.calibrated
    assert reel.masked
    assert np.array_equal(reel.times_s, load_truth(DRAWER).times_s)


def test_drawer_truth_projects_into_every_mask():
    truth = load_truth(DRAWER)
    for frame in load_reel(DRAWER).frames:
        assert frame.camera is not None
        assert frame.mask is not None
        index = int(np.searchsorted(truth.times_s, frame.time_s))
        pixels, depth = frame.camera.project(truth.points_at(index))
        assert (depth > 0).all()
        columns, rows = np.floor(pixels).astype(int).T
        assert (frame.mask[rows, columns] > 0).mean() > 0.99, frame.name


def test_drawer_truth_is_its_joint():
    truth = load_truth(DRAWER)
    (joint,) = truth.joints
    assert joint.type is JointType.PRISMATIC
    assert np.ptp(joint.positions) > 0.3 * truth.diagonal_m
    shift = np.stack([truth.points_at(i) for i in range(len(truth.times_s))]) - truth.points
    own = truth.point_parts == truth.parts.index(joint.child)
    wanted = joint.positions[:, None] * joint.axis
    assert np.abs(shift[:, own] - wanted[:, None]).max() < 1e-6
    assert np.abs(shift[:, ~own]).max() == 0.0


def test_drawer_is_small_and_carries_its_licence():
    files = [path for path in DRAWER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1.5e6
    assert "Meta-World" in (DRAWER / "LICENSE").read_text()
    assert "examples/drawer" in (ROOT / "NOTICE").read_text()
