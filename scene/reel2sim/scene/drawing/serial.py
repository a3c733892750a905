"""Compiled kernels: one picture of surfels that move in rigid groups, by one thread.

Environments live in processes of their own, often forked ones, where a kernel of several threads
would take turns with its neighbours at best and end the process at worst.
"""

# pyright: basic

from __future__ import annotations

import numpy as np
from numba import njit

from reel2sim.scene.drawing.binning import count_entries, list_entries
from reel2sim.scene.drawing.projection import project_range
from reel2sim.scene.drawing.tiles import CHANNELS, TILE, draw_tile
from reel2sim.scene.drawing.vectors import dot, load, plus, turn, turn_back
from reel2sim.scene.harmonics import SH_C0, SH_C1, SH_C2, SH_C3

_A2, _B2, _C2 = SH_C2
_A3, _B3, _C3, _D3, _E3 = SH_C3


@njit(error_model="numpy")
def _harmonics(d, bands, out):
    """The first ``bands`` of :func:`reel2sim.scene.harmonics.sh_basis` along unit ``d``."""
    x, y, z = d
    out[0] = SH_C0
    if bands > 1:
        out[1], out[2], out[3] = -SH_C1 * y, SH_C1 * z, -SH_C1 * x
    if bands > 4:
        out[4], out[5] = _A2 * x * y, -_A2 * y * z
        out[6] = _B2 * (2 * z * z - x * x - y * y)
        out[7], out[8] = -_A2 * x * z, _C2 * (x * x - y * y)
    if bands > 9:
        xx, yy, zz = x * x, y * y, z * z
        out[9], out[10] = -_A3 * y * (3 * xx - yy), _B3 * x * y * z
        out[11] = -_C3 * y * (4 * zz - xx - yy)
        out[12] = _D3 * z * (2 * zz - 3 * xx - 3 * yy)
        out[13] = -_C3 * x * (4 * zz - xx - yy)
        out[14], out[15] = _E3 * z * (xx - yy), -_A3 * x * (xx - 3 * yy)


@njit(error_model="numpy")
def _moved(means, rotations, sh, groups, T, q, gains, eye):
    """Centres ``(n, 3)``, quaternions ``(n, 4)`` and colours ``(1, n, 3)`` seen from ``eye``."""
    n, bands = means.shape[0], sh.shape[1]
    p = np.empty((n, 3), np.float32)
    r = np.empty((n, 4), np.float32)
    colors = np.empty((1, n, 3), np.float32)
    basis = np.empty(16)
    for i in range(n):
        g = groups[i]
        R = load(T[g], 0), load(T[g], 1), load(T[g], 2)
        t = (T[g, 0, 3], T[g, 1, 3], T[g, 2, 3])
        m = plus(turn(R, load(means, i)), t)
        p[i, 0], p[i, 1], p[i, 2] = m
        aw, ax, ay, az = q[g, 0], q[g, 1], q[g, 2], q[g, 3]
        bw, bx, by, bz = rotations[i, 0], rotations[i, 1], rotations[i, 2], rotations[i, 3]
        r[i, 0] = aw * bw - ax * bx - ay * by - az * bz
        r[i, 1] = aw * bx + ax * bw + ay * bz - az * by
        r[i, 2] = aw * by - ax * bz + ay * bw + az * bx
        r[i, 3] = aw * bz + ax * by - ay * bx + az * bw
        # Turning the view back is cheaper than turning the harmonics along.
        d = turn_back(R, (m[0] - eye[0], m[1] - eye[1], m[2] - eye[2]))
        length = max(np.sqrt(dot(d, d)), 1e-12)
        _harmonics((d[0] / length, d[1] / length, d[2] / length), bands, basis)
        for c in range(3):
            value = 0.5
            for k in range(bands):
                value += basis[k] * sh[i, k, c]
            colors[0, i, c] = min(max(min(max(value, 0.0), 1.0) * gains[g, c], 0.0), 1.0)
    return p, r, colors


@njit(cache=True, error_model="numpy")
def draw(
    means, rotations, scales, opacities, sh, groups, T, q, gains, K, T_camera_world, width, height
):  # fmt: skip
    """Draw surfels as one camera sees them.

    Args:
        means: at rest ``(n, 3)`` float32, like the next four.
        rotations: wxyz, at rest ``(n, 4)``.
        scales: ``(n, 2)``.
        opacities: ``(n,)``.
        sh: at rest ``(n, 1, 4, 9 or 16, 3)``.
        groups: which motion carries each ``(n,)`` int32.
        T: rigid motions since rest ``(g, 4, 4)`` float64.
        q: their rotations as quaternions ``(g, 4)``.
        gains: factors of the groups' colours ``(g, 3)``.
        K: intrinsics ``(1, 3, 3)`` float32.
        T_camera_world: ``(1, 4, 4)`` float32.
        width: pixels.
        height: pixels.

    Returns:
        Colours over black ``(h, w, 3)``, alpha ``(h, w)``, alpha-weighted depth ``(h, w)``, and
        whether all surfels are where numbers can say.
    """
    view = load(T_camera_world[0], 0), load(T_camera_world[0], 1), load(T_camera_world[0], 2)
    back = turn_back(view, load(T_camera_world[0, :3, 3:].T, 0))
    eye = (-back[0], -back[1], -back[2])
    p, r, colors = _moved(means, rotations, sh, groups, T, q, gains, eye)

    n = means.shape[0]
    rows = np.empty((n, CHANNELS + 3), np.float32)
    spans, depths = np.zeros((n, 4), np.int32), np.empty(n, np.float32)
    probe = project_range(
        0, n, p, r, scales, opacities, colors, K, T_camera_world, width, height, rows, spans, depths
    )

    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    tiles = across * down
    offsets, starts = np.zeros(tiles + 1, np.int64), np.zeros(n + 1, np.int64)
    seen = count_entries(0, n, across, tiles, spans, offsets, starts)
    for tile in range(tiles):
        offsets[tile + 1] += offsets[tile]
    for i in range(n):
        starts[i + 1] += starts[i]
    ids, places = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.int32)
    list_entries(0, n, across, tiles, spans, depths, seen, offsets, starts, ids, places)

    shape = (1, height, width)
    rgb, alpha, depth = (
        np.empty((*shape, 3), np.float32),
        np.empty(shape, np.float32),
        np.empty(shape, np.float32),
    )
    nothing = np.empty((0, height, width), np.float32)
    images = (rgb, np.empty((*shape, 0), np.float32), alpha, depth, nothing, rgb)
    light = np.empty(shape, np.float32)
    unread = (light, np.empty(shape, np.float32), np.zeros(ids.shape[0], np.int32))
    for tile in range(tiles):
        draw_tile(
            tile, rows, spans, offsets[tile], offsets[tile + 1], ids, width, height, False, False,
            3, images, unread,
        )  # fmt: skip
    return rgb[0], alpha[0], depth[0], probe == 0.0
