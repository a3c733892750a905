"""Compiled kernels: differentiate tiles of pixels back to front.

The counterpart of :mod:`reel2sim.scene.drawing.tiles`, with its blocks and lanes.
Every list entry gets its own gradients, which are then summed surfel by surfel in a fixed order.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from reel2sim.scene.drawing.lanes import LANES, add_products, combine, row_sum
from reel2sim.scene.drawing.tiles import (
    A_MAX,
    A_MIN,
    BLOCKS,
    CHANNELS,
    DEPTH,
    EDGE,
    FAR,
    FAST,
    HALF,
    KEPT,
    LAST,
    LIGHT,
    LOW_PASS,
    M1,
    M2,
    MEDIAN,
    NEAR,
    OPACITY,
    PIVOT,
    RHO_MAX,
    SHARE,
    W_MIN,
    Z,
    corner,
    falloff,
    place,
)

# Rows of a block that mean something else on the way back: ``_BEHIND`` is what all farther surfels
# and the background contribute, ``_G…`` are gradients of depth and of its moments about ``PIVOT``.
_BEHIND, _GAIN, _G_DEPTH, _G_M1, _G_M2 = Z, MEDIAN, DEPTH, M1, M2

# Sums of one surfel over the pixels of a tile: of the gradients with respect to numerators and
# denominator of its map, bare and times the pixel offset, and the others the map is made of.
_SU, _SUX, _SUY, _SV, _SVX, _SVY, _SW, _SWX, _SWY = 0, 1, 2, 3, 4, 5, 6, 7, 8
_SPX, _SPY, _S_INV, _S_PZ, _S_OP, _SUMS = 9, 10, 11, 12, 13, 14

_f = np.float32
_0, _1, _2 = _f(0), _f(1), _f(2)


@njit(inline="always", fastmath=FAST)
def _collect(grads, k, sums, row, count):
    """Turn the per-lane sums of one surfel in one tile into the gradients of list entry ``k``."""
    su, sv, sw = row_sum(sums, 0, _SU), row_sum(sums, 0, _SV), row_sum(sums, 0, _SW)
    px, py = row_sum(sums, 0, _SPX), row_sum(sums, 0, _SPY)
    s_inv, s_pz = row_sum(sums, 0, _S_INV), row_sum(sums, 0, _S_PZ)
    grads[k, 0] = -(su * row[2] + sv * row[4] + sw * row[6]) - _2 * LOW_PASS * px
    grads[k, 1] = -(su * row[3] + sv * row[5] + sw * row[7]) - _2 * LOW_PASS * py
    grads[k, 2], grads[k, 3] = row_sum(sums, 0, _SUX), row_sum(sums, 0, _SUY)
    grads[k, 4], grads[k, 5] = row_sum(sums, 0, _SVX), row_sum(sums, 0, _SVY)
    grads[k, 6], grads[k, 7] = row_sum(sums, 0, _SWX), row_sum(sums, 0, _SWY)
    grads[k, 8] = sw + row[9] * s_inv
    grads[k, 9] = row[8] * s_inv + s_pz
    grads[k, OPACITY] = row_sum(sums, 0, _S_OP)
    for f in range(count):
        grads[k, CHANNELS + f] = row_sum(sums, 0, _SUMS + f)


@njit(inline="always", fastmath=FAST)
def _block_back(state, sums, b, left_x, top_y, row, entry, distorted):
    """Add a block to the sums of the surfel ``row`` and step it back to the light before it."""
    a1, a2, b1, b2 = row[2], row[3], row[4], row[5]
    g1, g2, q, pz = row[6], row[7], row[8], row[9]
    op, pzq = row[OPACITY], pz * q
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
        on_plane = rho_plane <= rho_pixel
        z = hit_z if on_plane else pz
        fall = falloff(min(min(rho_plane, rho_pixel), RHO_MAX))
        raw = op * fall
        alpha = min(raw, A_MAX)
        drawn = (alpha >= A_MIN) & (entry <= state[b, LAST, n])
        alpha = alpha if drawn else _0

        passed = _1 / (_1 - alpha)
        before = state[b, LIGHT, n] * passed
        weight = alpha * before
        g_depth = state[b, _G_DEPTH, n]
        gain = state[b, _GAIN, n] + z * g_depth
        if distorted:
            offset = z - state[b, PIVOT, n]
            bend = state[b, _G_M2, n] * offset
            gain += (state[b, _G_M1, n] + bend) * offset
            g_depth += state[b, _G_M1, n] + _2 * bend
        g_raw = before * gain - state[b, _BEHIND, n] * passed
        g_raw = g_raw if drawn & (raw < A_MAX) else _0
        g_z = weight * g_depth
        state[b, _BEHIND, n] += weight * gain
        state[b, LIGHT, n] = before
        state[b, SHARE, n] = weight

        g_rho = -HALF * g_raw * raw
        g_plane = g_rho if on_plane else _0
        g_pixel = g_rho - g_plane
        g_hit = g_z if on_plane else _0
        gu = _2 * g_plane * u * inv
        gv = _2 * g_plane * v * inv
        gw = -(gu * u + gv * v) - g_hit * hit_z * inv
        sums[0, _SU, n] += gu
        sums[0, _SUX, n] += gu * dx
        sums[0, _SUY, n] += gu * dy
        sums[0, _SV, n] += gv
        sums[0, _SVX, n] += gv * dx
        sums[0, _SVY, n] += gv * dy
        sums[0, _SW, n] += gw
        sums[0, _SWX, n] += gw * dx
        sums[0, _SWY, n] += gw * dy
        sums[0, _SPX, n] += g_pixel * dx
        sums[0, _SPY, n] += g_pixel * dy
        sums[0, _S_INV, n] += g_hit * inv
        sums[0, _S_PZ, n] += g_z - g_hit
        sums[0, _S_OP, n] += g_raw * fall


@njit(parallel=True, cache=True, fastmath=FAST, error_model="numpy")
def composite_backward(rows, offsets, ids, first, stop, drawn, moments, grads, g_moments, count):
    """Gradients of tiles ``first`` to ``stop`` for each entry of their lists.

    Args:
        rows: as for :func:`composite`, like the next two.
        offsets: see above.
        ids: see above.
        first: first tile.
        stop: one past the last tile.
        drawn: what :func:`composite` returned for the way back.
        moments: and its moments of depth; empty where distortion has no gradient.
        grads: gradients of features, normal, alpha and depth.
        g_moments: gradients of the first and second moment ``(2, cameras, h, w)`` or empty.
        count: channels to differentiate, of which normals are the last three.

    Returns:
        ``(entries, 11 + count)``, columns as in ``rows``; entries that drew nothing are left as
        they were.
    """
    light_out, last_out, drew = drawn
    g_features, g_normal, g_alpha, g_depth = grads
    c = min(g_features.shape[3], count)
    distorted = moments.shape[1] > 0
    height, width = light_out.shape[1:]
    base = offsets[first]
    result = np.empty((offsets[stop] - base, CHANNELS + count), np.float32)
    for tile in prange(first, stop):
        camera, left, top, columns, lines = corner(tile, width, height)
        state = np.zeros((BLOCKS * BLOCKS, KEPT + count, LANES), np.float32)
        sums = np.zeros((1, _SUMS + count, LANES), np.float32)
        deepest = 0
        for y in range(lines):
            for x in range(columns):
                b, n = place(x, y)
                h, w = top + y, left + x
                light = light_out[camera, h, w]
                state[b, LIGHT, n] = light
                state[b, LAST, n] = last_out[camera, h, w]
                deepest = max(deepest, int(last_out[camera, h, w]))
                # Behind the last surfel comes the light that gets through, which alpha lacks.
                state[b, _BEHIND, n] = -g_alpha[camera, h, w] * light
                state[b, _G_DEPTH, n] = g_depth[camera, h, w]
                for f in range(c):
                    state[b, KEPT + f, n] = g_features[camera, h, w, f]
                for f in range(c, count):
                    state[b, KEPT + f, n] = g_normal[camera, h, w, f - c]
                if distorted:
                    state[b, PIVOT, n] = moments[0, camera, h, w]
                    state[b, _G_M1, n] = g_moments[0, camera, h, w]
                    state[b, _G_M2, n] = g_moments[1, camera, h, w]
        start = offsets[tile]
        for k in range(start + deepest - 1, start - 1, -1):
            if drew[k] == 0:
                continue
            sums[:] = _0
            i = ids[k]
            row = rows[i]
            entry = _f(k - start + 1)
            cx = row[0] - _f(left) - HALF
            cy = row[1] - _f(top) - HALF
            for b in range(BLOCKS * BLOCKS):
                if not drew[k] >> b & 1:
                    continue
                left_x, top_y = _f(b % BLOCKS * EDGE) - cx, _f(b // BLOCKS * EDGE) - cy
                combine(state, b, _GAIN, KEPT, rows, i, CHANNELS, count)
                if distorted:
                    _block_back(state, sums, b, left_x, top_y, row, entry, True)
                else:
                    _block_back(state, sums, b, left_x, top_y, row, entry, False)
                add_products(sums, _SUMS, state, b, KEPT, SHARE, count)
            _collect(result, k - base, sums, row, count)
    return result


@njit(parallel=True, cache=True)
def sum_entries(grads, base, stop, drew, starts, places, target, blocks):
    """Add the gradients of list entries ``base`` to ``stop`` to their surfels' rows of ``target``.

    Args:
        grads: what :func:`composite_backward` returned for them.
        base: first entry.
        stop: one past the last entry.
        drew: blocks each entry drew in ``(entries,)``.
        starts: where each row's entries begin in ``places`` ``(rows + 1,)``.
        places: entries sorted by the row they draw.
        target: ``(rows, columns)``.
        blocks: how many ranges of rows to share among threads; sums do not depend on it.
    """
    n, columns = target.shape
    for block in prange(blocks):
        for i in range(n * block // blocks, n * (block + 1) // blocks):
            for j in range(starts[i], starts[i + 1]):
                k = places[j]
                if base <= k < stop and drew[k] != 0:
                    for f in range(columns):
                        target[i, f] += grads[k - base, f]
