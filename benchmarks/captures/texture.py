"""Colours of surfaces: a solid texture for bare meshes, the file's own picture for others."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from reel2sim.scene.arrays import Array

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


@dataclass(frozen=True, eq=False)
class Skin:
    """A picture wrapped around a mesh.

    Attributes:
        image: ``(h, w, 3)`` float, 0..1, first row on top.
        corners: texture coordinates of each triangle's corners ``(f, 3, 2)``, first row at v = 1.
    """

    image: Array
    corners: Array

    def __call__(self, triangles: Array, bary: Array) -> Array:
        """Colours ``(n, 3)`` at barycentric ``bary`` ``(n, 3)`` of ``triangles``; repeats."""
        uv = np.einsum("nk,nki->ni", bary, self.corners[triangles])
        height, width = self.image.shape[:2]
        x = (uv[:, 0] % 1.0) * width - 0.5
        y = (1.0 - uv[:, 1] % 1.0) * height - 0.5
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        f, g = (x - left)[:, None], (y - top)[:, None]
        columns, rows = (left % width, (left + 1) % width), (top % height, (top + 1) % height)
        above = self.image[rows[0], columns[0]] * (1 - f) + self.image[rows[0], columns[1]] * f
        below = self.image[rows[1], columns[0]] * (1 - f) + self.image[rows[1], columns[1]] * f
        return above * (1 - g) + below * g
