"""Brings the bones from each instant to the next by optical flow between model and picture.

At every instant the posed surfels are drawn, dense flow to the observed picture says where each
visible surfel should go, and Gauss–Newton moves all bones together: robustly, since flow is wrong
at occlusions, and with neighbouring bones tied to each other unless the pictures insist.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from reel2sim.reconstruction.bone_solver import FlowTargets, moved, solve_bones
from reel2sim.reconstruction.bones import Skeleton
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.rasterize import Backend, RasterOutput
from reel2sim.reconstruction.skinning import BonePoses, blend
from reel2sim.reconstruction.surfel_model import SurfelTensors, visibility
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import (
    axis_rotation,
    quaternion_from_matrix,
)

_SIGMA_PX = (6.0, 1.5)
"""Residual that is mostly disbelieved, in the first and in the last round, pixels."""
_DAMPED = 0.9
"""Share of the last step that the next is expected to repeat."""


_STRAY = 0.3
"""Trust in a silhouette that a surfel leaves, against flow at its best."""


def track(
    surfels: SurfelTensors,
    weights: Tensor,
    skeleton: Skeleton,
    instants: Sequence[Sequence[View]],
    *,
    config: ReconstructionConfig,
    backend: Backend,
    tick: Ticker,
) -> Array:
    """Follow the bones through time.

    Args:
        surfels: canonical, normalised units.
        weights: skinning weights ``(n, b)``.
        skeleton: the bones.
        instants: views of each instant, first is time zero.
        config: see :class:`ReconstructionConfig`.
        backend: rasteriser.
        tick: told after every instant.

    Returns:
        Motion of each bone since time zero ``(t, b, 4, 4)``, normalised units.
    """
    bones = len(skeleton.centers)
    T = np.tile(np.eye(4), (len(instants), bones, 1, 1))
    skin = weights.detach().cpu().numpy().astype(np.float64)
    rest = surfels.means.detach().cpu().numpy().astype(np.float64)
    for f in range(1, len(instants)):
        expected = _expected(T[max(f - 2, 0)], T[f - 1], skeleton.centers)
        current = expected
        for round_ in range(config.track_rounds):
            posed = surfels.moved(blend(weights, as_poses(current, surfels.means)))
            targets = [flow_targets(posed, view, backend=backend) for view in instants[f]]
            sigma = _SIGMA_PX[0] * (_SIGMA_PX[1] / _SIGMA_PX[0]) ** (
                round_ / max(config.track_rounds - 1, 1)
            )
            current = solve_bones(
                current, rest, skin, skeleton, targets,
                sigma_px=sigma, tie=config.bone_rigidity, expected=expected,
            )  # fmt: skip
        T[f] = current
        tick(f, len(instants) - 1)
    return T


def as_poses(T: Array, like: Tensor) -> BonePoses:
    """Matrices ``(b, 4, 4)`` as poses with the dtype and device of ``like``."""

    def tensor(value: Array) -> Tensor:
        return torch.as_tensor(value, dtype=like.dtype, device=like.device)

    return BonePoses(tensor(quaternion_from_matrix(T[:, :3, :3])), tensor(T[:, :3, 3]))


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
    enlarge = 2 if max(model.shape) <= 256 else 1
    size = (view.width * enlarge, view.height * enlarge)
    flow = _dense_flow(cv2.resize(model, size), cv2.resize(wanted, size)) / enlarge
    flow = cv2.resize(flow, (view.width, view.height), interpolation=cv2.INTER_AREA)
    cosine, uv, pixel = visibility(posed, view, backend=backend, drawn=out)
    index = np.flatnonzero(cosine.cpu().numpy() > 0.15)
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
    return FlowTargets(
        np.concatenate([index, strays]),
        np.concatenate([goal, home]),
        np.concatenate([weight, np.full(len(strays), _STRAY)]),
        view.K.cpu().numpy().astype(np.float64),
        view.T_camera_world.cpu().numpy().astype(np.float64),
    )


def _strays(uv: Array, mask: Array) -> tuple[Array, Array]:
    """Surfels that lie where the object is not ``(m,)``, and the nearest pixels of it ``(m, 2)``.

    Hidden surfels count as well: no part of the object may stick out of its silhouette.
    """
    h, w = mask.shape
    if not (mask > 0.5).any():
        return np.zeros(0, np.int64), np.zeros((0, 2))
    x, y = np.floor(uv).astype(np.int64).T
    inside = (x >= 0) & (y >= 0) & (x < w) & (y < h)
    out = inside.copy()
    out[inside] = mask[y[inside], x[inside]] < 0.5
    strays = np.flatnonzero(out)
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


def _dense_flow(a: Array, b: Array) -> Array:
    """Flow ``(h, w, 2)`` float32 from ``a`` to ``b``; pictures under 32 px do not move."""
    if min(a.shape) < 32:
        return np.zeros((*a.shape, 2), np.float32)
    # OpenCV's type stubs leave out what its Python module has.
    create = getattr(cv2, "DISOpticalFlow_create")  # noqa: B009
    dis = create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start = np.zeros((*a.shape, 2), np.float32)
    return np.asarray(dis.calc(a, b, start), dtype=np.float32)


def _expected(before: Array, last: Array, centers: Array) -> Array:
    """Poses ``(b, 4, 4)`` after repeating most of the last step."""
    R = last[:, :3, :3] @ np.swapaxes(before[:, :3, :3], 1, 2)
    half = quaternion_from_matrix(R)
    angle = 2 * np.arctan2(np.linalg.norm(half[:, 1:], axis=1), half[:, 0])
    axis = half[:, 1:] / np.maximum(np.linalg.norm(half[:, 1:], axis=1, keepdims=True), 1e-12)
    turn = np.stack([axis_rotation(a, w) for a, w in zip(axis, _DAMPED * angle, strict=True)])
    here = np.einsum("bij,bj->bi", last[:, :3, :3], centers) + last[:, :3, 3]
    there = np.einsum("bij,bj->bi", before[:, :3, :3], centers) + before[:, :3, 3]
    return moved(last, here, turn, _DAMPED * (here - there))
