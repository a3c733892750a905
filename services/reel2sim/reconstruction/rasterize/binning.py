"""Which pixels a surfel can touch, and which surfels each tile has to draw, nearest first."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from reel2sim.reconstruction.rasterize.kernels import TILE
from reel2sim.reconstruction.rasterize.model import ALPHA_MIN, LOW_PASS

_MARGIN_PX = 0.02  # covers rounding, so that bounds never cut off what the formula would draw


@njit(parallel=True, cache=True)
def pixel_spans(axis_u, axis_v, centers, drawn, opacities, K, width, height):
    """Pixel bounds of every surfel.

    A surfel shows where its Gaussian, or the low-pass filter about its centre, is above the
    least visible alpha. The outline of the former is a conic: ``T diag(r², r², −1) Tᵀ`` with the
    plane-to-pixel homography ``T``, whose extreme coordinates solve a quadratic.

    Args:
        axis_u: scaled tangents ``(n, 3)``, metres, camera.
        axis_v: likewise.
        centers: ``(n, 3)``, metres, camera.
        drawn: surfels that may be drawn at all ``(n,)``.
        opacities: ``(n,)``.
        K: intrinsics ``(3, 3)`` float64.
        width: pixels.
        height: pixels.

    Returns:
        ``(n, 4)`` int32 ``x0, x1, y0, y1``, half-open, clipped; empty ones are all zero.
    """
    n = centers.shape[0]
    spans = np.zeros((n, 4), np.int32)
    for i in prange(n):
        if not drawn[i] or opacities[i] < ALPHA_MIN:
            continue
        r2 = 2.0 * math.log(opacities[i] / ALPHA_MIN)
        halo = math.sqrt(r2 / LOW_PASS)
        u2, v2, p2 = float(axis_u[i, 2]), float(axis_v[i, 2]), float(centers[i, 2])
        whole = r2 * (u2 * u2 + v2 * v2) - p2 * p2
        empty = False
        for axis in range(2):
            size = width if axis == 0 else height
            u = v = p = 0.0
            for j in range(3):
                u += K[axis, j] * axis_u[i, j]
                v += K[axis, j] * axis_v[i, j]
                p += K[axis, j] * centers[i, j]
            if whole < 0.0:
                middle = (r2 * (u * u2 + v * v2) - p * p2) / whole
                square = middle * middle - (r2 * (u * u + v * v) - p * p) / whole
                reach = math.sqrt(max(square, 0.0)) * (1.0 + 1e-6)
                low = min(middle - reach, p / p2 - halo) - _MARGIN_PX
                high = max(middle + reach, p / p2 + halo) + _MARGIN_PX
            else:  # it reaches behind the camera: no bound holds
                low, high = 0.0, float(size)
            first = int(min(max(math.ceil(low - 0.5), 0.0), float(size)))
            stop = int(min(max(math.floor(high - 0.5) + 1.0, 0.0), float(size)))
            empty |= first >= stop
            spans[i, 2 * axis], spans[i, 2 * axis + 1] = first, stop
        if empty:
            spans[i, :] = 0
    return spans


@njit(cache=True)
def tile_lists(spans, order, width, height):
    """Surfels of each tile in ``order``.

    Returns:
        ``offsets`` ``(tiles + 1,)`` int64 and ``ids`` int32.
    """
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    offsets = np.zeros(across * down + 1, np.int64)
    for i in range(spans.shape[0]):
        if spans[i, 1] > spans[i, 0]:
            for ty in range(spans[i, 2] // TILE, (spans[i, 3] - 1) // TILE + 1):
                for tx in range(spans[i, 0] // TILE, (spans[i, 1] - 1) // TILE + 1):
                    offsets[ty * across + tx + 1] += 1
    for tile in range(across * down):
        offsets[tile + 1] += offsets[tile]
    cursor = offsets[:-1].copy()
    ids = np.empty(offsets[-1], np.int32)
    for j in range(order.shape[0]):
        i = order[j]
        if spans[i, 1] > spans[i, 0]:
            for ty in range(spans[i, 2] // TILE, (spans[i, 3] - 1) // TILE + 1):
                for tx in range(spans[i, 0] // TILE, (spans[i, 1] - 1) // TILE + 1):
                    tile = ty * across + tx
                    ids[cursor[tile]] = i
                    cursor[tile] += 1
    return offsets, ids
