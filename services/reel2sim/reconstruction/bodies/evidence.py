"""What the pictures say about a surfel's motion: where flow sees it, what it would look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import torch

from reel2sim.reconstruction.flow import flow_targets
from reel2sim.reconstruction.rasterize import Backend, RasterOutput
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array

_SLACK = 0.05
"""How far behind the drawn surface a surfel still counts as visible, radii."""
_COLOR_SIGMA = 0.12
"""Colour difference at which a look is mostly disbelieved, 0..1."""
_OUTSIDE = 1.0
"""Cost of one picture in which a surfel lies where the object is not."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """Where flow saw surfels in all pictures.

    Attributes:
        surfel: index of the surfel ``(m,)``.
        time: index of the instant ``(m,)``.
        view: index of the view ``(m,)``.
        pixel: where it was seen ``(m, 2)``.
        weight: trust ``(m,)``, 0..1.
    """

    surfel: Array
    time: Array
    view: Array
    pixel: Array
    weight: Array

    def of(self, members: Array | None) -> Sightings:
        """Sightings of the surfels ``members`` ``(n,)`` bool; all if None."""
        if members is None:
            return self
        own = members[self.surfel]
        columns = (self.surfel, self.time, self.view, self.pixel, self.weight)
        return Sightings(*(column[own] for column in columns))


@dataclass(frozen=True, eq=False)
class Footage:
    """All views of later instants as arrays.

    Attributes:
        rgb: ``(v, h, w, 3)`` float32; smaller pictures are at the top left.
        mask: ``(v, h, w)`` float32.
        size: rows and columns of each picture ``(v, 2)``.
        K: ``(v, 3, 3)``.
        T_camera_world: ``(v, 4, 4)``, normalised units.
        time: index of each view's instant ``(v,)``.
    """

    views: tuple[View, ...]
    rgb: Array
    mask: Array
    size: Array
    K: Array
    T_camera_world: Array
    time: Array

    @classmethod
    def of(cls, instants: Sequence[Sequence[View]]) -> Footage:
        """Views of ``instants`` but the first, which is time zero."""
        pairs = [(f, view) for f, views in enumerate(instants) for view in views if f > 0]
        views = tuple(view for _, view in pairs)
        size = max(v.height for v in views), max(v.width for v in views)
        return cls(
            views,
            np.stack([_padded(v.rgb.cpu().numpy(), size) for v in views]),
            np.stack([_padded(v.mask.cpu().numpy(), size) for v in views]),
            np.array([(v.height, v.width) for v in views]),
            np.stack([v.K.cpu().numpy() for v in views]).astype(np.float64),
            np.stack([v.T_camera_world.cpu().numpy() for v in views]).astype(np.float64),
            np.array([f for f, _ in pairs]),
        )


def _padded(image: Array, size: tuple[int, int]) -> Array:
    """``image`` ``(h, w, ...)`` with zeros to the right and below up to ``size``."""
    out = np.zeros((*size, *image.shape[2:]), image.dtype)
    out[: image.shape[0], : image.shape[1]] = image
    return out


def look(
    posed: Sequence[SurfelTensors], footage: Footage, *, backend: Backend
) -> tuple[Sightings, Array]:
    """Flow from the posed model to every picture, and the depth it is drawn at.

    Args:
        posed: surfels at every instant.
        footage: the pictures.
        backend: rasteriser.

    Returns:
        Sightings, and expected depth ``(v, h, w)``, 0 where nothing is drawn.
    """
    found: list[tuple[Array, ...]] = []
    depths = np.zeros_like(footage.mask)
    for v, (view, f) in enumerate(zip(footage.views, footage.time, strict=True)):
        with torch.no_grad():
            drawn = posed[f].draw(view, backend=backend)
        seen = flow_targets(posed[f], view, backend=backend, drawn=drawn)
        depths[v, : view.height, : view.width] = solid_depth(drawn)
        n = len(seen.index)
        found.append((seen.index, np.full(n, f), np.full(n, v), seen.pixels, seen.weight))
    return Sightings(*(np.concatenate(column) for column in zip(*found, strict=True))), depths


def solid_depth(drawn: RasterOutput) -> Array:
    """Expected depth ``(h, w)`` where a picture is opaque, 0 elsewhere."""
    depth = torch.where(drawn.alpha > 0.5, drawn.depth / drawn.alpha.clamp(min=0.5), 0.0)
    return depth.cpu().numpy()


def replay_cost(
    points: Array,
    colors: Array,
    motions: Array,
    footage: Footage,
    depths: Array,
    *,
    members: Array | None = None,
) -> tuple[Array, Array]:
    """How badly each surfel fits the pictures under each motion.

    A surfel must lie on the object in every picture, whether it is seen or not, and where
    nothing drawn hides it, it must look like the picture there.

    Args:
        points: surfels at time zero ``(n, 3)``.
        colors: ``(n, 3)``.
        motions: ``(m, t, 4, 4)``.
        footage: the pictures.
        depths: depth of the model as posed now ``(v, h, w)``.
        members: surfels to judge ``(n,)`` bool, the others get zeros; all if None.

    Returns:
        Summed cost ``(n, m)`` and number of pictures looked at ``(n, m)``.
    """
    chosen = np.arange(len(points)) if members is None else np.flatnonzero(members)
    return _replay(
        chosen,
        np.ascontiguousarray(points, np.float64),
        np.ascontiguousarray(colors, np.float32),
        np.ascontiguousarray(motions, np.float64),
        footage.rgb,
        footage.mask,
        footage.size,
        footage.K,
        footage.T_camera_world,
        footage.time,
        depths,
    )


def flow_cost(
    points: Array, motions: Array, sightings: Sightings, footage: Footage, *, sigma_px: float
) -> tuple[Array, Array]:
    """How far each surfel, under each motion, is from where flow saw it.

    Args:
        points: surfels at time zero ``(n, 3)``.
        motions: ``(m, t, 4, 4)``.
        sightings: of all surfels.
        footage: cameras of the views.
        sigma_px: error that costs half of the most there is, pixels.

    Returns:
        Summed Geman–McClure cost ``(n, m)`` and summed trust ``(n,)``.
    """
    return _flow_cost(
        np.ascontiguousarray(points, np.float64),
        np.ascontiguousarray(motions, np.float64),
        sightings.surfel, sightings.time, sightings.view, sightings.pixel, sightings.weight,
        footage.K, footage.T_camera_world, sigma_px,
    )  # fmt: skip


@numba.njit(cache=True)
def _flow_cost(points, motions, surfel, time, view, pixel, weight, K, T_camera_world, sigma_px):
    cost = np.zeros((len(points), len(motions)))
    trust = np.zeros(len(points))
    for n in range(len(surfel)):
        i, f, v = surfel[n], time[n], view[n]
        trust[i] += weight[n]
        for m in range(len(motions)):
            x, p = np.empty(3), np.empty(3)
            for r in range(3):
                x[r] = motions[m, f, r, 3]
                for c in range(3):
                    x[r] += motions[m, f, r, c] * points[i, c]
            for r in range(3):
                p[r] = T_camera_world[v, r, 3]
                for c in range(3):
                    p[r] += T_camera_world[v, r, c] * x[c]
            z = max(p[2], 1e-3)
            du = K[v, 0, 0] * p[0] / z + K[v, 0, 2] - pixel[n, 0]
            dv = K[v, 1, 1] * p[1] / z + K[v, 1, 2] - pixel[n, 1]
            square = (du * du + dv * dv) / sigma_px**2
            cost[i, m] += weight[n] * square / (1 + square)
    return cost, trust


@numba.njit(cache=True)
def _replay(chosen, points, colors, motions, rgb, mask, size, K, T_camera_world, time, depths):
    n, m = len(points), len(motions)
    views = len(mask)
    cost = np.zeros((n, m), np.float32)
    count = np.zeros((n, m), np.float32)
    for v in range(views):
        height, width = size[v]
        for k in range(m):
            P = T_camera_world[v] @ motions[k, time[v]]
            for i in chosen:
                p = points[i]
                x = P[0, 0] * p[0] + P[0, 1] * p[1] + P[0, 2] * p[2] + P[0, 3]
                y = P[1, 0] * p[0] + P[1, 1] * p[1] + P[1, 2] * p[2] + P[1, 3]
                z = P[2, 0] * p[0] + P[2, 1] * p[1] + P[2, 2] * p[2] + P[2, 3]
                if z < 1e-3:
                    continue
                u = K[v, 0, 0] * x / z + K[v, 0, 2] - 0.5
                w = K[v, 1, 1] * y / z + K[v, 1, 2] - 0.5
                if u < 0 or w < 0 or u > width - 1.001 or w > height - 1.001:
                    continue
                c, r = int(u), int(w)
                a, b = u - c, w - r
                w00, w01 = (1 - a) * (1 - b), a * (1 - b)
                w10, w11 = (1 - a) * b, a * b
                covered = (
                    w00 * mask[v, r, c]
                    + w01 * mask[v, r, c + 1]
                    + w10 * mask[v, r + 1, c]
                    + w11 * mask[v, r + 1, c + 1]
                )
                if covered < 0.35:
                    cost[i, k] += _OUTSIDE
                    count[i, k] += 1
                    continue
                depth = depths[v, int(w + 0.5), int(u + 0.5)]
                if depth > 0 and z > depth + _SLACK:
                    continue
                square = 0.0
                for j in range(3):
                    value = (
                        w00 * rgb[v, r, c, j]
                        + w01 * rgb[v, r, c + 1, j]
                        + w10 * rgb[v, r + 1, c, j]
                        + w11 * rgb[v, r + 1, c + 1, j]
                    )
                    square += (value - colors[i, j] * covered) ** 2
                square /= 3 * _COLOR_SIGMA**2
                cost[i, k] += square / (1 + square)
                count[i, k] += 1
    return cost, count
