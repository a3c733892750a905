"""Compiled kernels: composite tiles of pixels front to back, and differentiate back to front.

A tile walks its surfels in depth order and handles one row of pixels of one surfel at a time,
without branches, so that the compiler turns each row into a few vector instructions. Tiles are
independent: they share no sums, so results do not depend on the number of threads.

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
"""Edge of a tile in pixels; a row of it fills whole vector registers."""

MAP_SIZE = 10
"""Coefficients of one surfel's pixel map."""

_f = np.float32
_RHO_MAX = _f(2.0 * math.log(1.0 / ALPHA_MIN) + 0.01)
_FAR = _f(1e30)
_NEAR, _LOW_PASS = _f(NEAR_M), _f(LOW_PASS)
_A_MIN, _A_MAX, _T_MIN = _f(ALPHA_MIN), _f(ALPHA_MAX), _f(TRANSMITTANCE_MIN)
_0, _1, _HALF, _W_MIN = _f(0), _f(1), _f(0.5), _f(1e-20)

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
        the number of list entries each pixel went through ``(h, w)`` int32.
    """
    c = channels.shape[1]
    across = (width + TILE - 1) // TILE
    out = np.empty((height, width, c), np.float32)
    out_depth = np.empty((height, width), np.float32)
    out_light = np.empty((height, width), np.float32)
    out_last = np.empty((height, width), np.int32)
    for tile in prange(offsets.shape[0] - 1):
        left, top = (tile % across) * TILE, (tile // across) * TILE
        light = np.ones((TILE, TILE), np.float32)
        depth = np.zeros((TILE, TILE), np.float32)
        last = np.zeros((TILE, TILE), np.int32)
        sums = np.zeros((c, TILE, TILE), np.float32)
        weight = np.empty(TILE, np.float32)
        start = offsets[tile]
        for k in range(start, offsets[tile + 1]):
            i = ids[k]
            entry = np.int32(k - start + 1)
            cx = maps[i, 0] - _f(left) - _HALF
            cy = maps[i, 1] - _f(top) - _HALF
            a1, a2, b1, b2 = maps[i, 2], maps[i, 3], maps[i, 4], maps[i, 5]
            g1, g2, q, pz = maps[i, 6], maps[i, 7], maps[i, 8], maps[i, 9]
            op, pzq = opacities[i], pz * q
            for y in range(max(spans[i, 2] - top, 0), min(spans[i, 3] - top, TILE)):
                dy = _f(y) - cy
                for x in range(TILE):
                    dx = _f(x) - cx
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
                    drawn = (alpha >= _A_MIN) & (light[y, x] >= _T_MIN)
                    alpha = alpha if drawn else _0
                    share = alpha * light[y, x]
                    weight[x] = share
                    depth[y, x] += share * z
                    light[y, x] *= _1 - alpha
                    last[y, x] = entry if drawn else last[y, x]
                for f in range(c):
                    value = channels[i, f]
                    for x in range(TILE):
                        sums[f, y, x] += weight[x] * value
            if k & 15 == 15 and light.max() < _T_MIN:
                break
        for y in range(min(TILE, height - top)):
            for x in range(min(TILE, width - left)):
                out_depth[top + y, left + x] = depth[y, x]
                out_light[top + y, left + x] = light[y, x]
                out_last[top + y, left + x] = last[y, x]
                for f in range(c):
                    out[top + y, left + x, f] = sums[f, y, x]
    return out, out_depth, out_light, out_last


@njit(parallel=True, cache=True, fastmath=_FAST, error_model="numpy")
def composite_backward(
    maps,
    opacities,
    channels,
    spans,
    offsets,
    ids,
    first,
    stop,
    light_out,
    last_out,
    grad_out,
    grad_depth,
    grad_light,
):
    """Gradients of tiles ``first`` to ``stop`` for each entry of their lists.

    Args:
        maps: as for :func:`composite`, like the next five.
        opacities: see above.
        channels: see above.
        spans: see above.
        offsets: see above.
        ids: see above.
        first: first tile.
        stop: one past the last tile.
        light_out: transmittance the forward pass returned ``(h, w)``.
        last_out: list entries it went through ``(h, w)``.
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
        light = np.ones((TILE, TILE), np.float32)
        last = np.zeros((TILE, TILE), np.int32)
        behind = np.zeros((TILE, TILE), np.float32)
        g_out = np.zeros((c, TILE, TILE), np.float32)
        g_z = np.zeros((TILE, TILE), np.float32)
        weight = np.empty(TILE, np.float32)
        value = np.empty(TILE, np.float32)
        deepest = 0
        for y in range(min(TILE, height - top)):
            for x in range(min(TILE, width - left)):
                light[y, x] = light_out[top + y, left + x]
                last[y, x] = last_out[top + y, left + x]
                deepest = max(deepest, last[y, x])
                # What lies behind the last surfel is the light that gets through.
                behind[y, x] = grad_light[top + y, left + x] * light[y, x]
                g_z[y, x] = grad_depth[top + y, left + x]
                for f in range(c):
                    g_out[f, y, x] = grad_out[top + y, left + x, f]
        start = offsets[tile]
        for k in range(start + deepest - 1, start - 1, -1):
            i = ids[k]
            entry = np.int32(k - start + 1)
            row = grads[k - base]
            cx = maps[i, 0] - _f(left) - _HALF
            cy = maps[i, 1] - _f(top) - _HALF
            a1, a2, b1, b2 = maps[i, 2], maps[i, 3], maps[i, 4], maps[i, 5]
            g1, g2, q, pz = maps[i, 6], maps[i, 7], maps[i, 8], maps[i, 9]
            op, pzq = opacities[i], pz * q
            su = sux = suy = sv = svx = svy = sw = swx = swy = _0
            spx = spy = s_inv = s_pz = s_op = _0
            for y in range(max(spans[i, 2] - top, 0), min(spans[i, 3] - top, TILE)):
                dy = _f(y) - cy
                for x in range(TILE):
                    value[x] = _0
                for f in range(c):
                    channel = channels[i, f]
                    for x in range(TILE):
                        value[x] += channel * g_out[f, y, x]
                ru = rux = rv = rvx = rw = rwx = rp = _0
                for x in range(TILE):
                    dx = _f(x) - cx
                    w = g1 * dx + g2 * dy + q
                    inv = _1 / (w if w > _W_MIN else _1)
                    u = (a1 * dx + a2 * dy) * inv
                    v = (b1 * dx + b2 * dy) * inv
                    hit_z = pzq * inv
                    rho_plane = u * u + v * v if (w > _W_MIN) & (hit_z > _NEAR) else _FAR
                    rho_pixel = _LOW_PASS * (dx * dx + dy * dy)
                    on_plane = rho_plane <= rho_pixel
                    z = hit_z if on_plane else pz
                    rho = min(min(rho_plane, rho_pixel), _RHO_MAX)
                    fall = _falloff(rho)
                    raw = op * fall
                    alpha = min(raw, _A_MAX)
                    drawn = (alpha >= _A_MIN) & (entry <= last[y, x])
                    alpha = alpha if drawn else _0
                    passed = _1 / (_1 - alpha)
                    before = light[y, x] * passed
                    share = alpha * before
                    total = value[x] + z * g_z[y, x]
                    g_alpha = before * total - behind[y, x] * passed
                    behind[y, x] += share * total
                    light[y, x] = before
                    weight[x] = share
                    g_raw = g_alpha if drawn & (raw < _A_MAX) else _0
                    s_op += g_raw * fall
                    g_rho = -_HALF * g_raw * raw
                    g_plane = g_rho if on_plane else _0
                    g_pixel = _0 if on_plane else g_rho
                    weighted = share * g_z[y, x]
                    g_hit = weighted if on_plane else _0
                    s_pz += _0 if on_plane else weighted
                    s_inv += g_hit * inv
                    gu = _f(2) * g_plane * u * inv
                    gv = _f(2) * g_plane * v * inv
                    gw = -(gu * u + gv * v) - g_hit * z * inv
                    ru += gu
                    rux += gu * dx
                    rv += gv
                    rvx += gv * dx
                    rw += gw
                    rwx += gw * dx
                    spx += g_pixel * dx
                    rp += g_pixel
                su += ru
                sux += rux
                suy += ru * dy
                sv += rv
                svx += rvx
                svy += rv * dy
                sw += rw
                swx += rwx
                swy += rw * dy
                spy += rp * dy
                for f in range(c):
                    total = _0
                    for x in range(TILE):
                        total += weight[x] * g_out[f, y, x]
                    row[MAP_SIZE + 1 + f] += total
            row[0] = -(su * a1 + sv * b1 + sw * g1) - _f(2) * _LOW_PASS * spx
            row[1] = -(su * a2 + sv * b2 + sw * g2) - _f(2) * _LOW_PASS * spy
            row[2], row[3], row[4], row[5] = sux, suy, svx, svy
            row[6], row[7] = swx, swy
            row[8] = sw + pz * s_inv
            row[9] = q * s_inv + s_pz
            row[10] = s_op
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
