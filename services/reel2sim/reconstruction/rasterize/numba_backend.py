"""The rasteriser for CPUs: compiled kernels behind a ``torch.autograd.Function``."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch

from reel2sim.reconstruction.rasterize import binning, kernels
from reel2sim.reconstruction.rasterize.model import RasterOutput
from reel2sim.reconstruction.rasterize.projection import CameraSurfels, pixel_maps

_ENTRIES_AT_ONCE = 2_000_000  # bounds the memory of the backward pass, some 200 MB


def rasterize(
    surfels: CameraSurfels,
    opacities: torch.Tensor,
    features: torch.Tensor,
    K: torch.Tensor,
    width: int,
    height: int,
) -> RasterOutput:
    """Draw ``surfels``; see :func:`reel2sim.reconstruction.rasterize.rasterize_surfels`."""
    dtype = features.dtype
    c = features.shape[1]
    lists = _lists(surfels, opacities, K, width, height)
    channels = torch.cat([features, surfels.normals], dim=1)
    drawn: tuple[torch.Tensor, ...] = _Composite.apply(  # pyright: ignore[reportAssignmentType]
        pixel_maps(surfels, K).float(), opacities.float(), channels.float(), lists, (width, height)
    )
    out, depth, light = (image.to(dtype) for image in drawn)
    return RasterOutput(features=out[..., :c], alpha=1.0 - light, depth=depth, normal=out[..., c:])


def _array(tensor: torch.Tensor, dtype: type[np.generic] = np.float32) -> Any:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=dtype)


def _lists(
    surfels: CameraSurfels, opacities: torch.Tensor, K: torch.Tensor, width: int, height: int
) -> tuple[Any, Any, Any]:
    """Pixel spans, tile offsets and tile lists."""
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
            part = kernels.composite_backward(*surfels, first, stop, *drawn, *images)
            entries = ids[offsets[first] : offsets[stop]]
            kernels.sum_entries(part, entries, total, numba.get_num_threads())
            first = stop
        result = torch.from_numpy(total)
        m = kernels.MAP_SIZE
        return result[:, :m], result[:, m], result[:, m + 1 :], None, None
