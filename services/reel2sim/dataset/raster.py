"""Triangles to pictures on a CPU: nearest surface, shaded, with depth and parts."""

# pyright: basic

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from reel2sim.exporters.color import srgb_from_linear
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_SUB = 3
"""Samples a side of a pixel; odd, so that one is its centre, where depth and part are taken."""
_NEAR_SHARE = 1e-3
"""Nearest distance that is drawn, as a share of the farthest."""

_AMBIENT, _SKY = 0.30, 0.18
_LAMPS = ((0.62, 35.0, 50.0), (0.22, -70.0, 15.0), (0.12, 160.0, 30.0))
"""Key, fill and rim: strength, azimuth from the front camera and elevation, degrees."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One view.

    Attributes:
        rgba: sRGB with straight alpha ``(h, w, 4)`` uint8.
        depth: along the optical axis at pixel centres ``(h, w)`` float32, metres; 0 where nothing.
        index: 1 + the part at pixel centres ``(h, w)`` int32; 0 where nothing.
    """

    rgba: Array
    depth: Array
    index: Array


def lamps(front_azimuth: float) -> Array:
    """Lights that stand still in the world: rows of strength and direction to it ``(k, 4)``.

    Args:
        front_azimuth: of the camera that they are arranged for, radians.
    """
    rows: list[list[float]] = []
    for strength, turn, height in _LAMPS:
        a, e = front_azimuth + np.radians(turn), np.radians(height)
        rows.append([strength, np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    return np.array(rows)


def drawn(
    vertices: Array,
    faces: Array,
    normals: Array,
    colors: Array,
    parts: Array,
    camera: Camera,
    lights: Array,
) -> Picture:
    """Draw triangles, both of their sides, with 9 samples a pixel.

    Args:
        vertices: ``(v, 3)``, world.
        faces: ``(f, 3)``.
        normals: of every corner ``(f, 3, 3)``, world.
        colors: linear light ``(v, 3)``.
        parts: 1 + the part of each face ``(f,)``.
        camera: from where.
        lights: as of :func:`lamps`.
    """
    T = camera.T_camera_world
    seen = vertices @ T[:3, :3].T + T[:3, 3]
    height, width = camera.height * _SUB, camera.width * _SUB
    f = np.array([camera.fx, camera.fy, camera.cx, camera.cy]) * _SUB
    near = _NEAR_SHARE * max(float(seen[:, 2].max(initial=0.0)), 1e-9)
    nearest, face, shares = _cover(seen, faces, f, height, width, near)
    linear, cover = _shaded(face, shares, vertices, faces, normals, colors, lights, camera.position)
    alpha = cover[..., None]
    rgb = srgb_from_linear(np.clip(linear, 0.0, 1.0)) * (alpha > 0)
    middle = slice(_SUB // 2, None, _SUB)
    centre = face[middle, middle]
    return Picture(
        (np.concatenate([rgb, alpha], axis=-1) * 255.0 + 0.5).astype(np.uint8),
        np.where(centre >= 0, nearest[middle, middle], 0.0).astype(np.float32),
        np.where(centre >= 0, parts[np.maximum(centre, 0)], 0).astype(np.int32),
    )


@njit(cache=True)
def _shaded(face, shares, vertices, faces, normals, colors, lights, eye):
    """Mean linear colour of the samples of each pixel that hit something, and how many do.

    Args:
        face: of every sample, or -1 ``(h, w)``.
        shares: weights of the corners ``(h, w, 3)``.
        vertices: ``(v, 3)``, world.
        faces: ``(f, 3)``.
        normals: of every corner ``(f, 3, 3)``, world.
        colors: linear light ``(v, 3)``.
        lights: rows of strength and direction ``(k, 4)``.
        eye: position of the camera ``(3,)``.

    Returns:
        Colours ``(h / s, w / s, 3)`` and coverage ``(h / s, w / s)``, 0..1.
    """
    height, width = face.shape[0] // _SUB, face.shape[1] // _SUB
    linear = np.zeros((height, width, 3))
    cover = np.zeros((height, width))
    normal, point, color = np.empty(3), np.empty(3), np.empty(3)
    for y in range(face.shape[0]):
        for x in range(face.shape[1]):
            i = face[y, x]
            if i < 0:
                continue
            for k in range(3):
                normal[k] = point[k] = color[k] = 0.0
                for j in range(3):
                    b = shares[y, x, j]
                    normal[k] += b * normals[i, j, k]
                    point[k] += b * vertices[faces[i, j], k]
                    color[k] += b * colors[faces[i, j], k]
            length = max(np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2), 1e-12)
            facing = 0.0
            for k in range(3):
                normal[k] /= length
                facing += normal[k] * (eye[k] - point[k])
            if facing < 0.0:  # the back of a sheet is lit like its front
                for k in range(3):
                    normal[k] = -normal[k]
            light = _AMBIENT + _SKY * (0.5 + 0.5 * normal[2])
            for n in range(len(lights)):
                toward = 0.0
                for k in range(3):
                    toward += lights[n, k + 1] * normal[k]
                light += lights[n, 0] * max(toward, 0.0)
            cover[y // _SUB, x // _SUB] += 1.0
            for k in range(3):
                linear[y // _SUB, x // _SUB, k] += color[k] * light
    for y in range(height):
        for x in range(width):
            if cover[y, x] > 0.0:
                for k in range(3):
                    linear[y, x, k] /= cover[y, x]
                cover[y, x] /= _SUB * _SUB
    return linear, cover


@njit(cache=True)
def _cover(seen, faces, f, height, width, near):
    """The nearest face of every sample, and where on it.

    Args:
        seen: vertices in the camera's axes ``(v, 3)``.
        faces: ``(f, 3)``.
        f: focal lengths and principal point, samples.
        height: samples.
        width: samples.
        near: faces that reach nearer than this are not drawn.

    Returns:
        Depth, face or -1, and weights of its corners ``(h, w)``, ``(h, w)``, ``(h, w, 3)``.
    """
    depth = np.full((height, width), np.inf)
    face = np.full((height, width), -1, np.int32)
    shares = np.zeros((height, width, 3))
    for i in range(len(faces)):
        a, b, c = seen[faces[i, 0]], seen[faces[i, 1]], seen[faces[i, 2]]
        if min(a[2], b[2], c[2]) < near:
            continue
        ax, ay = f[0] * a[0] / a[2] + f[2], f[1] * a[1] / a[2] + f[3]
        bx, by = f[0] * b[0] / b[2] + f[2], f[1] * b[1] / b[2] + f[3]
        cx, cy = f[0] * c[0] / c[2] + f[2], f[1] * c[1] / c[2] + f[3]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        # Samples lie at half-integers.
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for y in range(top, bottom + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w = 1.0 - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                # Linear on the screen are weights over depth, not the weights themselves.
                u, v, w = u / a[2], v / b[2], w / c[2]
                z = 1.0 / (u + v + w)
                if z < depth[y, x]:
                    depth[y, x] = z
                    face[y, x] = i
                    shares[y, x, 0] = u * z
                    shares[y, x, 1] = v * z
                    shares[y, x, 2] = w * z
    return depth, face, shares
