"""Surfaces as sheets: how thick they are, and the slab behind those seen from one side."""

from __future__ import annotations

import numba
import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.physics.samples import Samples
from reel2sim.scene.arrays import Array
from reel2sim.scene.threads import KERNELS

_BLEND = 16
"""Samples whose planes are averaged at a point."""


def wall_thickness(samples: Samples) -> Array:
    """Distance from each sample to the opposite side of its sheet ``(n,)``, metres.

    Infinite where no opposite side lies within a few spacings, so this finds thin walls only.
    """
    n = len(samples)
    found = np.full(n, np.inf)
    if n < 8:
        return found
    k = min(48, n - 1)
    index = np.asarray(KDTree(samples.points).query(samples.points, k=k + 1)[1])[:, 1:]
    offset = samples.points[index] - samples.points[:, None]
    depth = -np.einsum("nkd,nd->nk", offset, samples.normals)
    lateral = np.linalg.norm(offset + depth[..., None] * samples.normals[:, None], axis=2)
    opposed = np.einsum("nkd,nd->nk", samples.normals[index], samples.normals) < -0.3
    # Noise may push the two sides of a pane through each other.
    behind = depth > -0.5 * samples.spacing[:, None]
    usable = opposed & behind & (lateral < 1.5 * samples.spacing[:, None])
    return np.maximum(np.where(usable, depth, np.inf).min(axis=1), 0.0)


class Sheet:
    """The samples of one part as a slab of finite thickness under its visible side.

    Args:
        samples: of one part, at least one.
        depth: how deep the slab goes under each sample ``(n,)``, metres; 0 for none.
        least: thinnest that a wall may become, metres; thinner ones swell to it.
    """

    def __init__(self, samples: Samples, *, depth: Array, least: float) -> None:
        self.samples = samples
        self.depth = depth
        self.reach = float(depth.max()) + 2.0 * float(np.median(samples.spacing))
        self.tree = KDTree(samples.points)
        self._swell = np.clip((least - wall_thickness(samples)) / 2, 0.0, least / 2)

    def __call__(self, points: Array) -> tuple[Array, Array, Array]:
        """Evaluate at ``points`` ``(q, 3)``.

        Returns:
            Depth inside the slab ``(q,)``, positive inside; distance to the nearest sample
            ``(q,)``; by how much the wall there swells ``(q,)``; all metres. −inf, inf and 0
            where no sample is near.
        """
        own = self.samples
        k = min(_BLEND, len(own))
        nearest, who = self.tree.query(points, distance_upper_bound=self.reach, workers=2)
        slab, grown = np.full(len(points), -np.inf), np.zeros(len(points))
        near = np.flatnonzero(np.isfinite(nearest))
        if len(near) == 0:
            return slab, nearest, grown
        d, i = self.tree.query(points[near], k=k, workers=2)
        d, i = d.reshape(len(near), k), i.reshape(len(near), k)
        with KERNELS:
            slab[near] = _slab(
                np.ascontiguousarray(points[near]),
                np.asarray(d),
                np.asarray(i),
                own.points,
                own.normals,
                own.spacing,
                self.depth,
                self._swell,
            )
        grown[near] = self._swell[np.asarray(who)[near]]
        return slab, nearest, grown


@numba.njit(cache=True, parallel=True)
def _slab(queries, distance, index, points, normals, spacing, depth, swell):  # pragma: no cover
    """Depth inside the slab ``(q,)`` from the nearest samples of each query, nearest first.

    The least of: how far the query is under the blended planes of its neighbours, how far above
    the slab's floor, and how far inside the sheet's rim. Only neighbours on the same side of the
    sheet as the nearest one count.

    Amid a sheet the neighbours lie all round, on its rim to one side: their mean is then at
    4/3π of the distance to the furthest. Unlike a distance to the nearest sample this does not
    mistake uneven sampling for holes; a little slack makes sure of it.
    """
    out = np.empty(len(queries))
    for q in numba.prange(len(queries)):
        first = index[q, 0]
        nx, ny, nz = normals[first]
        # Far above a sheet all its samples count alike; close to it the nearest ones do.
        width = max(distance[q, 0], 1.5 * spacing[first])
        total, height, count, furthest = 0.0, 0.0, 0, 0.0
        mx, my, mz = 0.0, 0.0, 0.0
        for k in range(index.shape[1]):
            j = index[q, k]
            if nx * normals[j, 0] + ny * normals[j, 1] + nz * normals[j, 2] <= 0.3:
                continue
            dx = queries[q, 0] - points[j, 0]
            dy = queries[q, 1] - points[j, 1]
            dz = queries[q, 2] - points[j, 2]
            weight = np.exp(-((distance[q, k] / width) ** 2))
            total += weight
            height += weight * (dx * normals[j, 0] + dy * normals[j, 1] + dz * normals[j, 2])
            rise = dx * nx + dy * ny + dz * nz
            lx, ly, lz = dx - rise * nx, dy - rise * ny, dz - rise * nz
            mx, my, mz = mx + lx, my + ly, mz + lz
            furthest = max(furthest, np.sqrt(lx * lx + ly * ly + lz * lz))
            count += 1
        height /= total
        rim = (4.0 / (3.0 * np.pi) + 0.08) * furthest
        inside = 2.0 * (rim - np.sqrt(mx * mx + my * my + mz * mz) / count)
        grown = swell[first]
        out[q] = min(grown - height, depth[first] + height, inside + grown)
    return out
