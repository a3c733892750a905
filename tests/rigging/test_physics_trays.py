"""Drawers seen from above at a slant come back as boxes open above."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.meshing import closed_mesh, inset_mesh, sound
from reel2sim.rigging.physics.samples import Samples
from reel2sim.rigging.physics.solids import Slide, solidify
from reel2sim.rigging.physics.trays import find_tray

WALL = 0.02
OUTER = np.array([[0.0, 0.0, 0.0], [0.4, 0.3, 0.15]])
"""The front is at x = 0, the drawer behind it."""


def faces_of(*, lid: bool = False, whole: bool = False) -> list[trimesh.Trimesh]:
    """What a camera that looks down a little on the front and the sides sees, as open faces."""
    (x0, y0, z0), (x1, y1, z1) = OUTER
    x1 = x1 if whole else 0.3
    faces = [
        face((x0, y0, z0), (0, y1, 0), (0, 0, z1), (-1, 0, 0)),
        face((x0, y0, z0), (x1, 0, 0), (0, 0, z1), (0, -1, 0)),
        face((x0, y1, z0), (x1, 0, 0), (0, 0, z1), (0, 1, 0)),
        face((x0, y0, z1), (x1, 0, 0), (0, WALL, 0), (0, 0, 1)),
        face((x0, y1 - WALL, z1), (x1, 0, 0), (0, WALL, 0), (0, 0, 1)),
        face((x0 + WALL, y0 + WALL, z1), (0, y1 - 2 * WALL, 0), (0, 0, -0.06), (1, 0, 0)),
        face((x0 + WALL, y0 + WALL, z1), (0.2, 0, 0), (0, 0, -0.06), (0, 1, 0)),
    ]
    if lid:
        faces.append(face((x0, y0, z1), (x1, 0, 0), (0, y1, 0), (0, 0, 1)))
    return faces


def face(corner, a, b, normal) -> trimesh.Trimesh:
    p = np.array(corner, float)
    corners = np.array([p, p + a, p + np.array(a) + b, p + b])
    turned = np.cross(a, b) @ np.array(normal) < 0
    sides = [[0, 2, 1], [0, 3, 2]] if turned else [[0, 1, 2], [0, 2, 3]]
    return trimesh.Trimesh(corners, sides, process=False)


def samples_on(faces, *, part: int = 0, density: float = 20_000.0) -> Samples:
    points, normals = [], []
    for i, each in enumerate(faces):
        found, index = trimesh.sample.sample_surface(
            each, max(int(each.area * density), 20), seed=i
        )
        points.append(np.asarray(found))
        normals.append(np.asarray(each.face_normals[index]))
    p, n = np.concatenate(points), np.concatenate(normals)
    count = len(p)
    return Samples(
        p, n, np.full(count, 1 / density), np.full(count, density**-0.5),
        np.full((count, 3), 0.5), np.full(count, part),
    )  # fmt: skip


@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_a_drawer_is_found_whichever_way_its_axis_points(sense):
    tray = find_tray(samples_on(faces_of()), np.array([sense, 0, 0]), thickness=WALL)
    assert tray is not None
    np.testing.assert_allclose(tray.axes[0], [1, 0, 0])
    np.testing.assert_allclose(tray.lower, [0, 0, 0], atol=0.01)
    np.testing.assert_allclose(tray.upper, [0.3, 0.3, 0.15], atol=0.015)
    np.testing.assert_allclose(tray.inner_lower, WALL, atol=0.01)
    inside, floor, above = np.array([[0.15, 0.15, 0.08], [0.15, 0.15, 0.01], [0.15, 0.15, 0.3]])
    assert tray.hollow(np.stack([inside, above])).min() > 0
    assert tray.walls(floor[None])[0] > 0
    assert tray.walls(inside[None])[0] < 0


@pytest.mark.parametrize(
    ("faces", "axis"),
    [
        (faces_of(lid=True), [1.0, 0, 0]),
        (faces_of(), [0, 0, 1.0]),
        (faces_of()[:2], [1.0, 0, 0]),
        (faces_of()[:5], [1.0, 0, 0]),
        ([face((0, 0, 0), (0, 0.3, 0), (0, 0, 0.2), (-1, 0, 0))], [0, 1.0, 0]),
    ],
    ids=["closed above", "slides up", "one side", "no look inside", "a pane"],
)
def test_what_is_no_drawer_is_not_taken_for_one(faces, axis):
    assert find_tray(samples_on(faces), np.array(axis), thickness=WALL) is None


def test_a_floor_that_was_seen_stays_where_it_is():
    (_, y0, _), (_, y1, _) = OUTER
    floor = face((0.03, y0 + 0.03, 0.05), (0.25, 0, 0), (0, y1 - 0.06, 0), (0, 0, 1))
    tray = find_tray(samples_on([*faces_of(), floor]), np.array([1.0, 0, 0]), thickness=WALL)
    assert tray is not None
    assert tray.inner_lower[2] == pytest.approx(0.05, abs=0.005)


def test_the_solid_is_hollow_and_so_is_what_it_slides_into():
    # What is seen of the case: all its outside but the mouth of the drawer.
    shell = [
        face((0, -0.03, -0.03), (0.45, 0, 0), (0, 0, 0.23), (0, -1, 0)),
        face((0, 0.33, -0.03), (0.45, 0, 0), (0, 0, 0.23), (0, 1, 0)),
        face((0, -0.03, 0.2), (0.45, 0, 0), (0, 0.36, 0), (0, 0, 1)),
        face((0.45, -0.03, -0.03), (0, 0.36, 0), (0, 0, 0.23), (1, 0, 0)),
    ]
    a, b = samples_on(shell, density=8000.0), samples_on(faces_of(), part=1, density=8000.0)
    both = Samples(*(np.concatenate([getattr(a, f), getattr(b, f)]) for f in vars(a)))
    config = replace(PhysicsConfig.preset("draft"), max_voxels=60_000)
    slides = {1: Slide(0, np.array([-1.0, 0, 0]), 0.0, 0.2)}
    solids = solidify(both, (0, 1), config=config, slides=slides)
    assert solids[1].tray is not None
    drawer = closed_mesh(solids[1], max_faces=config.max_faces)
    body = closed_mesh(solids[0], max_faces=config.max_faces)
    assert drawer is not None
    assert body is not None
    within = np.array([[x, y, z] for x in (0.1, 0.2) for y in (0.08, 0.22) for z in (0.07, 0.12)])
    under = np.array([[x, y, 0.012] for x in (0.1, 0.2) for y in (0.1, 0.2)])
    for mesh in (drawer, body):
        assert sound(mesh)
        assert not mesh.contains(within).any()
    assert drawer.contains(under).all()
    smaller = inset_mesh(solids[1], drawer, inset=config.gap_voxels, max_faces=2000)
    assert smaller is not None
    assert sound(smaller)
    assert smaller.volume < drawer.volume
    assert not smaller.contains(within).any()
