"""Structure from the motion of one joint: derivatives are right, and the truth is found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.reconstruction.monocular.one_joint import OneJoint, Sightings, fit, placed
from reel2sim.reconstruction.monocular.one_joint_kernel import LINE, normal_equations
from reel2sim.reconstruction.monocular.starts import explain, half_sphere, motion_shape
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across

from .synthetic import FOCAL, filmed, joint, still_camera, walking_camera

KINDS = (JointType.REVOLUTE, JointType.PRISMATIC)
SPANS = {JointType.REVOLUTE: 1.0, JointType.PRISMATIC: 0.2}


def gradients(seen: Sightings, at: OneJoint) -> tuple[Array, Array]:
    """Of half the squared errors: by line and states, and by each depth."""
    n, t = seen.seen.shape
    H, g = np.zeros((LINE + t, LINE + t)), np.zeros(LINE + t)
    own, shared = np.zeros((n, 2)), np.zeros((n, LINE + t))
    normal_equations(
        at.type.angular, at.axis, across(at.axis), at.pivot, at.focal, at.states, at.log_depth,
        seen.pixels, seen.seen, seen.first, np.ones((n, t)), seen.center, seen.T_camera_world,
        seen.backs, 1e30, np.zeros(n), np.zeros(n), H, g, own, shared,
    )  # fmt: skip
    return g, own[:, 1]


def nudged(at: OneJoint, k: int, by: float) -> OneJoint:
    """With one of the line's unknowns or states changed."""
    if k < 2:
        axis = at.axis + by * across(at.axis)[k]
        return replace(at, axis=axis / np.linalg.norm(axis))
    if k < 5:
        return replace(at, pivot=at.pivot + by * np.eye(3)[k - 2])
    if k == 5:
        return replace(at, focal=at.focal * np.exp(by))
    return replace(at, states=at.states + by * np.eye(len(at.states))[k - LINE])


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_the_errors(kind: JointType) -> None:
    rng = np.random.default_rng(1)
    cameras = walking_camera(7)
    seen, depth = filmed(joint(kind, 7, span=SPANS[kind]), cameras, points=12, noise_px=3.0)
    at = replace(
        joint(kind, 7, span=0.3, seed=5),
        focal=1.1 * FOCAL,
        log_depth=np.log(depth) + 0.1 * rng.normal(size=12),
    )
    g, by_depth = gradients(seen, at)
    h = 1e-6
    moves = at.type.angular
    for k in range(LINE + 7):
        if 2 <= k < 5 and not moves:
            continue  # a slide has no pivot
        up, down = (0.5 * nudged(at, k, s * h).errors(seen).sum() for s in (1, -1))
        assert g[k] == pytest.approx((up - down) / (2 * h), rel=1e-4, abs=1e-2 * np.abs(g).max())
    for i in range(12):
        nudge = h * np.eye(12)[i]
        up, down = (0.5 * at.errors(seen, at.log_depth + s * nudge).sum() for s in (1, -1))
        assert by_depth[i] == pytest.approx((up - down) / (2 * h), rel=1e-4, abs=1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("walks", [False, True])
def test_no_errors_at_the_truth(kind: JointType, walks: bool) -> None:
    cameras = walking_camera(9) if walks else still_camera(9)
    moved = joint(kind, 9, span=SPANS[kind])
    seen, depth = filmed(moved, cameras)
    assert np.abs(moved.errors(seen, np.log(depth))).max() < 1e-16


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 3])
def test_a_joint_is_found_from_its_tracks(kind: JointType, seed: int) -> None:
    moved = joint(kind, 24, span=SPANS[kind] if kind is JointType.PRISMATIC else 1.4, seed=seed)
    seen, _ = filmed(moved, still_camera(24), noise_px=0.3, seed=seed)
    found = explain(seen, directions=12, finer=4)
    assert found.best.type is kind
    assert np.degrees(np.arccos(min(1.0, abs(found.best.axis @ moved.axis)))) < 12.0
    assert np.sqrt(found.best.errors(seen)[seen.seen]).mean() < 1.0


def test_a_fit_never_gets_worse() -> None:
    moved = joint(JointType.REVOLUTE, 16, span=1.0)
    seen, _ = filmed(moved, still_camera(16), noise_px=0.5)
    start = replace(moved, axis=half_sphere(5)[2], log_depth=np.zeros(len(seen)))
    costs = [fit(seen, start, steps=steps).cost for steps in (1, 3, 10, 30)]
    assert costs == sorted(costs, reverse=True)


def test_a_known_line_keeps_still_while_states_are_fitted() -> None:
    moved = joint(JointType.REVOLUTE, 16, span=1.0)
    seen, depth = filmed(moved, still_camera(16))
    start = replace(moved, states=0.5 * moved.states, log_depth=np.log(depth))
    found = fit(seen, start, steps=40, keep_line=True)
    np.testing.assert_allclose(found.axis, moved.axis, atol=1e-12)
    np.testing.assert_allclose(found.pivot, moved.pivot, atol=1e-12)
    assert found.focal == pytest.approx(moved.focal, rel=1e-12)
    assert found.cost < fit(seen, start, steps=0).cost


@pytest.mark.parametrize("kind", KINDS)
def test_depths_that_are_told_make_a_joint_exact(kind: JointType) -> None:
    span = 0.5 if kind is JointType.REVOLUTE else 0.2
    moved = joint(kind, 24, span=span)
    seen, depth = filmed(moved, still_camera(24), noise_px=0.5)
    told = replace(seen, log_depth=np.log(depth), sigma=np.full(len(seen), 0.005))
    found = explain(told, directions=12, finer=4).best
    assert found.type is kind
    assert np.degrees(np.arccos(min(1.0, abs(found.axis @ moved.axis)))) < 2.0
    assert found.span == pytest.approx(moved.span, rel=0.05)


def test_depths_are_found_for_a_joint_that_is_known() -> None:
    moved = joint(JointType.REVOLUTE, 16, span=1.4)
    seen, depth = filmed(moved, walking_camera(16))
    found, squared = placed(seen, moved)
    long = seen.seen.sum(axis=1) > 8
    assert np.median(np.abs(found.log_depth - np.log(depth))[long]) < 0.03
    assert np.median(np.sqrt(squared[seen.seen])) < 0.5


def test_the_shape_of_the_motion_is_that_of_its_states() -> None:
    moved = joint(JointType.PRISMATIC, 20, span=0.2)
    seen, _ = filmed(moved, still_camera(20))
    shape = motion_shape(seen)
    assert abs(np.corrcoef(shape, moved.states)[0, 1]) > 0.99
    assert np.ptp(shape) == pytest.approx(1.0)
