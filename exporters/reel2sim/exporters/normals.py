"""Normals of shaded meshes."""

from __future__ import annotations

import numpy as np

from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array


def vertex_normals(mesh: TriangleMesh) -> Array:
    """Unit normals ``(v, 3)``: mean of the adjoining faces, weighted by area."""
    corners = mesh.vertices[mesh.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(mesh.vertices)
    for k in range(3):
        np.add.at(total, mesh.faces[:, k], cross)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0])
    return np.where(length > 1e-20, total / np.maximum(length, 1e-20), up)
