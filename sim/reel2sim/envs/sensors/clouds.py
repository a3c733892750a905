"""Sensors that give points on surfaces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from reel2sim.envs.physics.world import World
from reel2sim.envs.sensors.assets import Appearance
from reel2sim.envs.sensors.cameras import shoot
from reel2sim.envs.sensors.config import PointCloudSensor
from reel2sim.envs.sensors.links import Labels
from reel2sim.envs.sensors.look import Look
from reel2sim.envs.sensors.views import FAR_M, Viewpoint
from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array


def cloud_space(config: PointCloudSensor) -> dict[str, spaces.Space]:
    """Space of a point cloud."""
    shape = (config.points, 4 if config.labels else 3)
    high = np.full(shape, FAR_M, np.float32)
    low = -high
    if config.labels:
        low[:, 3], high[:, 3] = 0, 255
    return {config.name: spaces.Box(low, high, dtype=np.float32)}


class SurfaceReader:
    """Points that are fixed to links."""

    def __init__(
        self, config: PointCloudSensor, *, parts: Mapping[str, Appearance], labels: Labels
    ) -> None:
        self._name, self._parts, self._labelled = config.name, parts, config.labels
        meshes = [link.visual for part in parts.values() for link in part.asset.links]
        self._points, self._links = _spread(
            meshes, config.points, np.random.default_rng(config.seed)
        )
        numbers = [labels.first[name] + part.order for name, part in parts.items()]
        self._labels = np.minimum(np.concatenate(numbers), 254)[self._links]
        self.spaces = cloud_space(config)

    def begin(self, look: Look) -> None:
        """Nothing is drawn for points."""

    def read(self) -> dict[str, Array]:
        """The points in the present state."""
        T = np.concatenate([part.poses() for part in self._parts.values()])[self._links]
        p = np.einsum("nij,nj->ni", T[:, :3, :3], self._points) + T[:, :3, 3]
        p = np.nan_to_num(p).clip(-FAR_M, FAR_M)
        if self._labelled:
            p = np.column_stack([p, self._labels])
        return {self._name: p.astype(np.float32)}


def _spread(
    meshes: list[TriangleMesh], count: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Points ``(count, 3)`` evenly over the area of ``meshes``, and the mesh of each ``(count,)``.

    Area is cut into equal parts with a point in each, which spreads them better than chance would.
    """
    corners = np.concatenate([mesh.vertices[mesh.faces] for mesh in meshes])
    owner = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.cumsum(np.linalg.norm(np.cross(a, b), axis=1))
    at = (np.arange(count) + rng.random(count)) / count * area[-1]
    face = np.minimum(np.searchsorted(area, at, side="right"), len(area) - 1)
    u, v = rng.random((2, count))
    outside = u + v > 1
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    return corners[face, 0] + u[:, None] * a[face] + v[:, None] * b[face], owner[face]


class DepthReader:
    """Points that a depth camera meets."""

    def __init__(
        self, config: PointCloudSensor, *, world: World, labels: Labels, seen: Viewpoint
    ) -> None:
        self._config, self._world, self._labels = config, world, labels
        self._placed = self._seen = seen
        self._look = Look()
        self.spaces = cloud_space(config)
        columns, rows = np.meshgrid(np.arange(config.size[0]), np.arange(config.size[1]))
        self._pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5

    def begin(self, look: Look) -> None:
        """Take the look of an episode."""
        self._look, self._seen = look, self._placed.shaken(look)

    def read(self) -> dict[str, Array]:
        """The points in the present state."""
        config = self._config
        shot = shoot(self._world, self._seen, self._look, shadow=False)
        depth = shot.depth.ravel()
        met = np.flatnonzero(depth)
        out = np.zeros((config.points, 4 if config.labels else 3), np.float32)
        if len(met):
            # Evenly among the pixels, each several times if they are too few.
            met = met[(np.arange(config.points) * len(met)) // config.points]
            points = self._seen.camera.unproject(self._pixels[met], depth[met])
            out[:, :3] = points.clip(-FAR_M, FAR_M)
            if config.labels:
                out[:, 3] = self._labels.of(shot.mask).ravel()[met]
        return {config.name: out}
