"""Compiled kernels: composite tiles of pixels front to back, and differentiate back to front.

A tile walks its surfels in depth order and handles one block of 4 × 4 pixels of one surfel at a
time: the lanes of a block are the last axis of every array of a tile, and the loops over them have
a fixed length and do not branch, so that the compiler turns them into a few vector instructions.
Tiles are independent and share no sums, so results do not depend on the number of threads.

Array layout: a surfel's ten map coefficients are those of
:func:`reel2sim.reconstruction.rasterize.projection.pixel_maps`; ``channels`` hold what is
composited besides depth.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from reel2sim.reconstruction.rasterize.model import (
    ALPHA_MAX,
    ALPHA_MIN,
    LOW_PASS,
    NEAR_M,
    TRANSMITTANCE_MIN,
)

TILE = 16
"""Edge of a tile in pixels."""

_EDGE = 4  # of a block
_BLOCKS = TILE // _EDGE
_LANES = _EDGE * _EDGE
_CHECK_EVERY = 64  # list entries between looks whether the whole tile is dark

# Sums of one surfel over the pixels of a tile: of the gradients with respect to numerators and
# denominator of its map, bare and times the pixel offset, and the others the map is made of.
_SU, _SUX, _SUY, _SV, _SVX, _SVY, _SW, _SWX, _SWY = 0, 1, 2, 3, 4, 5, 6, 7, 8
_SPX, _SPY, _S_INV, _S_PZ, _S_OP, _SUMS = 9, 10, 11, 12, 13, 14

MAP_SIZE = 10
"""Coefficients of one surfel's pixel map."""

_f = np.float32
_RHO_MAX = _f(2.0 * math.log(1.0 / ALPHA_MIN) + 0.01)
_FAR = _f(1e30)
_NEAR, _LOW_PASS = _f(NEAR_M), _f(LOW_PASS)
_A_MIN, _A_MAX, _T_MIN = _f(ALPHA_MIN), _f(ALPHA_MAX), _f(TRANSMITTANCE_MIN)
_0, _1, _2, _HALF, _W_MIN = _f(0), _f(1), _f(2), _f(0.5), _f(1e-20)

# Reordering sums and fusing multiply-adds is safe; assuming that no value is infinite is not,
# since rays parallel to a surfel divide by zero before they are masked out.
_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(inline="always", fastmath=_FAST)
def _falloff(rho):
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
def _lane_offsets():
    """Position of each lane in its block, pixels."""
    x, y = np.empty(_LANES, np.float32), np.empty(_LANES, np.float32)
    for n in range(_LANES):
        x[n], y[n] = n % _EDGE, n // _EDGE
    return x, y


@njit(inline="always")
def _place(x, y):
    """Block and lane of the pixel ``x, y`` of a tile."""
    return (y // _EDGE) * _BLOCKS + x // _EDGE, (y % _EDGE) * _EDGE + x % _EDGE


@njit(parallel=True, cache=True, fastmath=_FAST, error_model="numpy")
def composite(maps, opacities, channels, spans, offsets, ids, width, height):
    """Draw all tiles.

    Args:
        maps: pixel maps ``(n, 10)`` float32.
        opacities: ``(n,)`` float32.
        channels: ``(n, c)`` float32.
        spans: pixel bounds ``x0, x1, y0, y1`` of each surfel ``(n, 4)`` int32, half-open.
        offsets: start of each tile's list in ``ids`` ``(tiles + 1,)``.
        ids: surfels of each tile, nearest first.
        width: pixels.
        height: pixels.

    Returns:
        Channels ``(h, w, c)``, depth ``(h, w)``, transmittance ``(h, w)`` and, for the way back,
        the number of list entries each pixel went through ``(h, w)`` int32 and, one bit per
        block, where each entry drew anything ``(entries,)`` int32.
    """
    c = channels.shape[1]
    across = (width + TILE - 1) // TILE
    out = np.empty((height, width, c), np.float32)
    out_depth = np.empty((height, width), np.float32)
    out_light = np.empty((height, width), np.float32)
    out_last = np.empty((height, width), np.int32)
    drew = np.zeros(ids.shape[0], np.int32)
    for tile in prange(offsets.shape[0] - 1):
        left, top = (tile % across) * TILE, (tile // across) * TILE
        rows, columns = min(TILE, height - top), min(TILE, width - left)
        lane_x, lane_y = _lane_offsets()
        light = np.zeros((_BLOCKS**2, _LANES), np.float32)  # dark, so not drawn, off the image
        last = np.zeros((_BLOCKS**2, _LANES), np.int32)
        depth = np.zeros((_BLOCKS**2, _LANES), np.float32)
        sums = np.zeros((_BLOCKS**2, c, _LANES), np.float32)
        share = np.empty(_LANES, np.float32)
        for y in range(rows):
            for x in range(columns):
                light[_place(x, y)] = _1
        start = offsets[tile]
        for k in range(start, offsets[tile + 1]):
            if (k - start) % _CHECK_EVERY == _CHECK_EVERY - 1 and light.max() < _T_MIN:
                break
            i = ids[k]
            entry = np.int32(k - start + 1)
            cx = maps[i, 0] - _f(left) - _HALF
            cy = maps[i, 1] - _f(top) - _HALF
            a1, a2, b1, b2 = maps[i, 2], maps[i, 3], maps[i, 4], maps[i, 5]
            g1, g2, q, pz = maps[i, 6], maps[i, 7], maps[i, 8], maps[i, 9]
            op, pzq = opacities[i], pz * q
            x0, x1 = max(spans[i, 0] - left, 0), min(spans[i, 1] - left, columns)
            y0, y1 = max(spans[i, 2] - top, 0), min(spans[i, 3] - top, rows)
            for by in range(y0 // _EDGE, (y1 + _EDGE - 1) // _EDGE):
                for bx in range(x0 // _EDGE, (x1 + _EDGE - 1) // _EDGE):
                    b = by * _BLOCKS + bx
                    left_x, top_y = _f(bx * _EDGE) - cx, _f(by * _EDGE) - cy
                    drawn_here = _0
                    for n in range(_LANES):
                        dx = left_x + lane_x[n]
                        dy = top_y + lane_y[n]
                        w = g1 * dx + g2 * dy + q
                        inv = _1 / (w if w > _W_MIN else _1)
                        u = (a1 * dx + a2 * dy) * inv
                        v = (b1 * dx + b2 * dy) * inv
                        hit_z = pzq * inv
                        rho_plane = u * u + v * v if (w > _W_MIN) & (hit_z > _NEAR) else _FAR
                        rho_pixel = _LOW_PASS * (dx * dx + dy * dy)
                        z = hit_z if rho_plane <= rho_pixel else pz
                        rho = min(min(rho_plane, rho_pixel), _RHO_MAX)
                        alpha = min(op * _falloff(rho), _A_MAX)
                        drawn = (alpha >= _A_MIN) & (light[b, n] >= _T_MIN)
                        alpha = alpha if drawn else _0
                        share[n] = alpha * light[b, n]
                        drawn_here += alpha
                        depth[b, n] += share[n] * z
                        light[b, n] *= _1 - alpha
                        last[b, n] = entry if drawn else last[b, n]
                    if drawn_here == _0:
                        continue
                    drew[k] |= 1 << b
                    for f in range(c):
                        value = channels[i, f]
                        for n in range(_LANES):
                            sums[b, f, n] += share[n] * value
        for y in range(rows):
            for x in range(columns):
                b, n = _place(x, y)
                out_depth[top + y, left + x] = depth[b, n]
                out_light[top + y, left + x] = light[b, n]
                out_last[top + y, left + x] = last[b, n]
                for f in range(c):
                    out[top + y, left + x, f] = sums[b, f, n]
    return out, out_depth, out_light, out_last, drew


@njit(inline="always", fastmath=_FAST)
def _collect(grads, k, sums, s, maps, i):
    """Turn the per-lane sums of surfel ``i`` in one tile into the gradients of list entry ``k``."""
    for j in range(sums.shape[0]):
        total = _0
        for n in range(_LANES):
            total += sums[j, n]
        s[j] = total
    grads[k, 0] = -(s[_SU] * maps[i, 2] + s[_SV] * maps[i, 4] + s[_SW] * maps[i, 6])
    grads[k, 1] = -(s[_SU] * maps[i, 3] + s[_SV] * maps[i, 5] + s[_SW] * maps[i, 7])
    grads[k, 0] -= _2 * _LOW_PASS * s[_SPX]
    grads[k, 1] -= _2 * _LOW_PASS * s[_SPY]
    grads[k, 2], grads[k, 3] = s[_SUX], s[_SUY]
    grads[k, 4], grads[k, 5] = s[_SVX], s[_SVY]
    grads[k, 6], grads[k, 7] = s[_SWX], s[_SWY]
    grads[k, 8] = s[_SW] + maps[i, 9] * s[_S_INV]
    grads[k, 9] = maps[i, 8] * s[_S_INV] + s[_S_PZ]
    grads[k, 10] = s[_S_OP]
    for f in range(s.shape[0] - _SUMS):
        grads[k, MAP_SIZE + 1 + f] = s[_SUMS + f]


@njit(parallel=True, cache=True, fastmath=_FAST, error_model="numpy")
def composite_backward(
    maps,
    opacities,
    channels,
    offsets,
    ids,
    first,
    stop,
    light_out,
    last_out,
    drew,
    grad_out,
    grad_depth,
    grad_light,
):
    """Gradients of tiles ``first`` to ``stop`` for each entry of their lists.

    Args:
        maps: as for :func:`composite`, like the next four.
        opacities: see above.
        channels: see above.
        offsets: see above.
        ids: see above.
        first: first tile.
        stop: one past the last tile.
        light_out: transmittance the forward pass returned ``(h, w)``.
        last_out: list entries it went through ``(h, w)``.
        drew: blocks each entry drew in ``(entries,)``.
        grad_out: gradient of the channels ``(h, w, c)``.
        grad_depth: gradient of the depth ``(h, w)``.
        grad_light: gradient of the transmittance ``(h, w)``.

    Returns:
        ``(entries, 11 + c)``: columns for the ten map coefficients, opacity and channels.
    """
    c = channels.shape[1]
    height, width = light_out.shape
    across = (width + TILE - 1) // TILE
    base = offsets[first]
    grads = np.zeros((offsets[stop] - base, MAP_SIZE + 1 + c), np.float32)
    for tile in prange(first, stop):
        left, top = (tile % across) * TILE, (tile // across) * TILE
        rows, columns = min(TILE, height - top), min(TILE, width - left)
        lane_x, lane_y = _lane_offsets()
        light = np.zeros((_BLOCKS**2, _LANES), np.float32)
        last = np.zeros((_BLOCKS**2, _LANES), np.int32)
        behind = np.zeros((_BLOCKS**2, _LANES), np.float32)
        g_out = np.zeros((_BLOCKS**2, c, _LANES), np.float32)
        g_depth = np.zeros((_BLOCKS**2, _LANES), np.float32)
        share = np.empty(_LANES, np.float32)
        value = np.empty(_LANES, np.float32)
        deepest = 0
        for y in range(rows):
            for x in range(columns):
                b, n = _place(x, y)
                light[b, n] = light_out[top + y, left + x]
                last[b, n] = last_out[top + y, left + x]
                deepest = max(deepest, last[b, n])
                # What lies behind the last surfel is the light that gets through.
                behind[b, n] = grad_light[top + y, left + x] * light[b, n]
                g_depth[b, n] = grad_depth[top + y, left + x]
                for f in range(c):
                    g_out[b, f, n] = grad_out[top + y, left + x, f]
        sums = np.zeros((_SUMS + c, _LANES), np.float32)
        total = np.empty(_SUMS + c, np.float32)
        start = offsets[tile]
        for k in range(start + deepest - 1, start - 1, -1):
            if drew[k] == 0:
                continue
            sums[:] = _0
            i = ids[k]
            entry = np.int32(k - start + 1)
            cx = maps[i, 0] - _f(left) - _HALF
            cy = maps[i, 1] - _f(top) - _HALF
            a1, a2, b1, b2 = maps[i, 2], maps[i, 3], maps[i, 4], maps[i, 5]
            g1, g2, q, pz = maps[i, 6], maps[i, 7], maps[i, 8], maps[i, 9]
            op, pzq = opacities[i], pz * q
            for b in range(_BLOCKS * _BLOCKS):
                if not drew[k] >> b & 1:
                    continue
                left_x, top_y = _f(b % _BLOCKS * _EDGE) - cx, _f(b // _BLOCKS * _EDGE) - cy
                for n in range(_LANES):
                    value[n] = _0
                for f in range(c):
                    channel = channels[i, f]
                    for n in range(_LANES):
                        value[n] += channel * g_out[b, f, n]
                for n in range(_LANES):
                    dx = left_x + lane_x[n]
                    dy = top_y + lane_y[n]
                    w = g1 * dx + g2 * dy + q
                    inv = _1 / (w if w > _W_MIN else _1)
                    u = (a1 * dx + a2 * dy) * inv
                    v = (b1 * dx + b2 * dy) * inv
                    hit_z = pzq * inv
                    rho_plane = u * u + v * v if (w > _W_MIN) & (hit_z > _NEAR) else _FAR
                    rho_pixel = _LOW_PASS * (dx * dx + dy * dy)
                    on_plane = rho_plane <= rho_pixel
                    z = hit_z if on_plane else pz
                    fall = _falloff(min(min(rho_plane, rho_pixel), _RHO_MAX))
                    raw = op * fall
                    alpha = min(raw, _A_MAX)
                    drawn = (alpha >= _A_MIN) & (entry <= last[b, n])
                    alpha = alpha if drawn else _0

                    passed = _1 / (_1 - alpha)
                    before = light[b, n] * passed
                    weight = alpha * before
                    gain = value[n] + z * g_depth[b, n]
                    g_raw = before * gain - behind[b, n] * passed
                    g_raw = g_raw if drawn & (raw < _A_MAX) else _0
                    g_z = weight * g_depth[b, n]
                    behind[b, n] += weight * gain
                    light[b, n] = before
                    share[n] = weight

                    g_rho = -_HALF * g_raw * raw
                    g_plane = g_rho if on_plane else _0
                    g_pixel = g_rho - g_plane
                    g_hit = g_z if on_plane else _0
                    gu = _2 * g_plane * u * inv
                    gv = _2 * g_plane * v * inv
                    gw = -(gu * u + gv * v) - g_hit * hit_z * inv
                    sums[_SU, n] += gu
                    sums[_SUX, n] += gu * dx
                    sums[_SUY, n] += gu * dy
                    sums[_SV, n] += gv
                    sums[_SVX, n] += gv * dx
                    sums[_SVY, n] += gv * dy
                    sums[_SW, n] += gw
                    sums[_SWX, n] += gw * dx
                    sums[_SWY, n] += gw * dy
                    sums[_SPX, n] += g_pixel * dx
                    sums[_SPY, n] += g_pixel * dy
                    sums[_S_INV, n] += g_hit * inv
                    sums[_S_PZ, n] += g_z - g_hit
                    sums[_S_OP, n] += g_raw * fall
                for f in range(c):
                    for n in range(_LANES):
                        sums[_SUMS + f, n] += share[n] * g_out[b, f, n]
            _collect(grads, k - base, sums, total, maps, i)
    return grads


@njit(parallel=True, cache=True)
def sum_entries(grads, ids, target, blocks):
    """Add each list entry's gradients to its surfel's row of ``target`` ``(n, columns)``.

    Every thread owns a range of surfels, so sums always run in the same order.
    """
    n, columns = target.shape
    for block in prange(blocks):
        low, high = n * block // blocks, n * (block + 1) // blocks
        for k in range(ids.shape[0]):
            i = ids[k]
            if low <= i < high:
                for f in range(columns):
                    target[i, f] += grads[k, f]
