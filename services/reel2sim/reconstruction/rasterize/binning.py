"""Which surfels each tile has to draw, several cameras at a time."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from reel2sim.scene.drawing.binning import count_entries, list_entries
from reel2sim.scene.drawing.tiles import TILE


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
        seen[camera] = count_entries(camera, n, across, tiles, spans, offsets, starts)
    for tile in range(cameras * tiles):
        offsets[tile + 1] += offsets[tile]
    for i in range(cameras * n):
        starts[i + 1] += starts[i]
    ids = np.empty(offsets[-1], np.int32)
    places = np.empty(offsets[-1], np.int32)
    for camera in prange(cameras):
        list_entries(
            camera, n, across, tiles, spans, depths, seen[camera], offsets, starts, ids, places
        )
    return offsets, ids, starts, places
