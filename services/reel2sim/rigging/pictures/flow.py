"""Drift-free image targets for every visible surfel: optical flow from the posed model.

The model posed by the present estimate is rendered and matched to the frame by dense flow (DIS,
Kroeger et al. 2016), so each frame gives targets of its own, without chaining through time, and
also for surfels that no long track reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from reel2sim.rigging.pictures.footage import Footage, View, local_contrast
from reel2sim.rigging.pictures.observations import Observations, whitening
from reel2sim.rigging.pictures.posed import SurfelModel, sample, visible
from reel2sim.scene.arrays import Array

_CYCLE_PX = 1.0
_MARGIN_PX = 12
"""Ground around the object that flow sees."""
_LEAST_PX = 64
"""Side of the smallest picture that is matched as such."""
_ANCHOR_SIGMA = 0.01
_MIN_INSTANTS = 3


def structure_tensor(grey: Array, *, sigma_px: float = 2.0) -> Array:
    """Smoothed gradient products ``(h, w, 3)``: Ixx, Ixy, Iyy, squared grey levels per pixel²."""
    image = grey.astype(np.float32)
    gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8)
    products = (gx * gx, gx * gy, gy * gy)
    return np.stack([cv2.GaussianBlur(p, (0, 0), sigma_px) for p in products], axis=-1)


def flow_observations(
    footage: Footage, model: SurfelModel, labels: Array, motions: Array
) -> Observations:
    """Targets of all surfels under the present estimate.

    Args:
        footage: the frames.
        model: the surfels.
        labels: part of each surfel ``(n,)``.
        motions: motion of each part since time zero ``(p, t, 4, 4)``.

    Returns:
        One row per surfel and stream with at least three instants; surfels may slide along
        their normals.
    """
    streams = [_stream(footage, s, model, labels, motions) for s in range(len(footage.streams))]
    return _concatenated(streams, footage)


def _stream(
    footage: Footage, s: int, model: SurfelModel, labels: Array, motions: Array
) -> Observations:
    n, instants = len(model), len(footage.times_s)
    pixels, seen = np.zeros((n, instants, 2)), np.zeros((n, instants), bool)
    tensors = np.zeros((n, 3))
    for t in range(instants):
        view = footage.views[s][t]
        if view is not None:
            target, ok, tensor = _frame(view, model, motions[labels, t])
            pixels[:, t], seen[:, t] = np.where(ok[:, None], target, 0.0), ok
            tensors += np.where(ok[:, None], tensor, 0.0)
    count = seen.sum(axis=1)
    keep = np.nonzero(count >= _MIN_INSTANTS)[0]
    return Observations(
        model.points[keep],
        model.surfels.normals[keep].astype(np.float64),
        np.full(len(keep), s, np.int64),
        pixels[keep],
        seen[keep],
        whitening(tensors[keep] / count[keep, None]),
        keep,
        footage.T_camera_world,
        footage.intrinsics,
        _ANCHOR_SIGMA,
    )


def _frame(view: View, model: SurfelModel, motions: Array) -> tuple[Array, Array, Array]:
    """Targets ``(n, 2)``, whether they hold ``(n,)``, structure tensors ``(n, 3)``."""
    rendered = model.render(view.camera, motions)
    texture = local_contrast(rendered.rgb, rendered.alpha)
    flow, cycle = _matched(texture, view.texture, (rendered.alpha > 0) | (view.mask > 0))
    moved = np.einsum("nij,nj->ni", motions[:, :3, :3], model.points) + motions[:, :3, 3]
    pixels, depth = view.camera.project(moved)
    ok = visible(rendered, pixels, depth) & (sample(cycle, pixels) < _CYCLE_PX)
    at = (pixels - 0.5).astype(np.float32)
    shift = cv2.remap(flow, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)[:, 0]
    return pixels + shift, ok, sample(structure_tensor(texture), pixels)


def _matched(a: Array, b: Array, of_interest: Array) -> tuple[Array, Array]:
    """Flow from ``a`` to ``b`` ``(h, w, 2)`` and its forward–backward error ``(h, w)``, pixels.

    Both are zero and infinite outside of the rectangle ``of_interest``, as most of a picture is.
    """
    flow, cycle = np.zeros((*a.shape, 2), np.float32), np.full(a.shape, np.inf, np.float32)
    if not of_interest.any():
        return flow, cycle
    places = np.nonzero(of_interest)
    box = tuple(_span(x, size) for x, size in zip(places, a.shape, strict=True))
    there, back = _dis(a[box], b[box]), _dis(b[box], a[box])
    h, w = there.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    returned = cv2.remap(back, x + there[..., 0], y + there[..., 1], cv2.INTER_LINEAR)
    flow[box], cycle[box] = there, np.linalg.norm(there + returned, axis=-1)
    return flow, cycle


def _span(used: Array, size: int) -> slice:
    """What of 0..size holds all ``used`` and a margin, no shorter than flow can work on."""
    first, last = int(used.min()), int(used.max()) + 1
    margin = max(_MARGIN_PX, (_LEAST_PX - (last - first)) // 2 + 1)
    return slice(max(first - margin, 0), min(last + margin, size))


def _dis(a: Array, b: Array) -> Array:
    # A fresh matcher each time: it keeps state, and results must not depend on the order.
    matcher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    large = [cv2.resize(i, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for i in (a, b)]
    flow = matcher.calc(large[0], large[1], None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return cv2.resize(flow, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) / 2


def _concatenated(parts: Sequence[Observations], footage: Footage) -> Observations:
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
        sigma=_ANCHOR_SIGMA,
    )
    names = ("points", "rays", "stream", "pixels", "seen", "whiten", "surfel")
    joined = {n: np.concatenate([getattr(p, n) for p in (empty, *parts)]) for n in names}
    return replace(empty, **joined)
