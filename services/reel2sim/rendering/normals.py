"""Normals of triangles, for shading."""

from __future__ import annotations

import numpy as np

from reel2sim.scene.arrays import Array

_CREASE_COS = float(np.cos(np.radians(40.0)))
"""Faces that meet at a blunter angle than 40° are shaded as one smooth surface."""


def corner_normals(vertices: Array, faces: Array) -> Array:
    """Unit normals of every corner of every face ``(f, 3, 3)``.

    Smooth over faces that share vertices, by area, but sharp where they meet at more than 40°.

    Args:
        vertices: ``(v, 3)``.
        faces: ``(f, 3)``.
    """
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = _unit(cross)
    total = np.zeros((len(vertices), 3))
    for k in range(3):
        np.add.at(total, faces[:, k], cross)
    smooth = _unit(total)[faces]
    blunt = np.einsum("fkc,fc->fk", smooth, flat) >= _CREASE_COS
    return np.where(blunt[..., None], smooth, flat[:, None, :])


def _unit(v: Array) -> Array:
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.where(length > 1e-20, v / np.maximum(length, 1e-20), [0.0, 0.0, 1.0])
