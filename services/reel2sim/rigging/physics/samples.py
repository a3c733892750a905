"""Oriented surface samples: surfels cleaned up to carry geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import KDTree

from reel2sim.rigging.proximity import connected
from reel2sim.scene.arrays import Array
from reel2sim.scene.surfels import Surfels

_NEIGHBOURS = 12
_SMALLEST_PATCH = 0.04
"""Patches with fewer than this share of a part's samples are taken for mislabelled specks."""


class OccupancyGrid(Protocol):
    """A visual hull: which voxels no camera saw through."""

    @property
    def occupancy(self) -> Array:
        """``(nx, ny, nz)`` bool."""
        ...

    @property
    def origin(self) -> Array:
        """Centre of the first voxel ``(3,)``, metres, world."""
        ...

    @property
    def voxel_m(self) -> float:
        """Side of a voxel, metres."""
        ...


@dataclass(frozen=True, eq=False)
class Samples:
    """Points on the visible surface at time zero, world frame.

    Attributes:
        points: ``(n, 3)``, metres.
        normals: unit, outwards ``(n, 3)``.
        areas: surface each stands for ``(n,)``, m².
        spacing: typical distance to the neighbours ``(n,)``, metres.
        colors: ``(n, 3)``, 0..1.
        parts: part of each ``(n,)``.
    """

    points: Array
    normals: Array
    areas: Array
    spacing: Array
    colors: Array
    parts: Array

    def __len__(self) -> int:
        return len(self.points)

    def select(self, mask: Array) -> Samples:
        """The samples picked by a boolean mask."""
        return Samples(
            self.points[mask],
            self.normals[mask],
            self.areas[mask],
            self.spacing[mask],
            self.colors[mask],
            self.parts[mask],
        )


def take_samples(
    surfels: Surfels, parts: Array, *, min_opacity: float, volume: OccupancyGrid | None
) -> Samples:
    """Turn surfels into oriented samples with areas.

    Faint surfels and specks of a part far from the rest of it are dropped, and normals that
    clearly point into the hull are turned round.

    Args:
        surfels: appearance at time zero.
        parts: part of each surfel ``(n,)``.
        min_opacity: surfels below it are no surface.
        volume: visual hull, if known.
    """
    keep = np.flatnonzero(surfels.opacities >= min_opacity)
    points = surfels.means[keep].astype(np.float64)
    normals = surfels.normals[keep]
    labels = np.asarray(parts)[keep]
    if volume is not None and len(points):
        normals = _turned_outwards(points, normals, volume)
    areas = _areas(points, normals)
    spacing = np.sqrt(areas)
    colors = surfels.colors[keep].astype(np.float64)
    found = Samples(points, normals, areas, spacing, colors, labels)
    whole = np.ones(len(found), bool)
    for part in np.unique(labels):
        own = np.flatnonzero(labels == part)
        whole[own] = _in_large_patches(points[own], spacing[own])
    return found.select(whole)


def _areas(points: Array, normals: Array) -> Array:
    """Surface per sample ``(n,)`` from the k-th neighbour on the same side of a sheet."""
    n = len(points)
    if n < 4:
        return np.full(n, 1e-6)
    k = min(2 * _NEIGHBOURS, n - 1)
    distance, index = (np.asarray(x) for x in KDTree(points).query(points, k=k + 1))
    same = np.einsum("nd,nkd->nk", normals, normals[index[:, 1:]]) > -0.3
    rank = np.cumsum(same, axis=1)
    usable = np.minimum(rank[:, -1], _NEIGHBOURS)
    column = np.argmax(rank >= np.maximum(usable, 1)[:, None], axis=1)
    reach = distance[np.arange(n), column + 1]
    areas = np.pi * reach**2 / np.maximum(usable, 1)
    typical = np.median(areas)
    return np.clip(areas, 0.02 * typical, 8.0 * typical)


def _in_large_patches(points: Array, spacing: Array) -> Array:
    """Mask ``(n,)`` of points whose connected patch is a fair share of all of them."""
    n = len(points)
    if n < 20:
        return np.ones(n, bool)
    patch = connected(points, 4.0 * float(np.median(spacing)))
    size = np.bincount(patch)
    return size[patch] >= max(_SMALLEST_PATCH * n, min(size.max(), 8))


def _turned_outwards(points: Array, normals: Array, volume: OccupancyGrid) -> Array:
    """Flip the normals that point into the hull where the hull's surface is close and clear."""
    smooth = gaussian_filter(np.asarray(volume.occupancy, np.float32), 1.5)
    ijk = (points - np.asarray(volume.origin)) / volume.voxel_m
    gradient = np.stack(
        [map_coordinates(g, ijk.T, order=1, mode="nearest") for g in np.gradient(smooth)],
        axis=1,
    )
    strength = np.linalg.norm(gradient, axis=1)
    cosine = -np.einsum("nd,nd->n", gradient, normals) / np.maximum(strength, 1e-9)
    wrong = (strength > 0.1) & (cosine < -0.5)
    return np.where(wrong[:, None], -normals, normals)
