"""Compiled sums of the bones' normal equations.

A surfel follows a few bones, so the sums grow with the surfels alone, not with the number of bones.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def add_flow(A, g, x, pivots, starts, bones, shares, index, pixels, weight, K, T_camera, sigma_px):
    """Add one view's robust (Geman–McClure) errors to the upper half of ``A`` and to ``g``.

    Args:
        A: ``(6 b, 6 b)``, turns before shifts of each bone.
        g: ``(6 b,)``.
        x: surfels where they are ``(n, 3)``.
        pivots: about which bones turn ``(b, 3)``.
        starts: first entry of each surfel in ``bones`` and ``shares`` ``(n + 1,)``.
        bones: whom a surfel follows, ascending.
        shares: and by how much.
        index: surfels that the view shows ``(m,)``.
        pixels: where it wants them ``(m, 2)``.
        weight: trust ``(m,)``.
        K: ``(3, 3)``.
        T_camera: of world points to the camera ``(4, 4)``.
        sigma_px: error that is mostly disbelieved.
    """
    most = 0
    for n in range(len(starts) - 1):
        most = max(most, starts[n + 1] - starts[n])
    rows = np.empty((most, 2, 6))
    p, d, r = np.empty(3), np.empty(3), np.empty(2)
    for m in range(len(index)):
        n = index[m]
        first = starts[n]
        count = starts[n + 1] - first
        for i in range(3):
            p[i] = T_camera[i, 3]
            for j in range(3):
                p[i] += T_camera[i, j] * x[n, j]
        z = max(p[2], 1e-3)
        for k in range(2):
            slope = K[k, k] / z
            r[k] = slope * p[k] + K[k, 2] - pixels[m, k]
            for i in range(3):
                d[i] = slope * (T_camera[k, i] - p[k] / z * T_camera[2, i])
            for c in range(count):
                b, share = bones[first + c], shares[first + c]
                a0, a1, a2 = x[n, 0] - pivots[b, 0], x[n, 1] - pivots[b, 1], x[n, 2] - pivots[b, 2]
                rows[c, k, 0] = share * (a1 * d[2] - a2 * d[1])
                rows[c, k, 1] = share * (a2 * d[0] - a0 * d[2])
                rows[c, k, 2] = share * (a0 * d[1] - a1 * d[0])
                rows[c, k, 3], rows[c, k, 4], rows[c, k, 5] = (
                    share * d[0],
                    share * d[1],
                    share * d[2],
                )
        w = weight[m] / (1 + (r[0] ** 2 + r[1] ** 2) / sigma_px**2) ** 2
        for c in range(count):
            at = 6 * bones[first + c]
            for i in range(6):
                u, v = w * rows[c, 0, i], w * rows[c, 1, i]
                g[at + i] += u * r[0] + v * r[1]
                for e in range(c, count):
                    to = 6 * bones[first + e]
                    for j in range(i if e == c else 0, 6):
                        A[at + i, to + j] += u * rows[e, 0, j] + v * rows[e, 1, j]
