"""Parts that flow missed are found where pictures stay wrong, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.picture_error import picture_error
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.parts.missed import find_missed, wrong_regions
from reel2sim.rigging.parts.region_motion import suggested_lines
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.rigging.pictures.windows import Windows
from reel2sim.scene import JointType, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, axis_rotation, pose

from .bending import surfels_of
from .drawn import pictures_from

SPHERE = Sphere(np.zeros(3), 1.0)
Z = np.array([0, 0, 1.0])
PRESS = np.array([0.0, 0.03, 0.07, 0.09, 0.08, 0.05, 0.02])
TURN = np.array([0.0, 0.2, 0.6, 1.0, 1.2, 0.9, 0.4])
INSTANTS = len(PRESS)
STILL = np.tile(np.eye(4), (INSTANTS, 1, 1))


def sheet(size: float, step: float, height: float) -> tuple[Array, Array]:
    """A level square of points ``(n, 3)`` with normals up."""
    line = np.arange(-size, size + 1e-9, step)
    x, y = np.meshgrid(line, line)
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], 1)
    return points, np.tile(Z, (len(points), 1))


def box(size: float, step: float, *, at: Array, height: float) -> tuple[Array, Array]:
    """Top and sides of a block."""
    points, normals = sheet(size, step, height)
    points, normals = [points], [normals]
    along = np.arange(-size, size + 1e-9, step)
    for turn in range(4):
        for z in np.arange(0, height, step):
            R = axis_rotation(Z, turn * np.pi / 2)
            edge = np.stack([along, np.full(len(along), size), np.full(len(along), z)], 1)
            points.append(edge @ R.T)
            normals.append(np.tile(R @ [0, 1.0, 0], (len(along), 1)))
    return np.concatenate(points) + at, np.concatenate(normals)


def table(size: float, height: float) -> tuple[Surfels, Array]:
    """A chequered plate with a two-coloured block on it, and which surfels are the block's."""
    plate, up = sheet(0.8, 0.05, 0.0)
    block, out = box(size, 0.03, at=np.array([0.2, 0.1, 0.0]), height=height)
    surfels = surfels_of(np.concatenate([plate, block]), np.concatenate([up, out]), size=0.03)
    owner = np.repeat([0, 1], [len(plate), len(block)])
    squares = np.floor(plate[:, :2] / 0.2).sum(axis=1) % 2
    colors = np.where(squares[:, None] > 0, [0.8, 0.3, 0.2], [0.5, 0.2, 0.15])
    colors = np.concatenate(
        [colors, np.where(block[:, :1] > 0.2, [0.1, 0.4, 0.8], [0.8, 0.8, 0.7])]
    )
    return Surfels.from_colors(
        means=surfels.means,
        rotations=surfels.rotations,
        scales=surfels.scales,
        opacities=surfels.opacities,
        colors=colors,
    ), owner


def pictures_of(surfels: Surfels, posing: Posing, *, noise: float = 0.0) -> Drawings:
    """Two views of each instant, from above the plate."""
    eyes = [
        [(3 * np.cos(around), 3 * np.sin(around), 2.0) for around in (0.3 * i, 0.3 * i + 1.6)]
        for i in range(INSTANTS)
    ]
    return pictures_from(surfels, posing, eyes, size=128, fov_y=0.6, noise=noise)


def alone() -> Linkage:
    return Linkage((), (), STILL)


BUTTON, OWNER = table(0.12, 0.12)
PRESSED = JointModel(JointType.PRISMATIC, -Z, np.zeros(3), PRESS)
TURNED = JointModel(JointType.REVOLUTE, Z, np.array([0.2, 0.1, 0.0]), TURN)


@pytest.mark.parametrize("joint", [PRESSED, TURNED], ids=["button", "knob"])
def test_a_small_part_that_stands_still_in_the_model_is_found(joint: JointModel) -> None:
    true = Linkage((0,), (joint,), STILL)
    drawings = pictures_of(BUTTON, Posing(OWNER, true.motions), noise=0.02)
    linkage, labels, added = find_missed(drawings, alone(), np.zeros(len(OWNER), int))
    assert list(added) == [1]
    found = linkage.joints[0]
    assert found.type is joint.type
    assert abs(found.axis @ joint.axis) > np.cos(np.radians(12))
    own = OWNER == 1
    shared = ((labels == 1) & own).sum() / ((labels == 1) | own).sum()
    assert shared > 0.5
    points = BUTTON.means[own].astype(float)
    moved = apply(true.motions[1], points)
    away = np.linalg.norm(apply(linkage.motions[1], points) - moved, axis=-1).mean()
    assert away < 0.25 * np.linalg.norm(moved - points, axis=-1).mean()
    # What explains its motion best is its own kind of joint.
    costs = added[1].costs
    assert costs[joint.type] == min(costs.values())


def test_a_region_that_moves_as_another_part_goes_there_without_a_joint() -> None:
    """Half of a button was taken for the plate it sinks into."""
    true = Linkage((0,), (PRESSED,), STILL)
    drawings = pictures_of(BUTTON, Posing(OWNER, true.motions))
    wrong = np.where(BUTTON.means[:, 0] > 0.2, 0, OWNER)
    assert ((OWNER == 1) & (wrong == 0)).sum() > 30
    linkage, labels, added = find_missed(drawings, true, wrong)
    assert not added
    assert linkage is true
    assert (labels != OWNER).sum() < 0.25 * (wrong != OWNER).sum()
    assert drawings.errors(labels, true.motions).sum() < drawings.errors(wrong, true.motions).sum()


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_nothing_is_found_where_the_model_moves_as_the_pictures_do(noise: float) -> None:
    true = Linkage((0,), (PRESSED,), STILL)
    drawings = pictures_of(BUTTON, Posing(OWNER, true.motions), noise=noise)
    linkage, labels, added = find_missed(drawings, true, OWNER)
    assert not added
    assert linkage is true
    np.testing.assert_array_equal(labels, OWNER)


def test_what_looks_wrong_but_does_not_move_is_no_part() -> None:
    """A light that flickers on the block."""
    drawings = pictures_of(BUTTON, Posing(OWNER, np.stack([STILL, STILL])))
    bright = torch.where(
        torch.as_tensor(OWNER[:, None] == 1),
        drawings.surfels.colors * 0.4,
        drawings.surfels.colors,
    )
    flickering = replace(drawings, surfels=replace(drawings.surfels, colors=bright))
    *_, added = find_missed(flickering, alone(), np.zeros(len(BUTTON), int))
    assert not added


def test_surfels_are_wrong_where_they_are_seen_to_be() -> None:
    true = Linkage((0,), (PRESSED,), STILL)
    drawings = pictures_of(BUTTON, Posing(OWNER, true.motions))
    assert np.nanmax(drawings.wrongs(Posing(OWNER, true.motions))) < 1e-5
    still = drawings.wrongs(Posing(np.zeros(len(BUTTON), int), STILL[None]))
    far = np.linalg.norm(BUTTON.means[:, :2] - [0.2, 0.1], axis=1) > 0.7
    assert np.nanmax(still[far]) < 1e-3
    assert np.nanmedian(np.nanmax(still[OWNER == 1], axis=1)) > 0.1
    hidden = (BUTTON.means[:, 2] == 0) & (np.abs(BUTTON.means[:, :2] - [0.2, 0.1]) < 0.08).all(1)
    assert np.isnan(still[hidden, 0]).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, INSTANTS - 1), st.floats(-0.3, 0.3), st.floats(-0.1, 0.1))
def test_a_window_that_holds_all_says_what_the_whole_pictures_say(f, turn, shift) -> None:
    drawings = pictures_of(BUTTON, Posing(OWNER, np.stack([STILL, STILL])), noise=0.1)
    region = np.nonzero(OWNER == 1)[0]
    posing = Posing(OWNER, np.stack([STILL, STILL]))
    windows = Windows.of(drawings, posing, np.arange(len(BUTTON)), STILL, most_px=500)
    moved = posing.at(f).copy()
    moved[region] = pose(axis_rotation(Z, turn), np.array([0, 0, shift]))
    whole = picture_error(drawings.surfels.placed(moved), drawings.instants[f], backend="numba")
    assert windows.error(f, moved) == pytest.approx(whole, rel=1e-3)
    part = Windows.of(drawings, posing, region, STILL, most_px=500)
    less = part.error(f, moved[region]) - part.error(f, STILL[f])
    still = picture_error(drawings.surfels, drawings.instants[f], backend="numba")
    assert less == pytest.approx(whole - still, abs=0.02 * whole)


def test_lines_follow_the_shape_they_are_suggested_by() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-1, 1, (500, 3)) * [0.3, 0.2, 0.1]
    R = axis_rotation(np.array([0.6, 0.0, 0.8]), 0.7)
    shift = np.array([1.0, -2.0, 0.5])
    for line, other in zip(
        suggested_lines(points), suggested_lines(points @ R.T + shift), strict=True
    ):
        assert line.type is other.type
        assert abs(other.axis @ (R @ line.axis)) == pytest.approx(1.0)
        assert other.reach == pytest.approx(line.reach, rel=0.3)
        assert other.range == pytest.approx(line.range)


def test_regions_are_apart_and_the_most_wrong_first() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(0, 1, 0.05)] * 2), -1).reshape(-1, 2)
    points = np.concatenate([grid, np.zeros((len(grid), 1))], 1)
    wrongs = np.random.default_rng(0).uniform(0.02, 0.04, (len(points), 6))
    mild = np.linalg.norm(points - [0.2, 0.2, 0], axis=1) < 0.15
    worse = np.linalg.norm(points - [0.7, 0.7, 0], axis=1) < 0.15
    wrongs[mild] += 0.3
    wrongs[worse] += 0.6
    wrongs[::7] = np.nan
    first, second = wrong_regions(points, wrongs)
    assert worse[first].all()
    assert mild[second].all()
    assert wrong_regions(points, np.full((len(points), 6), np.nan)) == []
