"""Signed distances: of the visual hull, and of what depth maps and hull say together."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit, prange
from scipy import ndimage
from skimage.measure import marching_cubes

from reel2sim.reconstruction.stereo.depth import DepthMaps
from reel2sim.reconstruction.stereo.grid import Grid
from reel2sim.reconstruction.stereo.pictures import Pictures
from reel2sim.reconstruction.stereo.pieces import tidy
from reel2sim.scene.arrays import Array
from reel2sim.scene.threads import KERNELS


@dataclass(frozen=True, eq=False)
class Field:
    """Signed distance to a surface, in voxels' normalised units, positive outside.

    Attributes:
        grid: where.
        values: ``grid.shape`` float32.
    """

    grid: Grid
    values: Array

    def mesh(self) -> tuple[Array, Array]:
        """Vertices ``(v, 3)``, normalised, and faces ``(f, 3)``, counter-clockwise from outside."""
        values = np.pad(self.values, 1, constant_values=self.grid.step)
        vertices, faces, _, _ = marching_cubes(values, 0.0, gradient_direction="descent")
        return self.grid.origin + self.grid.step * (vertices - 1.0), faces


def hull_field(
    shots: Pictures, grid: Grid, *, occupied: Array, coarse: Grid, strict: bool
) -> Array:
    """Signed distance ``grid.shape`` float32 to the visual hull, finer than its voxels.

    Args:
        shots: pictures whose silhouettes shaped the hull.
        grid: where to answer.
        occupied: the hull's voxels, bool.
        coarse: their grid.
        strict: whether every silhouette counts; otherwise the voxels alone do.
    """
    inner: Array = ndimage.distance_transform_edt(np.pad(occupied, 1))  # pyright: ignore[reportAssignmentType]
    outer: Array = ndimage.distance_transform_edt(~occupied)  # pyright: ignore[reportAssignmentType]
    inner = inner[1:-1, 1:-1, 1:-1]
    rough = (outer - inner + 0.5 * (np.where(occupied, 1, -1))) * coarse.step
    rough = ndimage.gaussian_filter(rough, 0.6).astype(np.float32)
    index = (grid.centers - coarse.origin) / coarse.step
    values = ndimage.map_coordinates(rough, np.moveaxis(index, -1, 0), order=1, mode="nearest")
    if not strict:
        return values
    values -= np.float32(1.5 * coarse.step)  # silhouettes decide next to the surface
    distances = np.stack([_outline_distance(mask) for mask in shots.mask])
    values = values.astype(np.float32)
    with KERNELS:
        _raise_to_outlines(values, grid.origin, grid.step, distances, shots.K, shots.T)
    return values


@njit(parallel=True, cache=True, error_model="numpy")
def _raise_to_outlines(values, origin, step, distances, K, T):
    """Raise ``values`` near the surface to the distance to the rays along every outline."""
    for i in prange(values.shape[0]):
        _raise_slab(values[i], origin, step, origin[0] + step * i, distances, K, T)


@njit(cache=True, error_model="numpy")
def _raise_slab(values, origin, step, px, distances, K, T):
    v, h, w = distances.shape
    for o in range(v):
        for j in range(values.shape[0]):
            py = origin[1] + step * j
            for k in range(values.shape[1]):
                if values[j, k] > 4 * step:
                    continue
                pz = origin[2] + step * k
                c = max(T[o, 2, 0] * px + T[o, 2, 1] * py + T[o, 2, 2] * pz + T[o, 2, 3], 1e-6)
                a = (T[o, 0, 0] * px + T[o, 0, 1] * py + T[o, 0, 2] * pz + T[o, 0, 3]) / c
                b = (T[o, 1, 0] * px + T[o, 1, 1] * py + T[o, 1, 2] * pz + T[o, 1, 3]) / c
                x = K[o, 0, 0] * a + K[o, 0, 1] * b + K[o, 0, 2] - 0.5
                y = K[o, 1, 1] * b + K[o, 1, 2] - 0.5
                x, y = min(max(x, 0.0), w - 1.001), min(max(y, 0.0), h - 1.001)
                m, n = int(x), int(y)
                x, y = x - m, y - n
                upper = distances[o, n, m] * (1 - x) + distances[o, n, m + 1] * x
                lower = distances[o, n + 1, m] * (1 - x) + distances[o, n + 1, m + 1] * x
                pixels = upper * (1 - y) + lower * y
                values[j, k] = max(values[j, k], pixels * c / K[o, 0, 0])


def _outline_distance(mask: Array) -> Array:
    """Signed distance to the half level of a mask ``(h, w)`` float32, pixels, positive outside."""
    inside = (mask > 0.5).astype(np.uint8)
    padded = np.pad(inside, 1)
    inner = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    outer = cv2.distanceTransform(1 - padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    signed = np.where(inside > 0, 0.5 - inner, outer - 0.5)
    edge = np.abs(signed) < 0.8  # there the coverage tells more
    return np.where(edge, np.clip(0.5 - mask, -0.5, 0.5), signed).astype(np.float32)


def fuse(shots: Pictures, maps: DepthMaps, hull: Array, grid: Grid, *, smooth: int = 6) -> Array:
    """Signed distance ``grid.shape`` from depth maps inside a hull.

    A running mean of truncated distances along lines of sight: B. Curless, M. Levoy, "A
    volumetric method for building complex models from range images" (SIGGRAPH 1996). Space in
    front of a surface is empty, space no depth map speaks of stays full as far as the hull goes.

    Args:
        shots: the pictures of ``maps``.
        maps: depth maps.
        hull: signed distance to the hull ``grid.shape``.
        grid: of ``hull``.
        smooth: rounds of averaging with the neighbours, weak where depth maps are sure.
    """
    band = 3.0 * grid.step
    with KERNELS:
        total, weight = _gather(
            hull,
            grid.origin,
            grid.step,
            maps.planes,
            maps.trust,
            np.ascontiguousarray(shots.K[maps.refs]),
            np.ascontiguousarray(shots.T[maps.refs]),
            band,
        )
    prior = np.clip(hull, -band, band)
    fused = (total + _PRIOR * np.minimum(prior, 0)) / (weight + _PRIOR)
    values = np.maximum(fused, prior)
    stiff = weight + _PRIOR
    start = values
    for _ in range(smooth):
        mean = ndimage.uniform_filter(values, 3)
        values = np.maximum((stiff * start + mean * _SOFT) / (stiff + _SOFT), prior)
    return tidy(values.astype(np.float32), shots, grid)


_PRIOR = 0.25
"""Weight of the hull against one sure depth."""
_SOFT = 1.0
"""Weight of the neighbours against one sure depth."""


@njit(parallel=True, cache=True, error_model="numpy")
def _gather(hull, origin, step, planes, trust, K, T, band):
    """Weighted sum of truncated distances and sum of weights, each ``hull.shape`` float32."""
    nx, ny, nz = hull.shape
    total, weight = np.zeros((nx, ny, nz), np.float32), np.zeros((nx, ny, nz), np.float32)
    for i in prange(nx):
        _gather_slab(i, hull, origin, step, planes, trust, K, T, band, total, weight)
    return total, weight


@njit(cache=True, error_model="numpy")
def _gather_slab(i, hull, origin, step, planes, trust, K, T, band, total, weight):
    _, ny, nz = hull.shape
    r, h, w = trust.shape
    px = origin[0] + step * i
    for o in range(r):
        f, s, cx, g, cy = K[o, 0, 0], K[o, 0, 1], K[o, 0, 2], K[o, 1, 1], K[o, 1, 2]
        for j in range(ny):
            py = origin[1] + step * j
            for k in range(nz):
                if hull[i, j, k] > band:
                    continue
                pz = origin[2] + step * k
                c = T[o, 2, 0] * px + T[o, 2, 1] * py + T[o, 2, 2] * pz + T[o, 2, 3]
                if c <= 1e-6:
                    continue
                a = (T[o, 0, 0] * px + T[o, 0, 1] * py + T[o, 0, 2] * pz + T[o, 0, 3]) / c
                b = (T[o, 1, 0] * px + T[o, 1, 1] * py + T[o, 1, 2] * pz + T[o, 1, 3]) / c
                u, v = f * a + s * b + cx, g * b + cy
                x, y = int(np.floor(u)), int(np.floor(v))
                if x < 0 or y < 0 or x >= w or y >= h:
                    continue
                sure = trust[o, y, x]
                if sure <= 0:
                    continue
                q0, q1 = planes[o, y, x, 1], planes[o, y, x, 2]
                here = planes[o, y, x, 0] + q0 * (u - x - 0.5) + q1 * (v - y - 0.5)
                # The plane in camera axes is n · X = 1 with n = Kᵀ q.
                n0, n1 = f * q0, s * q0 + g * q1
                n2 = here - n0 * a - n1 * b
                size = np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
                distance = (1.0 - c * here) / size
                if distance < -band:
                    continue
                amount = sure * max(here, 0.0) / (size * np.sqrt(a * a + b * b + 1.0))
                if distance < 0:
                    amount *= 1.0 + distance / band  # what lies behind is less and less known
                total[i, j, k] += amount * min(distance, band)
                weight[i, j, k] += amount
