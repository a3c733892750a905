"""Surfels that were given to the wrong part go back to the right one, and no others change."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.parts.reassign import reassigned
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.scene import JointType, Surfels
from reel2sim.scene.arrays import Array

from .bending import surfels_of
from .drawn import pictures_from

SLIDE = np.array([0.0, 0.2, 0.45, 0.3])
STILL = np.tile(np.eye(4), (len(SLIDE), 1, 1))


def plate(half: float, height: float) -> Array:
    """A level square of points ``(n, 3)``."""
    line = np.arange(-half, half + 1e-9, 0.05)
    x, y = np.meshgrid(line, line)
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], axis=1)


def bed_on_base() -> tuple[Surfels, Array]:
    """A light plate close above a dark larger one, and which surfels are the upper one's."""
    base, bed = plate(0.6, 0.0), plate(0.3, 0.06)
    points = np.concatenate([base, bed])
    surfels = surfels_of(points, np.tile([0, 0, 1.0], (len(points), 1)), size=0.03)
    owner = np.repeat([0, 1], [len(base), len(bed)])
    colors = np.where(owner[:, None] > 0, [0.7, 0.7, 0.8], [0.3, 0.2, 0.15])
    return Surfels.from_colors(
        means=surfels.means,
        rotations=surfels.rotations,
        scales=surfels.scales,
        opacities=surfels.opacities,
        colors=colors,
    ), owner


SURFELS, OWNER = bed_on_base()
SLIDING = Linkage(
    (0,), (JointModel(JointType.PRISMATIC, np.array([1.0, 0, 0]), np.zeros(3), SLIDE),), STILL
)
TRUE = Posing(OWNER, SLIDING.motions)
UNDER = (OWNER == 0) & (np.abs(SURFELS.means[:, :2]).max(axis=1) < 0.26)
"""What of the lower plate is hidden at time zero."""


def pictures(*, noise: float = 0.0) -> Drawings:
    """Two views of each instant, from above."""
    eyes = [([2.5, 0.6, 2.0], [-1.0, 2.4, 2.2])] * len(SLIDE)
    return pictures_from(SURFELS, TRUE, eyes, size=96, fov_y=0.6, noise=noise, seed=1)


def test_what_a_part_slides_over_stays_where_it_is() -> None:
    drawings, taken = pictures(noise=0.02), np.where(UNDER, 1, OWNER)
    found = reassigned(drawings, Posing(taken, SLIDING.motions))
    assert (taken != OWNER).sum() > 80
    assert (found != OWNER).sum() < 0.35 * (taken != OWNER).sum()
    assert (found == OWNER)[OWNER == 1].mean() > 0.95
    before, after = (drawings.errors(x, SLIDING.motions).sum() for x in (taken, found))
    assert after < 0.6 * before


def test_what_was_left_behind_follows_its_part() -> None:
    left = np.where((OWNER == 1) & (SURFELS.means[:, 1] > 0.12), 0, OWNER)
    found = reassigned(pictures(noise=0.02), Posing(left, SLIDING.motions))
    assert (found != OWNER).sum() < 0.35 * (left != OWNER).sum()


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_true_parts_hardly_change(noise: float) -> None:
    found = reassigned(pictures(noise=noise), TRUE)
    assert (found != OWNER).mean() < 0.02


def test_a_part_never_loses_all_of_its_surfels() -> None:
    wrong = np.where((OWNER == 0) & (SURFELS.means[:, 0] < -0.5), 1, 0)
    found = reassigned(pictures(), Posing(wrong, SLIDING.motions))
    assert set(np.unique(found)) == {0, 1}


def test_one_part_keeps_all() -> None:
    alone = Posing(np.zeros(len(OWNER), int), SLIDING.motions[:1])
    assert (reassigned(pictures(), alone) == 0).all()
