"""Tidied meshes: the same surface, and nothing that validators warn of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.exporters.normals import vertex_normals
from reel2sim.importers import load_urdf
from reel2sim.importers.tidy import tidied
from reel2sim.scene import TriangleMesh

from .conftest import BOX, BOX_FACES


@st.composite
def soups(draw) -> TriangleMesh:
    """Triangles between few points of a grid: they touch, overlap, repeat and lose their area."""
    size = draw(st.integers(3, 12))
    point = st.tuples(*[st.integers(-1, 1)] * 3)
    points = np.array(draw(st.lists(point, min_size=size, max_size=size)), float) * 0.1
    index = st.integers(0, size - 1)
    faces = draw(st.lists(st.tuples(index, index, index), min_size=0, max_size=24))
    faces = np.array(faces, np.int64).reshape(-1, 3)
    colors = np.full((size, 3), 0.5) if draw(st.booleans()) else None
    if colors is not None:
        colors[: size // 2] = 0.25
    return TriangleMesh(points, faces, colors)


def triangles(mesh: TriangleMesh) -> set[tuple]:
    """Places of the corners of all faces with area, each face once."""
    corners = mesh.vertices.astype(np.float32).astype(float)[mesh.faces]
    a, b, c = corners.transpose(1, 0, 2)
    solid = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-9
    # Copies may be a step of single precision apart.
    rounded = np.round(corners[solid], 5) + 0.0
    found = set()
    for face in rounded.tolist():
        start = face.index(min(face))
        found.add(tuple(map(tuple, face[start:] + face[:start])))
    return found


@given(soups())
@settings(max_examples=150, deadline=None)
def test_the_surface_stays_and_is_clean(mesh):
    tidy = tidied(mesh)
    assert triangles(tidy) == triangles(mesh)
    assert len(np.unique(tidy.faces)) == len(tidy.vertices)
    directed = Counter((int(f[k]), int(f[(k + 1) % 3])) for f in tidy.faces for k in range(3))
    assert all(uses == 1 for uses in directed.values())  # nor three faces, nor one turned over
    for vertex in range(len(tidy.vertices)):
        assert fans(tidy.faces, vertex) == 1
    keys = [tidy.vertices, vertex_normals(tidy)]
    keys += [tidy.colors] if tidy.colors is not None else []
    table = np.hstack(keys).astype(np.float32)
    assert len(np.unique(table, axis=0)) == len(table)


def fans(faces: np.ndarray, vertex: int) -> int:
    """How many groups of faces around a vertex are connected by edges at it."""
    left = [set(face.tolist()) - {vertex} for face in faces if vertex in face]
    count = 0
    while left:
        group, grew = left.pop(), True
        while grew:
            near = [other for other in left if other & group]
            grew = bool(near)
            for other in near:
                group |= other
                left.remove(other)
        count += 1
    return count


@given(soups())
@settings(max_examples=50, deadline=None)
def test_tidying_again_changes_nothing(mesh):
    once = tidied(mesh)
    twice = tidied(once)
    np.testing.assert_array_equal(twice.faces, once.faces)
    np.testing.assert_array_equal(twice.vertices, once.vertices)


def test_a_closed_box_is_left_as_it_is():
    box = TriangleMesh(BOX, BOX_FACES, np.full((8, 3), 0.3))
    tidy = tidied(box)
    np.testing.assert_array_equal(tidy.vertices, box.vertices)
    np.testing.assert_array_equal(tidy.faces, box.faces)
    np.testing.assert_array_equal(tidy.colors, box.colors)


@pytest.mark.parametrize("shift", [(2, 2, 2), (2, 2, 0)])
def test_boxes_that_touch_get_vertices_of_their_own(shift):
    both = TriangleMesh(
        np.concatenate([BOX, BOX + shift]), np.concatenate([BOX_FACES, BOX_FACES + 8])
    )
    _, faces = np.unique(both.vertices, axis=0, return_inverse=True)
    merged = TriangleMesh(np.unique(both.vertices, axis=0), faces.ravel()[both.faces])
    assert len(merged.vertices) < 16
    assert len(tidied(merged).vertices) == 16


def test_many_sheets_that_touch_in_one_plane_are_told_apart():
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rim = np.stack([np.cos(angles), np.sin(angles), np.zeros(40)], axis=1)
    points = np.concatenate([np.zeros((1, 3)), rim])
    fan = TriangleMesh(points, np.array([[0, 2 * k + 1, 2 * k + 2] for k in range(20)]))
    tidy = tidied(fan)
    assert len(tidy.vertices) == 60
    assert len(np.unique(tidy.vertices.astype(np.float32), axis=0)) == 60
    assert np.abs(tidy.vertices[tidy.faces] - fan.vertices[fan.faces]).max() < 1e-7


def test_colliders_lose_double_vertices(tmp_path):
    rows = [f"v {x} {y} {z}" for x, y, z in BOX[BOX_FACES.ravel()]]
    rows += [f"f {3 * k + 1} {3 * k + 2} {3 * k + 3}" for k in range(12)]
    (tmp_path / "soup.obj").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shape = '<geometry><mesh filename="soup.obj"/></geometry>'
    urdf = tmp_path / "box.urdf"
    urdf.write_text(
        f'<robot name="box"><link name="base"><collision>{shape}</collision></link></robot>',
        encoding="utf-8",
    )
    (piece,) = load_urdf(urdf).links[0].collision
    assert len(piece.vertices) == 8
    assert trimesh.Trimesh(piece.vertices, piece.faces, process=False).is_watertight
