"""Compiled kernel: draw all tiles of all cameras, several at a time.

Tiles are independent and share no sums, so results do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from reel2sim.scene.drawing.tiles import CHANNELS, FAST, draw_tile


@njit(parallel=True, cache=True, fastmath=FAST, error_model="numpy")
def composite(rows, spans, offsets, ids, cameras, width, height, median, distorted):
    """Draw all tiles of all cameras.

    Args:
        rows: surfels of all cameras ``(cameras · n, 14 + c)`` float32.
        spans: pixel bounds ``x0, x1, y0, y1`` of each ``(cameras · n, 4)`` int32, half-open.
        offsets: start of each tile's list in ``ids`` ``(tiles + 1,)``.
        ids: rows to draw in each tile, nearest first.
        cameras: how many.
        width: pixels.
        height: pixels.
        median: whether to find the median depth.
        distorted: whether to sum the moments of depth.

    Returns:
        Features ``(cameras, h, w, c)``, normals ``(…, 3)``, alpha, depth; median depth
        ``(cameras, h, w)`` or empty; first depth and first and second moment of depth about it
        ``(3, cameras, h, w)`` or empty; and for the way back transmittance, the number of list
        entries each pixel went through ``(cameras, h, w)`` and, one bit per block, where each
        entry drew anything ``(entries,)`` int32.
    """
    channels = rows.shape[1] - CHANNELS
    c = channels - 3
    shape = (cameras, height, width)
    out, out_normal = np.empty((*shape, c), np.float32), np.empty((*shape, 3), np.float32)
    out_alpha, out_depth = np.empty(shape, np.float32), np.empty(shape, np.float32)
    out_light, out_last = np.empty(shape, np.float32), np.empty(shape, np.float32)
    out_median = np.empty((cameras if median else 0, height, width), np.float32)
    out_moments = np.empty((3, cameras if distorted else 0, height, width), np.float32)
    drew = np.zeros(ids.shape[0], np.int32)
    images = (out, out_normal, out_alpha, out_depth, out_median, out_moments)
    back = (out_light, out_last, drew)
    for tile in prange(offsets.shape[0] - 1):
        draw_tile(
            tile, rows, spans, offsets[tile], offsets[tile + 1], ids, width, height, median,
            distorted, c, images, back,
        )  # fmt: skip
    return images, back
