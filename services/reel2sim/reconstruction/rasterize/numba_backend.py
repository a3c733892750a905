"""The rasteriser for CPUs: compiled kernels behind a ``torch.autograd.Function``."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numba
import numpy as np
import torch

from reel2sim.reconstruction.rasterize import binning, kernels
from reel2sim.reconstruction.rasterize.model import RasterOutput
from reel2sim.reconstruction.rasterize.projection import CameraSurfels, pixel_maps, to_camera
from reel2sim.scene.progress import Progress, silent

_ENTRIES_AT_ONCE = 2_000_000  # bounds the memory of the backward pass, some 200 MB
_one_at_a_time = Lock()  # one of numba's threading layers ends the process on concurrent use


def rasterize(
    surfels: CameraSurfels,
    opacities: torch.Tensor,
    features: torch.Tensor,
    K: torch.Tensor,
    width: int,
    height: int,
) -> RasterOutput:
    """Draw ``surfels``; see :func:`reel2sim.reconstruction.rasterize.rasterize_surfels`."""
    c = features.shape[1]
    lists = _lists(surfels, opacities, K, width, height)
    channels = torch.cat([features, surfels.normals], dim=1)
    inputs = (pixel_maps(surfels, K), opacities, channels)
    on_cpu = (tensor.to("cpu", torch.float32) for tensor in inputs)
    drawn: tuple[torch.Tensor, ...] = _Composite.apply(  # pyright: ignore[reportAssignmentType]
        *on_cpu, lists, (width, height)
    )
    out, depth, light = (image.to(features) for image in drawn)
    return RasterOutput(features=out[..., :c], alpha=1.0 - light, depth=depth, normal=out[..., c:])


def warm_up(progress: Progress = silent) -> None:
    """Compile the kernels, or load them from their cache beside this file.

    Compiling happens once per installation and takes some seconds to a minute; without this call
    it happens inside the first picture, silently.

    Args:
        progress: told what is going on, as stage ``"rasterizer"``.
    """
    tilted = torch.tensor([[1.0, 0.2, 0.1, 0.0]], requires_grad=True)
    where, scales = torch.tensor([[0.0, 0.0, 2.0]]), torch.full((1, 2), 0.5)
    K = torch.tensor([[20.0, 0.0, 10.0], [0.0, 20.0, 10.0], [0.0, 0.0, 1.0]])
    progress("rasterizer", 0.0, "compiling the rasteriser for pictures (once)")
    surfels = to_camera(where, tilted, scales, torch.eye(4))
    out = rasterize(surfels, torch.ones(1), torch.ones(1, 3), K, 20, 20)
    progress("rasterizer", 0.5, "compiling the rasteriser for gradients (once)")
    (out.features.sum() + out.depth.sum() + out.alpha.sum()).backward()
    progress("rasterizer", 1.0, "rasteriser ready")


def _array(tensor: torch.Tensor, dtype: type[np.generic] = np.float32) -> Any:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=dtype)


def _lists(
    surfels: CameraSurfels, opacities: torch.Tensor, K: torch.Tensor, width: int, height: int
) -> tuple[Any, Any, Any]:
    """Pixel spans, tile offsets and tile lists."""
    with _one_at_a_time:
        spans = binning.pixel_spans(
            _array(surfels.axis_u),
            _array(surfels.axis_v),
            _array(surfels.centers),
            _array(surfels.in_front, np.bool_),
            _array(opacities),
            _array(K, np.float64),
            width,
            height,
        )
    order = np.argsort(_array(surfels.centers[:, 2], np.float64), kind="stable")
    return spans, *binning.tile_lists(spans, order, width, height)


class _Composite(torch.autograd.Function):
    """Differentiable compositing of projected surfels, float32 on the CPU."""

    @staticmethod
    def forward(
        ctx: Any,
        maps: torch.Tensor,
        opacities: torch.Tensor,
        channels: torch.Tensor,
        lists: tuple[Any, Any, Any],
        size: tuple[int, int],
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inputs = (_array(maps), _array(opacities), _array(channels), *lists)
        with _one_at_a_time:
            out, depth, light, last, drew = kernels.composite(*inputs, *size)
        ctx.state = (inputs, (light, last, drew))
        return torch.from_numpy(out), torch.from_numpy(depth), torch.from_numpy(light)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (maps, opacities, channels, _, offsets, ids), drawn = ctx.state
        surfels = (maps, opacities, channels, offsets, ids)
        images = [_array(g) for g in grads]
        total = np.zeros((len(maps), kernels.MAP_SIZE + 1 + channels.shape[1]), np.float32)
        first, tiles = 0, len(offsets) - 1
        while first < tiles:
            fits = np.searchsorted(offsets, offsets[first] + _ENTRIES_AT_ONCE, side="right") - 1
            stop = int(min(max(fits, first + 1), tiles))
            entries = ids[offsets[first] : offsets[stop]]
            with _one_at_a_time:
                part = kernels.composite_backward(*surfels, first, stop, *drawn, *images)
                kernels.sum_entries(part, entries, total, numba.get_num_threads())
            first = stop
        result = torch.from_numpy(total)
        m = kernels.MAP_SIZE
        return result[:, :m], result[:, m], result[:, m + 1 :], None, None
