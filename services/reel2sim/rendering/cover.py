"""Which triangle each sample of a picture shows: a z-buffer in homogeneous coordinates."""

# pyright: basic

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def cover(seen, faces, lens, height, width, near):
    """The nearest triangle of every sample.

    A ray ``d = (x, y, 1)`` through a sample meets the triangle ``a, b, c`` in the barycentric
    ratios ``d·(b×c) : d·(c×a) : d·(a×b)``, which are linear on the screen and need no division by
    depth (Olano & Greer, Triangle scan conversion using 2D homogeneous coordinates, 1997), so that
    triangles that reach behind the camera need no clipping. Triangles that share an edge compute
    it with the same operations, so no sample between them is lost.

    Args:
        seen: vertices in the camera's axes ``(v, 3)``, metres.
        faces: ``(f, 3)``.
        lens: focal lengths and principal point ``(4,)``, samples.
        height: samples.
        width: samples.
        near: least depth that is drawn, metres.

    Returns:
        Depth, infinite where nothing is ``(h, w)``; triangle or -1 ``(h, w)`` int32; of each
        triangle the ratios' factors of x, y and 1, in samples ``(f, 3, 3)``, and the depth times
        their sum ``(f,)``.
    """
    depth = np.full((height, width), np.inf)
    face = np.full((height, width), -1, np.int32)
    planes = np.zeros((len(faces), 3, 3))
    volumes = np.zeros(len(faces))
    for i in range(len(faces)):
        a, b, c = seen[faces[i, 0]], seen[faces[i, 1]], seen[faces[i, 2]]
        if max(a[2], b[2], c[2]) < near:
            continue
        plane = planes[i]
        _edge(b, c, lens, plane[0])
        _edge(c, a, lens, plane[1])
        _edge(a, b, lens, plane[2])
        volume = (
            a[0] * (b[1] * c[2] - b[2] * c[1])
            + a[1] * (b[2] * c[0] - b[0] * c[2])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
        )
        if volume == 0.0:
            continue
        if volume < 0.0:
            for j in range(3):
                for k in range(3):
                    plane[j, k] = -plane[j, k]
        volumes[i] = abs(volume)
        left, right, top, bottom = _bounds(a, b, c, lens, height, width, near)
        for y in range(top, bottom + 1):
            py = y + 0.5
            first, last = left, right
            # Each edge leaves a half-line of the row; keep a sample more, as this is rounded.
            for j in range(3):
                slope, rest = plane[j, 0], plane[j, 1] * py + plane[j, 2]
                if slope > 0.0:
                    first = max(first, _whole(-rest / slope - 0.5, left, right) - 1)
                elif slope < 0.0:
                    last = min(last, _whole(-rest / slope - 0.5, left, right) + 1)
            for x in range(first, last + 1):
                px = x + 0.5
                u = plane[0, 0] * px + (plane[0, 1] * py + plane[0, 2])
                v = plane[1, 0] * px + (plane[1, 1] * py + plane[1, 2])
                w = plane[2, 0] * px + (plane[2, 1] * py + plane[2, 2])
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                total = u + v + w
                if total <= 0.0:
                    continue
                z = volumes[i] / total
                if near <= z < depth[y, x]:
                    depth[y, x] = z
                    face[y, x] = i
    return depth, face, planes, volumes


@njit(cache=True, error_model="numpy")
def _edge(p, q, lens, out):
    """Factors of x, y and 1, in samples, of ``d·(p×q)``."""
    nx = p[1] * q[2] - p[2] * q[1]
    ny = p[2] * q[0] - p[0] * q[2]
    nz = p[0] * q[1] - p[1] * q[0]
    out[0] = nx / lens[0]
    out[1] = ny / lens[1]
    out[2] = nz - out[0] * lens[2] - out[1] * lens[3]


@njit(cache=True, error_model="numpy")
def _whole(value, low, high):
    """``value`` as an integer, kept near ``low..high`` so that it fits."""
    return int(np.floor(min(max(value, low - 2.0), high + 2.0)))


@njit(cache=True, error_model="numpy")
def _bounds(a, b, c, lens, height, width, near):
    """First and last column and row whose samples a triangle may cover."""
    low_x, high_x, low_y, high_y = np.inf, -np.inf, np.inf, -np.inf
    for k in range(3):
        p, q = (a, b) if k == 0 else ((b, c) if k == 1 else (c, a))
        for end in range(2):
            # A corner in front of the camera, or where the edge from it comes to the front.
            x, y, z = p[0], p[1], p[2]
            if end == 1:
                if (p[2] < near) == (q[2] < near):
                    continue
                share = (near - p[2]) / (q[2] - p[2])
                x, y, z = p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1]), near
            elif z < near:
                continue
            sx, sy = lens[0] * x / z + lens[2], lens[1] * y / z + lens[3]
            low_x, high_x = min(low_x, sx), max(high_x, sx)
            low_y, high_y = min(low_y, sy), max(high_y, sy)
    # A rounding more on each side; samples lie at half-integers.
    left = int(max(0.0, np.ceil(min(max(low_x, 0.0), width + 1.0) - 0.5 - 1e-6)))
    right = int(min(width - 1.0, np.floor(max(min(high_x, width + 1.0), -1.0) - 0.5 + 1e-6)))
    top = int(max(0.0, np.ceil(min(max(low_y, 0.0), height + 1.0) - 0.5 - 1e-6)))
    bottom = int(min(height - 1.0, np.floor(max(min(high_y, height + 1.0), -1.0) - 0.5 + 1e-6)))
    return left, right, top, bottom
