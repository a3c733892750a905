"""Where pictures show the surfels of a posed model: optical flow, and the silhouette."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from reel2sim.reconstruction.bone_solver import FlowTargets
from reel2sim.reconstruction.rasterize import Backend, RasterOutput
from reel2sim.reconstruction.surfel_model import SurfelTensors, visibility
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array

_FACING = 0.15
"""Cosine between view and normal from which a surfel can be followed."""
_CARRIED = 0.5
"""Trust in flow between pictures, against flow from the model at its best."""
_RETURN_PX = 0.7
"""How far flow there and back may end from its start to be half believed, about."""
_STRAY = 0.3
"""Trust in a silhouette that a surfel leaves, against flow at its best."""


@torch.no_grad()
def flow_targets(
    posed: SurfelTensors, view: View, *, backend: Backend, drawn: RasterOutput | None = None
) -> FlowTargets:
    """Dense flow from the drawn model to the view, read off at the visible surfels.

    Args:
        posed: surfels at the view's time.
        view: the picture.
        backend: rasteriser.
        drawn: the model's picture in this view, if it is there already.
    """
    out = posed.draw(view, backend=backend) if drawn is None else drawn
    model = _grey(out.features, out.alpha)
    wanted = _grey(view.rgb, view.mask)
    a, b, enlarge = _enlarged(model, wanted)
    flow = _dense_flow(a, b) / enlarge
    flow = cv2.resize(flow, (view.width, view.height), interpolation=cv2.INTER_AREA)
    cosine, uv, pixel = visibility(posed, view, backend=backend, drawn=out)
    index = np.flatnonzero(cosine.cpu().numpy() > _FACING)
    column, row = pixel[torch.as_tensor(index)].cpu().numpy().T
    goal = uv.cpu().numpy()[index].astype(np.float64) + flow[row, column]
    mask = view.mask.cpu().numpy()
    x = np.clip(goal[:, 0].astype(np.int64), 0, view.width - 1)
    y = np.clip(goal[:, 1].astype(np.int64), 0, view.height - 1)
    there = mask[y, x] > 0.5
    alike = np.abs(view.rgb.cpu().numpy()[y, x] - out.features.cpu().numpy()[row, column]).mean(1)
    gradient = np.hypot(*(cv2.Sobel(model, cv2.CV_32F, *d, scale=1 / 8) for d in ((1, 0), (0, 1))))
    texture = cv2.blur(gradient, (5, 5))[row, column]
    weight = there * np.exp(-((alike / 0.15) ** 2)) * (0.05 + texture / (texture + 8.0))
    strays, home = _strays(uv.cpu().numpy(), mask)
    return _targets(
        np.concatenate([index, strays]),
        np.concatenate([goal, home]),
        np.concatenate([weight, np.full(len(strays), _STRAY)]),
        view,
    )


@torch.no_grad()
def carried_targets(
    before: SurfelTensors, last: View, view: View, *, backend: Backend
) -> FlowTargets:
    """Dense flow from one picture of a stream to its next, read off at the surfels of the first.

    Neither colours nor shading of the model matter to it, so that it follows what the model shows
    blurred, in other light, or not at all.

    Args:
        before: surfels at the time of ``last``.
        last: the picture before.
        view: the picture.
        backend: rasteriser.
    """
    a, b, enlarge = _enlarged(_grey(last.rgb, last.mask), _grey(view.rgb, view.mask))
    there, back = _dense_flow(a, b), _dense_flow(b, a)
    cosine, uv, _ = visibility(before, last, backend=backend)
    index = np.flatnonzero(cosine.cpu().numpy() > _FACING)
    start = uv.cpu().numpy()[index].astype(np.float64)
    flow = _read(there, start * enlarge)
    returned = flow + _read(back, start * enlarge + flow)
    goal = start + flow / enlarge
    on_object = _read(last.mask.cpu().numpy(), start) * _read(view.mask.cpu().numpy(), goal)
    astray = np.linalg.norm(returned, axis=1) / enlarge
    weight = _CARRIED * on_object * np.exp(-((astray / _RETURN_PX) ** 2))
    return _targets(index, goal, weight, view)


def _targets(index: Array, pixels: Array, weight: Array, view: View) -> FlowTargets:
    K, T_camera_world = (x.cpu().numpy().astype(np.float64) for x in (view.K, view.T_camera_world))
    return FlowTargets(index, pixels, weight, K, T_camera_world)


def _read(image: Array, pixels: Array) -> Array:
    """``image`` ``(h, w, ...)`` between pixel centres at ``(m, 2)``, those at halves."""
    x, y = (np.ascontiguousarray(pixels.T) - 0.5).astype(np.float32)
    found = cv2.remap(image, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, dtype=np.float64)[0]


def _strays(uv: Array, mask: Array) -> tuple[Array, Array]:
    """Surfels that lie where the object is not ``(m,)``, and the nearest pixels of it ``(m, 2)``.

    Hidden surfels count as well: no part of the object may stick out of its silhouette.
    """
    h, w = mask.shape
    if not (mask > 0.5).any():
        return np.zeros(0, np.int64), np.zeros((0, 2))
    # Beyond the border a picture shows nothing, but next to an empty border there is nothing.
    x = np.clip(np.floor(uv[:, 0]), 0, w - 1).astype(np.int64)
    y = np.clip(np.floor(uv[:, 1]), 0, h - 1).astype(np.int64)
    strays = np.flatnonzero(mask[y, x] < 0.5)
    free = (mask < 0.5).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label = np.asarray(labels, dtype=np.int64)
    rows, columns = np.nonzero(free == 0)
    where = np.zeros((int(label.max()) + 1, 2))
    where[label[rows, columns]] = np.stack([columns, rows], axis=1) + 0.5
    return strays, where[label[y[strays], x[strays]]]


def _grey(rgb: Tensor, mask: Tensor) -> Array:
    """Luminance with the object lifted off the background, uint8."""
    grey = rgb.clamp(0, 1).mean(-1) * 200 + mask.clamp(0, 1) * 55
    return np.clip(grey.cpu().numpy(), 0, 255).astype(np.uint8)


def _enlarged(a: Array, b: Array) -> tuple[Array, Array, int]:
    """Two pictures ``(h, w)`` as flow sees small ones best, and how much larger they are."""
    enlarge = 2 if max(b.shape) <= 256 else 1
    size = (b.shape[1] * enlarge, b.shape[0] * enlarge)
    return cv2.resize(a, size), cv2.resize(b, size), enlarge


def _dense_flow(a: Array, b: Array) -> Array:
    """Flow ``(h, w, 2)`` float32 from ``a`` to ``b``; pictures under 32 px do not move."""
    if min(a.shape) < 32:
        return np.zeros((*a.shape, 2), np.float32)
    # OpenCV's type stubs leave out what its Python module has.
    create = getattr(cv2, "DISOpticalFlow_create")  # noqa: B009
    dis = create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start = np.zeros((*a.shape, 2), np.float32)
    return np.asarray(dis.calc(a, b, start), dtype=np.float32)
