"""Loose pieces of a solid: those that silhouettes ask for, and crumbs."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from reel2sim.reconstruction.stereo.grid import Grid
from reel2sim.reconstruction.stereo.pictures import Pictures
from reel2sim.scene.arrays import Array

_LARGE = 0.02
"""Share of the whole from which a piece stays in any case."""
_LEAST = 8
"""Voxels under which a piece is noise."""
_ALONE = 0.5
"""Share of a piece's pixels in which nothing else must be, in a picture that asks for it."""
_ASKING = 0.15
"""Share of the pictures that must ask for a piece."""


def tidy(values: Array, shots: Pictures, grid: Grid) -> Array:
    """A signed distance without loose crumbs outside and without bubbles inside.

    A sail whose spar is thinner than a voxel hangs loose. It is told from a crumb by the pictures
    in which it stands alone before the background; what a hull has too much hides in all of them
    before or behind the object.

    Args:
        values: ``grid.shape``, negative inside.
        shots: pictures of the solid.
        grid: of ``values``.
    """
    inside = values < 0
    labels: Array = np.zeros(values.shape, np.int32)
    ndimage.label(inside, output=labels)
    if labels.max() > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        large = [bool(size >= _LARGE * sizes.sum()) for size in sizes]
        covered = _pixels(np.array(large)[labels], shots, grid)
        kept = [
            big or (size >= _LEAST and _asked_for(labels == piece, covered, shots, grid))
            for piece, (big, size) in enumerate(zip(large, sizes, strict=True))
        ]
        crumbs = inside & np.isin(labels, np.flatnonzero(kept), invert=True)
        values = np.where(crumbs, np.float32(grid.step), values)
        inside &= ~crumbs
    full: Array = ndimage.binary_fill_holes(inside)  # pyright: ignore[reportAssignmentType]
    return np.where(full > inside, np.float32(-grid.step), values)


def _asked_for(piece: Array, covered: Array, shots: Pictures, grid: Grid) -> bool:
    """Whether enough silhouettes would stay open without a piece."""
    own = _pixels(piece, shots, grid)
    alone = (own & ~covered & (shots.mask > 0.5)).sum(axis=(1, 2))
    asking = alone > _ALONE * np.maximum(own.sum(axis=(1, 2)), 1)
    return bool(asking.mean() >= _ASKING)


def _pixels(inside: Array, shots: Pictures, grid: Grid) -> Array:
    """Where voxels look to be in each picture ``(v, h, w)`` bool."""
    seen = np.zeros(shots.mask.shape, bool)
    rim = inside > ndimage.binary_erosion(inside)
    points = grid.origin + grid.step * np.argwhere(rim)
    h, w = shots.mask.shape[1:]
    for picture, K, T in zip(seen, shots.K, shots.T, strict=True):
        p = (points @ T[:3, :3].T + T[:3, 3]) @ K.T
        p = p[p[:, 2] > 1e-6]
        x, y = np.floor(p[:, :2] / p[:, 2:]).astype(int).T
        within = (x >= 0) & (x < w) & (y >= 0) & (y < h)
        picture[y[within], x[within]] = True
    return np.stack([np.asarray(ndimage.binary_closing(p, np.ones((3, 3)))) for p in seen])
