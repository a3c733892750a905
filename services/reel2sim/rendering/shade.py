"""The colour of every sample: texture, lamps, shadow and reflections."""

# pyright: basic

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from reel2sim.rendering.pyramid import texture
from reel2sim.rendering.shadows import lit

_HORIZON = 0.15
"""Sine of the elevation within which the reflected ground turns into the sky."""


class Corners(NamedTuple):
    """What triangles carry at their corners.

    Attributes:
        vertices: ``(v, 3)``, world, metres.
        faces: ``(f, 3)``.
        normals: ``(f, 3, 3)``, world.
        uv: ``(f, 3, 2)``.
        colors: linear light ``(v, 3)``.
        surface: of each triangle ``(f,)``.
        part: of each triangle ``(f,)``.
    """

    vertices: Any
    faces: Any
    normals: Any
    uv: Any
    colors: Any
    surface: Any
    part: Any


class Lit(NamedTuple):
    """Light as the kernel takes it.

    Attributes:
        lamps: rows of unit direction and linear strength ``(k, 6)``.
        sky: ``(3,)``.
        ground: ``(3,)``.
        shadowed: which lamp has the map; -1: none.
        depth: of the map, as of :class:`reel2sim.rendering.shadows.ShadowMap`.
        axes: of the map.
        corner: of the map.
        texel: of the map.
        rim: of the map.
    """

    lamps: Any
    sky: Any
    ground: Any
    shadowed: int
    depth: Any
    axes: Any
    corner: Any
    texel: float
    rim: float


@njit(cache=True, error_model="numpy")
def shaded(face, planes, corners, tex, light, eye, sub):
    """Mean linear colour of the samples of each pixel that hit something, and how many do.

    Args:
        face: of every sample, or -1 ``(h s, w s)``.
        planes: as of :func:`reel2sim.rendering.cover.cover`.
        corners: what is drawn.
        tex: textures.
        light: all light.
        eye: position of the camera ``(3,)``.
        sub: samples a side of a pixel ``s``.

    Returns:
        Colours ``(h, w, 3)``; share of the samples that hit anything and that hit a part
        ``(h, w, 2)``.
    """
    height, width = face.shape[0] // sub, face.shape[1] // sub
    linear = np.zeros((height, width, 3))
    share = np.zeros((height, width, 2))
    color = np.empty(3)
    for y in range(height):
        for x in range(width):
            for sy in range(y * sub, (y + 1) * sub):
                for sx in range(x * sub, (x + 1) * sub):
                    i = face[sy, sx]
                    if i < 0:
                        continue
                    share[y, x, 0] += 1.0
                    if corners.part[i] > 0:
                        share[y, x, 1] += 1.0
                    _sample(i, sx + 0.5, sy + 0.5, planes[i], corners, tex, light, eye, color)
                    for k in range(3):
                        # What is too bright for the picture is so in each sample, as in an eye.
                        linear[y, x, k] += min(color[k], 1.0)
            if share[y, x, 0] > 0.0:
                for k in range(3):
                    linear[y, x, k] /= share[y, x, 0]
    return linear, share / (sub * sub)


@njit(cache=True, error_model="numpy", forceinline=True)
def _sample(i, px, py, plane, corners, tex, light, eye, out):
    """Linear light from a triangle at one sample, into ``out`` ``(3,)``.

    Written out in numbers: short arrays made for every sample would take most of the time.
    """
    a = plane[0, 0] * px + (plane[0, 1] * py + plane[0, 2])
    b = plane[1, 0] * px + (plane[1, 1] * py + plane[1, 2])
    c = plane[2, 0] * px + (plane[2, 1] * py + plane[2, 2])
    over = 1.0 / (a + b + c)
    a, b, c = a * over, b * over, c * over
    uv = corners.uv[i]
    u = a * uv[0, 0] + b * uv[1, 0] + c * uv[2, 0]
    v = a * uv[0, 1] + b * uv[1, 1] + c * uv[2, 1]
    # Derivatives of the quotients.
    dx = plane[0, 0] + plane[1, 0] + plane[2, 0]
    dy = plane[0, 1] + plane[1, 1] + plane[2, 1]
    ux = plane[0, 0] * uv[0, 0] + plane[1, 0] * uv[1, 0] + plane[2, 0] * uv[2, 0] - u * dx
    vx = plane[0, 0] * uv[0, 1] + plane[1, 0] * uv[1, 1] + plane[2, 0] * uv[2, 1] - v * dx
    uy = plane[0, 1] * uv[0, 0] + plane[1, 1] * uv[1, 0] + plane[2, 1] * uv[2, 0] - u * dy
    vy = plane[0, 1] * uv[0, 1] + plane[1, 1] * uv[1, 1] + plane[2, 1] * uv[2, 1] - v * dy
    s = corners.surface[i]
    texture(tex, s, u, v, ux * over, vx * over, uy * over, vy * over, out)
    f0, f1, f2 = corners.faces[i, 0], corners.faces[i, 1], corners.faces[i, 2]
    for k in range(3):
        colors = corners.colors
        out[k] *= a * colors[f0, k] + b * colors[f1, k] + c * colors[f2, k]
    n = corners.normals[i]
    nx = a * n[0, 0] + b * n[1, 0] + c * n[2, 0]
    ny = a * n[0, 1] + b * n[1, 1] + c * n[2, 1]
    nz = a * n[0, 2] + b * n[1, 2] + c * n[2, 2]
    p = corners.vertices
    x = a * p[f0, 0] + b * p[f1, 0] + c * p[f2, 0]
    y = a * p[f0, 1] + b * p[f1, 1] + c * p[f2, 1]
    z = a * p[f0, 2] + b * p[f1, 2] + c * p[f2, 2]
    vx, vy, vz = eye[0] - x, eye[1] - y, eye[2] - z
    facing = nx * vx + ny * vy + nz * vz
    away = 1.0 / max(np.sqrt(vx * vx + vy * vy + vz * vz), 1e-30)
    length = 1.0 / max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-30)
    if facing < 0.0:  # the back of a sheet is lit like its front
        length = -length
    nx, ny, nz = nx * length, ny * length, nz * length
    vx, vy, vz = vx * away, vy * away, vz * away
    facing *= length * away
    _lit(s, x, y, z, nx, ny, nz, vx, vy, vz, facing, tex, light, out)


@njit(cache=True, error_model="numpy", forceinline=True)
def _lit(s, x, y, z, nx, ny, nz, vx, vy, vz, facing, tex, light, out):
    """Turn the surface's colour in ``out`` into the light it sends along the view.

    Lambert's law, and Blinn–Phong highlights with Schlick's Fresnel term on glossy surfaces, which
    mirror the sky and the ground too.

    Args:
        s: the surface.
        x: of the point, world.
        y: of the point.
        z: of the point.
        nx: of the unit normal on the side of the camera.
        ny: of the normal.
        nz: of the normal.
        vx: of the unit direction to the camera.
        vy: of the direction.
        vz: of the direction.
        facing: cosine between them.
        tex: finish of all surfaces.
        light: all light.
        out: linear colour, replaced by light.
    """
    rough, specular = tex.finish[s, 0], tex.finish[s, 1]
    metallic, emission = tex.finish[s, 2], tex.finish[s, 3]
    glossy = specular > 0.0 or metallic > 0.0
    power = 2.0 / max(rough, 0.05) ** 4 - 1.999
    up = 0.5 + 0.5 * nz
    red = light.ground[0] + (light.sky[0] - light.ground[0]) * up
    green = light.ground[1] + (light.sky[1] - light.ground[1]) * up
    blue = light.ground[2] + (light.sky[2] - light.ground[2]) * up
    shine_r = shine_g = shine_b = 0.0
    for n in range(len(light.lamps)):
        lx, ly, lz = light.lamps[n, 0], light.lamps[n, 1], light.lamps[n, 2]
        toward = lx * nx + ly * ny + lz * nz
        if toward <= 0.0:
            continue
        if n == light.shadowed:
            toward *= lit(
                light.depth, light.axes, light.corner, light.texel, light.rim, x, y, z, nx, ny, nz
            )
            if toward == 0.0:
                continue
        r, g, b = light.lamps[n, 3], light.lamps[n, 4], light.lamps[n, 5]
        red += r * toward
        green += g * toward
        blue += b * toward
        if glossy:
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            length = max(np.sqrt(hx * hx + hy * hy + hz * hz), 1e-12)
            half = max((hx * nx + hy * ny + hz * nz) / length, 0.0)
            peak = (power + 8.0) / 8.0 * half**power * toward
            shine_r += r * peak
            shine_g += g * peak
            shine_b += b * peak
    if not glossy:
        out[0] *= red + emission
        out[1] *= green + emission
        out[2] *= blue + emission
        return
    mirrored = 2.0 * facing * nz - vz
    t = min(max((mirrored + _HORIZON) / (2.0 * _HORIZON), 0.0), 1.0)
    # What is rough mirrors a blurred horizon.
    t = (1.0 - rough) * t + rough * (0.5 + 0.5 * mirrored)
    grazing = (1.0 - facing) ** 5 * (1.0 - rough) * max(specular, metallic)
    for k in range(3):
        diffuse = red if k == 0 else (green if k == 1 else blue)
        shine = shine_r if k == 0 else (shine_g if k == 1 else shine_b)
        head_on = specular + (out[k] - specular) * metallic
        reflects = head_on + (1.0 - head_on) * grazing
        mirror = light.ground[k] + (light.sky[k] - light.ground[k]) * t
        body = out[k] * (1.0 - 0.65 * metallic) * (1.0 - reflects * (1.0 - metallic))
        out[k] = body * diffuse + out[k] * emission + reflects * (shine + mirror)
