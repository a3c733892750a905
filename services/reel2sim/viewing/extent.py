"""How large a scene is, for whoever looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.scene import RiggedAsset, Scene
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

_INSTANTS = 24
"""Instants of a motion that are looked at."""


@dataclass(frozen=True, eq=False)
class Extent:
    """The box that holds all assets during their motions.

    Attributes:
        lower: lowest corner ``(3,)``, metres.
        upper: highest corner ``(3,)``.
        ground_z: height of the ground, which may be assumed, metres.
    """

    lower: Array
    upper: Array
    ground_z: float

    @classmethod
    def of(cls, scene: Scene) -> Extent:
        """Of the meshes of ``scene``, or of its surfels where a link has no mesh."""
        return cls.around(scene.assets, ground_z=scene.ground_z)

    @classmethod
    def around(cls, assets: Sequence[RiggedAsset], *, ground_z: float | None = None) -> Extent:
        """Of some assets, two metres wide if there are none."""
        boxes = [box for asset in assets for box in _boxes(asset)]
        lower = np.min([low for low, _ in boxes], axis=0) if boxes else -np.ones(3)
        upper = np.max([high for _, high in boxes], axis=0) if boxes else np.ones(3)
        return cls(lower, upper, float(lower[2]) if ground_z is None else ground_z)

    @property
    def center(self) -> Array:
        """Middle of the box ``(3,)``."""
        return (self.lower + self.upper) / 2

    @property
    def size(self) -> float:
        """Diagonal of the box, metres, never 0."""
        return max(float(np.linalg.norm(self.upper - self.lower)), 1e-3)

    def with_points(self, points: Array) -> Extent:
        """Grown to hold ``points`` ``(n, 3)`` as well."""
        every = np.vstack([self.lower, self.upper, points])
        return Extent(every.min(axis=0), every.max(axis=0), self.ground_z)

    def eye(self, *, fov_y: float) -> Array:
        """A place ``(3,)`` from which all of it is seen, from the front, the right and above."""
        back = np.array([0.55, -1.0, 0.55])
        distance = 0.5 * self.size / np.sin(fov_y / 2)
        return self.center + distance * 1.05 * back / np.linalg.norm(back)


def _boxes(asset: RiggedAsset) -> list[tuple[Array, Array]]:
    """Boxes of all links at several instants of the motion."""
    corners = [_corners(asset, i) for i in range(len(asset.links))]
    times = asset.motion.times_s
    picked = times[np.unique(np.linspace(0, len(times) - 1, _INSTANTS).astype(int))]
    found: list[tuple[Array, Array]] = []
    for time_s in picked:
        for T, box in zip(asset.link_poses_at(float(time_s)), corners, strict=True):
            if len(box):
                placed = apply(T, box)
                found.append((placed.min(0), placed.max(0)))
    return found


def _corners(asset: RiggedAsset, index: int) -> Array:
    """Corners of the box of one link in its frame ``(8, 3)``, or none if it has no shape."""
    points = asset.links[index].visual.vertices
    if not len(points):
        points = asset.surfels.means[asset.surfel_links == index] - asset.rest_poses[index, :3, 3]
    if not len(points):
        return np.zeros((0, 3))
    return np.where(list(np.ndindex(2, 2, 2)), points.max(0), points.min(0))
