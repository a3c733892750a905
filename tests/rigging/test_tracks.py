"""Joints from followed points: what is found, and what is not invented."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.tracks import PointTracks, articulate_tracks
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, axis_rotation, pose

TIMES = np.linspace(0, 2, 20)
SWING = np.sin(np.linspace(0, 2.4, 20))
STILL = np.tile(np.eye(4), (20, 1, 1))


def box(center: Array, size: Array, count: int, seed: int) -> Array:
    """Points on the faces of a box."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 0.5, (count, 3))
    face = rng.integers(0, 3, count)
    points[np.arange(count), face] = np.sign(points[np.arange(count), face]) * 0.5
    return center + points * size


def joint(kind: JointType, *, parent: int, child: int, pivot: Array, axis: Array) -> JointEstimate:
    waves = np.stack([np.sin(TIMES * f) for f in (1.3, 2.1, 0.9, 1.1, 1.7, 2.3)], axis=1)
    scale = {JointType.PRISMATIC: 0.25, JointType.SPHERICAL: 0.5, JointType.FREE: 0.3}
    q = SWING if kind.dof == 1 else waves[:, : kind.dof]
    pitch = 0.15 if kind is JointType.SCREW else 0.0
    return JointEstimate(
        parent=parent, child=child, type=kind, axis=axis / np.linalg.norm(axis), pivot=pivot,
        positions=scale.get(kind, 0.9) * q, pitch=pitch,
    )  # fmt: skip


def followed(
    shapes: list[Array], joints: tuple[JointEstimate, ...], *, base: Array = STILL, noise: float
) -> tuple[PointTracks, Articulation]:
    labels = np.repeat(np.arange(len(shapes)), [len(x) for x in shapes])
    truth = Articulation(TIMES, labels, joints, base)
    rest = np.concatenate(shapes)
    moved = np.stack([apply(T[labels], rest[:, None])[:, 0] for T in truth.part_motions()])
    sigma = noise * float(np.linalg.norm(np.ptp(rest, axis=0)))
    moved += sigma * np.random.default_rng(1).standard_normal(moved.shape)
    return PointTracks(TIMES, moved, np.ones(moved.shape[:2], bool)), truth


BODY = box(np.zeros(3), np.array([1.0, 0.6, 0.5]), 500, 0)
ARM = box(np.array([0.8, 0.0, 0.1]), np.array([0.6, 0.15, 0.15]), 220, 1)
HAND = box(np.array([1.25, 0.0, 0.1]), np.array([0.3, 0.3, 0.2]), 160, 2)
TILTED = np.array([0.2, 0.3, 1.0])


@pytest.mark.parametrize(
    "kind",
    [
        JointType.REVOLUTE,
        JointType.PRISMATIC,
        JointType.SCREW,
        JointType.SPHERICAL,
        JointType.FREE,
    ],
)
def test_each_type_of_joint_is_told_from_the_others(kind: JointType) -> None:
    true = joint(kind, parent=0, child=1, pivot=np.array([0.5, 0, 0.1]), axis=TILTED)
    tracks, truth = followed([BODY, ARM], (true,), noise=0.005)
    rig = articulate_tracks(tracks)
    assert [j.type for j in rig.articulation.joints] == [kind]
    found = rig.articulation.joints[0]
    if kind.dof == 1:
        assert abs(found.axis @ true.axis) > np.cos(np.radians(1.0))
    points = truth.part_motions()[:, 1], rig.articulation.part_motions()[:, 1]
    wanted, got = (apply(T, ARM) for T in points)
    assert np.linalg.norm(got - wanted, axis=-1).mean() < 0.01
    assert rig.sigma == pytest.approx(0.005 * tracks.diagonal, rel=0.15)


def test_a_chain_hangs_link_by_link() -> None:
    elbow = joint(JointType.REVOLUTE, parent=0, child=1, pivot=np.array([0.5, 0, 0.1]), axis=TILTED)
    wrist = joint(
        JointType.REVOLUTE, parent=1, child=2, pivot=np.array([1.1, 0, 0.1]),
        axis=np.array([0.0, 1, 0]),
    )  # fmt: skip
    tracks, truth = followed([BODY, ARM, HAND], (elbow, wrist), noise=0.005)
    rig = articulate_tracks(tracks).articulation
    assert [(j.parent, j.type) for j in rig.joints] == [
        (0, JointType.REVOLUTE), (1, JointType.REVOLUTE),
    ]  # fmt: skip
    assert (rig.part_of_surfel == truth.part_of_surfel).mean() > 0.97
    for found, true in zip(rig.joints, truth.joints, strict=True):
        assert abs(found.axis @ true.axis) > np.cos(np.radians(1.0))


def test_a_rigid_body_that_is_carried_has_no_joints_and_a_moving_base() -> None:
    turn = axis_rotation(np.array([0.0, 0, 1]), 0.8 * SWING)
    base = pose(turn, SWING[:, None] * np.array([0.4, 0.1, 0.0]))
    tracks, _ = followed([BODY], (), base=base, noise=0.005)
    rig = articulate_tracks(tracks).articulation
    assert rig.joints == ()
    assert np.linalg.norm(apply(rig.base_poses, BODY) - apply(base, BODY), axis=-1).max() < 0.01


def test_noise_alone_is_no_joint_and_no_motion() -> None:
    tracks, _ = followed([BODY], (), noise=0.01)
    rig = articulate_tracks(tracks).articulation
    assert rig.joints == ()
    np.testing.assert_array_equal(rig.base_poses, STILL)


def test_the_same_tracks_give_the_same_rig_and_a_rotated_scene_a_rotated_one() -> None:
    hinge = joint(JointType.REVOLUTE, parent=0, child=1, pivot=np.array([0.5, 0, 0.1]), axis=TILTED)
    tracks, _ = followed([BODY, ARM], (hinge,), noise=0.003)
    first, second = (articulate_tracks(tracks).articulation for _ in range(2))
    np.testing.assert_array_equal(first.joints[0].positions, second.joints[0].positions)
    R = axis_rotation(np.array([1.0, 2, 3]) / 14**0.5, 1.0)
    turned = articulate_tracks(PointTracks(TIMES, tracks.points @ R.T + 5.0, tracks.seen))
    found = turned.articulation.joints[0]
    assert abs(found.axis @ R @ first.joints[0].axis) > np.cos(np.radians(0.3))


def test_points_that_vanish_for_a_while_are_no_matter() -> None:
    hinge = joint(JointType.REVOLUTE, parent=0, child=1, pivot=np.array([0.5, 0, 0.1]), axis=TILTED)
    tracks, _ = followed([BODY, ARM], (hinge,), noise=0.005)
    seen = np.random.default_rng(0).random(tracks.seen.shape) < 0.6
    seen[0] = True
    gone = np.where(seen[..., None], tracks.points, np.nan)
    rig = articulate_tracks(PointTracks(TIMES, gone, seen)).articulation
    assert [j.type for j in rig.joints] == [JointType.REVOLUTE]
    assert abs(rig.joints[0].axis @ hinge.axis) > np.cos(np.radians(1.5))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"times_s": TIMES[::-1]}, "times_s"),
        ({"seen": np.ones((3, 3), bool)}, "seen"),
        ({"points": np.full((20, 500, 3), np.nan)}, "points"),
        ({"points": np.zeros((20, 500))}, "points"),
        ({"seen": np.zeros((20, 500), bool)}, "seen"),
    ],
)
def test_malformed_tracks_are_refused(change: dict[str, Array], field: str) -> None:
    good = {"times_s": TIMES, "points": np.tile(BODY, (20, 1, 1)), "seen": np.ones((20, 500), bool)}
    with pytest.raises(InputError, match=field):
        PointTracks(**(good | change))
