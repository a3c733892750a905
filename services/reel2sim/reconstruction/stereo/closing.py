"""Least volume where no picture shows anything: nothing beyond the convex hull of what is seen."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from scipy.spatial import ConvexHull, QhullError

from reel2sim.reconstruction.stereo.field import Field
from reel2sim.reconstruction.stereo.grid import spans
from reel2sim.reconstruction.stereo.pictures import Pictures
from reel2sim.scene.arrays import Array
from reel2sim.scene.threads import KERNELS

_HEAD_ON = 0.3
"""Cosine from which a view shows a surface well; a hull's false cones are seen edge-on."""
_MAY_LOSE = 0.004
"""Share of a silhouette that closing may uncover."""


def seen_points(field: Field, shots: Pictures, *, least: int = 2) -> Array:
    """Vertices ``(k, 3)`` of a surface that at least so many pictures show head-on."""
    vertices, faces = field.mesh()
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [
            sum(np.bincount(faces[:, c], cross[:, i], len(vertices)) for c in range(3))
            for i in range(3)
        ],
        axis=1,
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    with KERNELS:
        count = _seen(
            field.values,
            field.grid.origin,
            field.grid.step,
            vertices,
            normals,
            shots.centers,
            _HEAD_ON,
        )
    return vertices[count >= least]


def closed(field: Field, shots: Pictures) -> Field:
    """A field without the parts beyond the convex hull of what is seen.

    Between what is seen the flattest lid closes a shape with the least volume; a visual hull
    instead ends in a cone there. The clip is loosened until no silhouette loses cover.

    Args:
        field: signed distance.
        shots: pictures at time zero.
    """
    points = seen_points(field, shots)
    if len(points) < 16:
        return field
    try:
        planes = np.unique(ConvexHull(points).equations.round(6), axis=0)
    except QhullError:  # all in one plane
        return field
    before = _covered(field, shots)
    distance = np.full(field.grid.shape, -np.inf, np.float32)
    near = field.values < 3 * field.grid.step  # farther out nothing changes
    distance[near] = _beyond(field.grid.centers[near].astype(np.float32), planes)
    for slack in (0.25, 1.0, 2.0, 4.0):
        clipped = Field(
            field.grid,
            np.maximum(field.values, distance - slack * field.grid.step).astype(np.float32),
        )
        if (_covered(clipped, shots) >= before - _MAY_LOSE).all():
            return clipped
    return field


def _beyond(points: Array, planes: Array) -> Array:
    """Distance ``(n,)`` of points past the outermost of half-spaces ``(p, 4)``, float32."""
    normals, offsets = planes[:, :3].T.astype(np.float32), planes[:, 3].astype(np.float32)
    rows = max(1, 4_000_000 // len(planes))  # bounds the memory
    return np.concatenate(
        [
            (points[i : i + rows] @ normals + offsets).max(axis=1)
            for i in range(0, len(points), rows)
        ]
    )


def _covered(field: Field, shots: Pictures) -> Array:
    """Share of each silhouette ``(v,)`` whose rays meet the shape."""
    wanted = shots.mask > 0.5
    inside = field.values < 0.25 * field.grid.step
    with KERNELS:
        K_inv = np.linalg.inv(shots.K)
        near, _ = spans(inside, field.grid.origin, field.grid.step, K_inv, shots.T, wanted)
    return (near > 0).sum(axis=(1, 2)) / np.maximum(wanted.sum(axis=(1, 2)), 1)


@njit(parallel=True, cache=True, error_model="numpy")
def _seen(values, origin, step, points, normals, eyes, head_on):
    """From how many ``eyes`` each point ``(n,)`` int32 is seen at a good angle and unhidden."""
    count = np.zeros(points.shape[0], np.int32)
    for p in prange(points.shape[0]):
        for e in range(eyes.shape[0]):
            if _shows(values, origin, step, points[p], normals[p], eyes[e], head_on):
                count[p] += 1
    return count


@njit(cache=True, error_model="numpy")
def _shows(values, origin, step, point, normal, eye, head_on):
    """Whether ``eye`` sees a surface point at a cosine of at least ``head_on``, unhidden."""
    nx, ny, nz = values.shape
    x, y, z = eye[0] - point[0], eye[1] - point[1], eye[2] - point[2]
    length = np.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    if x * normal[0] + y * normal[1] + z * normal[2] < head_on:
        return False
    s = 2.0 * step
    while s < length:
        i = int(np.rint((point[0] + s * x - origin[0]) / step))
        j = int(np.rint((point[1] + s * y - origin[1]) / step))
        k = int(np.rint((point[2] + s * z - origin[2]) / step))
        if not (0 <= i < nx and 0 <= j < ny and 0 <= k < nz):
            break
        if values[i, j, k] < -0.25 * step:
            return False
        s += 0.7 * step
    return True
