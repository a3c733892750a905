"""A block of space in voxels, and where lines of sight run through what it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from reel2sim.scene.arrays import Array


@dataclass(frozen=True, eq=False)
class Grid:
    """Cubic voxels along the axes of normalised space.

    Attributes:
        origin: centre of voxel ``(0, 0, 0)``, ``(3,)`` float64.
        step: edge of a voxel.
        shape: voxels along each axis.
    """

    origin: Array
    step: float
    shape: tuple[int, int, int]

    @property
    def centers(self) -> Array:
        """Centres of all voxels ``(nx, ny, nz, 3)`` float64."""
        axes = [self.origin[i] + self.step * np.arange(n) for i, n in enumerate(self.shape)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1)

    def around(self, occupied: Array, *, step: float, margin: float) -> Grid:
        """A grid of another ``step`` that holds the occupied voxels of this one.

        Args:
            occupied: ``shape`` bool, not all False.
            step: edge of the new voxels.
            margin: free space to leave on every side.
        """
        index = np.argwhere(occupied)
        low = self.origin + self.step * (index.min(0) - 0.5) - margin
        high = self.origin + self.step * (index.max(0) + 0.5) + margin
        n = np.ceil((high - low) / step).astype(int) + 1
        return Grid(low, step, (int(n[0]), int(n[1]), int(n[2])))


@njit(parallel=True, cache=True, error_model="numpy")
def spans(inside, origin, step, K_inv, T, wanted):
    """First and last depth at which each pixel's ray is inside.

    Args:
        inside: ``(nx, ny, nz)`` bool voxels.
        origin: of the grid ``(3,)``.
        step: of the grid.
        K_inv: inverse intrinsics ``(r, 3, 3)`` float64, upper triangular.
        T: ``(r, 4, 4)`` float64 body to camera.
        wanted: ``(r, h, w)`` bool.

    Returns:
        Nearest and farthest depth ``(r, h, w)`` float32; 0 where the ray misses.
    """
    r, h, w = wanted.shape
    near, far = np.zeros((r, h, w), np.float32), np.zeros((r, h, w), np.float32)
    for row in prange(r * h):
        at, y = row // h, row % h
        _spans_row(inside, origin, step, K_inv[at], T[at], y, wanted[at], near[at], far[at])
    return near, far


@njit(cache=True, error_model="numpy")
def _spans_row(inside, origin, step, K_inv, T, y, wanted, near, far):
    nx, ny, nz = inside.shape
    eye, along = np.empty(3), np.empty(3)
    for i in range(3):
        eye[i] = -(T[0, i] * T[0, 3] + T[1, i] * T[1, 3] + T[2, i] * T[2, 3])
    for x in range(wanted.shape[1]):
        if not wanted[y, x]:
            continue
        rx = K_inv[0, 0] * (x + 0.5) + K_inv[0, 1] * (y + 0.5) + K_inv[0, 2]
        ry = K_inv[1, 1] * (y + 0.5) + K_inv[1, 2]
        first, last = 1e-3, 1e9
        for i in range(3):
            d = T[0, i] * rx + T[1, i] * ry + T[2, i]
            along[i] = d if abs(d) > 1e-12 else 1e-12
            a = (origin[i] - 0.5 * step - eye[i]) / along[i]
            b = (origin[i] + (inside.shape[i] - 0.5) * step - eye[i]) / along[i]
            first, last = max(first, min(a, b)), min(last, max(a, b))
        stride = 0.5 * step / np.sqrt(along[0] ** 2 + along[1] ** 2 + along[2] ** 2)
        z = first
        while z <= last:
            i = int(np.rint((eye[0] + z * along[0] - origin[0]) / step))
            j = int(np.rint((eye[1] + z * along[1] - origin[1]) / step))
            k = int(np.rint((eye[2] + z * along[2] - origin[2]) / step))
            if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and inside[i, j, k]:
                if near[y, x] == 0:
                    near[y, x] = z
                far[y, x] = z
            z += stride
