"""Compiled kernel: composite a tile of pixels front to back.

A tile walks its surfels in depth order and handles one block of 4 × 4 pixels of one surfel at a
time: the lanes of a block are the last axis of a tile's state, and the loops over them have a
fixed length and do not branch, so that the compiler turns them into a few vector instructions.
Tiles are independent and share no sums, so results do not depend on the number of threads.

``rows`` hold what a picture needs to know of one surfel seen by one camera: the ten coefficients
of its pixel map (:func:`reel2sim.scene.drawing.projection.project_range`), opacity, features and,
where wanted, normal.
"""

# pyright: basic

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reel2sim.scene.drawing import model
from reel2sim.scene.drawing.lanes import LANES, row_max, spread

TILE = 16
"""Edge of a tile in pixels."""

OPACITY = 10
"""Column of ``rows`` that holds the opacity; the map's coefficients come before it."""

CHANNELS = 11
"""First column of ``rows`` that is composited: features, then perhaps three for the normal."""

EDGE = 4  # of a block
BLOCKS = TILE // EDGE
_CHECK_EVERY = 32  # list entries between looks which blocks are dark

# What a block keeps while it is drawn, one row of lanes each; channels follow.
LIGHT, DEPTH, LAST, SHARE, Z, MEDIAN, PIVOT, M1, M2, KEPT = range(10)

_f = np.float32
RHO_MAX = _f(2.0 * math.log(1.0 / model.ALPHA_MIN) + 0.01)
FAR = _f(1e30)
NEAR, LOW_PASS = _f(model.NEAR_M), _f(model.LOW_PASS)
A_MIN, A_MAX = _f(model.ALPHA_MIN), _f(model.ALPHA_MAX)
T_MIN = _f(model.TRANSMITTANCE_MIN)
HALF, W_MIN = _f(0.5), _f(1e-20)
_0, _1 = _f(0), _f(1)

# Reordering sums and fusing multiply-adds is safe; assuming that no value is infinite is not,
# since rays parallel to a surfel divide by zero before they are masked out.
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(inline="always", fastmath=FAST)
def falloff(rho):
    """exp(−rho / 2) for 0 ≤ rho ≤ about 11, to 2e-6: a polynomial, since libm's is not vector."""
    y = -rho * _f(1 / 32)
    t = _1 + y * (
        _1
        + y * (_f(1 / 2) + y * (_f(1 / 6) + y * (_f(1 / 24) + y * (_f(1 / 120) + y * _f(1 / 720)))))
    )
    t = t * t
    t = t * t
    t = t * t
    return t * t


@njit(inline="always")
def place(x, y):
    """Block and lane of the pixel ``x, y`` of a tile."""
    return (y // EDGE) * BLOCKS + x // EDGE, (y % EDGE) * EDGE + x % EDGE


@njit(inline="always")
def corner(tile, width, height):
    """Camera, left, top, columns and rows of a tile; tiles count on from camera to camera."""
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    camera, within = tile // (across * down), tile % (across * down)
    left, top = (within % across) * TILE, (within // across) * TILE
    return camera, left, top, min(TILE, width - left), min(TILE, height - top)


@njit(inline="always", fastmath=FAST)
def _extras(state, b, median, distorted):
    """Go on with the median and the moments of depth after a block was drawn."""
    if median:
        for n in range(LANES):
            new = (state[b, SHARE, n] > _0) & (state[b, LIGHT, n] < HALF)
            new &= state[b, MEDIAN, n] == _0
            state[b, MEDIAN, n] = state[b, Z, n] if new else state[b, MEDIAN, n]
    if distorted:
        for n in range(LANES):
            # About the first depth rather than zero: the spread is the small difference of two
            # large numbers otherwise.
            new = (state[b, SHARE, n] > _0) & (state[b, PIVOT, n] == _0)
            pivot = state[b, Z, n] if new else state[b, PIVOT, n]
            offset = state[b, Z, n] - pivot
            state[b, PIVOT, n] = pivot
            state[b, M1, n] += state[b, SHARE, n] * offset
            state[b, M2, n] += state[b, SHARE, n] * offset * offset


@njit(inline="always")
def _dark(state):
    """Blocks through which no light passes any more, one bit each."""
    dark = 0
    for b in range(BLOCKS * BLOCKS):
        if row_max(state, b, LIGHT) < T_MIN:
            dark |= 1 << b
    return dark


@njit(fastmath=FAST, error_model="numpy")
def draw_tile(
    tile, rows, spans, start, stop, ids, width, height, median, distorted, c, images, back
):  # fmt: skip
    """Draw one tile of one camera.

    Args:
        tile: its number; tiles count on from camera to camera.
        rows: surfels of all cameras ``(cameras · n, 11 + c)`` float32, or 14 + c with normals.
        spans: pixel bounds ``x0, x1, y0, y1`` of each ``(cameras · n, 4)`` int32, half-open.
        start: where the tile's list begins in ``ids``.
        stop: where it ends.
        ids: rows to draw, nearest first.
        width: pixels.
        height: pixels.
        median: whether to find the median depth.
        distorted: whether to sum the moments of depth.
        c: number of features.
        images: receive features ``(cameras, h, w, c)``, normals ``(…, 3)``, alpha, depth, median
            depth ``(cameras, h, w)``, and first depth with the first and second moment of depth
            about it ``(3, cameras, h, w)``. Those that are not wanted may be empty.
        back: receive, for the way back, transmittance, the number of list entries each pixel went
            through ``(cameras, h, w)`` and, one bit per block, where each entry drew anything
            ``(entries,)`` int32, zero before.
    """
    out, out_normal, out_alpha, out_depth, out_median, out_moments = images
    out_light, out_last, drew = back
    channels = rows.shape[1] - CHANNELS
    camera, left, top, columns, lines = corner(tile, width, height)
    # Light is zero and nothing drawn off the image.
    state = np.zeros((BLOCKS * BLOCKS, KEPT + channels, LANES), np.float32)
    for y in range(lines):
        for x in range(columns):
            b, n = place(x, y)
            state[b, LIGHT, n] = _1
    dark = _dark(state)
    for k in range(start, stop):
        if (k - start) % _CHECK_EVERY == _CHECK_EVERY - 1:
            dark = _dark(state)
            if dark == (1 << (BLOCKS * BLOCKS)) - 1:
                break
        i = ids[k]
        entry = _f(k - start + 1)
        cx = rows[i, 0] - _f(left) - HALF
        cy = rows[i, 1] - _f(top) - HALF
        a1, a2, b1, b2 = rows[i, 2], rows[i, 3], rows[i, 4], rows[i, 5]
        g1, g2, q, pz = rows[i, 6], rows[i, 7], rows[i, 8], rows[i, 9]
        op, pzq = rows[i, OPACITY], pz * q
        x0, x1 = max(spans[i, 0] - left, 0), min(spans[i, 1] - left, columns)
        y0, y1 = max(spans[i, 2] - top, 0), min(spans[i, 3] - top, lines)
        for by in range(y0 // EDGE, (y1 + EDGE - 1) // EDGE):
            for bx in range(x0 // EDGE, (x1 + EDGE - 1) // EDGE):
                b = by * BLOCKS + bx
                if dark >> b & 1:
                    continue
                left_x, top_y = _f(bx * EDGE) - cx, _f(by * EDGE) - cy
                for n in range(LANES):
                    dx = left_x + _f(n % EDGE)
                    dy = top_y + _f(n // EDGE)
                    w = g1 * dx + g2 * dy + q
                    inv = _1 / (w if w > W_MIN else _1)
                    u = (a1 * dx + a2 * dy) * inv
                    v = (b1 * dx + b2 * dy) * inv
                    hit_z = pzq * inv
                    rho_plane = u * u + v * v if (w > W_MIN) & (hit_z > NEAR) else FAR
                    rho_pixel = LOW_PASS * (dx * dx + dy * dy)
                    z = hit_z if rho_plane <= rho_pixel else pz
                    rho = min(min(rho_plane, rho_pixel), RHO_MAX)
                    alpha = min(op * falloff(rho), A_MAX)
                    light = state[b, LIGHT, n]
                    drawn = (alpha >= A_MIN) & (light >= T_MIN)
                    alpha = alpha if drawn else _0
                    share = alpha * light
                    state[b, SHARE, n] = share
                    state[b, Z, n] = z
                    state[b, DEPTH, n] += share * z
                    state[b, LIGHT, n] = light * (_1 - alpha)
                    state[b, LAST, n] = entry if drawn else state[b, LAST, n]
                if row_max(state, b, SHARE) == _0:
                    continue
                drew[k] |= 1 << b
                spread(state, b, KEPT, state, SHARE, rows, i, CHANNELS, channels)
                if median | distorted:
                    _extras(state, b, median, distorted)
    for y in range(lines):
        for x in range(columns):
            b, n = place(x, y)
            h, w = top + y, left + x
            out_depth[camera, h, w] = state[b, DEPTH, n]
            out_light[camera, h, w] = state[b, LIGHT, n]
            out_alpha[camera, h, w] = _1 - state[b, LIGHT, n]
            out_last[camera, h, w] = state[b, LAST, n]
            for f in range(c):
                out[camera, h, w, f] = state[b, KEPT + f, n]
            for f in range(channels - c):
                out_normal[camera, h, w, f] = state[b, KEPT + c + f, n]
            if median:
                out_median[camera, h, w] = state[b, MEDIAN, n]
            if distorted:
                for f in range(3):
                    out_moments[f, camera, h, w] = state[b, PIVOT + f, n]
