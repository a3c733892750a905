"""What views of one instant agree on: a shape whose outline each of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numba
import numpy as np
from skimage import measure

from reel2sim.reconstruction.foreground.region import Region
from reel2sim.reconstruction.foreground.sweep import Picture
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_RESOLUTION = 72
_SLACK_PX = 1
_SEEN = 0.7
"""Share of the pictures a voxel must lie in."""
_LOUDEST = 2.0
"""Largest log odds one view may give a voxel."""
_CONVINCING = 0.5
"""Least mean log odds of a voxel of the object."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Voxels that most views take for the object.

    Attributes:
        points: centres ``(n, 3)``, world, metres.
        voxel_m: edge, metres.
    """

    points: Array
    voxel_m: float

    def outline(self, camera: Camera) -> Array:
        """Pixels that the shape covers ``(h, w)`` bool."""
        uv, depth = camera.project(self.points)
        ahead = depth > 1e-9
        half = 0.5 * self.voxel_m * camera.fx / np.where(ahead, depth, 1.0)
        covered = np.zeros((camera.height, camera.width), np.uint8)
        _stamp(covered, uv[ahead], half[ahead])
        return covered > 0


def agree(
    pictures: Sequence[Picture],
    masks: Sequence[Array],
    evidence: Sequence[Array],
    region: Region,
    *,
    tolerance: float = 0.15,
) -> Shape:
    """The large connected sets of voxels that few masks exclude; empty if there are none.

    Chance evidence for the object falls on different places in different views, and averages
    out: a voxel needs evidence on average, not only masks that let it pass.

    Args:
        pictures: simultaneous views.
        masks: the object in each ``(h, w)`` bool.
        evidence: log odds for the object in each ``(h, w)``.
        region: where it can be.
        tolerance: share of the views that see a voxel which may exclude it.
    """
    axis = np.linspace(-1.0, 1.0, _RESOLUTION) * region.radius_m
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    points = grid.reshape(-1, 3) + region.center
    inside = np.flatnonzero(region.contains(points))
    seen, missed, total = np.zeros((3, len(inside)))
    kernel = np.ones((2 * _SLACK_PX + 1,) * 2, np.uint8)
    for picture, mask, odds in zip(pictures, masks, evidence, strict=True):
        wide = cv2.dilate(mask.astype(np.uint8), kernel)
        soft = cv2.blur(np.clip(odds, -_LOUDEST, _LOUDEST), (3, 3))
        uv, depth = picture.camera.project(points[inside])
        x, y = np.floor(uv.T).astype(np.int64)
        height, width = mask.shape
        shown = (depth > 0) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
        seen += shown
        y, x = y[shown], x[shown]
        missed[shown] += wide[y, x] == 0
        total[shown] += soft[y, x]
    kept = (missed <= tolerance * seen) & (seen >= _SEEN * len(pictures))
    kept &= total > _CONVINCING * seen
    voxels = np.zeros((_RESOLUTION,) * 3, bool)
    voxels.ravel()[inside[kept]] = True
    # Neighbours at corners count as connected, as thin parts are a voxel wide.
    labels = np.asarray(measure.label(voxels, connectivity=3))
    if labels.any():
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        voxels = np.isin(labels, np.flatnonzero(sizes >= 0.03 * sizes.max()))
    return Shape(points[voxels.ravel()], float(axis[1] - axis[0]))


@numba.njit(cache=True)
def _stamp(covered: Array, uv: Array, half: Array) -> None:
    """Set squares of half width ``half`` about ``uv``, in place."""
    height, width = covered.shape
    for n in range(len(uv)):
        left = max(int(np.floor(uv[n, 0] - half[n] + 0.5)), 0)
        right = min(int(np.floor(uv[n, 0] + half[n] + 0.5)), width)
        top = max(int(np.floor(uv[n, 1] - half[n] + 0.5)), 0)
        bottom = min(int(np.floor(uv[n, 1] + half[n] + 0.5)), height)
        for y in range(top, bottom):
            for x in range(left, right):
                covered[y, x] = 1
