"""Rendered captures agree with their truth, and the shipped one is whole."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from reel2sim.generation.truth import load_truth
from reel2sim.media import load_reel
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import apply

ROOT = Path(__file__).parents[2]
DRAWER = ROOT / "examples" / "drawer"


@pytest.fixture
def models(monkeypatch):
    """The benchmark's own modules, as its scripts import them."""
    pytest.importorskip("embreex")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import captures.models
    import captures.raycast

    yield captures
    for name in [name for name in sys.modules if name.split(".")[0] == "captures"]:
        del sys.modules[name]


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


def chain(models):
    """Two boxes: an arm that turns on a base, and a finger that slides on the arm."""
    import trimesh

    def box(center):
        mesh = trimesh.creation.box((0.2, 0.2, 0.2))
        return mesh.apply_translation(center)

    parts = {"base": box((0, 0, 0)), "arm": box((0.3, 0, 0)), "finger": box((0.6, 0, 0))}
    turn = models.models.ModelJoint(
        "turn", JointType.REVOLUTE, "base", "arm", np.array([0, 0, 1.0]), np.zeros(3), 1.0
    )
    slide = models.models.ModelJoint(
        "slide", JointType.PRISMATIC, "arm", "finger", np.array([1.0, 0, 0]), np.zeros(3), 0.1
    )
    return models.models.Model("chain", parts, (turn, slide))


def test_children_follow_their_parents(models):
    poses = chain(models).poses(np.array([np.pi / 2, 0.1]))
    assert np.allclose(poses["base"], np.eye(4))
    assert np.allclose(apply(poses["arm"], np.array([[0.3, 0, 0]])), [[0, 0.3, 0]])
    assert np.allclose(apply(poses["finger"], np.array([[0.6, 0, 0]])), [[0, 0.7, 0]])


def test_motion_starts_at_rest_and_reaches_its_travel(models):
    q = chain(models).trajectory(49)
    assert np.allclose(q[0], 0.0)
    assert q.max(axis=0) == pytest.approx([1.0, 0.1], rel=0.01)
    assert np.abs(np.diff(q, axis=0)).max(axis=0) == pytest.approx([0.0, 0.0], abs=0.15)
    assert not np.allclose(q[:, 0], 10 * q[:, 1], atol=0.05), "joints must not move in step"


def test_picture_covers_what_projects_into_it(models):
    from reel2sim.scene import look_at

    model = chain(models)
    scene = models.raycast.RayScene(model.parts, seed=3, size_m=1.0, rich=True)
    camera = look_at(
        np.array([0.3, -2.0, 0.5]), np.array([0.3, 0, 0]), width=48, height=48, fov_y=0.7
    )
    poses = model.poses(np.array([0.3, 0.05]))
    picture = scene.picture(camera, poses)
    assert np.array_equal(picture, scene.picture(camera, poses))
    alpha = picture[..., 3]
    assert 0.02 < (alpha > 0).mean() < 0.6
    assert (picture[alpha == 0] == 0).all()
    for name, mesh in model.parts.items():
        pixels, _ = camera.project(apply(poses[name], mesh.triangles_center))
        columns, rows = np.floor(pixels).astype(int).T
        assert (alpha[rows, columns] > 0).all()
    assert picture[alpha == 255][:, :3].std() > 15, "the texture must show"


def test_hidden_points_are_not_seen(models):
    model = chain(models)
    scene = models.raycast.RayScene(model.parts, seed=0, size_m=1.0, rich=False)
    ends = np.array([[-0.1, 0.0, 0.0], [0.7, 0.0, 0.0]])
    seen = scene.sees(np.array([3.0, 0.0, 0.0]), ends, model.poses(np.zeros(2)))
    assert seen.tolist() == [False, True]
