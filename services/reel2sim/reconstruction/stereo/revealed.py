"""Surfaces that time zero hides and motion reveals: the inside of a drawer, the wall behind it.

A frame shows a rigid part in motion as a still camera, moved the other way round, would show the
part at rest. So frames of all times are stereo pictures of each part, and a pixel's depth can be
searched under each hypothesis whose part it is; the one under which windows agree best wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.stereo.depth import DepthMaps, agreeing, sweep
from reel2sim.reconstruction.stereo.field import hull_field
from reel2sim.reconstruction.stereo.pictures import Pictures, neighbours, pictures
from reel2sim.reconstruction.stereo.shape import fine_grid, hull_grid
from reel2sim.reconstruction.views import View
from reel2sim.reconstruction.volume import Volume
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent

_MOST_PICTURES = 64
_APART = np.radians(4.0)
"""Least angle between pictures that confirm each other; one camera would confirm itself."""
_MARGIN = 0.02
"""By how much a part's correlation must lead over other parts'."""
_SOON = 0.15
"""Share of the clip over which pictures of a part stay as good to compare as at a wrong angle."""


@dataclass(frozen=True, eq=False)
class Revealed:
    """Surface points found in frames with motion, where they are at time zero.

    Attributes:
        points: ``(k, 3)`` normalised.
        normals: unit, towards the cameras that saw them ``(k, 3)``.
        colors: ``(k, 3)`` 0..1.
        group: index of the motion each follows ``(k,)`` int32.
        score: mean correlation 0..1 ``(k,)``.
    """

    points: Array
    normals: Array
    colors: Array
    group: Array
    score: Array

    def __len__(self) -> int:
        return len(self.points)

    def select(self, chosen: Array) -> Revealed:
        """Some of the points, by index or bool."""
        return Revealed(
            self.points[chosen],
            self.normals[chosen],
            self.colors[chosen],
            self.group[chosen],
            self.score[chosen],
        )


def unexplained(
    view: View, rgb: Array, alpha: Array, *, threshold: float = 0.1, blur_px: float = 1.2
) -> Array:
    """Pixels ``(h, w)`` bool of the object that a model's picture does not explain.

    Args:
        view: what the camera saw.
        rgb: what the model shows, colour times alpha ``(h, w, 3)``.
        alpha: its cover ``(h, w)``.
        threshold: error of colour, 0..1, from which a pixel counts.
        blur_px: deviation of the blur before comparing, so that fine texture does not count.
    """
    error = np.abs(view.rgb.cpu().numpy() - np.asarray(rgb, np.float32)).max(axis=-1)
    signed = cv2.GaussianBlur(view.rgb.cpu().numpy() - np.asarray(rgb, np.float32), (0, 0), blur_px)
    error = np.minimum(error, np.abs(signed).max(axis=-1) + 0.5 * threshold)
    mask = view.mask.cpu().numpy() > 0.5
    bad = mask & ((error > threshold) | (np.asarray(alpha) < 0.5))
    # Single pixels are texture; a window's surroundings help the search.
    opened = cv2.morphologyEx(bad.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return (cv2.dilate(opened, np.ones((3, 3), np.uint8)) > 0) & mask


def revealed(
    views: tuple[View, ...],
    times: Array,
    motions: Array,
    residual: tuple[Array, ...],
    *,
    volume: Volume,
    sphere: Sphere,
    seed: int = 0,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> Revealed:
    """Find surfaces that the model lacks, from pixels it does not explain.

    Args:
        views: frames of all times.
        times: distinct times ``(t,)``, seconds, ascending.
        motions: of each part since time zero ``(m, t, 4, 4)``, normalised units.
        residual: for each view the pixels to explain ``(h, w)`` bool, as from
            :func:`unexplained`; pixels of time zero are left out.
        volume: visual hull at time zero, which holds what is hidden then.
        sphere: unit of length.
        seed: of random choices.
        checkpoints: where depth maps are kept.
        progress: told what is going on, as stage ``"reconstruction"``.

    Returns:
        Points that at least two pictures find; may be none.
    """
    shots = pictures(views)
    wanted = _reduced(residual, shots)
    at = np.abs(np.asarray(times)[None] - shots.times[:, None]).argmin(1)
    busy = np.flatnonzero((wanted.sum(axis=(1, 2)) >= 9) & (shots.times > 0))
    if len(busy) == 0 or len(motions) == 0:
        return _nothing()
    picks = np.linspace(0, len(busy) - 1, _MOST_PICTURES).round().astype(int)
    refs = np.unique(busy[picks]).astype(np.int32)
    maps: list[DepthMaps] = []
    bodies = [shots.moved(motion[at]) for motion in motions]
    for i, body in enumerate(bodies):
        progress("reconstruction", i / len(bodies), "looking for surfaces that motion reveals")
        search = partial(_searched, body, refs, wanted[refs], volume, sphere, seed=seed + i)
        maps.append(checkpoints.step(f"revealed {i}", search))
    score = np.stack([np.where(found.trust > 0, found.score, -1) for found in maps])
    every = np.stack([found.score for found in maps])
    parts: list[Revealed] = []
    step = fine_grid(shots, volume.occupancy, hull_grid(volume, sphere=sphere)).step
    for i, (body, found) in enumerate(zip(bodies, maps, strict=True)):
        rivals = np.delete(every, i, axis=0).max(axis=0, initial=-1.0)
        own = np.where(score[i] > rivals + _MARGIN, found.trust, np.float32(0))
        sure = agreeing(
            body, DepthMaps(found.refs, found.planes, found.score, own), least=1, apart=_APART
        )
        parts.append(_merged(body, sure, views, group=i, cell=1.5 * step))
    return Revealed(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("points", "normals", "colors", "group", "score")
        )
    )


def _nothing() -> Revealed:
    none = np.zeros((0, 3))
    return Revealed(none, none, none, np.zeros(0, np.int32), np.zeros(0))


def _reduced(residual: tuple[Array, ...], shots: Pictures) -> Array:
    """Pixels to explain ``(v, h, w)`` bool in the size of ``shots``."""
    out = np.zeros(shots.mask.shape, bool)
    for i, pixels in enumerate(residual):
        h, w = pixels.shape
        shrink = min(1.0, max(out.shape[1:]) / max(h, w))
        size = (max(1, round(w * shrink)), max(1, round(h * shrink)))
        small = cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        out[i, : size[1], : size[0]] = small > 0.4
    return out


def _searched(
    body: Pictures, refs: Array, wanted: Array, volume: Volume, sphere: Sphere, *, seed: int
) -> DepthMaps:
    """Depth of wanted pixels as if all frames showed one body at rest."""
    coarse = hull_grid(volume, sphere=sphere)
    # What belongs to this part lies inside the hull at time zero and, moved, in every silhouette.
    hull = hull_field(body, coarse, occupied=volume.occupancy, coarse=coarse, strict=True)
    span = float(np.ptp(body.times)) or 1.0
    later = np.abs(body.times[:, None] - body.times[None]) / (_SOON * span)
    others = neighbours(body, count=6, penalty=later)
    return sweep(
        body,
        others,
        inside=hull < 1.5 * coarse.step,
        grid=coarse,
        refs=refs,
        wanted=wanted,
        tries=20,
        agree=2,
        seed=seed,
    )


def _merged(
    body: Pictures, maps: DepthMaps, views: tuple[View, ...], *, group: int, cell: float
) -> Revealed:
    """One point per cell and side of a surface that at least two pictures put there."""
    r, y, x = np.nonzero(maps.trust > 0)
    if len(r) == 0:
        return _nothing()
    refs = maps.refs[r]
    q = maps.planes[r, y, x].astype(np.float64)
    pixel = np.stack([x + 0.5, y + 0.5, np.ones(len(x))], 1)
    K, T = body.K[refs], body.T[refs]
    local = np.linalg.solve(K, pixel[..., None])[..., 0] / q[:, :1]
    points = np.einsum("nji,nj->ni", T[:, :3, :3], local - T[:, :3, 3])
    q2 = q[:, 0] - q[:, 1] * pixel[:, 0] - q[:, 2] * pixel[:, 1]
    inward = np.einsum("nji,nj->ni", K, np.stack([q[:, 1], q[:, 2], q2], 1))
    normals = -np.einsum("nji,nj->ni", T[:, :3, :3], inward)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    colors = np.empty((len(r), 3))
    for ref in np.unique(refs):
        own = refs == ref
        rgb = views[ref].rgb.cpu().numpy()
        shrink = min(1.0, max(body.mask.shape[1:]) / max(rgb.shape[:2]))
        v = np.minimum(((y[own] + 0.5) / shrink).astype(int), rgb.shape[0] - 1)
        u = np.minimum(((x[own] + 0.5) / shrink).astype(int), rgb.shape[1] - 1)
        colors[own] = rgb[v, u]
    side = np.abs(normals).argmax(1) * 2 + (
        np.take_along_axis(normals, np.abs(normals).argmax(1)[:, None], 1)[:, 0] > 0
    )
    key = np.concatenate([np.floor(points / cell).astype(np.int64), side[:, None]], axis=1)
    _, inverse = np.unique(key, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    weight = maps.trust[r, y, x].astype(np.float64)
    total = np.bincount(inverse, weight)

    def mean(values: Array) -> Array:
        return np.stack([np.bincount(inverse, weight * c) for c in values.T], 1) / total[:, None]

    frames = np.unique(np.stack([inverse, refs], 1), axis=0)[:, 0]
    kept = np.bincount(frames, minlength=len(total)) >= 2
    normal = mean(normals)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    score = mean(maps.score[r, y, x][:, None])[:, 0]
    merged = Revealed(
        mean(points), normal, mean(colors), np.full(len(total), group, np.int32), score
    )
    return merged.select(kept)
