"""Compiled projection, several surfels at a time, and the way back.

The same formulas as :mod:`reel2sim.reconstruction.rasterize.projection`, which differentiates them
with autograd, here in one pass over the surfels and in double precision. Surfels are shared among
threads in chunks of fixed size, so that sums over them do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from reel2sim.scene.drawing.model import SCALE_MIN_M
from reel2sim.scene.drawing.projection import (
    TINY_LENGTH,
    columns,
    focal,
    planes,
    pose,
    project_range,
    quaternion,
)
from reel2sim.scene.drawing.tiles import CHANNELS
from reel2sim.scene.drawing.vectors import (
    cross,
    dot,
    load,
    plus,
    scaled,
    turn,
    turn_back,
)

_CHUNK = 512  # surfels


@njit(parallel=True, cache=True, error_model="numpy")
def project(means, rotations, scales, opacities, features, K, T, width, height):
    """Rows of all surfels for all cameras.

    Args:
        means: ``(n, 3)`` float32, like all that follow.
        rotations: ``(n, 4)``.
        scales: ``(n, 2)``.
        opacities: ``(n,)``.
        features: of each camera, or one for all ``(cameras or 1, n, c)``.
        K: ``(cameras, 3, 3)``.
        T: world to camera ``(cameras, 4, 4)``.
        width: pixels.
        height: pixels.

    Returns:
        ``rows`` ``(cameras · n, 14 + c)``, set where visible; pixel bounds ``x0, x1, y0, y1`` of
        each ``(cameras · n, 4)`` int32, half-open, zero where it is not visible; its depth
        ``(cameras · n,)``; and whether all surfels are finite.
    """
    cameras, n, c = K.shape[0], means.shape[0], features.shape[2]
    rows = np.empty((cameras * n, CHANNELS + c + 3), np.float32)
    spans = np.zeros((cameras * n, 4), np.int32)
    depths = np.empty(cameras * n, np.float32)
    chunks = (n + _CHUNK - 1) // _CHUNK
    probes = np.zeros(chunks, np.float32)
    for chunk in prange(chunks):
        probes[chunk] = project_range(
            chunk * _CHUNK, min((chunk + 1) * _CHUNK, n), means, rotations, scales, opacities,
            features, K, T, width, height, rows, spans, depths,
        )  # fmt: skip
    return rows, spans, depths, probes.sum() == 0.0


@njit(error_model="numpy")
def _quaternion_back(q, length, gu, gv, gn):
    """Gradient of a quaternion from those of the columns of its matrix."""
    w, x, y, z = q
    gw = 2.0 * (z * (gu[1] - gv[0]) + y * (gn[0] - gu[2]) + x * (gv[2] - gn[1]))
    gx = y * (gu[1] + gv[0]) + z * (gu[2] + gn[0]) + w * (gv[2] - gn[1])
    gx = 2.0 * (gx - 2.0 * x * (gv[1] + gn[2]))
    gy = x * (gu[1] + gv[0]) + z * (gv[2] + gn[1]) + w * (gn[0] - gu[2])
    gy = 2.0 * (gy - 2.0 * y * (gu[0] + gn[2]))
    gz = x * (gu[2] + gn[0]) + y * (gv[2] + gn[1]) + w * (gu[1] - gv[0])
    gz = 2.0 * (gz - 2.0 * z * (gu[0] + gv[1]))
    along = gw * w + gx * x + gy * y + gz * z if length > TINY_LENGTH else 0.0
    return (
        (gw - along * w) / length,
        (gx - along * x) / length,
        (gy - along * y) / length,
        (gz - along * z) / length,
    )


@njit(parallel=True, cache=True, error_model="numpy")
def project_backward(means, rotations, scales, K, T, grads, starts, c):
    """Gradients of surfels and cameras from those of the rows.

    Args:
        means: as for :func:`project`, like the next four.
        rotations: see above.
        scales: see above.
        K: see above.
        T: see above.
        grads: gradients of ``rows``, without the normals' where they have none.
        starts: where each row's list entries begin; a row without any was not drawn.
        c: number of features.

    Returns:
        Gradients of means ``(n, 3)``, rotations ``(n, 4)``, scales ``(n, 2)``, K
        ``(cameras, 3, 3)`` and T ``(cameras, 4, 4)``.
    """
    cameras, n = K.shape[0], means.shape[0]
    normals = grads.shape[1] == CHANNELS + c + 3
    g_means, g_rotations = np.zeros((n, 3), np.float32), np.zeros((n, 4), np.float32)
    g_scales = np.zeros((n, 2), np.float32)
    chunks = (n + _CHUNK - 1) // _CHUNK
    # Of each chunk and camera: rotation 0–8, translation 9–11, first two rows of K 12–17.
    parts = np.zeros((chunks, cameras, 18), np.float64)
    for chunk in prange(chunks):
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, n)):
            q, length = quaternion(rotations, i)
            world_u, world_v, world_n = columns(q)
            m = load(means, i)
            su = max(float(scales[i, 0]), SCALE_MIN_M)
            sv = max(float(scales[i, 1]), SCALE_MIN_M)
            g_m = g_wu = g_wv = g_wn = (0.0, 0.0, 0.0)
            g_su = g_sv = 0.0
            drawn = False
            for camera in range(cameras):
                row = camera * n + i
                if starts[row] == starts[row + 1]:
                    continue
                drawn = True
                R, t = pose(T, camera)
                k, inv = focal(K, camera)
                p = plus(turn(R, m), t)
                u, v = turn(R, world_u), turn(R, world_v)
                facing = -1.0 if dot(turn(R, world_n), p) > 0.0 else 1.0
                f = -facing
                ru, rv, rn = planes(u, v, p, f, su, sv)
                z = p[2]
                g = grads[row]
                gx, gy = float(g[0]), float(g[1])

                # Slopes: (r.x, r.y) @ inverse * z, a row vector each.
                g_ru = (
                    z * (inv[0] * g[2] + inv[1] * g[3]), z * (inv[2] * g[2] + inv[3] * g[3]), 0.0
                )  # fmt: skip
                g_rv = (
                    z * (inv[0] * g[4] + inv[1] * g[5]), z * (inv[2] * g[4] + inv[3] * g[5]), 0.0
                )  # fmt: skip
                g_rn = (
                    z * (inv[0] * g[6] + inv[1] * g[7]), z * (inv[2] * g[6] + inv[3] * g[7]), 0.0
                )  # fmt: skip
                g_z = dot(g_ru, ru) + dot(g_rv, rv) + dot(g_rn, rn)
                g_rn = plus(g_rn, scaled(p, g[8]))
                g_z = g_z / z + g[9]

                # Centre, then the three cross products.
                px, py = (k[0] * p[0] + k[1] * p[1]) / z, (k[2] * p[0] + k[3] * p[1]) / z
                g_p = (
                    (gx * k[0] + gy * k[2]) / z,
                    (gx * k[1] + gy * k[3]) / z,
                    g_z - (gx * px + gy * py) / z,
                )
                h_u, h_v, h_n = scaled(g_ru, f / su), scaled(g_rv, f / sv), scaled(g_rn, f)
                g_p = plus(plus(g_p, scaled(rn, g[8])), plus(cross(h_u, v), cross(u, h_v)))
                g_u = plus(cross(h_v, p), cross(v, h_n))
                g_v = plus(cross(p, h_u), cross(h_n, u))
                g_su -= dot(g_ru, ru) / su
                g_sv -= dot(g_rv, rv) / sv

                g_m = plus(g_m, turn_back(R, g_p))
                g_wu, g_wv = plus(g_wu, turn_back(R, g_u)), plus(g_wv, turn_back(R, g_v))
                if normals:
                    g_wn = plus(g_wn, scaled(load(grads[row : row + 1, CHANNELS + c :], 0), facing))
                part = parts[chunk, camera]
                for a in range(3):
                    for b in range(3):
                        part[3 * a + b] += g_p[a] * m[b] + g_u[a] * world_u[b] + g_v[a] * world_v[b]
                    part[9 + a] += g_p[a]

                # The inverse's gradient is r.xy ⊗ slope gradients * z; K's is −S'ᵀ g S'ᵀ of it.
                s00 = z * (ru[0] * g[2] + rv[0] * g[4] + rn[0] * g[6])
                s01 = z * (ru[0] * g[3] + rv[0] * g[5] + rn[0] * g[7])
                s10 = z * (ru[1] * g[2] + rv[1] * g[4] + rn[1] * g[6])
                s11 = z * (ru[1] * g[3] + rv[1] * g[5] + rn[1] * g[7])
                c00, c01 = s00 * inv[0] + s01 * inv[1], s00 * inv[2] + s01 * inv[3]
                c10, c11 = s10 * inv[0] + s11 * inv[1], s10 * inv[2] + s11 * inv[3]
                part[12] += gx * p[0] / z - (inv[0] * c00 + inv[2] * c10)
                part[13] += gx * p[1] / z - (inv[0] * c01 + inv[2] * c11)
                part[14] += gx
                part[15] += gy * p[0] / z - (inv[1] * c00 + inv[3] * c10)
                part[16] += gy * p[1] / z - (inv[1] * c01 + inv[3] * c11)
                part[17] += gy
            if not drawn:
                continue
            g_q = _quaternion_back(q, length, g_wu, g_wv, g_wn)
            for j in range(3):
                g_means[i, j] = g_m[j]
            for j in range(4):
                g_rotations[i, j] = g_q[j]
            g_scales[i, 0] = g_su if scales[i, 0] >= SCALE_MIN_M else 0.0
            g_scales[i, 1] = g_sv if scales[i, 1] >= SCALE_MIN_M else 0.0
    g_K, g_T = np.zeros((cameras, 3, 3), np.float32), np.zeros((cameras, 4, 4), np.float32)
    for camera in range(cameras):
        total = np.zeros(18)
        for chunk in range(chunks):
            total += parts[chunk, camera]
        for a in range(3):
            g_T[camera, a, :3] = total[3 * a : 3 * a + 3]
            g_T[camera, a, 3] = total[9 + a]
        for a in range(2):
            g_K[camera, a] = total[12 + 3 * a : 15 + 3 * a]
    return g_means, g_rotations, g_scales, g_K, g_T
