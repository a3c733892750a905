"""The rasteriser for CUDA: the same pictures through :mod:`gsplat`.

gsplat composites the depth of surfel *centres*. Here each surfel carries its plane instead: depth
as a linear function of the pixel, which composites exactly and is right to first order about the
surfel's centre. World normals travel as channels too, so that only colours, weights and their
gradients depend on gsplat. Differences that remain: gsplat stops a pixel before, not after, the
surfel that uses up its light, and it has no gradient for intrinsics. Parity tests need CUDA.
"""

from __future__ import annotations

import importlib

import torch

from reel2sim.reconstruction.rasterize.model import LOW_PASS, NEAR_M, RasterOutput
from reel2sim.reconstruction.rasterize.projection import CameraSurfels, pixel_maps, to_camera
from reel2sim.scene.errors import InputError, MissingDependencyError

_PLANE, _NORMAL = 3, 3


def rasterize(
    means: torch.Tensor,
    rotations: torch.Tensor,
    scales: torch.Tensor,
    opacities: torch.Tensor,
    features: torch.Tensor,
    K: torch.Tensor,
    T_camera_world: torch.Tensor,
    width: int,
    height: int,
) -> RasterOutput:
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
    if not means.is_cuda:
        raise InputError(
            f"tensors are on {means.device}, gsplat draws on CUDA",
            source="backend gsplat",
            remedy="move them to a CUDA device, or use backend 'numba'",
        )
    if K[0, 1] != 0:
        raise InputError(
            "gsplat draws cameras without skew only",
            source="surfel K",
            remedy="use backend 'numba'",
        )
    c = features.shape[1]
    if means.shape[0] == 0:
        empty = features.new_zeros(height, width, c + _NORMAL + 2)
        return RasterOutput(empty[..., :c], empty[..., c], empty[..., c], empty[..., c + 2 :])
    surfels = to_camera(means, rotations, scales, T_camera_world)
    planes = depth_planes(surfels, K, width, height)
    channels = padded(torch.cat([features, planes, surfels.normals], dim=1))
    thickness = torch.ones_like(surfels.scales[:, :1])  # ignored by gsplat, but it wants three
    # One camera's colours as (1, n, c): the shape that means "channels, not harmonics" with
    # sh_degree None in every version; (n, c) fails in 1.5.3.
    drawn, alpha, *_ = gsplat.rasterization_2dgs(
        means=means,
        quats=rotations,
        scales=torch.cat([surfels.scales, thickness], dim=1),
        opacities=opacities,
        colors=channels[None],
        viewmats=T_camera_world[None],
        Ks=K[None],
        width=width,
        height=height,
        near_plane=NEAR_M,
        sh_degree=None,
        packed=False,
        render_mode="RGB",
    )
    image = drawn[0]
    return RasterOutput(
        features=image[..., :c],
        alpha=alpha[0, ..., 0],
        depth=depth_from_planes(image[..., c : c + _PLANE]),
        normal=image[..., c + _PLANE : c + _PLANE + _NORMAL],
    )


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


def depth_from_planes(composited: torch.Tensor) -> torch.Tensor:
    """Alpha-weighted depth ``(h, w)`` from composited plane coefficients ``(h, w, 3)``."""
    height, width = composited.shape[:2]
    y = torch.arange(height, dtype=composited.dtype, device=composited.device) + 0.5 - height / 2
    x = torch.arange(width, dtype=composited.dtype, device=composited.device) + 0.5 - width / 2
    return composited[..., 0] + composited[..., 1] * x + composited[..., 2] * y[:, None]


def padded(channels: torch.Tensor) -> torch.Tensor:
    """Append zero channels up to a power of two, the numbers gsplat's kernels are built for."""
    wanted = 1 << max(channels.shape[1] - 1, 0).bit_length()
    return torch.nn.functional.pad(channels, (0, wanted - channels.shape[1]))
