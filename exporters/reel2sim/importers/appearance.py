"""Surfels laid over meshes, so that imported objects have an appearance like all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh

from reel2sim.scene import Influences, Link, Surfels, TriangleMesh
from reel2sim.scene.arrays import Array

_SEED = 0
_OVERLAP = 1.2
"""Deviation of a surfel over half the distance to its neighbours."""


def surfels_on(
    links: Sequence[Link], origins: Sequence[Array], *, count: int
) -> tuple[Surfels, Array]:
    """Surfels spread evenly over what is seen of ``links``, and the link of each ``(n,)``.

    Args:
        links: with their visual meshes.
        origins: of their frames in the world ``(3,)``.
        count: surfels altogether, about.
    """
    shapes = [trimesh.Trimesh(x.visual.vertices, x.visual.faces, process=False) for x in links]
    area = np.array([float(shape.area) if len(shape.faces) else 0.0 for shape in shapes])
    share = area / max(float(area.sum()), 1e-12)
    parts = [
        _sampled(shape, link, origin, max(1, round(count * s)), seed=_SEED + i)
        for i, (shape, link, origin, s) in enumerate(
            zip(shapes, links, origins, share, strict=True)
        )
        if s > 0
    ]
    owner = [np.full(len(parts[k][0]), i) for k, i in enumerate(np.nonzero(share > 0)[0])]
    points, normals, colors = (
        np.concatenate([part[k] for part in parts]) if parts else np.zeros((0, 3)) for k in range(3)
    )
    surfels = _laid(points, normals, colors, float(area.sum()))
    return surfels, np.concatenate(owner) if owner else np.zeros(0, int)


def surfels_on_skin(
    mesh: TriangleMesh, vertices: Influences, links: int, *, count: int
) -> tuple[Surfels, Influences]:
    """Surfels spread evenly over a skin, and what carries each.

    Args:
        mesh: in the world.
        vertices: what carries its vertices.
        links: how many there are.
        count: of surfels, about.
    """
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    if not float(shape.area) > 0:
        nothing = np.zeros((0, 3))
        return _laid(nothing, nothing, nothing, 0.0), Influences(np.zeros((0, 4)), np.zeros((0, 4)))
    points, face, between = _spread(shape, count, seed=_SEED)
    at = mesh.faces[face]
    shares = np.zeros((len(points), links))
    for corner in range(3):
        for k in range(vertices.links.shape[1]):
            row = at[:, corner]
            share = between[:, corner] * vertices.weights[row, k]
            np.add.at(shares, (np.arange(len(points)), vertices.links[row, k]), share)
    colors = _colors(mesh, face, between)
    surfels = _laid(points, np.asarray(shape.face_normals)[face], colors, float(shape.area))
    return surfels, Influences.strongest(np.maximum(shares, 0.0))


def _laid(points: Array, normals: Array, colors: Array, area: float) -> Surfels:
    """Round surfels that together cover ``area``."""
    size = _OVERLAP * np.sqrt(area / max(len(points), 1)) / 2
    return Surfels.from_colors(
        means=points,
        rotations=_facing(normals),
        scales=np.full((len(points), 2), max(size, 1e-6)),
        opacities=np.full(len(points), 0.95),
        colors=colors,
    )


def _sampled(
    shape: trimesh.Trimesh, link: Link, origin: Array, count: int, *, seed: int
) -> tuple[Array, Array, Array]:
    """Points, normals and colours ``(n, 3)``."""
    points, face, between = _spread(shape, count, seed=seed)
    normals = np.asarray(shape.face_normals)[face]
    return points + origin, normals, _colors(link.visual, face, between)


def _spread(shape: trimesh.Trimesh, count: int, *, seed: int) -> tuple[Array, Array, Array]:
    """Points ``(n, 3)`` on the faces ``(n,)``, and their weights of the corners ``(n, 3)``."""
    sampled = trimesh.sample.sample_surface(shape, count, seed=seed)
    points, face = np.asarray(sampled[0]), np.asarray(sampled[1])
    corners = np.asarray(shape.triangles)[face]
    between = np.asarray(trimesh.triangles.points_to_barycentric(corners, points))
    # Slivers have no such weights that mean anything.
    return points, face, np.nan_to_num(np.clip(between, 0.0, 1.0), nan=1 / 3)


def _colors(mesh: TriangleMesh, face: Array, between: Array) -> Array:
    """Colours ``(n, 3)`` of points on faces; grey of a mesh without."""
    if mesh.colors is None:
        return np.full((len(face), 3), 0.7)
    return np.einsum("nk,nkc->nc", between, mesh.colors[mesh.faces[face]])


def _facing(normals: Array) -> Array:
    """Rotations ``(n, 4)`` wxyz that take +Z to each normal."""
    half = normals + np.array([0.0, 0.0, 1.0])
    length = np.linalg.norm(half, axis=1, keepdims=True)
    half = np.where(length > 1e-6, half / np.maximum(length, 1e-9), [1.0, 0.0, 0.0])
    return np.concatenate([np.zeros((len(half), 1)), half], axis=1)
