"""Which surfels each tile has to draw, nearest first."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from reel2sim.reconstruction.rasterize.kernels import TILE

_DIGIT = 11  # bits a pass of the radix sort takes; three cover a float32


@njit(cache=True)
def depth_order(depths, visible):
    """``visible`` sorted by depth; equal depths keep their order.

    Args:
        depths: positive ``(n,)`` float32.
        visible: indices into it ``(m,)`` int32; overwritten.
    """
    keys = depths.view(np.int32)  # of positive floats: in the same order
    source, target = visible, np.empty_like(visible)
    mask = (1 << _DIGIT) - 1
    for shift in (0, _DIGIT, 2 * _DIGIT):
        starts = np.zeros((1 << _DIGIT) + 1, np.int32)
        for i in source:
            starts[(keys[i] >> shift & mask) + 1] += 1
        for digit in range(1 << _DIGIT):
            starts[digit + 1] += starts[digit]
        for i in source:
            digit = keys[i] >> shift & mask
            target[starts[digit]] = i
            starts[digit] += 1
        source, target = target, source
    return source


@njit(parallel=True, cache=True)
def tile_lists(spans, depths, cameras, width, height):
    """Lists of the tiles of all cameras.

    Args:
        spans: pixel bounds ``x0, x1, y0, y1`` ``(cameras · n, 4)`` int32, half-open.
        depths: what to sort by ``(cameras · n,)`` float32, positive where the span is not empty.
        cameras: how many.
        width: pixels.
        height: pixels.

    Returns:
        ``offsets`` ``(tiles + 1,)`` int64: where each tile begins in ``ids`` int32, the rows to
        draw there; ``starts`` ``(cameras · n + 1,)`` int64: where each row begins in ``places``
        int32, its entries in ``ids``.
    """
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    n, tiles = spans.shape[0] // max(cameras, 1), across * down
    offsets = np.zeros(cameras * tiles + 1, np.int64)
    starts = np.zeros(cameras * n + 1, np.int64)
    seen = np.zeros(cameras, np.int64)
    for camera in prange(cameras):
        count = 0
        for i in range(camera * n, (camera + 1) * n):
            if spans[i, 1] > spans[i, 0]:
                count += 1
                left, right = spans[i, 0] // TILE, (spans[i, 1] - 1) // TILE + 1
                top, bottom = spans[i, 2] // TILE, (spans[i, 3] - 1) // TILE + 1
                starts[i + 1] = (right - left) * (bottom - top)
                for ty in range(top, bottom):
                    for tx in range(left, right):
                        offsets[camera * tiles + ty * across + tx + 1] += 1
        seen[camera] = count
    for tile in range(cameras * tiles):
        offsets[tile + 1] += offsets[tile]
    for i in range(cameras * n):
        starts[i + 1] += starts[i]
    ids = np.empty(offsets[-1], np.int32)
    places = np.empty(offsets[-1], np.int32)
    for camera in prange(cameras):
        visible = np.empty(seen[camera], np.int32)
        m = 0
        for i in range(camera * n, (camera + 1) * n):
            if spans[i, 1] > spans[i, 0]:
                visible[m] = i
                m += 1
        cursor = offsets[camera * tiles : (camera + 1) * tiles].copy()
        for i in depth_order(depths, visible):
            place = starts[i]
            for ty in range(spans[i, 2] // TILE, (spans[i, 3] - 1) // TILE + 1):
                for tx in range(spans[i, 0] // TILE, (spans[i, 1] - 1) // TILE + 1):
                    k = cursor[ty * across + tx]
                    ids[k], places[place] = i, k
                    cursor[ty * across + tx] = k + 1
                    place += 1
    return offsets, ids, starts, places
