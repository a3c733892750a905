"""A regular grid in an oriented box, and fields sampled on it."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import ConvexHull, QhullError

from reel2sim.rigging.physics.samples import OccupancyGrid
from reel2sim.scene.arrays import Array
from reel2sim.scene.threads import KERNELS

OUTSIDE = -2.0
"""Value of a field beyond its grid and its lower clip, voxels."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Points ``origin + R (i, j, k) voxel``.

    Attributes:
        origin: first point ``(3,)``, metres, world.
        R: grid axes as columns ``(3, 3)``, world.
        voxel: spacing, metres.
        shape: points along each axis.
    """

    origin: Array
    R: Array
    voxel: float
    shape: tuple[int, int, int]

    def points(self) -> Array:
        """All grid points ``(nx·ny·nz, 3)``, metres, world."""
        ijk = np.indices(self.shape).reshape(3, -1).T
        return self.to_world(ijk)

    def to_world(self, ijk: Array) -> Array:
        """World points of fractional grid indices ``(n, 3)``."""
        return self.origin + (ijk * self.voxel) @ self.R.T

    def sample(self, field: Array, points: Array) -> Array:
        """``field`` interpolated at world ``points`` ``(n, 3)``; OUTSIDE beyond the grid."""
        ijk = (points - self.origin) @ self.R / self.voxel
        return map_coordinates(field, ijk.T, order=1, mode="constant", cval=OUTSIDE)

    def touches(self, other: Grid) -> bool:
        """Whether the boxes of two grids may overlap (by their world-aligned bounds)."""
        a, b = self._bounds(), other._bounds()
        return bool((a[0] <= b[1]).all() and (b[0] <= a[1]).all())

    def _bounds(self) -> Array:
        corners = np.array(np.meshgrid(*((0, s - 1) for s in self.shape))).reshape(3, -1).T
        world = self.to_world(corners)
        return np.stack([world.min(0), world.max(0)])


def aligned_box(points: Array) -> tuple[Array, Array, Array]:
    """A box around ``points`` ``(n, 3)``: axes ``(3, 3)``, lower and upper corner in them.

    World axes, unless the principal axes give a clearly smaller box, as for a tilted panel.
    """
    lower, upper = points.min(0), points.max(0)
    centered = points - points.mean(0)
    _, axes = np.linalg.eigh(centered.T @ centered)
    axes = axes * np.where(axes[np.abs(axes).argmax(0), range(3)] < 0, -1.0, 1.0)
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1.0
    local = points @ axes
    slack = 0.05 * np.ptp(points, axis=0).max() + 1e-9
    volume = np.prod(upper - lower + slack)
    if np.prod(np.ptp(local, axis=0) + slack) < 0.6 * volume:
        return axes, local.min(0), local.max(0)
    return np.eye(3), lower, upper


def grid_around(points: Array, *, voxel: float, margin: float, max_voxels: int) -> Grid:
    """A grid around ``points`` with ``margin`` metres to spare; coarser if too many cells."""
    R, lower, upper = aligned_box(points)
    lower, upper = lower - margin, upper + margin
    size = upper - lower
    voxel = max(voxel, float(np.cbrt(np.prod(size) / max_voxels)))
    shape = np.ceil(size / voxel).astype(int) + 5
    start = (lower + upper) / 2 - (shape - 1) * voxel / 2
    return Grid(R @ start, R, voxel, (int(shape[0]), int(shape[1]), int(shape[2])))


def convex_depth(samples: Array, points: Array) -> Array:
    """Depth of ``points`` ``(q, 3)`` inside the convex hull of ``samples``, metres ``(q,)``.

    Negative outside; infinite everywhere where the samples are flat and have no hull.
    """
    try:
        planes = ConvexHull(samples).equations
    except QhullError:
        return np.full(len(points), np.inf)
    # Nearly parallel facets of a rounded hull add cost and no precision.
    _, kept = np.unique(np.round(planes[:, :3] * 8), axis=0, return_index=True)
    normals = np.ascontiguousarray(planes[np.sort(kept), :3])
    with KERNELS:
        return _least_depth(np.ascontiguousarray(points), normals, (samples @ normals.T).max(0))


@numba.njit(cache=True, parallel=True)
def _least_depth(points, normals, offsets):  # pragma: no cover - compiled
    """Distance of each point under the nearest of the planes ``(q,)``."""
    out = np.empty(len(points))
    for q in numba.prange(len(points)):
        least = np.inf
        for i in range(len(normals)):
            dot = 0.0
            for axis in range(3):
                dot += points[q, axis] * normals[i, axis]
            least = min(least, offsets[i] - dot)
        out[q] = least
    return out


class HullDistance:
    """Signed distance to the surface of a visual hull, positive inside, metres."""

    def __init__(self, volume: OccupancyGrid) -> None:
        solid = np.pad(np.asarray(volume.occupancy, bool), 2)
        inside = np.asarray(distance_transform_edt(solid))
        outside = np.asarray(distance_transform_edt(~solid))
        self._distance = (inside - outside) * volume.voxel_m
        self._origin = np.asarray(volume.origin, np.float64) - 2.0 * volume.voxel_m
        self.voxel = float(volume.voxel_m)

    def __call__(self, points: Array) -> Array:
        """Signed distances ``(n,)`` at world ``points`` ``(n, 3)``; clamped to the grid."""
        ijk = (points - self._origin) / self.voxel
        return map_coordinates(self._distance, ijk.T, order=1, mode="nearest")
