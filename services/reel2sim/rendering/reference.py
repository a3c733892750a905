"""The picture as plain arrays compute it: every ray against every triangle. For tests, not for use.

Nothing is shared with the kernels but the model, so that agreement says something about both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reel2sim.exporters.color import linear_from_srgb, srgb_from_linear
from reel2sim.rendering.model import Lights, Mesh, Surface, merged
from reel2sim.rendering.pyramid import LEVELS, MOST_TAPS
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_HORIZON = 0.15


def reference_picture(
    meshes: Sequence[Mesh],
    surfaces: Sequence[Surface],
    poses: Sequence[Array],
    camera: Camera,
    lights: Lights,
    *,
    samples: int,
) -> tuple[Array, Array]:
    """Linear mean colour ``(h, w, 3)`` and share of samples that hit ``(h, w)``; no shadows.

    Args:
        meshes: what to draw; at least one triangle.
        surfaces: what it looks like.
        poses: of each mesh.
        camera: from where.
        lights: all light; no lamp may cast a shadow.
        samples: a side of a pixel.
    """
    vertices, normals = merged(meshes, poses)
    offsets = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    faces = np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=False)])
    uv = np.concatenate([np.asarray(m.uv) for m in meshes])
    colors = np.concatenate([np.asarray(m.colors) for m in meshes])
    surface = np.repeat([m.surface for m in meshes], [len(m.faces) for m in meshes])
    height, width = camera.height * samples, camera.width * samples
    rows, columns = np.mgrid[0:height, 0:width]
    at = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    rays = [_rays(camera, (at + shift) / samples) for shift in ([0, 0], [1e-4, 0], [0, 1e-4])]
    corners = vertices[faces]
    face, bary = _nearest(camera.position, rays[0], corners)
    hit = face >= 0
    f = face[hit]
    coordinates = np.einsum("nk,nkc->nc", bary[hit], uv[f])
    steps: list[Array] = []
    for ray in rays[1:]:
        beside = _on_plane(camera.position, ray[hit], corners[f])
        steps.append((np.einsum("nk,nkc->nc", beside, uv[f]) - coordinates) * 1e4)
    albedo = np.zeros((len(f), 3))
    for s, found in enumerate(surfaces):
        own = surface[f] == s
        albedo[own] = _texture(found, coordinates[own], steps[0][own], steps[1][own])
    albedo *= np.einsum("nk,nkc->nc", bary[hit], colors[faces[f]])
    points = np.einsum("nk,nkc->nc", bary[hit], corners[f])
    normal = np.einsum("nk,nkc->nc", bary[hit], normals[f])
    light = np.zeros((len(at), 3))
    finish = np.array([[s.roughness, s.specular, s.metallic, s.emission] for s in surfaces])
    light[hit] = _lit(albedo, finish[surface[f]], normal, camera.position - points, lights)
    shape = camera.height, samples, camera.width, samples
    share = hit.reshape(shape).mean(axis=(1, 3))
    total = np.minimum(light, 1.0).reshape(*shape, 3).mean(axis=(1, 3))
    return total / np.maximum(share, 1e-9)[..., None], share


def _rays(camera: Camera, pixels: Array) -> Array:
    far = camera.unproject(pixels, np.ones(len(pixels)))
    return far - camera.position


def _nearest(origin: Array, rays: Array, corners: Array) -> tuple[Array, Array]:
    """First triangle of each ray, or -1, and where it is hit; Möller & Trumbore 1997."""
    a = corners[:, 0]
    e1, e2 = corners[:, 1] - a, corners[:, 2] - a
    p = np.cross(rays[:, None], e2[None])
    det = np.einsum("fc,nfc->nf", e1, p)
    det = np.where(det == 0, np.nan, det)
    from_a = origin - a
    q = np.cross(from_a, e1)
    v = np.einsum("fc,nfc->nf", from_a, p) / det
    w = np.einsum("nc,fc->nf", rays, q) / det
    t = np.einsum("fc,fc->f", e2, q) / det
    with np.errstate(invalid="ignore"):
        t = np.where((v >= 0) & (w >= 0) & (v + w <= 1) & (t > 1e-6), t, np.inf)
    best = t.argmin(axis=1)
    n = np.arange(len(rays))
    v, w = v[n, best], w[n, best]
    return np.where(np.isfinite(t[n, best]), best, -1), np.stack([1 - v - w, v, w], axis=1)


def _on_plane(origin: Array, rays: Array, corners: Array) -> Array:
    """Barycentric coordinates ``(n, 3)`` where each ray meets the plane of its own triangle."""
    share = np.linalg.solve(np.swapaxes(corners - origin, 1, 2), rays[..., None])[..., 0]
    return share / share.sum(axis=1, keepdims=True)


def _texture(surface: Surface, uv: Array, right: Array, down: Array) -> Array:
    """Linear colour ``(n, 3)``, filtered as :func:`reel2sim.rendering.pyramid.texture` says."""
    import cv2

    level = linear_from_srgb(surface.image[::-1] / 255.0)
    stored = [level]
    for _ in range(LEVELS - 1):
        size = (max(1, level.shape[1] // 2), max(1, level.shape[0] // 2))
        level = cv2.resize(level, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], 3)
        stored.append(level)
    height, width = surface.image.shape[:2]
    if height == width == 1:
        return np.broadcast_to(stored[0][0, 0], (len(uv), 3))
    across = np.linalg.norm(right * [width, height], axis=1)
    along = np.linalg.norm(down * [width, height], axis=1)
    longer, shorter = np.maximum(across, along), np.minimum(across, along)
    way = np.where((along > across)[:, None], down, right)
    taps = np.ceil(longer / np.maximum(shorter, 1.0) - 0.01)
    taps = np.where(longer > 1.0, np.clip(taps, 1, MOST_TAPS), 1)
    detail = np.clip(np.log2(np.maximum(longer / taps, 1e-9)), 0, LEVELS - 1.001)
    out = np.zeros((len(uv), 3))
    for k in range(MOST_TAPS):
        place = uv + ((k + 0.5) / taps - 0.5)[:, None] * way
        for low in range(LEVELS):
            share = np.clip(1 - np.abs(detail - low), 0, 1) * (k < taps) / taps
            out += share[:, None] * _bilinear(stored[low], place, surface.repeats)
    return out


def _bilinear(level: Array, uv: Array, repeats: bool) -> Array:
    size = np.array([level.shape[1], level.shape[0]])
    place = (uv if repeats else np.clip(uv, 0, 1)) * size - 0.5
    low = np.floor(place).astype(int)
    f = place - low
    total = np.zeros((len(uv), 3))
    for dx in (0, 1):
        for dy in (0, 1):
            cell = low + np.array([dx, dy])
            cell = cell % size if repeats else np.clip(cell, 0, size - 1)
            weight = np.abs(1 - dx - f[:, 0]) * np.abs(1 - dy - f[:, 1])
            total += weight[:, None] * level[cell[:, 1], cell[:, 0]]
    return total


def _lit(albedo: Array, finish: Array, normal: Array, view: Array, lights: Lights) -> Array:
    """Light along ``view``, as :mod:`reel2sim.rendering.shade` says."""
    rough, specular, metallic, emission = finish.T[..., None]
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    view = view / np.linalg.norm(view, axis=1, keepdims=True)
    facing = np.einsum("nc,nc->n", normal, view)[:, None]
    normal, facing = normal * np.where(facing < 0, -1, 1), np.abs(facing)
    sky, ground = np.array(lights.sky), np.array(lights.ground)
    diffuse = ground + (sky - ground) * (0.5 + 0.5 * normal[:, 2:])
    shine = np.zeros(albedo.shape)
    power = 2 / np.maximum(rough, 0.05) ** 4 - 1.999
    for lamp in lights.lamps:
        way = np.array(lamp.toward) / np.linalg.norm(lamp.toward)
        toward = np.maximum(normal @ way, 0.0)[:, None]
        diffuse = diffuse + toward * lamp.strength
        half = view + way
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        peak = np.maximum(np.einsum("nc,nc->n", half, normal), 0.0)[:, None] ** power
        shine += (power + 8) / 8 * peak * toward * lamp.strength
    mirrored = 2 * facing * normal[:, 2:] - view[:, 2:]
    t = np.clip((mirrored + _HORIZON) / (2 * _HORIZON), 0, 1)
    t = (1 - rough) * t + rough * (0.5 + 0.5 * mirrored)
    head_on = specular + (albedo - specular) * metallic
    gain = (1 - facing) ** 5 * (1 - rough) * np.maximum(specular, metallic)
    reflects = head_on + (1 - head_on) * gain
    body = albedo * (1 - 0.65 * metallic) * (1 - reflects * (1 - metallic))
    glossy = body * diffuse + reflects * (shine + ground + (sky - ground) * t)
    plain = (specular == 0) & (metallic == 0)
    return np.where(plain, albedo * diffuse, glossy) + albedo * emission


def reference_bytes(linear: Array) -> Array:
    """As the picture stores it: sRGB ``uint8``."""
    return (srgb_from_linear(linear) * 255.0 + 0.5).astype(np.uint8)
