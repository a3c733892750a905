"""The image model in plain torch: every surfel at every pixel, in any precision.

Written for reading and for parity tests, from the textbook form of the ray–splat intersection
rather than the rearranged one the kernels use. Memory grows with pixels × surfels.
"""

from __future__ import annotations

import torch

from reel2sim.reconstruction.rasterize.model import (
    ALPHA_MAX,
    ALPHA_MIN,
    LOW_PASS,
    NEAR_M,
    TRANSMITTANCE_MIN,
    RasterOutput,
    Scene,
    assemble,
)
from reel2sim.reconstruction.rasterize.projection import to_camera


def rasterize(scene: Scene) -> RasterOutput:
    """Draw ``scene``; see :func:`reel2sim.reconstruction.rasterize.rasterize_surfels`."""
    pictures = [_picture(scene, *view) for view in scene.views()]
    images = [
        None if shots[0] is None else torch.stack([s for s in shots if s is not None])
        for shots in zip(*pictures, strict=True)
    ]
    return assemble(scene, *images)


def _picture(
    scene: Scene, features: torch.Tensor, K: torch.Tensor, T_camera_world: torch.Tensor
) -> tuple[torch.Tensor | None, ...]:
    """Images of one camera, in the order of :class:`RasterOutput`."""
    surfels = to_camera(scene.means, scene.rotations, scene.scales, T_camera_world)
    width, height, opacities = scene.width, scene.height, scene.opacities
    dtype, device = features.dtype, features.device
    order = torch.argsort(surfels.centers[:, 2], stable=True)
    order = order[surfels.in_front[order]]
    axes = (surfels.axis_u[order], surfels.axis_v[order], surfels.centers[order])
    M = torch.stack(axes, dim=-1)
    T = torch.cat([K[:2] @ M, M[:, 2:]], dim=1)  # (n, 3, 3): surfel coordinates to pixels

    ys, xs = torch.meshgrid(
        torch.arange(height, dtype=dtype, device=device) + 0.5,
        torch.arange(width, dtype=dtype, device=device) + 0.5,
        indexing="ij",
    )
    x, y = xs.reshape(-1, 1, 1), ys.reshape(-1, 1, 1)  # (pixels, 1, 1)

    # A pixel's ray is where the planes of its column and its row meet. In surfel coordinates the
    # two are lines, and their cross product is the point common to both.
    column = x * T[:, 2] - T[:, 0]
    line = y * T[:, 2] - T[:, 1]
    point = torch.linalg.cross(column, line, dim=-1)  # (pixels, n, 3) homogeneous
    crosses = point[..., 2].abs() > torch.finfo(dtype).tiny
    uv = point[..., :2] / torch.where(crosses, point[..., 2], 1.0)[..., None]
    plane_z = (uv * T[:, 2, :2]).sum(-1) + T[:, 2, 2]
    crosses = crosses & (plane_z > NEAR_M)

    center = T[:, :2, 2] / T[:, 2:, 2]
    rho_pixel = LOW_PASS * ((x[..., 0] - center[:, 0]) ** 2 + (y[..., 0] - center[:, 1]) ** 2)
    rho_plane = (uv**2).sum(-1)
    on_plane = crosses & (rho_plane <= rho_pixel)
    rho = torch.where(on_plane, rho_plane, rho_pixel)
    z = torch.where(on_plane, plane_z, T[:, 2, 2])

    alpha = (opacities[order] * torch.exp(-0.5 * rho)).clamp_max(ALPHA_MAX)
    alpha = torch.where(alpha >= ALPHA_MIN, alpha, 0.0)
    light = _light_before(alpha)
    alpha = torch.where(light >= TRANSMITTANCE_MIN, alpha, 0.0)
    light = _light_before(alpha)
    weight = light * alpha  # (pixels, n)

    def image(values: torch.Tensor, *channels: int) -> torch.Tensor:
        return values.reshape(height, width, *channels)

    return (
        image(weight @ features[order], features.shape[1]),
        image(weight.sum(1)),
        image((weight * z).sum(1)),
        image(weight @ surfels.normals[order], 3),
        image(_median(light, alpha, z)) if "median_depth" in scene.extras else None,
        image(_distortion(weight, z)) if "distortion" in scene.extras else None,
    )


def _median(light: torch.Tensor, alpha: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Depth of the surfel at which the light falls below one half, or 0."""
    crossing = (light >= 0.5) & (light * (1.0 - alpha) < 0.5)
    return torch.where(crossing, z, 0.0).sum(1).detach()


def _distortion(weight: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The sum over all pairs, pair by pair."""
    pairs = (z[:, :, None] - z[:, None, :]) ** 2
    return 0.5 * torch.einsum("pi,pij,pj->p", weight, pairs, weight)


def _light_before(alpha: torch.Tensor) -> torch.Tensor:
    """Share of light that reaches each surfel through those in front ``(pixels, n)``."""
    through = torch.cumprod(1.0 - alpha, dim=1)
    return torch.cat([torch.ones_like(through[:, :1]), through], dim=1)[:, : alpha.shape[1]]
