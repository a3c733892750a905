"""Compiled projection: surfels and cameras to the rows that tiles draw from.

In double precision.
"""

# pyright: basic

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reel2sim.scene.drawing.model import ALPHA_MIN, LOW_PASS, NEAR_M, SCALE_MIN_M
from reel2sim.scene.drawing.tiles import CHANNELS, OPACITY
from reel2sim.scene.drawing.vectors import cross, dot, load, plus, scaled, turn

_MARGIN_PX = 0.02  # covers rounding, so that bounds never cut off what the formula would draw
TINY_LENGTH = 1e-12  # least length of a quaternion, as for torch.nn.functional.normalize


@njit(error_model="numpy")
def quaternion(rotations, i):
    """Unit quaternion and the length it had."""
    w, x, y, z = rotations[i, 0], rotations[i, 1], rotations[i, 2], rotations[i, 3]
    w, x, y, z = float(w), float(x), float(y), float(z)
    length = max(math.sqrt(w * w + x * x + y * y + z * z), TINY_LENGTH)
    return (w / length, x / length, y / length, z / length), length


@njit(error_model="numpy")
def columns(q):
    """Columns of the rotation matrix: the tangents and the normal of a surfel."""
    w, x, y, z = q
    return (
        (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)),
        (2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)),
        (2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)),
    )


@njit(error_model="numpy")
def pose(T, camera):
    """Rows of the rotation, and the translation."""
    R = load(T[camera], 0), load(T[camera], 1), load(T[camera], 2)
    return R, (float(T[camera, 0, 3]), float(T[camera, 1, 3]), float(T[camera, 2, 3]))


@njit(error_model="numpy")
def focal(K, camera):
    """The upper left of the intrinsics, ``k00, k01, k10, k11``, and its inverse."""
    k = K[camera]
    k00, k01, k10, k11 = float(k[0, 0]), float(k[0, 1]), float(k[1, 0]), float(k[1, 1])
    d = k00 * k11 - k01 * k10
    return (k00, k01, k10, k11), (k11 / d, -k01 / d, -k10 / d, k00 / d)


@njit(error_model="numpy")
def planes(u, v, p, f, su, sv):
    """What turns a ray into surfel coordinates and depth; ``f`` turns the normal away."""
    return scaled(cross(v, p), f / su), scaled(cross(p, u), f / sv), scaled(cross(u, v), f)


@njit(error_model="numpy")
def _bound(axis_u, axis_v, p, k, r2, halo, size):
    """First and one past the last pixel along one image axis, ``k`` being its row of K.

    A surfel shows where its Gaussian, or the low-pass filter about its centre, is above the least
    visible alpha. The outline of the former is a conic: ``T diag(r², r², −1) Tᵀ`` with the
    plane-to-pixel homography ``T``, whose extreme coordinates solve a quadratic.
    """
    u2, v2, p2 = axis_u[2], axis_v[2], p[2]
    u, v, w = dot(k, axis_u), dot(k, axis_v), dot(k, p)
    whole = r2 * (u2 * u2 + v2 * v2) - p2 * p2
    low, high = 0.0, float(size)  # where it reaches behind the camera no bound holds
    if whole < 0.0:
        middle = (r2 * (u * u2 + v * v2) - w * p2) / whole
        square = middle * middle - (r2 * (u * u + v * v) - w * w) / whole
        reach = math.sqrt(max(square, 0.0)) * (1.0 + 1e-6)
        low = min(middle - reach, w / p2 - halo) - _MARGIN_PX
        high = max(middle + reach, w / p2 + halo) + _MARGIN_PX
    first = int(min(max(math.ceil(low - 0.5), 0.0), float(size)))
    return first, int(min(max(math.floor(high - 0.5) + 1.0, 0.0), float(size)))


@njit(error_model="numpy")
def project_range(
    first, stop, means, rotations, scales, opacities, features, K, T, width, height, rows, spans,
    depths,
):  # fmt: skip
    """Rows of the surfels ``first`` to ``stop`` for all cameras.

    A pixel is turned into a surfel's own coordinates by a homography, written about the projected
    centre ``(cx, cy)`` with ``d = pixel − centre``::

        u = (a1 dx + a2 dy) / w      v = (b1 dx + b2 dy) / w      w = g1 dx + g2 dy + q
        z = pz q / w                 (in front of the camera where w > 0)

    Args:
        first: index of a surfel.
        stop: one past the last.
        means: ``(n, 3)`` float32, like all that follow.
        rotations: ``(n, 4)``.
        scales: ``(n, 2)``.
        opacities: ``(n,)``.
        features: of each camera, or one for all ``(cameras or 1, n, c)``.
        K: ``(cameras, 3, 3)``.
        T: world to camera ``(cameras, 4, 4)``.
        width: pixels.
        height: pixels.
        rows: receives ``cx, cy, a1, a2, b1, b2, g1, g2, q, pz``, opacity, features and, if there
            is room, normals that face the camera ``(cameras · n, 11 + c or 14 + c)``.
        spans: receives pixel bounds ``x0, x1, y0, y1`` ``(cameras · n, 4)`` int32, half-open; zero
            before, and where a surfel is not visible.
        depths: receives the depth ``(cameras · n,)``.

    Returns:
        0, or what is no number if a surfel is not finite.
    """
    cameras, n, c = K.shape[0], means.shape[0], features.shape[2]
    probe = np.float32(0.0)  # stays zero unless something is infinite or no number
    for i in range(first, stop):
        for j in range(3):
            probe += means[i, j] * np.float32(0.0)
        for j in range(4):
            probe += rotations[i, j] * np.float32(0.0)
        probe += (scales[i, 0] + scales[i, 1]) * np.float32(0.0)
        probe += opacities[i] * np.float32(0.0)
        for view in range(features.shape[0]):
            for f in range(c):
                probe += features[view, i, f] * np.float32(0.0)
        if probe != 0.0:
            break
        if opacities[i] < ALPHA_MIN:
            continue
        q, _ = quaternion(rotations, i)
        world_u, world_v, world_n = columns(q)
        m = load(means, i)
        su = max(float(scales[i, 0]), SCALE_MIN_M)
        sv = max(float(scales[i, 1]), SCALE_MIN_M)
        r2 = 2.0 * math.log(float(opacities[i]) / ALPHA_MIN)
        halo = math.sqrt(max(r2, 0.0) / LOW_PASS)
        for camera in range(cameras):
            R, t = pose(T, camera)
            p = plus(turn(R, m), t)
            row = camera * n + i
            depths[row] = p[2]
            if depths[row] <= NEAR_M:
                continue
            u, v = turn(R, world_u), turn(R, world_v)
            axis_u, axis_v = scaled(u, su), scaled(v, sv)
            x0, x1 = _bound(axis_u, axis_v, p, load(K[camera], 0), r2, halo, width)
            y0, y1 = _bound(axis_u, axis_v, p, load(K[camera], 1), r2, halo, height)
            if x0 >= x1 or y0 >= y1:
                continue
            spans[row, 0], spans[row, 1], spans[row, 2], spans[row, 3] = x0, x1, y0, y1
            facing = -1.0 if dot(turn(R, world_n), p) > 0.0 else 1.0
            k, inv = focal(K, camera)
            ru, rv, rn = planes(u, v, p, -facing, su, sv)
            z = p[2]
            rows[row, 0] = (k[0] * p[0] + k[1] * p[1]) / z + K[camera, 0, 2]
            rows[row, 1] = (k[2] * p[0] + k[3] * p[1]) / z + K[camera, 1, 2]
            rows[row, 2] = (ru[0] * inv[0] + ru[1] * inv[2]) * z
            rows[row, 3] = (ru[0] * inv[1] + ru[1] * inv[3]) * z
            rows[row, 4] = (rv[0] * inv[0] + rv[1] * inv[2]) * z
            rows[row, 5] = (rv[0] * inv[1] + rv[1] * inv[3]) * z
            rows[row, 6] = (rn[0] * inv[0] + rn[1] * inv[2]) * z
            rows[row, 7] = (rn[0] * inv[1] + rn[1] * inv[3]) * z
            rows[row, 8] = dot(rn, p)
            rows[row, 9] = z
            rows[row, OPACITY] = opacities[i]
            view = min(camera, features.shape[0] - 1)
            for f in range(c):
                rows[row, CHANNELS + f] = features[view, i, f]
            for j in range(rows.shape[1] - CHANNELS - c):
                rows[row, CHANNELS + c + j] = world_n[j] * facing
    return probe
