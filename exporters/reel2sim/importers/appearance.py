"""Surfels laid over meshes, so that imported objects have an appearance like all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh

from reel2sim.scene import Link, Surfels
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
    size = _OVERLAP * np.sqrt(area.sum() / max(len(points), 1)) / 2
    surfels = Surfels.from_colors(
        means=points,
        rotations=_facing(normals),
        scales=np.full((len(points), 2), max(size, 1e-6)),
        opacities=np.full(len(points), 0.95),
        colors=colors,
    )
    return surfels, np.concatenate(owner) if owner else np.zeros(0, int)


def _sampled(
    shape: trimesh.Trimesh, link: Link, origin: Array, count: int, *, seed: int
) -> tuple[Array, Array, Array]:
    """Points, normals and colours ``(n, 3)``."""
    sampled = trimesh.sample.sample_surface(shape, count, seed=seed)
    points, face = np.asarray(sampled[0]), np.asarray(sampled[1])
    corners = np.asarray(shape.triangles)[face]
    colors = np.full((len(points), 3), 0.7)
    if link.visual.colors is not None:
        weights = trimesh.triangles.points_to_barycentric(corners, points)
        colors = np.einsum("nk,nkc->nc", weights, link.visual.colors[link.visual.faces[face]])
    return points + origin, np.asarray(shape.face_normals)[face], colors


def _facing(normals: Array) -> Array:
    """Rotations ``(n, 4)`` wxyz that take +Z to each normal."""
    half = normals + np.array([0.0, 0.0, 1.0])
    length = np.linalg.norm(half, axis=1, keepdims=True)
    half = np.where(length > 1e-6, half / np.maximum(length, 1e-9), [1.0, 0.0, 0.0])
    return np.concatenate([np.zeros((len(half), 1)), half], axis=1)
