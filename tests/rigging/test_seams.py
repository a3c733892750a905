"""A hinge and a bend are told apart by pictures of them."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.rigging.joints.initial import initial_joint
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.joints.rigid_fit import rigid_motions
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.rigging.review.seams import spreads
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, axis_rotation, pose

from .bending import surfels_of, tube
from .drawn import pictures_from

TURNS = np.array([0.0, 0.4, 0.9])
POINTS, NORMALS = tube(
    np.array([0, 0, -1.0]), np.array([0, 0, 1.0]), radius=0.12, count=900, seed=0
)
SURFELS = surfels_of(POINTS, NORMALS, size=0.04)
LABELS = (POINTS[:, 2] > 0).astype(int)
SPHERE = Sphere(np.zeros(3), 1.0)


def hinged(turns: Array = TURNS) -> Linkage:
    """The upper half of the tube turns about x."""
    joint = JointModel(JointType.REVOLUTE, np.array([1.0, 0, 0]), np.zeros(3), turns)
    return Linkage((0,), (joint,), np.tile(np.eye(4), (len(turns), 1, 1)))


def sliding() -> Linkage:
    """The upper half of the tube slides along y."""
    joint = JointModel(JointType.PRISMATIC, np.array([0, 1.0, 0]), np.zeros(3), 0.4 * TURNS)
    return Linkage((0,), (joint,), np.tile(np.eye(4), (len(TURNS), 1, 1)))


def bent() -> Posing:
    """The tube as an arc of a circle, whatever is above another turned the more."""
    order = np.argsort(np.argsort(POINTS[:, 2]))
    slices = order * 30 // len(POINTS)
    heights = np.linspace(-1, 1, 30)
    motions = np.zeros((30, len(TURNS), 4, 4))
    for i, turn in enumerate(TURNS):
        angles = turn * (heights + 1) / 2
        R = axis_rotation(np.array([1.0, 0, 0]), angles)
        middle = np.zeros((30, 3))
        steps = np.stack([np.zeros(30), -np.sin(angles), np.cos(angles)], 1) * (2 / 29)
        middle[:, 2] = -1
        middle[1:] += np.cumsum((steps[1:] + steps[:-1]) / 2, axis=0)
        rest = np.stack([np.zeros(30), np.zeros(30), heights], 1)
        motions[:, i] = pose(R, middle - np.einsum("sij,sj->si", R, rest))
    return Posing(slices, motions)


def pictures_of(posing: Posing) -> Drawings:
    """Two views of each instant of surfels that move so."""
    eyes = [([4.0, 0.5, 0.3], [3.0, 2.0, 0.6])] * len(TURNS)
    return pictures_from(SURFELS, posing, eyes, size=64, fov_y=0.8)


def said(drawings: Drawings, linkage: Linkage) -> Array:
    """What pictures say to sharing out the joint's motion, both ways ``(2,)``."""
    now = Posing(LABELS, linkage.motions)
    return -drawings.supports(now, spreads(linkage, LABELS, POINTS, 1))


@pytest.mark.parametrize("linkage", [hinged(), sliding()], ids=["hinge", "slide"])
def test_pictures_of_a_joint_speak_against_spreading_it(linkage: Linkage) -> None:
    drawings = pictures_of(Posing(LABELS, linkage.motions))
    np.testing.assert_allclose(said(drawings, linkage), -1.0, atol=1e-6)


def test_pictures_of_a_bend_speak_for_it() -> None:
    posing = bent()
    ways = np.stack([apply(posing.at(i), POINTS[:, None])[:, 0] for i in range(len(TURNS))])
    halves = [np.nonzero(k == LABELS)[0] for k in (0, 1)]
    base, part = (rigid_motions(POINTS[x], ways[:, x], np.ones(len(x))) for x in halves)
    joint = initial_joint(JointType.REVOLUTE, base, part, POINTS[halves[1]])
    assert said(pictures_of(posing), Linkage((0,), (joint,), base)).max() > 0.2


def test_support_is_whole_for_the_truth_and_the_other_way_round_against_it() -> None:
    true, still = hinged(), hinged(np.zeros(3))
    drawings = pictures_of(Posing(LABELS, true.motions))
    a, b = Posing(LABELS, true.motions), Posing(LABELS, still.motions)
    assert drawings.supports(a, [b])[0] == pytest.approx(1.0, abs=1e-6)
    assert drawings.supports(b, [a])[0] == pytest.approx(-1.0, abs=1e-6)
    assert drawings.supports(a, [a])[0] == 0.0


@pytest.mark.parametrize("way", [0, 1])
def test_a_spread_joint_turns_ever_more_from_parent_to_part(way: int) -> None:
    linkage = hinged()
    posing = spreads(linkage, LABELS, POINTS, 1)[way].at(2)
    up = POINTS[:, 2]
    turns = np.arcsin(posing[np.argsort(up), 2, 1])
    assert (np.diff(turns) > -2 * TURNS[2] / 8).all()
    assert len(np.unique(np.round(turns, 6))) > 5
    far = np.abs(up) > 0.75
    np.testing.assert_allclose(posing[far], linkage.motions[LABELS[far], 2])


def test_a_fillet_keeps_lengths_along_the_tube() -> None:
    fillet = spreads(hinged(), LABELS, POINTS, 1)[1]
    order = np.argsort(POINTS[:, 2])
    before, after = (
        np.linalg.norm(np.diff(x[order].reshape(30, 30, 3).mean(axis=1), axis=0), axis=1)
        for x in (POINTS, apply(fillet.at(2), POINTS[:, None])[:, 0])
    )
    np.testing.assert_allclose(after, before, atol=0.03)


def test_spreading_nothing_changes_nothing() -> None:
    still = hinged(np.zeros(3))
    for posing in spreads(still, LABELS, POINTS, 1):
        np.testing.assert_allclose(posing.at(1), np.broadcast_to(np.eye(4), (len(POINTS), 4, 4)))
    assert spreads(hinged(), np.zeros(len(POINTS), int), POINTS, 1) == ()
