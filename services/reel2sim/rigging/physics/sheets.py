"""Surfaces as sheets: how thick they are, and the slab behind those seen from one side."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.physics.samples import Samples
from reel2sim.scene.arrays import Array

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
    usable = opposed & (depth > 0) & (lateral < 1.5 * samples.spacing[:, None])
    return np.where(usable, depth, np.inf).min(axis=1)


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
        self.tree = KDTree(samples.points)
        self._swell = np.clip((least - wall_thickness(samples)) / 2, 0.0, least / 2)

    def __call__(self, points: Array) -> tuple[Array, Array]:
        """Evaluate at ``points`` ``(q, 3)``.

        Returns:
            Depth inside the slab ``(q,)``, positive inside, and distance to the nearest sample
            ``(q,)``, both metres; −inf and inf where no sample is near.
        """
        own = self.samples
        reach = float(self.depth.max()) + 2.0 * float(np.median(own.spacing))
        k = min(_BLEND, len(own))
        nearest, _ = self.tree.query(points, distance_upper_bound=reach, workers=2)
        slab = np.full(len(points), -np.inf)
        near = np.flatnonzero(np.isfinite(nearest))
        if len(near) == 0:
            return slab, nearest
        d, i = self.tree.query(points[near], k=k, workers=2)
        d, i = d.reshape(len(near), k), i.reshape(len(near), k)
        first = i[:, 0]
        agree = np.einsum("qkd,qd->qk", own.normals[i], own.normals[first]) > 0.3
        # Far above a sheet all its samples count alike; close to it the nearest ones do.
        width = np.maximum(d[:, :1], 1.5 * own.spacing[first][:, None])
        weight = np.where(agree, np.exp(-((d / width) ** 2)), 0.0)
        offset = points[near][:, None] - own.points[i]
        rise = np.einsum("qkd,qkd->qk", offset, own.normals[i])
        height = (weight * rise).sum(1) / weight.sum(1)
        swell, depth = self._swell[first], self.depth[first]
        edge = 2.0 * _inside_rim(offset, own.normals[first], agree) + swell
        slab[near] = np.minimum.reduce([swell - height, depth + height, edge])
        return slab, nearest


def _inside_rim(offset: Array, normals: Array, agree: Array) -> Array:
    """How far inside the rim of a sheet points are ``(q,)``, roughly, metres.

    Amid a sheet a point's neighbours lie all round it, on its rim to one side: their mean is then
    at 4/3π of the distance to the furthest. This does not mistake uneven sampling for holes;
    a little slack makes sure of it.

    Args:
        offset: from the neighbours to the point ``(q, k, 3)``, metres.
        normals: of the sheet at the point ``(q, 3)``.
        agree: which neighbours are of the same side of the sheet ``(q, k)``.
    """
    rise = np.einsum("qkd,qd->qk", offset, normals)
    lateral = np.where(agree[..., None], offset - rise[..., None] * normals[:, None], 0.0)
    furthest = np.linalg.norm(lateral, axis=2).max(1)
    mean = np.linalg.norm(lateral.sum(1), axis=1) / agree.sum(1)
    return (4.0 / (3.0 * np.pi) + 0.08) * furthest - mean
