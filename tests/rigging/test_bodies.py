"""Bodies of a reconstruction, and which of them are one."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.rigging.parts.astray import split_astray
from reel2sim.rigging.parts.bodies import bodies_of
from reel2sim.rigging.parts.merge import merge_bodies
from reel2sim.rigging.pictures.footage import Normalisation
from reel2sim.rigging.pictures.posed import SurfelModel
from reel2sim.scene import JointType, Surfels, SurfelSequence
from reel2sim.scene.arrays import Array
from reel2sim.scene.spline import PoseSpline

from .moved_points import TIMES, blob, joint, observe

STILL = np.tile(np.eye(4), (TIMES, 1, 1))
SPAN_S = 2.0
INSTANTS = np.linspace(0, SPAN_S, TIMES)


def surfels_at(points: Array) -> Surfels:
    n = len(points)
    return Surfels.from_colors(
        means=points,
        rotations=np.tile([1.0, 0, 0, 0], (n, 1)),
        scales=np.full((n, 2), 0.02),
        opacities=np.full(n, 0.9),
        colors=np.full((n, 3), 0.5),
    )


def sequence_of(points: Array, labels: Array, shifts: Array) -> SurfelSequence:
    """Bones that slide straight by ``shifts`` ``(b, 3)``, each with the surfels of its label."""
    knots = 6
    share = np.linspace(0, 1, knots)[:, None, None]
    centers = np.stack([points[labels == k].mean(axis=0) for k in range(len(shifts))])
    spline = PoseSpline(
        0.0,
        SPAN_S,
        share * shifts,
        np.tile([1.0, 0, 0, 0], (knots, len(shifts), 1)),
        centers,
    )
    scales = np.full((len(shifts), 3), 0.1)
    return SurfelSequence(surfels_at(points), spline, scales, np.eye(len(shifts))[labels], INSTANTS)


def test_the_root_is_what_moves_least_and_it_stands_still() -> None:
    points = np.concatenate([blob(np.array([1.0, 0, 0]), 60, 0), blob(np.zeros(3), 60, 1)])
    labels = np.repeat([0, 1], 60)
    sequence = sequence_of(points, labels, np.array([[0.5, 0, 0], [0.001, 0, 0]]))
    bodies = bodies_of(sequence, INSTANTS, Normalisation.of(sequence.canonical))
    assert bodies.labels.tolist() == (1 - labels).tolist()
    np.testing.assert_array_equal(bodies.paths[0], STILL)
    assert np.linalg.norm(bodies.paths[1][-1, :3, 3]) > 0.1


def test_a_base_that_moves_keeps_its_motion() -> None:
    points = blob(np.zeros(3), 60, 1)
    sequence = sequence_of(points, np.zeros(60, int), np.array([[0.4, 0, 0]]))
    norm = Normalisation.of(sequence.canonical)
    bodies = bodies_of(sequence, INSTANTS, norm)
    back = norm.motion_back(bodies.paths[0])
    np.testing.assert_allclose(back, sequence.bones(INSTANTS)[:, 0], atol=1e-6)


def test_a_handful_of_surfels_goes_to_the_body_around_it() -> None:
    points = np.concatenate([blob(np.array([2.0, 0, 0]), 60, 0), blob(np.zeros(3), 60, 1)])
    labels = np.repeat([0, 1], 60)
    labels[:5] = 2
    shifts = np.array([[0.5, 0, 0], [0.0, 0, 0], [0.0, 0.9, 0]])
    sequence = sequence_of(points, labels, shifts)
    bodies = bodies_of(sequence, INSTANTS, Normalisation.of(sequence.canonical))
    assert len(bodies.paths) == 2
    assert (bodies.labels[:60] == 1).all()


@pytest.mark.parametrize("apart", [False, True])
def test_two_halves_are_merged_if_and_only_if_they_move_as_one(apart: bool) -> None:
    slide = joint(JointType.PRISMATIC, np.array([1.0, 0, 0]), np.zeros(3), 0.5)
    other = joint(JointType.PRISMATIC, np.array([0.0, 0, 1]), np.zeros(3), 0.5)
    base, near = blob(np.array([0.0, 1.5, 0]), 80, 0), blob(np.zeros(3), 80, 1)
    far = blob(np.array([0.45, 0.0, 0]), 80, 2)
    points, owner = np.concatenate([base, near, far]), np.repeat([0, 1, 2], 80)
    moves = [STILL, slide.trajectory(STILL), (other if apart else slide).trajectory(STILL)]
    targets = observe(points, np.stack(moves)[owner], noise_px=0.3, seed=0)
    rng = np.random.default_rng(0)
    found = np.stack(moves)
    found[1:, 1:, :3, 3] += 0.004 * rng.standard_normal((2, TIMES - 1, 3))
    labels, paths = merge_bodies(targets, SurfelModel(surfels_at(points)), owner, found, rng)
    assert len(paths) == (3 if apart else 2)
    assert (labels[:80] == 0).all()
    assert len(np.unique(labels[80:])) == (2 if apart else 1)


def test_merging_takes_no_notice_of_the_numbering() -> None:
    slide = joint(JointType.PRISMATIC, np.array([1.0, 0, 0]), np.zeros(3), 0.5)
    points = np.concatenate([blob(np.array([0.35 * k, 0.0, 0]), 80, k) for k in range(4)])
    owner = np.repeat(np.arange(4), 80)
    moves = np.stack([STILL, STILL, slide.trajectory(STILL), slide.trajectory(STILL)])
    targets = observe(points, moves[owner], noise_px=0.2, seed=0)
    model = SurfelModel(surfels_at(points))
    for order in ([0, 1, 2, 3], [0, 3, 1, 2]):
        rank = np.argsort(order)
        labels, paths = merge_bodies(
            targets, model, rank[owner], moves[order], np.random.default_rng(0)
        )
        assert len(paths) == 2
        assert np.bincount(labels).tolist() == [160, 160]


def test_surfels_that_leave_their_body_together_become_one_of_their_own() -> None:
    slide = joint(JointType.PRISMATIC, np.array([0.0, 0, 1]), np.zeros(3), 0.3)
    base, button = blob(np.zeros(3), 200, 0, 0.5), blob(np.array([0.8, 0, 0.0]), 40, 1, 0.08)
    points, owner = np.concatenate([base, button]), np.repeat([0, 1], [200, 40])
    moves = np.stack([STILL, slide.trajectory(STILL)])
    targets = observe(points, moves[owner], noise_px=0.1, seed=0)
    model = SurfelModel(surfels_at(points))
    labels, paths = split_astray(targets, model, np.zeros(240, int), STILL[None])
    assert (labels == owner).mean() > 0.98
    np.testing.assert_allclose(paths[1][:, :3, 3], moves[1][:, :3, 3], atol=0.03)


def test_noise_splits_nothing() -> None:
    points = blob(np.zeros(3), 200, 0, 0.5)
    still = np.broadcast_to(STILL, (200, TIMES, 4, 4))
    targets = observe(points, still, noise_px=0.3, seed=0)
    scattered = np.random.default_rng(0).permutation(200)[:20]
    targets.pixels[scattered] += 4.0
    labels, paths = split_astray(
        targets, SurfelModel(surfels_at(points)), np.zeros(200, int), STILL[None]
    )
    assert len(paths) == 1
    assert not labels.any()


def test_a_body_is_not_left_by_all_of_its_surfels() -> None:
    slide = joint(JointType.PRISMATIC, np.array([0.0, 0, 1]), np.zeros(3), 0.3)
    points = blob(np.zeros(3), 120, 0, 0.2)
    path = slide.trajectory(STILL)
    targets = observe(points, np.broadcast_to(path, (120, TIMES, 4, 4)), noise_px=0.1, seed=0)
    model = SurfelModel(surfels_at(points))
    labels, paths = split_astray(targets, model, np.zeros(120, int), STILL[None])
    assert len(paths) == 1
    assert not labels.any()
