"""Meshes of others as surfaces: no face without area, no face twice, no edge of three faces.

What is seen stays where it was; only how triangles share vertices changes. Validators warn of
vertices at one place that could be one, and of vertices and edges where sheets merely touch; both
are common in meshes that were put together from pieces.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.exporters.normals import vertex_normals
from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array

_ROUNDS = 8
_LEAST = 1e-3
"""Metres; steps of single precision are taken as if no coordinate were nearer to zero."""


def tidied(mesh: TriangleMesh) -> TriangleMesh:
    """The same surface in single precision, as every format holds it, with clean topology.

    Vertices at one place with the same colour and normal become one; faces without area and
    second copies of faces go; sheets that merely touch at a vertex or an edge get vertices of
    their own. Where two such sheets lie in one plane, their vertices are set apart by steps of
    single precision, or they would be one vertex again.
    """
    vertices = mesh.vertices.astype(np.float32).astype(np.float64)
    mesh = _used(TriangleMesh(vertices, mesh.faces, mesh.colors))
    for _ in range(_ROUNDS):  # what is merged may leave a face without area
        before = len(mesh.vertices), len(mesh.faces)
        mesh = _used(_faced(_welded(mesh)))
        if (len(mesh.vertices), len(mesh.faces)) == before:
            break
    return _set_apart(_split(mesh))


def _keys(mesh: TriangleMesh) -> Array:
    """Place, normal and colour of each vertex as formats write them ``(v, 9)``."""
    colors = np.zeros_like(mesh.vertices) if mesh.colors is None else mesh.colors
    parts = [mesh.vertices, vertex_normals(mesh), linear_from_srgb(colors)]
    return np.hstack(parts).astype(np.float32) + np.float32(0)  # −0 is 0


def _welded(mesh: TriangleMesh) -> TriangleMesh:
    """Vertices that nothing tells apart as one; the first of them stays."""
    _, first, group = np.unique(_keys(mesh), axis=0, return_index=True, return_inverse=True)
    return TriangleMesh(mesh.vertices, first[group.ravel()][mesh.faces], mesh.colors)


def _faced(mesh: TriangleMesh) -> TriangleMesh:
    """Without faces of no area, and each face once."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    rolled = _from_lowest(mesh.faces)
    _, first = np.unique(rolled, axis=0, return_index=True)
    once = np.zeros(len(rolled), bool)
    once[first] = True
    return TriangleMesh(mesh.vertices, mesh.faces[once & (areas > 0)], mesh.colors)


def _from_lowest(faces: Array) -> Array:
    """Each face from its lowest index on, the way around kept."""
    ways = (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, ways, axis=1)


def _used(mesh: TriangleMesh) -> TriangleMesh:
    """Without vertices that no face has."""
    kept, faces = np.unique(mesh.faces, return_inverse=True)
    colors = None if mesh.colors is None else mesh.colors[kept]
    return TriangleMesh(mesh.vertices[kept], faces.reshape(-1, 3), colors)


def _split(mesh: TriangleMesh) -> TriangleMesh:
    """A vertex for each fan of faces around it.

    Two faces go on in one another where an edge is theirs alone and they run along it in opposite
    directions. Corners of one vertex that such edges do not connect are of different sheets.
    """
    faces = mesh.faces
    count = faces.size
    corner = np.arange(count).reshape(-1, 3)
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    at_start, at_end = corner.ravel(), np.roll(corner, -1, axis=1).ravel()
    low, high = np.minimum(start, end), np.maximum(start, end)
    _, edge, uses = np.unique(
        low * len(mesh.vertices) + high, return_inverse=True, return_counts=True
    )
    order = np.argsort(edge, kind="stable")
    first = order[np.searchsorted(edge[order], np.flatnonzero(uses == 2))]
    second = order[np.searchsorted(edge[order], np.flatnonzero(uses == 2)) + 1]
    opposite = start[first] == end[second]
    first, second = first[opposite], second[opposite]
    rows = np.concatenate([at_start[first], at_end[first]])
    columns = np.concatenate([at_end[second], at_start[second]])
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    fans, fan = connected_components(links, directed=False)
    vertex = np.empty(fans, np.int64)
    vertex[fan] = start
    # Vertices keep their order, so that a mesh without a fault is left as it is.
    place = np.empty(fans, np.int64)
    place[np.argsort(vertex, kind="stable")] = np.arange(fans)
    kept = np.sort(vertex, kind="stable")
    colors = None if mesh.colors is None else mesh.colors[kept]
    return TriangleMesh(mesh.vertices[kept], place[fan].reshape(-1, 3), colors)


def _set_apart(mesh: TriangleMesh) -> TriangleMesh:
    """Vertices of sheets that touch in one plane, steps of single precision apart."""
    for _ in range(_ROUNDS):  # a step may lead to where another vertex is
        _, group = np.unique(_keys(mesh), axis=0, return_inverse=True)
        again = _rank(group.ravel())[:, None]
        if not again.any():
            break
        reach = np.maximum(np.abs(mesh.vertices), _LEAST).astype(np.float32)
        moved = (mesh.vertices + again * np.spacing(reach)).astype(np.float32)
        mesh = TriangleMesh(moved.astype(np.float64), mesh.faces, mesh.colors)
    return mesh


def _rank(group: Array) -> Array:
    """How many members of its group come before each ``(n,)``."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], group[order])
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - starts
    return rank
