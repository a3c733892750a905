"""Pictures of posed meshes by ray casting: procedural solid texture, lambert light, clean alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.transforms import invert

SUPERSAMPLE = 3
_LIGHT = np.array([0.35, -0.55, 0.76]) / np.linalg.norm([0.35, -0.55, 0.76])
_AMBIENT = 0.5
_TABLE = 64
_HUES = (
    (0.78, 0.30, 0.22), (0.20, 0.48, 0.74), (0.85, 0.65, 0.20), (0.30, 0.62, 0.34),
    (0.58, 0.36, 0.68), (0.24, 0.62, 0.64), (0.80, 0.45, 0.58), (0.52, 0.50, 0.30),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Texture:
    """A colour for every point of space, fixed to the part it was made for."""

    base: Array
    accent: Array
    table: Array
    stripe: Array
    size_m: float
    rich: bool

    @classmethod
    def make(cls, index: int, *, seed: int, size_m: float, rich: bool) -> Texture:
        """The texture of part ``index``; features are sized relative to ``size_m``."""
        rng = np.random.default_rng([seed, index])
        base = np.array(_HUES[(index + seed) % len(_HUES)])
        accent = np.clip(base[[1, 2, 0]] * 0.5 + rng.uniform(0.1, 0.5, 3), 0, 1)
        direction = rng.normal(size=3)
        return cls(
            base=base,
            accent=accent,
            table=rng.random((_TABLE, _TABLE, _TABLE)),
            stripe=direction / np.linalg.norm(direction),
            size_m=size_m,
            rich=rich,
        )

    def __call__(self, points: Array) -> Array:
        """Colours ``(n, 3)`` 0..1 at ``points`` ``(n, 3)`` in the part's rest frame, metres."""
        if not self.rich:
            return np.broadcast_to(self.base, points.shape).copy()
        p = points / self.size_m
        octaves = [self._noise(p * f + 7.3 * f) for f in (5.0, 11.0, 23.0, 47.0)]
        cloud = np.tensordot([0.34, 0.28, 0.22, 0.16], octaves, axes=1)
        blend = np.clip((cloud - 0.5) * 3.2 + 0.5, 0.0, 1.0)
        colour = self.base + (self.accent - self.base) * blend[:, None]
        waves = np.sin(2 * np.pi * (p @ self.stripe * 9.0 + 1.2 * octaves[0]))
        colour = colour * (1.0 - 0.35 * np.clip(waves * 2.0 - 0.8, 0.0, 1.0))[:, None]
        spots = np.clip((self._noise(p * 17.0 + 41.7) - 0.68) * 12.0, 0.0, 1.0)
        colour = colour + spots[:, None] * (np.array([0.95, 0.93, 0.85]) - colour)
        specks = np.clip((self._noise(p * 29.0 + 11.1) - 0.74) * 12.0, 0.0, 1.0)
        return np.clip(colour * (1.0 - 0.75 * specks[:, None]), 0.0, 1.0)

    def _noise(self, p: Array) -> Array:
        return _value_noise(self.table, p)


@numba.njit(cache=True)
def _value_noise(table: Array, points: Array) -> Array:
    """Value noise ``(n,)``: random numbers on a periodic lattice, blended by a smooth step."""
    size = table.shape[0]
    out = np.empty(len(points))
    weight = np.empty((3, 2))
    cell = np.empty((3, 2), np.int64)
    for n in range(len(points)):
        for axis in range(3):
            low = np.floor(points[n, axis])
            f = points[n, axis] - low
            weight[axis, 1] = f * f * (3.0 - 2.0 * f)
            weight[axis, 0] = 1.0 - weight[axis, 1]
            cell[axis, 0] = int(low) % size
            cell[axis, 1] = (int(low) + 1) % size
        total = 0.0
        for i in range(2):
            for j in range(2):
                for k in range(2):
                    share = weight[0, i] * weight[1, j] * weight[2, k]
                    total += share * table[cell[0, i], cell[1, j], cell[2, k]]
        out[n] = total
    return out


class RayScene:
    """Parts ready for ray casting; poses are given with every picture."""

    def __init__(
        self, parts: dict[str, trimesh.Trimesh], *, seed: int, size_m: float, rich: bool
    ) -> None:
        self.names = tuple(parts)
        self._size_m = size_m
        self._meshes = [trimesh.graph.smooth_shade(m, angle=np.radians(35)) for m in parts.values()]
        self._rays = [RayMeshIntersector(mesh) for mesh in self._meshes]
        self._textures = [
            Texture.make(i, seed=seed, size_m=size_m, rich=rich) for i in range(len(parts))
        ]

    def cast(self, origins: Array, directions: Array, poses: dict[str, Array]) -> Hits:
        """First hit of each ray on the parts moved by ``poses`` (since rest)."""
        hits = Hits.none(len(origins))
        for index, name in enumerate(self.names):
            T = invert(poses[name])
            # einsum, as BLAS spends more on its threads than on products this thin.
            o = np.einsum("ni,ji->nj", origins, T[:3, :3]) + T[:3, 3]
            d = np.einsum("ni,ji->nj", directions, T[:3, :3])
            tri, ray, where = self._rays[index].intersects_id(
                o, d, multiple_hits=False, return_locations=True
            )
            along = np.einsum("ni,ni->n", where - o[ray], d[ray])
            closer = along < hits.distance[ray]
            ray = ray[closer]
            hits.part[ray], hits.triangle[ray] = index, tri[closer]
            hits.distance[ray], hits.point[ray] = along[closer], where[closer]
        return hits

    def picture(self, camera: Camera, poses: dict[str, Array]) -> Array:
        """``(h, w, 4)`` uint8: straight colour averaged over what is covered, alpha coverage."""
        n = SUPERSAMPLE
        origins, directions = pixel_rays(camera, n)
        hits = self.cast(origins, directions, poses)
        colour = np.zeros((len(origins), 3))
        for index, name in enumerate(self.names):
            own = np.flatnonzero(hits.part == index)
            if len(own):
                normals = self._normals(index, hits.triangle[own], hits.point[own])
                normals = normals @ poses[name][:3, :3].T
                facing = np.sign(np.einsum("ni,ni->n", normals, -directions[own]))
                lit = np.clip((normals * facing[:, None]) @ _LIGHT, 0.0, 1.0)
                shade = _AMBIENT + (1.0 - _AMBIENT) * lit
                colour[own] = self._textures[index](hits.point[own]) * shade[:, None]
        covered = (hits.part >= 0).astype(np.float64)
        box = (camera.height, n, camera.width, n)
        count = covered.reshape(box).sum(axis=(1, 3))
        total = colour.reshape(*box, 3).sum(axis=(1, 3))
        rgb = total / np.maximum(count, 1.0)[..., None]
        alpha = count / n**2
        return np.rint(np.concatenate([rgb, alpha[..., None]], axis=-1) * 255).astype(np.uint8)

    def sees(self, eye: Array, points: Array, poses: dict[str, Array]) -> Array:
        """Which surface ``points`` ``(n, 3)`` are not hidden from ``eye`` ``(3,)``, world frame."""
        rays = points - eye
        distance = np.linalg.norm(rays, axis=1)
        hits = self.cast(np.broadcast_to(eye, rays.shape), rays / distance[:, None], poses)
        return hits.distance > distance - 1e-3 * self._size_m

    def _normals(self, index: int, triangles: Array, points: Array) -> Array:
        mesh = self._meshes[index]
        corners = mesh.triangles[triangles]
        bary = trimesh.triangles.points_to_barycentric(corners, points)
        smooth = np.einsum("nk,nki->ni", bary, mesh.vertex_normals[mesh.faces[triangles]])
        flat = mesh.face_normals[triangles]
        length = np.linalg.norm(smooth, axis=1, keepdims=True)
        return np.where(length > 0.1, smooth / np.maximum(length, 1e-9), flat)


@dataclass(frozen=True, eq=False)
class Hits:
    """Per ray: part and triangle (−1: none), distance, and point in the part's rest frame."""

    part: Array
    triangle: Array
    distance: Array
    point: Array

    @classmethod
    def none(cls, n: int) -> Hits:
        """No ray has hit anything yet."""
        return cls(np.full(n, -1), np.full(n, -1), np.full(n, np.inf), np.zeros((n, 3)))


def pixel_rays(camera: Camera, n: int) -> tuple[Array, Array]:
    """Origins and unit directions ``(h·n·w·n, 3)`` of ``n × n`` rays per pixel, world frame."""
    u = (np.arange(camera.width * n) + 0.5) / n
    v = (np.arange(camera.height * n) + 0.5) / n
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    directions = camera.unproject(grid, np.ones(len(grid))) - camera.position
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.broadcast_to(camera.position, directions.shape), directions
