"""The rasteriser for CUDA: the same pictures through :mod:`gsplat`.

gsplat composites the depth of surfel *centres*. Here each surfel carries its plane instead: depth
as a linear function of the pixel, and its square as a quadratic one, which composite exactly and
are right to first order about the surfel's centre. World normals travel as channels too, so that
only colours, weights and their gradients depend on gsplat. Differences that remain:

- gsplat stops a pixel before, not after, the surfel that uses up its light (1e-4);
- its median depth is that of the surfel's centre, so off by up to the surfel's extent in depth;
- it has no gradient for intrinsics but by way of depth.

gsplat's own distortion is not used: it adds up ``|z_i - z_j|`` of centres as if they were sorted
along each ray. Parity tests need CUDA.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch

from reel2sim.reconstruction.rasterize.model import (
    LOW_PASS,
    NEAR_M,
    RasterOutput,
    Scene,
    assemble,
)
from reel2sim.reconstruction.rasterize.projection import CameraSurfels, pixel_maps, to_camera
from reel2sim.scene.errors import InputError, MissingDependencyError

_PLANE, _NORMAL, _SQUARE = 3, 3, 6


def rasterize(scene: Scene) -> RasterOutput:
    """Draw surfels on CUDA; see :func:`reel2sim.reconstruction.rasterize.rasterize_surfels`.

    Raises:
        MissingDependencyError: if gsplat is not installed.
        InputError: if tensors are not on a CUDA device, or ``K`` has skew.
    """
    try:
        gsplat = importlib.import_module("gsplat")
    except ImportError as cause:
        raise MissingDependencyError(
            "gsplat is not installed",
            source="backend gsplat",
            remedy="pip install 'reel2sim[gpu]', or use backend 'numba'",
        ) from cause
    if not scene.means.is_cuda:
        raise InputError(
            f"tensors are on {scene.means.device}, gsplat draws on CUDA",
            source="backend gsplat",
            remedy="move them to a CUDA device, or use backend 'numba'",
        )
    if (scene.K[..., 0, 1] != 0).any():
        raise InputError(
            "gsplat draws cameras without skew only",
            source="surfel K",
            remedy="use backend 'numba'",
        )
    return composited(scene, gsplat.rasterization_2dgs)


def composited(scene: Scene, rasterization_2dgs: Any) -> RasterOutput:
    """Draw with gsplat's function, or one that composites channels as it does."""
    cameras, c = scene.cameras or 1, scene.features.shape[-1]
    channels, pivots = camera_channels(scene)
    shape = (cameras, scene.height, scene.width)
    if len(scene.means) == 0:
        image = scene.features.new_zeros(*shape, channels.shape[2])
        alpha, median = image.new_zeros(*shape, 1), image.new_zeros(*shape, 1)
    else:
        # Colours as (cameras, n, c) with sh_degree None are channels, not harmonics, in every
        # version; (n, c) fails in 1.5.3. Scales want a third entry, which is ignored.
        drawn, alpha, _, _, _, median, _ = rasterization_2dgs(
            means=scene.means,
            quats=scene.rotations,
            scales=torch.nn.functional.pad(scene.scales, (0, 1), value=1.0),
            opacities=scene.opacities,
            colors=channels,
            viewmats=scene.T_camera_world.expand(cameras, 4, 4),
            Ks=scene.K.expand(cameras, 3, 3),
            width=scene.width,
            height=scene.height,
            near_plane=NEAR_M,
            sh_degree=None,
            packed=False,
            render_mode="RGB",
        )
        image = drawn
    alpha = alpha[..., 0]
    offset = depth_from_planes(image[..., c : c + _PLANE])
    depth = offset + alpha * pivots[:, None, None]
    first = c + _PLANE + _NORMAL
    median_depth = distortion = None
    if "median_depth" in scene.extras:  # gsplat's is set where less than half is covered, too
        median_depth = torch.where(alpha > 0.5, median[..., 0], 0.0).detach()
    if "distortion" in scene.extras:
        square = squares_from_planes(image[..., first : first + _SQUARE])
        distortion = alpha * square - offset**2
    return assemble(
        scene,
        image[..., :c],
        alpha,
        depth,
        image[..., c + _PLANE : first],
        median_depth,
        distortion,
    )


def camera_channels(scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """What to composite ``(b, n, channels)``, and the depths planes are about ``(b,)``.

    Features, plane, normal and, for distortion, the square of the plane; the last channel is the
    depth of the centre if the median is wanted, since gsplat takes it from there.
    """
    pictures, pivots = [], []
    for features, K, T in scene.views():
        surfels = to_camera(scene.means, scene.rotations, scene.scales, T)
        planes = depth_planes(surfels, K, scene.width, scene.height)
        # Squares of depth are summed about the mean depth, or rounding would swamp their spread.
        ahead = surfels.centers[surfels.in_front, 2].detach()
        pivot = ahead.mean() if len(ahead) else planes.new_zeros(())
        planes = torch.cat([planes[:, :1] - pivot, planes[:, 1:]], dim=1)
        parts = [features, planes, surfels.normals]
        if "distortion" in scene.extras:
            parts.append(squared(planes))
        last = surfels.centers[:, 2:].detach() if "median_depth" in scene.extras else None
        pictures.append(padded(torch.cat(parts, dim=1), last))
        pivots.append(pivot)
    return torch.stack(pictures), torch.stack(pivots)


def depth_planes(surfels: CameraSurfels, K: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Depth of each surfel as ``p0 + p1 x + p2 y`` over the picture ``(n, 3)``.

    ``x`` and ``y`` are pixels from the middle of the picture. Slopes are limited to the surfel's
    own extent in depth within the low-pass filter: beyond that the picture shows the filter, not
    the plane, which then has the depth of its centre.
    """
    maps = pixel_maps(surfels, K)
    middle = maps.new_tensor([width / 2, height / 2])
    q, z = maps[:, 8:9], maps[:, 9:10]
    slope = -z * maps[:, 6:8] / q.clamp_min(1e-9)
    extent = torch.hypot(surfels.axis_u[:, 2], surfels.axis_v[:, 2])[:, None]
    steepest = extent * LOW_PASS**0.5
    steep = slope.norm(dim=1, keepdim=True)
    slope = slope * torch.where(steep > steepest, steepest / steep.clamp_min(1e-12), 1.0)
    base = z - (slope * (maps[:, :2] - middle)).sum(1, keepdim=True)
    return torch.cat([base, slope], dim=1)


def squared(planes: torch.Tensor) -> torch.Tensor:
    """Coefficients of the square of ``p0 + p1 x + p2 y``: 1, x, y, x², xy, y² ``(n, 6)``."""
    p0, p1, p2 = planes.unbind(1)
    return torch.stack([p0 * p0, 2 * p0 * p1, 2 * p0 * p2, p1 * p1, 2 * p1 * p2, p2 * p2], dim=1)


def depth_from_planes(composited: torch.Tensor) -> torch.Tensor:
    """Alpha-weighted depth ``(…, h, w)`` from composited plane coefficients ``(…, h, w, 3)``."""
    x, y = _from_middle(composited)
    return composited[..., 0] + composited[..., 1] * x + composited[..., 2] * y


def squares_from_planes(composited: torch.Tensor) -> torch.Tensor:
    """Alpha-weighted squared depth ``(…, h, w)`` from what :func:`squared` gives, composited."""
    x, y = _from_middle(composited)
    powers = (torch.ones_like(x), x, y, x * x, x * y, y * y)
    return torch.stack([composited[..., k] * p for k, p in enumerate(powers)]).sum(0)


def _from_middle(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels to the right of and below the middle of the picture ``(h, w)`` each."""
    height, width = image.shape[-3:-1]
    y = torch.arange(height, dtype=image.dtype, device=image.device) + 0.5 - height / 2
    x = torch.arange(width, dtype=image.dtype, device=image.device) + 0.5 - width / 2
    return x.expand(height, width), y[:, None].expand(height, width)


def padded(channels: torch.Tensor, last: torch.Tensor | None = None) -> torch.Tensor:
    """Append zero channels up to a power of two, the numbers gsplat's kernels are built for.

    Args:
        channels: ``(n, c)``.
        last: becomes the last channel ``(n, 1)``.
    """
    needed = channels.shape[1] + (last is not None)
    wanted = 1 << max(needed - 1, 0).bit_length()
    out = torch.nn.functional.pad(channels, (0, wanted - needed))
    return out if last is None else torch.cat([out, last], dim=1)
