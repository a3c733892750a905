"""What a picture would show without the object: its surroundings as other views saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numba
import numpy as np
from scipy import ndimage

from reel2sim.reconstruction.foreground.region import Region, pixel_rays
from reel2sim.reconstruction.foreground.sweep import Peaks, Picture
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_SURE = 0.75
_THINNED = 2
"""Every so manieth row and column gives a point: views overlap, and cells need few."""
_CELL_PX = 3
_ON_SUPPORT = 0.04
"""Height, in that of the camera, within which a cell's surroundings are the support."""
_SAMPLES = 6
"""Views that are asked for the colour of a point."""
_ENOUGH = 3
"""Fewer samples than this are looked for in all other views."""
_GROW_PX = 2


@dataclass(frozen=True, eq=False)
class Expected:
    """A predicted picture.

    Attributes:
        color: ``(h, w, 3)`` float32, 0..255.
        doubt: disagreement of the views it is from ``(h, w)`` float32, 0..255.
        views: how many views it is from ``(h, w)`` int32; 0 where no view saw what is there.
    """

    color: Array
    doubt: Array
    views: Array


class Backdrop:
    """Surroundings that stay, learnt from views at rest.

    Args:
        pictures: views at rest.
        masks: where the object may be in each ``(h, w)`` bool.
        peaks: depths of each.
        region: where the object can be, with its support.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        masks: Sequence[Array],
        peaks: Sequence[Peaks],
        region: Region,
    ) -> None:
        self._pictures, self._region = pictures, region
        kernel = np.ones((2 * _GROW_PX + 1,) * 2, np.uint8)
        self._free = [1 - cv2.dilate(m.astype(np.uint8), kernel) for m in masks]
        points = []
        for picture, free, peak in zip(pictures, self._free, peaks, strict=True):
            near, far = region.span(picture.camera)
            behind = (peak.depth[0] >= far) | (near >= far)
            sure = (free > 0) & (peak.score[0] > _SURE) & behind
            y, x = _THINNED * np.argwhere(sure[::_THINNED, ::_THINNED]).T
            rays = pixel_rays(picture.camera)[y, x]
            points.append(picture.camera.position + rays * peak.depth[0][y, x][:, None])
        self._points = np.concatenate(points)

    def expect(self, camera: Camera) -> Expected:
        """Predict what ``camera`` sees where the object is not."""
        depth = self._depth(camera)
        points = camera.position + pixel_rays(camera) * depth[..., None]
        samples = np.zeros((_SAMPLES, *depth.shape, 3), np.float32)
        count = np.zeros(depth.shape, np.int32)
        for rank, i in enumerate(self._nearest(camera)):
            # Far views see what is hidden from the near ones, and are asked for nothing else.
            wanted = count < (_SAMPLES if rank < _SAMPLES else _ENOUGH)
            rows, columns = np.nonzero(wanted)
            if not len(rows):
                break
            view = self._pictures[i]
            uv, z = view.camera.project(points[rows, columns])
            _sample(
                view.color, self._free[i], np.where(z[:, None] > 0, uv, -1.0),
                rows, columns, samples, count,
            )  # fmt: skip
        return Expected(*_medians(samples, count), count)

    def _nearest(self, camera: Camera) -> Array:
        """Indices of the views from the most similar directions."""
        towards = camera.position - self._region.center
        others = np.stack([p.camera.position - self._region.center for p in self._pictures])
        cosine = (others @ towards) / np.linalg.norm(others, axis=1)
        return np.argsort(-cosine, kind="stable")

    def _depth(self, camera: Camera) -> Array:
        """Depth of the surroundings ``(h, w)``: medians of what other views saw, filled up."""
        uv, z = camera.project(self._points)
        rows, columns = -(-camera.height // _CELL_PX), -(-camera.width // _CELL_PX)
        cell = np.floor(uv / _CELL_PX).astype(np.int64)
        shown = (z > 0) & (cell >= 0).all(1) & (cell < [columns, rows]).all(1)
        if not shown.any():
            return np.full((camera.height, camera.width), 10 * self._region.radius_m)
        cells = cell[shown, 1] * columns + cell[shown, 0]
        inverse = _cell_medians(cells, 1 / z[shown], (rows, columns))
        where = np.asarray(
            ndimage.distance_transform_edt(
                np.isnan(inverse), return_distances=False, return_indices=True
            )
        )
        depth = _spread(1 / inverse[tuple(where)], camera)
        support = self._region.support
        if support is None:
            return depth
        # By height, as a cell of a grazing plane holds many depths.
        height = _cell_medians(cells, support.height(self._points[shown]), (rows, columns))
        above = support.height(camera.position)
        flat = np.abs(_spread(height[tuple(where)], camera)) < _ON_SUPPORT * above
        rays = pixel_rays(camera)
        sinking = -(rays @ support.normal)
        on = above / np.where(sinking > 1e-9, sinking, 1e-9)
        points = camera.position + rays * on[..., None]
        under = np.linalg.norm(points - self._region.center, axis=-1) < self._region.radius_m
        return np.where((sinking > 1e-9) & (under | flat), on, depth)


def _spread(cells: Array, camera: Camera) -> Array:
    """Values of cells at the pixels of a view ``(h, w)``, without outliers."""
    smooth = ndimage.median_filter(cells, 3, mode="nearest")
    wide = smooth.repeat(_CELL_PX, axis=0).repeat(_CELL_PX, axis=1)
    return wide[: camera.height, : camera.width]


@numba.njit(cache=True)
def _sample(color, free, uv, rows, columns, samples, count) -> None:
    """Append the colours at ``uv`` ``(n, 2)`` to ``samples`` where all four pixels are free."""
    height, width = free.shape
    for n in range(len(uv)):
        u, v = uv[n, 0] - 0.5, uv[n, 1] - 0.5
        if not (0 <= u < width - 1 and 0 <= v < height - 1):
            continue
        j, i = int(u), int(v)
        if not (free[i, j] and free[i, j + 1] and free[i + 1, j] and free[i + 1, j + 1]):
            continue
        a, b, y, x = u - j, v - i, rows[n], columns[n]
        for c in range(3):
            top = (1 - a) * color[i, j, c] + a * color[i, j + 1, c]
            low = (1 - a) * color[i + 1, j, c] + a * color[i + 1, j + 1, c]
            samples[count[y, x], y, x, c] = (1 - b) * top + b * low
        count[y, x] += 1


@numba.njit(cache=True)
def _medians(samples: Array, count: Array) -> tuple[Array, Array]:
    """Median colour of the first ``count`` samples of each pixel, and mean deviation from it."""
    height, width = count.shape
    color = np.zeros((height, width, 3), np.float32)
    doubt = np.zeros((height, width), np.float32)
    sort = np.empty(len(samples), np.float32)
    for y in range(height):
        for x in range(width):
            n = count[y, x]
            if n == 0:
                continue
            for c in range(3):
                for i in range(n):
                    value, k = samples[i, y, x, c], i
                    while k > 0 and sort[k - 1] > value:
                        sort[k] = sort[k - 1]
                        k -= 1
                    sort[k] = value
                middle = (sort[(n - 1) // 2] + sort[n // 2]) / 2
                color[y, x, c] = middle
                away = np.float32(0)
                for i in range(n):
                    away += abs(sort[i] - middle)
                doubt[y, x] = max(doubt[y, x], away / n)
    return color, doubt


def _cell_medians(cells: Array, values: Array, shape: tuple[int, int]) -> Array:
    """Median of the values of each cell, ``shape``; not a number where there are none."""
    out = np.full(shape[0] * shape[1], np.nan)
    order = np.lexsort((values, cells))
    cells, values = cells[order], values[order]
    starts = np.flatnonzero(np.r_[True, np.diff(cells) > 0])
    ends = np.r_[starts[1:], len(cells)]
    out[cells[starts]] = values[(starts + ends - 1) // 2]
    return out.reshape(shape)
