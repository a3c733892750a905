"""Joints fitted to projected points must be the joints that moved them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.rigging.joints.fit import fit_joint
from reel2sim.rigging.joints.initial import initial_joint
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.joints.rigid_fit import fit_motions, refine_motions
from reel2sim.rigging.pictures.observations import Observations, upper_quartile, whitening
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

from .moved_points import TIMES, axis_angle_deg, blob, joint, observe

direction = (
    st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.3)
)


@settings(max_examples=12, deadline=None)
@given(axis=direction, seed=st.integers(0, 99), kind=st.sampled_from(list(JointType)[1:4:2]))
def test_fit_recovers_the_joint_from_noisy_pixels(axis: Array, seed: int, kind: JointType) -> None:
    truth = joint(kind, axis, np.array([0.2, -0.1, 0.1]), 0.8 if kind.angular else 0.4)
    points = blob(np.array([0.3, 0.2, 0.0]), 80, seed)
    still_parent = np.tile(np.eye(4), (TIMES, 1, 1))
    paths = np.broadcast_to(truth.trajectory(still_parent), (80, TIMES, 4, 4))
    seen = observe(points, paths, noise_px=0.3, seed=seed)
    free = refine_motions(
        seen, np.arange(80)[None], fit_motions(seen, np.arange(80)[None]), sweeps=2
    )[0]
    start = initial_joint(kind, still_parent, free, points)
    fit = fit_joint(seen, still_parent, start, iterations=20)
    assert axis_angle_deg(fit.model.axis, truth.axis) < 1.5
    turned = fit.model.trajectory(still_parent)
    replay = np.einsum("tij,nj->tni", turned[:, :3, :3], points) + turned[:, None, :3, 3]
    true = np.einsum("tij,nj->tni", paths[0, :, :3, :3], points) + paths[0, :, None, :3, 3]
    assert np.linalg.norm(replay - true, axis=-1).mean() < 0.01
    assert fit.cost < 0.5


def test_joint_under_a_moving_parent_is_found_in_the_parents_frame() -> None:
    base = joint(JointType.REVOLUTE, np.array([0.0, 0, 1]), np.zeros(3), 0.7)
    above = base.trajectory(np.tile(np.eye(4), (TIMES, 1, 1)))
    truth = joint(JointType.REVOLUTE, np.array([0.0, 1, 0]), np.array([0.4, 0, 0]), 0.9)
    path = truth.trajectory(above)
    points = blob(np.array([0.6, 0.0, 0.1]), 80, 3)
    seen = observe(points, np.broadcast_to(path, (80, TIMES, 4, 4)), noise_px=0.2, seed=1)
    start = initial_joint(JointType.REVOLUTE, above, path, points)
    fit = fit_joint(seen, above, start, iterations=20)
    assert axis_angle_deg(fit.model.axis, truth.axis) < 0.5
    assert np.linalg.norm(np.cross(fit.model.pivot - truth.pivot, truth.axis)) < 0.01


def test_jacobian_of_the_joint_fit_agrees_with_differences() -> None:
    from reel2sim.rigging.joints.fit import _Problem
    from reel2sim.rigging.joints.rigid_fit import exp_rotation

    still_parent = np.tile(np.eye(4), (TIMES, 1, 1))
    truth = joint(JointType.REVOLUTE, np.array([0.3, 0.2, 1]), np.array([0.1, 0.2, 0.0]), 0.8)
    points = blob(np.array([0.3, 0.0, 0.1]), 20, 5)
    paths = np.broadcast_to(truth.trajectory(still_parent), (20, TIMES, 4, 4))
    seen = observe(points, paths, noise_px=0.0, seed=0)
    problem = _Problem(seen, still_parent, JointType.REVOLUTE, 1e6, 0.0)

    def squares(axis: Array, pivot: Array, q: Array) -> float:
        model = JointModel(JointType.REVOLUTE, axis, pivot, q)
        return problem.linearise(model, np.zeros(20)).cost

    off = JointModel(
        JointType.REVOLUTE,
        exp_rotation(np.array([0.02, -0.03, 0.01])) @ truth.axis,
        truth.pivot + np.array([0.02, 0.0, -0.03]),
        truth.positions + 0.02 * np.arange(TIMES) / TIMES,
    )
    gradient = problem.linearise(off, np.zeros(20)).g
    h = 1e-5
    for k in range(3):
        step = np.zeros(3)
        step[k] = h
        turn = [exp_rotation(s * step) @ off.axis for s in (1, -1)]
        slope = (
            squares(turn[0], off.pivot, off.positions) - squares(turn[1], off.pivot, off.positions)
        ) / (2 * h)
        assert slope == pytest.approx(-2 * gradient[k], rel=2e-2, abs=1.0)
    q_step = np.zeros(TIMES)
    q_step[7] = h
    slope = (
        squares(off.axis, off.pivot, off.positions + q_step)
        - squares(off.axis, off.pivot, off.positions - q_step)
    ) / (2 * h)
    # Positions also carry a tiny prior towards each other, so the match is to a percent or so.
    assert slope == pytest.approx(-2 * gradient[6 + 7], rel=2e-2, abs=1.0)


def test_slack_along_the_ray_absorbs_a_wrong_depth_and_nothing_else() -> None:
    still_parent = np.tile(np.eye(4), (TIMES, 1, 1))
    truth = joint(JointType.REVOLUTE, np.array([0.0, 0, 1]), np.zeros(3), 1.0)
    points = blob(np.zeros(3), 30, 4)
    path = truth.trajectory(still_parent)
    seen = observe(points, np.broadcast_to(path, (30, TIMES, 4, 4)), noise_px=0.0, seed=0)
    off = Observations(**{**seen.__dict__, "points": points + 0.02 * seen.rays})
    with_slack, slides = off.residuals(path)
    without, _ = off.residuals(path, slack=False)
    assert np.nanmean(with_slack) < 0.2 * np.nanmean(without)
    np.testing.assert_allclose(slides, -0.02, atol=0.006)


def test_whitening_keeps_textured_directions_and_drops_flat_ones() -> None:
    strong_x = whitening(np.array([[4000.0, 0.0, 0.0]]))[0]
    assert strong_x[0, 0] > 0.95
    assert strong_x[1, 1] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(strong_x, strong_x.T)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=12), st.integers(0, 5))
def test_upper_quartile_ignores_what_was_not_seen(values: list[float], gaps: int) -> None:
    row = np.array([[*values, *([np.nan] * gaps)]])
    alone = upper_quartile(np.array([values]))
    assert upper_quartile(row)[0] == alone[0]
    assert alone[0] in values


def test_upper_quartile_of_nothing_is_bad() -> None:
    assert upper_quartile(np.full((1, 4), np.nan))[0] == 99.0
