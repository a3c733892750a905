"""Which surfels each tile has to draw, nearest first."""

# pyright: basic

from __future__ import annotations

import numpy as np
from numba import njit

from reel2sim.scene.drawing.tiles import TILE

_DIGIT = 11  # bits a pass of the radix sort takes; three cover a float32


@njit
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


@njit
def count_entries(camera, n, across, tiles, spans, offsets, starts):
    """Count what one camera's tiles have to draw.

    Args:
        camera: whose tiles.
        n: surfels of a camera.
        across: tiles in a row.
        tiles: of a camera.
        spans: pixel bounds ``x0, x1, y0, y1`` ``(cameras · n, 4)`` int32, half-open.
        offsets: receives how many rows each tile draws, one place late ``(cameras · tiles + 1,)``.
        starts: receives how many tiles draw each row, one place late ``(cameras · n + 1,)``.

    Returns:
        How many surfels the camera sees.
    """
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
    return count


@njit
def list_entries(camera, n, across, tiles, spans, depths, seen, offsets, starts, ids, places):
    """Write the lists of one camera's tiles.

    Args:
        camera: as for :func:`count_entries`, like the next four.
        n: see above.
        across: see above.
        tiles: see above.
        spans: see above.
        depths: what to sort by ``(cameras · n,)`` float32, positive where the span is not empty.
        seen: how many surfels the camera sees.
        offsets: where each tile begins in ``ids``.
        starts: where each row begins in ``places``.
        ids: receives the rows to draw, int32.
        places: receives each row's entries in ``ids``, int32.
    """
    visible = np.empty(seen, np.int32)
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
