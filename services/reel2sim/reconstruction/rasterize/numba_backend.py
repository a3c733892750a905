"""The rasteriser for CPUs: compiled kernels behind one ``torch.autograd.Function``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import torch

from reel2sim.reconstruction.rasterize import (
    backward_kernels,
    binning,
    kernels,
    projection_kernels,
)
from reel2sim.reconstruction.rasterize.checks import check_finite
from reel2sim.reconstruction.rasterize.model import RasterOutput, Scene
from reel2sim.scene.drawing import tiles
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.threads import KERNELS

_ENTRIES_AT_ONCE = 2_000_000  # bounds the memory of the backward pass, some 200 MB


class _Task(NamedTuple):
    """What to draw, apart from tensors."""

    width: int
    height: int
    single: bool
    median: bool
    distorted: bool


def rasterize(scene: Scene) -> RasterOutput:
    """Draw ``scene``; see :func:`reel2sim.reconstruction.rasterize.rasterize_surfels`."""
    task = _Task(
        width=scene.width,
        height=scene.height,
        single=scene.cameras is None,
        median="median_depth" in scene.extras,
        distorted="distortion" in scene.extras,
    )
    images: tuple[torch.Tensor, ...] = _Draw.apply(  # pyright: ignore[reportAssignmentType]
        scene.means,
        scene.rotations,
        scene.scales,
        scene.opacities,
        scene.features,
        scene.K,
        scene.T_camera_world,
        task,
    )
    return RasterOutput(*images)


def warm_up(progress: Progress = silent) -> None:
    """Compile the kernels, or load them from their cache beside this file.

    Compiling happens once per installation and takes some seconds to a minute; without this call
    it happens inside the first picture, silently.

    Args:
        progress: told what is going on, as stage ``"rasterizer"``.
    """
    tilted = torch.tensor([[1.0, 0.2, 0.1, 0.0]], requires_grad=True)
    K = torch.tensor([[20.0, 0.0, 10.0], [0.0, 20.0, 10.0], [0.0, 0.0, 1.0]])
    progress("rasterizer", 0.0, "compiling the rasteriser for pictures (once)")
    scene = Scene(
        means=torch.tensor([[0.0, 0.0, 2.0]]),
        rotations=tilted,
        scales=torch.full((1, 2), 0.5),
        opacities=torch.ones(1),
        features=torch.ones(1, 3),
        K=K,
        T_camera_world=torch.eye(4),
        width=20,
        height=20,
        extras=(),
        cameras=None,
    )
    out = rasterize(scene)
    progress("rasterizer", 0.5, "compiling the rasteriser for gradients (once)")
    (out.features.sum() + out.depth.sum() + out.alpha.sum()).backward()
    progress("rasterizer", 1.0, "rasteriser ready")


def _array(tensor: torch.Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float32)


class _Draw(torch.autograd.Function):
    """Differentiable drawing, float32 on the CPU."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[torch.Tensor | None, ...]:
        *tensors, task = inputs
        ctx.set_materialize_grads(False)
        means, rotations, scales, opacities, features, K, T = map(_array, tensors)
        features, K, T = (a if a.ndim == 3 else a[None] for a in (features, K, T))
        cameras = max(len(K), len(T), len(features))
        K, T = _repeated(K, cameras), _repeated(T, cameras)
        size = (cameras, task.width, task.height)
        with KERNELS:
            rows, spans, depths, finite = projection_kernels.project(
                means, rotations, scales, opacities, features, K, T, task.width, task.height
            )
            if not finite:
                _refuse(tensors)
            offsets, ids, starts, places = binning.tile_lists(spans, depths, *size)
            images, drawn = kernels.composite(
                rows, spans, offsets, ids, *size, task.median, task.distorted
            )
        out, normal, alpha, depth, median, moments = images
        ctx.save_for_backward(*tensors)  # complains if a step changes them before the way back
        ctx.surfels = (means, rotations, scales, K, T)
        ctx.lists = (rows, offsets, ids, starts, places)
        ctx.drawn, ctx.images = drawn, (alpha.copy() if task.distorted else alpha, moments)
        results = [out, alpha, depth, normal]
        results.append(median if task.median else None)
        results.append(alpha * moments[2] - np.square(moments[1]) if task.distorted else None)
        like = tensors[4]
        first = 0 if task.single else slice(None)
        final = [None if r is None else torch.from_numpy(r[first]).to(like) for r in results]
        if task.median:
            ctx.mark_non_differentiable(final[4])
        return tuple(final)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        inputs = ctx.saved_tensors
        total = _row_gradients(ctx, grads)
        rows, *_, starts, _ = ctx.lists
        means, rotations, scales, K, T = ctx.surfels
        c = rows.shape[1] - tiles.CHANNELS - 3
        with KERNELS:
            g_means, g_rotations, g_scales, g_K, g_T = projection_kernels.project_backward(
                means, rotations, scales, K, T, total, starts, c
            )
        seen = total.reshape(len(K), len(means), total.shape[1])
        g_opacities = seen[:, :, tiles.OPACITY]
        g_features = seen[:, :, tiles.CHANNELS : tiles.CHANNELS + c]
        results = (g_means, g_rotations, g_scales, g_opacities, g_features, g_K, g_T)
        return *(
            _gradient_of(like, result) if needed else None
            for like, result, needed in zip(inputs, results, ctx.needs_input_grad, strict=False)
        ), None


def _repeated(array: Any, cameras: int) -> Any:
    if len(array) == cameras:
        return array
    return np.ascontiguousarray(np.broadcast_to(array, (cameras, *array.shape[1:])))


def _refuse(tensors: list[torch.Tensor]) -> None:
    """Name what is not finite, be it only so in single precision."""
    names = ("means", "rotations", "scales", "opacities", "features")
    for name, tensor in zip(names, tensors, strict=False):
        check_finite(name, tensor.detach().float())


def _row_gradients(ctx: Any, grads: tuple[torch.Tensor | None, ...]) -> Any:
    """Gradients of the rows, summed over the tiles that drew each."""
    g_features, g_alpha, g_depth, g_normal, _, g_distortion = grads
    rows, offsets, ids, starts, places = ctx.lists
    alpha, moments = ctx.images
    shape, c = alpha.shape, rows.shape[1] - tiles.CHANNELS - 3

    def given(grad: torch.Tensor | None, *channels: int) -> Any:
        if grad is None:
            return np.zeros((*shape, *channels), np.float32)
        return _array(grad).reshape(*shape, *channels)

    by_alpha = given(g_alpha)
    by_moments = np.zeros((2, 0, *shape[1:]), np.float32)
    if g_distortion is None:
        moments = moments[:, :0]
    else:  # alpha · second moment − first moment²
        g = _array(g_distortion).reshape(shape)
        by_alpha = by_alpha + g * moments[2]
        by_moments = np.stack([-2.0 * g * moments[1], g * alpha])
    count = c if g_normal is None else c + 3
    images = (given(g_features, c), given(g_normal, 3), by_alpha, given(g_depth))
    total = np.zeros((len(rows), tiles.CHANNELS + count), np.float32)
    first, last = 0, len(offsets) - 1
    while first < last:
        fits = np.searchsorted(offsets, offsets[first] + _ENTRIES_AT_ONCE, side="right") - 1
        stop = int(min(max(fits, first + 1), last))
        with KERNELS:
            part = backward_kernels.composite_backward(
                rows, offsets, ids, first, stop, ctx.drawn, moments, images, by_moments, count
            )
            backward_kernels.sum_entries(
                part,
                offsets[first],
                offsets[stop],
                ctx.drawn[2],
                starts,
                places,
                total,
                8 * numba.get_num_threads(),
            )
        first = stop
    return total


def _gradient_of(like: torch.Tensor, gradient: Any) -> torch.Tensor:
    """Sum over cameras where they share a value, and return in the form of the input."""
    missing = gradient.ndim - like.dim()
    if missing:
        gradient = gradient.sum(0) if len(gradient) > 1 else gradient[0]
    elif gradient.shape[0] != like.shape[0]:
        gradient = gradient.sum(0, keepdims=True)
    return torch.from_numpy(np.ascontiguousarray(gradient)).to(like)
