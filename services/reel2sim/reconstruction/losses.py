"""How far a drawn picture is from the view it should match."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from reel2sim.reconstruction.rasterize import RasterOutput
from reel2sim.reconstruction.views import View

_SOFT = 1e-4
"""Squared error below which the robust loss is quadratic."""


def image_loss(out: RasterOutput, view: View, *, mask_weight: float, levels: int = 3) -> Tensor:
    """Robust L1 of colour and silhouette, summed over a pyramid of ``levels`` halvings.

    The coarse levels pull on parts that are several pixels away from where they belong.
    """
    drawn = torch.cat([out.features, out.alpha[..., None] * mask_weight], dim=-1)
    wanted = torch.cat([view.rgb, view.mask[..., None] * mask_weight], dim=-1)
    difference = (drawn - wanted).permute(2, 0, 1)[None]
    total = torch.zeros((), device=drawn.device)
    for level in range(levels):
        if level:
            if min(difference.shape[-2:]) < 4:
                break
            difference = functional.avg_pool2d(difference, 2)
        total = total + torch.sqrt(difference**2 + _SOFT).mean()
    return total


def normal_loss(out: RasterOutput, view: View) -> Tensor:
    """Disagreement of drawn normals with normals of the drawn depth, where it is opaque."""
    h, w = out.alpha.shape
    z = out.depth / out.alpha.clamp(min=0.1)
    fx, fy, cx, cy = view.K[0, 0], view.K[1, 1], view.K[0, 2], view.K[1, 2]
    x = (torch.arange(w, device=z.device) + 0.5 - cx) / fx
    y = (torch.arange(h, device=z.device) + 0.5 - cy) / fy
    p = torch.stack([x[None, :] * z, y[:, None] * z, z], dim=-1)
    along_x = p[1:-1, 2:] - p[1:-1, :-2]
    along_y = p[2:, 1:-1] - p[:-2, 1:-1]
    n_camera = functional.normalize(torch.linalg.cross(along_y, along_x, dim=-1), dim=-1)
    n_world = n_camera @ view.T_camera_world[:3, :3]
    opaque = out.alpha.detach() > 0.9
    # A pixel counts only if its whole cross does: depth jumps at silhouettes are no surface.
    inner = (
        opaque[1:-1, 1:-1] & opaque[1:-1, 2:] & opaque[1:-1, :-2] & opaque[2:, 1:-1]
        & opaque[:-2, 1:-1]
    )  # fmt: skip
    agreement = (n_world * out.normal[1:-1, 1:-1]).sum(-1)
    return ((1 - agreement) * inner).sum() / (h * w)


@torch.no_grad()
def squared_error(out: RasterOutput, view: View) -> tuple[float, int]:
    """Summed squared colour error over drawn or wanted object, and the number of values."""
    union = (view.mask > 0.5) | (out.alpha > 0.5)
    difference = (out.features.clamp(0, 1) - view.rgb)[union]
    return float((difference**2).sum()), int(difference.numel())


def psnr_db(errors: list[tuple[float, int]]) -> float:
    """Peak signal-to-noise ratio in dB of pooled :func:`squared_error` results."""
    total = sum(e for e, _ in errors)
    count = sum(n for _, n in errors)
    mean = max(total / max(count, 1), 1e-10)
    return float(-10 * torch.log10(torch.tensor(mean)))


def dissimilarity(out: RasterOutput, view: View, *, window: int = 7) -> Tensor:
    """``(1 − SSIM) / 2`` of the colours on black, averaged (Wang et al. 2004), uniform window."""
    pair = torch.stack([out.features, view.rgb]).permute(0, 3, 1, 2)
    products = torch.stack([pair[0] ** 2, pair[1] ** 2, pair[0] * pair[1]])
    pad = window // 2
    means = functional.avg_pool2d(
        torch.cat([pair, products]), window, stride=1, padding=pad, count_include_pad=False
    )
    a, b, aa, bb, ab = means
    variance_a, variance_b, covariance = aa - a * a, bb - b * b, ab - a * b
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * a * b + c1) * (2 * covariance + c2)
    likeness = likeness / ((a * a + b * b + c1) * (variance_a + variance_b + c2))
    return (1 - likeness).mean() / 2
