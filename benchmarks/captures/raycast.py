"""Pictures of a moving body by ray casting: texture, lambert light, clean alpha, depth, normals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import trimesh
from captures.body import Body
from captures.texture import Texture
from trimesh.ray.ray_pyembree import RayMeshIntersector

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

SUPERSAMPLE = 3
_LIGHT = np.array([0.35, -0.55, 0.76]) / np.linalg.norm([0.35, -0.55, 0.76])
_AMBIENT = 0.5


@dataclass(frozen=True, eq=False)
class Hits:
    """Per ray: triangle (−1: none), its barycentric coordinates, and distance."""

    triangle: Array
    bary: Array
    distance: Array


class Posed:
    """The surface at one time, ready for rays; ``ids`` and ``origin`` as ``Body.shading`` says."""

    def __init__(self, body: Body, vertices: Array, ids: Array, origin: Array) -> None:
        self.vertices = vertices
        self._corners = vertices[body.faces]
        # Rays need the triangles where they are; normals the corners that share one.
        self._shaded = trimesh.Trimesh(vertices[origin], ids, process=False)
        self._rays = RayMeshIntersector(self._shaded)
        flat = np.cross(
            self._corners[:, 1] - self._corners[:, 0], self._corners[:, 2] - self._corners[:, 0]
        )
        self._flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30)

    def cast(self, origins: Array, directions: Array) -> Hits:
        """First hit of each ray ``(n, 3)``, unit ``directions``."""
        n = len(origins)
        triangle, distance, bary = np.full(n, -1), np.full(n, np.inf), np.zeros((n, 3))
        answer: Any = self._rays.intersects_id(
            origins, directions, multiple_hits=False, return_locations=True
        )
        found, ray, where = answer
        if len(ray):
            triangle[ray] = found
            distance[ray] = np.einsum("ni,ni->n", where - origins[ray], directions[ray])
            bary[ray] = trimesh.triangles.points_to_barycentric(self._corners[found], where)
        return Hits(triangle, bary, distance)

    def normals(self, hits: Hits, hit: Array, directions: Array) -> Array:
        """Unit normals ``(n, 3)`` of rays ``hit`` ``(n,)``, towards the eye."""
        triangles = hits.triangle[hit]
        each = self._shaded.vertex_normals[self._shaded.faces[triangles]]
        smooth = np.einsum("nk,nki->ni", hits.bary[hit], each)
        length = np.linalg.norm(smooth, axis=1, keepdims=True)
        normals = np.where(length > 0.1, smooth / np.maximum(length, 1e-9), self._flat[triangles])
        flat = self._flat[triangles]
        towards = np.where(np.einsum("ni,ni->n", flat, directions[hit]) > 0, -1.0, 1.0)
        # Files wind neighbours against each other at times; the triangle that was hit decides.
        agrees = np.where(np.einsum("ni,ni->n", normals, flat) < 0, -1.0, 1.0)
        return normals * (towards * agrees)[:, None]


class RayScene:
    """A body with its textures; every question names a share 0..1 of the motion.

    Args:
        body: what is seen.
        seed: of the textures.
        rich: solid noise instead of one colour a part.
        size_m: what the textures' features are sized by; by default the diagonal.
    """

    def __init__(
        self, body: Body, *, seed: int, rich: bool = True, size_m: float | None = None
    ) -> None:
        self.body = body
        self._size_m = size_m or body.diagonal
        self._rest = body.vertices_at(0.0)[body.faces]
        self._shading = body.shading()
        self._textures = [
            Texture.make(i, seed=seed, size_m=self._size_m, rich=rich)
            for i in range(len(body.parts))
        ]
        self.at = lru_cache(maxsize=2)(self._pose)

    def _pose(self, share: float) -> Posed:
        return Posed(self.body, self.body.vertices_at(share), *self._shading)

    def picture(self, camera: Camera, share: float) -> Array:
        """``(h, w, 4)`` uint8: straight colour averaged over what is covered, alpha coverage."""
        n = SUPERSAMPLE
        posed = self.at(share)
        window = _window(camera, posed.vertices)
        origins, directions = pixel_rays(camera, n, window)
        hits = posed.cast(origins, directions)
        hit = np.flatnonzero(hits.triangle >= 0)
        colour = np.zeros((len(origins), 3))
        if len(hit):
            lit = np.clip(posed.normals(hits, hit, directions) @ _LIGHT, 0.0, 1.0)
            shade = _AMBIENT + (1.0 - _AMBIENT) * lit
            colour[hit] = self._colours(hits.triangle[hit], hits.bary[hit]) * shade[:, None]
        left, top, right, bottom = window
        box = (bottom - top, n, right - left, n)
        count = (hits.triangle >= 0).astype(np.float64).reshape(box).sum(axis=(1, 3))
        total = colour.reshape(*box, 3).sum(axis=(1, 3))
        rgb = total / np.maximum(count, 1.0)[..., None]
        pixels = np.zeros((camera.height, camera.width, 4), np.uint8)
        found = np.concatenate([rgb, count[..., None] / n**2], axis=-1) * 255
        pixels[top:bottom, left:right] = np.rint(found)
        return pixels

    def geometry(self, camera: Camera, share: float) -> tuple[Array, Array]:
        """Depth along the optical axis ``(h, w)``, metres, and world normals ``(h, w, 3)``.

        At pixel centres; 0 where nothing is.
        """
        posed = self.at(share)
        window = _window(camera, posed.vertices)
        left, top, right, bottom = window
        origins, directions = pixel_rays(camera, 1, window)
        hits = posed.cast(origins, directions)
        hit = np.flatnonzero(hits.triangle >= 0)
        depth, normal = np.zeros(len(origins)), np.zeros((len(origins), 3))
        if len(hit):
            depth[hit] = hits.distance[hit] * (directions[hit] @ camera.T_world_camera[:3, 2])
            normal[hit] = posed.normals(hits, hit, directions)
        depths = np.zeros((camera.height, camera.width), np.float32)
        normals = np.zeros((camera.height, camera.width, 3), np.float32)
        depths[top:bottom, left:right] = depth.reshape(bottom - top, right - left)
        normals[top:bottom, left:right] = normal.reshape(bottom - top, right - left, 3)
        return depths, normals

    def sees(self, eye: Array, points: Array, share: float) -> Array:
        """Which surface ``points`` ``(n, 3)`` are not hidden from ``eye`` ``(3,)``."""
        rays = points - eye
        distance = np.linalg.norm(rays, axis=1)
        hits = self.at(share).cast(np.broadcast_to(eye, rays.shape), rays / distance[:, None])
        return hits.distance > distance - 1e-3 * self._size_m

    def _colours(self, triangles: Array, bary: Array) -> Array:
        if self.body.skin is not None:
            return self.body.skin(triangles, bary)
        rest = np.einsum("nk,nki->ni", bary, self._rest[triangles])
        owners = self.body.face_parts[triangles]
        colours = np.empty((len(triangles), 3))
        for part in np.unique(owners):
            own = owners == part
            colours[own] = self._textures[part](rest[own])
        return colours


def _window(camera: Camera, vertices: Array) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that can show anything; at least one pixel."""
    pixels, _ = camera.project(vertices)
    size = np.array([camera.width, camera.height])
    low = np.clip(np.floor(pixels.min(axis=0)).astype(int), 0, size - 1)
    high = np.clip(np.ceil(pixels.max(axis=0)).astype(int), low + 1, size)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def pixel_rays(
    camera: Camera, n: int, window: tuple[int, int, int, int] | None = None
) -> tuple[Array, Array]:
    """Origins and unit directions ``(h·n·w·n, 3)`` of ``n × n`` rays per pixel, world frame.

    ``window`` limits them to columns ``left..right`` and rows ``top..bottom``.
    """
    left, top, right, bottom = window or (0, 0, camera.width, camera.height)
    u = left + (np.arange((right - left) * n) + 0.5) / n
    v = top + (np.arange((bottom - top) * n) + 0.5) / n
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    directions = camera.unproject(grid, np.ones(len(grid))) - camera.position
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.broadcast_to(camera.position, directions.shape), directions
