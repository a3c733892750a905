"""Long point tracks from the first frame of each stream, anchored on the canonical surface.

Pyramidal Lucas–Kanade on locally normalised images (so that shading does not matter), upsampled
twice; a track lives while it passes the forward–backward test, and is pulled back to its patch
in the first frame where that patch is still recognised, which removes drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.footage import Footage, View
from reel2sim.rigging.observations import Observations, whitening
from reel2sim.rigging.posed import SurfelModel
from reel2sim.scene.arrays import Array

_UPSAMPLE = 2
_LK: dict[str, Any] = {
    "winSize": (21, 21),
    "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.01),
    "minEigThreshold": 1e-5,
}
_PYRAMID = 3
_PATCH_ERROR = 14.0
"""Mean grey difference above which the patch of the first frame is not recognised."""


def structure_tensor(grey: Array, *, sigma_px: float = 2.0) -> Array:
    """Smoothed gradient products ``(h, w, 3)``: Ixx, Ixy, Iyy, squared grey levels per pixel²."""
    image = grey.astype(np.float32)
    gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8)
    products = (gx * gx, gx * gy, gy * gy)
    return np.stack([cv2.GaussianBlur(p, (0, 0), sigma_px) for p in products], axis=-1)


def track(footage: Footage, model: SurfelModel, config: RiggingConfig) -> Observations:
    """Tracks of all streams that have a frame at time zero."""
    parts = [
        found
        for s in range(len(footage.streams))
        if (found := _track_stream(footage, s, model, config)) is not None
    ]
    return concatenate(parts, footage, sigma=config.anchor_sigma)


def concatenate(parts: Sequence[Observations], footage: Footage, *, sigma: float) -> Observations:
    """One table from several; empty if there is none."""
    t = len(footage.times_s)
    empty = Observations(
        points=np.zeros((0, 3)),
        rays=np.zeros((0, 3)),
        stream=np.zeros(0, np.int64),
        pixels=np.zeros((0, t, 2)),
        seen=np.zeros((0, t), bool),
        whiten=np.zeros((0, 2, 2)),
        surfel=np.zeros(0, np.int64),
        T_camera_world=footage.T_camera_world,
        intrinsics=footage.intrinsics,
        sigma=sigma,
    )
    names = ("points", "rays", "stream", "pixels", "seen", "whiten", "surfel")
    joined = {n: np.concatenate([getattr(p, n) for p in (empty, *parts)]) for n in names}
    return replace(empty, **joined)


def _track_stream(
    footage: Footage, s: int, model: SurfelModel, config: RiggingConfig
) -> Observations | None:
    first = footage.views[s][0]
    if first is None:
        return None
    pixels, depth, tensors = _anchors(first, model, config.track_step)
    if len(pixels) == 0:
        return None
    points = first.camera.unproject(pixels, depth)
    positions, seen = _follow(footage, s, pixels, config.track_cycle_px)
    rays = points - first.camera.position
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return Observations(
        points,
        rays,
        np.full(len(points), s, np.int64),
        positions,
        seen,
        whitening(tensors),
        np.asarray(KDTree(model.points).query(points)[1]),
        footage.T_camera_world,
        footage.intrinsics,
        config.anchor_sigma,
    )


def _anchors(view: View, model: SurfelModel, step: int) -> tuple[Array, Array, Array]:
    """Pixels to track ``(n, 2)``, their depth on the model ``(n,)`` and structure tensors."""
    rendered = model.render(view.camera)
    alpha, depth = rendered.alpha, rendered.depth
    solid = cv2.erode((view.mask > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    tensors = structure_tensor(view.texture)
    surface = np.where(alpha > 0.5, depth, 1e3).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    smooth = cv2.dilate(surface, kernel) - cv2.erode(surface, kernel) < 0.12
    good = solid & smooth & (alpha > 0.8) & (tensors[..., 0] + tensors[..., 2] > 30)
    grid = np.zeros_like(good)
    grid[::step, ::step] = True
    y, x = np.nonzero(good & grid)
    return np.stack([x + 0.5, y + 0.5], axis=1), depth[y, x].astype(np.float64), tensors[y, x]


def _follow(footage: Footage, s: int, start: Array, cycle_px: float) -> tuple[Array, Array]:
    """Positions ``(n, t, 2)`` and whether they are seen ``(n, t)``."""
    n, instants = len(start), len(footage.times_s)
    positions, seen = np.zeros((n, instants, 2)), np.zeros((n, instants), bool)
    positions[:, 0], seen[:, 0] = start, True
    origin = _to_upsampled(start)
    current, alive = origin.copy(), np.ones(n, bool)
    images: list[Array | None] = [
        None if view is None else _upsample(view.texture) for view in footage.views[s]
    ]
    first = images[0]
    previous = first
    for t in range(1, instants):
        image, view = images[t], footage.views[s][t]
        live = np.nonzero(alive)[0]
        if image is None or view is None or len(live) < 4:
            continue
        moved, good = _both_ways(previous, image, current[live], cycle_px * _UPSAMPLE)
        again, known = _recognise(first, image, origin[live], moved)
        moved[known] = again[known]
        pixels = _from_upsampled(moved)
        good &= _inside(view.mask, pixels)
        alive[live[~good]] = False
        live, moved, pixels = live[good], moved[good], pixels[good]
        current[live], positions[live, t], seen[live, t] = moved, pixels, True
        previous = image
    return positions, seen


def _both_ways(a: Any, b: Any, points: Array, cycle: float) -> tuple[Array, Array]:
    unset = np.empty_like(points[:, None])
    there, ok, _ = cv2.calcOpticalFlowPyrLK(a, b, points[:, None], unset, maxLevel=_PYRAMID, **_LK)
    unset = np.empty_like(there)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(b, a, there, unset, maxLevel=_PYRAMID, **_LK)
    error = np.linalg.norm(back[:, 0] - points, axis=1)
    return there[:, 0], (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & (error < cycle)


def _recognise(first: Any, image: Any, origin: Array, guess: Array) -> tuple[Array, Array]:
    """Find the patch of the first frame near ``guess``; also whether that can be trusted."""
    flags = {"maxLevel": 0, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW, **_LK}
    found, ok, error = cv2.calcOpticalFlowPyrLK(
        first, image, origin[:, None], guess[:, None].copy(), **flags
    )
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
        image, first, found, origin[:, None].copy(), **flags
    )
    cycle = np.linalg.norm(back[:, 0] - origin, axis=1)
    jump = np.linalg.norm(found[:, 0] - guess, axis=1)
    known = (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & (error[:, 0] < _PATCH_ERROR)
    return found[:, 0], known & (cycle < 0.3 * _UPSAMPLE) & (jump < 1.2 * _UPSAMPLE)


def _inside(mask: Array, pixels: Array) -> Array:
    h, w = mask.shape
    x = np.clip(pixels[:, 0].astype(int), 0, w - 1)
    y = np.clip(pixels[:, 1].astype(int), 0, h - 1)
    return mask[y, x] > 0.6


def _upsample(image: Array) -> Array:
    return cv2.resize(image, None, fx=_UPSAMPLE, fy=_UPSAMPLE, interpolation=cv2.INTER_CUBIC)


def _to_upsampled(pixels: Array) -> Array:
    """OpenCV counts from pixel centres, our pixels from their corners."""
    return (pixels * _UPSAMPLE - 0.5).astype(np.float32)


def _from_upsampled(pixels: Array) -> Array:
    return (pixels.astype(np.float64) + 0.5) / _UPSAMPLE
