"""Trees of joints: how they move, and that fitting them together finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.rigging.joints.evidence import FreePoses, Targets
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.linkage_fit import LinkageFit, fit_linkage, fit_settling
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.pictures.observations import Observations
from reel2sim.rigging.review.requery import requery
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

from .moved_points import TIMES, axis_angle_deg, blob, joint, observe

STILL = np.tile(np.eye(4), (TIMES, 1, 1))


def arm(*, spans: tuple[float, float, float] = (0.9, 0.7, 0.25)) -> Linkage:
    """A turntable, an elbow on it and a slide on that; the elbow is listed first."""
    waist = joint(JointType.REVOLUTE, np.array([0.0, 0, 1]), np.zeros(3), spans[0])
    elbow = joint(JointType.REVOLUTE, np.array([0.0, 1, 0.2]), np.array([0.3, 0, 0.2]), spans[1])
    slide = joint(JointType.PRISMATIC, np.array([1.0, 0, 0]), np.array([0.7, 0, 0.2]), spans[2])
    return Linkage((2, 0, 1), (elbow, waist, slide), STILL)


MIDDLES = (np.zeros(3), np.array([0.5, 0, 0.2]), np.array([0.15, 0, 0.1]), np.array([0.8, 0, 0.2]))


def seen_of(linkage: Linkage, *, noise_px: float, seed: int) -> tuple[Observations, Array]:
    """Targets of 60 points on every part, and whose each is."""
    points = [blob(middle, 60, seed + k, 0.12) for k, middle in enumerate(MIDDLES)]
    owner = np.repeat(np.arange(len(MIDDLES)), 60)
    paths = linkage.motions[owner]
    return observe(np.concatenate(points), paths, noise_px=noise_px, seed=seed), owner


def disturbed(linkage: Linkage, rng: np.random.Generator, size: float) -> Linkage:
    joints: list[JointModel] = []
    for j in linkage.joints:
        axis = j.axis + size * rng.standard_normal(3)
        q = j.positions + size * rng.standard_normal(TIMES) * (np.arange(TIMES) > 0)
        pivot = j.pivot + size * rng.standard_normal(3)
        joints.append(replace(j, axis=axis / np.linalg.norm(axis), pivot=pivot, positions=q))
    return replace(linkage, joints=tuple(joints))


def fitted(start: Linkage, targets: Observations, owner: Array) -> LinkageFit:
    rng = np.random.default_rng(0)
    return fit_settling(start, Targets(targets, owner, 4, most=60, rng=rng))


def test_children_follow_their_parents_in_whatever_order_they_are_listed() -> None:
    linkage = arm()
    assert linkage.order == (2, 1, 3)
    waist, elbow = linkage.joints[1].motion(), linkage.joints[0].motion()
    slide = linkage.joints[2].motion()
    np.testing.assert_allclose(linkage.motions[3], waist @ elbow @ slide, atol=1e-12)
    below = linkage.below()
    assert below[2].tolist() == [False, True, True, True]
    assert below[1].tolist() == [False, True, False, True]


def crank(kind: JointType, seed: int) -> Linkage:
    """A joint of any kind in the middle of an arm."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0, 1, TIMES)[:, None]
    waves = np.sin(phase * rng.uniform(2, 5, 6)) * rng.uniform(-0.6, 0.6, 6)
    q = waves[:, 0] if kind.dof == 1 else waves[:, : kind.dof]
    axis = rng.standard_normal(3)
    pitch = 0.2 if kind is JointType.SCREW else 0.0
    model = JointModel(kind, axis / np.linalg.norm(axis), rng.uniform(-0.2, 0.4, 3), q, pitch)
    joints = list(arm().joints)
    joints[0] = model
    return replace(arm(), joints=tuple(joints))


KINDS = [
    JointType.REVOLUTE,
    JointType.PRISMATIC,
    JointType.SCREW,
    JointType.SPHERICAL,
    JointType.FREE,
]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99))
def test_twists_are_the_derivatives_of_the_motion(kind: JointType, seed: int) -> None:
    rng = np.random.default_rng(seed)
    linkage = crank(kind, seed)
    lines, along = linkage.twists(1)
    model, h, x = linkage.joints[0], 1e-6, rng.uniform(-1, 1, 3)
    assert len(lines) == model.line_size
    assert len(along) == model.dof
    size = model.line_size + model.dof
    now = linkage.motions[1]
    at = now[:, :3, :3] @ x + now[:, :3, 3]
    for i, twist in enumerate([*lines, *along]):
        nudge = h * np.eye(size)[i]
        stay = np.tile(nudge[model.line_size :], (TIMES, 1))
        moved = model.stepped(nudge[: model.line_size], stay)
        joints = (moved, *linkage.joints[1:])
        then = replace(linkage, joints=joints).motions[1]
        slope = (then[:, :3, :3] @ x + then[:, :3, 3] - at) / h
        np.testing.assert_allclose(slope, np.cross(twist[:, :3], at) + twist[:, 3:], atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_joint_of_any_kind_is_found_from_free_poses(kind: JointType) -> None:
    truth = crank(kind, 3)
    rng = np.random.default_rng(0)
    points = np.stack([blob(middle, 40, 0, 0.12) for middle in MIDDLES])
    free = FreePoses(points, truth.motions, np.ones((4, TIMES)))
    model = truth.joints[0]
    stay = rng.normal(0, 0.03, model.coordinates.shape) * (np.arange(TIMES) > 0)[:, None]
    off = model.stepped(rng.normal(0, 0.03, model.line_size), stay)
    fit = fit_linkage(replace(truth, joints=(off, *truth.joints[1:])), free, iterations=60)
    wanted, found = (
        np.einsum("ptij,pnj->ptni", T[..., :3, :3], points) + T[:, :, None, :3, 3]
        for T in (truth.motions, fit.linkage.motions)
    )
    assert np.linalg.norm(found - wanted, axis=-1).mean() < 3e-3


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99))
def test_all_joints_are_found_from_noisy_pixels(seed: int) -> None:
    truth = arm()
    noise_px = 0.3
    targets, owner = seen_of(truth, noise_px=noise_px, seed=seed)
    fit = fitted(disturbed(truth, np.random.default_rng(seed), 0.04), targets, owner)
    spreads = np.linalg.eigvalsh(fit.covariances)
    assert spreads.min() > -1e-12
    sigmas = noise_px * np.sqrt(spreads[:, -1])
    for found, true, sigma in zip(fit.linkage.joints, truth.joints, sigmas, strict=True):
        error = axis_angle_deg(found.axis, true.axis)
        assert error < 2.0
        assert np.radians(error) < 6 * sigma
        assert np.abs(found.positions - true.positions).max() < 0.03


def test_what_hangs_below_tells_of_a_hidden_joint() -> None:
    truth = arm()
    targets, owner = seen_of(truth, noise_px=0.1, seed=1)
    hidden = targets.seen.copy()
    hidden[owner == 2, 10:] = False
    targets = Observations(**{**targets.__dict__, "seen": hidden})
    start = disturbed(truth, np.random.default_rng(0), 0.02)
    waist = start.joints[1]
    lost = replace(
        waist, positions=np.where(np.arange(TIMES) >= 10, waist.positions[9], waist.positions)
    )
    start = replace(start, joints=(start.joints[0], lost, start.joints[2]))
    found = fitted(start, targets, owner).linkage.joints[1]
    np.testing.assert_allclose(found.positions, truth.joints[1].positions, atol=0.02)


def test_free_poses_bring_a_far_start_near_and_outvote_a_wrong_one() -> None:
    truth = arm()
    paths = truth.motions.copy()
    paths[2, -3:] = np.eye(4)
    rng = np.random.default_rng(0)
    points = np.stack([blob(middle, 40, 0, 0.12) for middle in MIDDLES])
    free = FreePoses(points, paths, np.ones(paths.shape[:2]))
    start = disturbed(truth, rng, 0.03)
    fit = fit_linkage(start, free, iterations=60)
    for found, true in zip(fit.linkage.joints, truth.joints, strict=True):
        assert axis_angle_deg(found.axis, true.axis) < 0.5
        np.testing.assert_allclose(found.positions, true.positions, atol=0.02)


def test_one_body_needs_no_fit() -> None:
    alone = Linkage((), (), STILL)
    points = np.zeros((1, 4, 3))
    fit = fit_linkage(alone, FreePoses(points, alone.motions, np.ones((1, TIMES))))
    assert fit.linkage is alone
    assert fit.covariances.shape == (0, 3, 3)


def test_a_better_seen_joint_has_the_surer_axis() -> None:
    truth = arm()
    targets, owner = seen_of(truth, noise_px=0.2, seed=3)
    few = targets.seen & ((owner != 3)[:, None] | (np.arange(len(owner)) % 6 == 0)[:, None])
    thin = Observations(**{**targets.__dict__, "seen": few})
    sure, unsure = (fitted(truth, o, owner).covariances[2] for o in (targets, thin))
    assert np.trace(unsure) > 1.5 * np.trace(sure)
    assert sure @ truth.joints[2].axis == pytest.approx(np.zeros(3), abs=1e-6)


def off_by(truth: Linkage, size: float) -> Callable[[Array], Array]:
    """Pictures that tell how far the parts' points are from where they should be, up to size."""
    points = np.stack([blob(middle, 20, 0, 0.12) for middle in MIDDLES])

    def placed(motions: Array) -> Array:
        return (
            np.einsum("ptij,pnj->ptni", motions[..., :3, :3], points) + motions[:, :, None, :3, 3]
        )

    wanted = placed(truth.motions)

    def errors(motions: Array) -> Array:
        away = np.linalg.norm(placed(motions) - wanted, axis=-1)
        return np.minimum(away, size).mean(axis=(0, 2))

    return errors


def test_positions_that_were_lost_are_found_by_looking() -> None:
    truth = arm()
    q = truth.joints[1].positions
    lost = replace(truth.joints[1], positions=np.where(np.arange(TIMES) > 8, 0.1 * q, q))
    start = replace(truth, joints=(truth.joints[0], lost, truth.joints[2]))
    found = requery(start, off_by(truth, 0.2)).joints[1].positions
    assert np.abs(found - q).max() < 0.12
    assert np.abs(lost.positions - q).max() > 0.5


def test_positions_that_the_pictures_agree_with_stay() -> None:
    truth = arm()
    kept = requery(truth, off_by(truth, 0.2))
    for before, after in zip(truth.joints, kept.joints, strict=True):
        np.testing.assert_array_equal(before.positions, after.positions)


def test_pictures_that_say_nothing_change_nothing() -> None:
    truth = arm()
    kept = requery(truth, lambda motions: np.full(motions.shape[1], 3.0))
    np.testing.assert_array_equal(kept.motions, truth.motions)
