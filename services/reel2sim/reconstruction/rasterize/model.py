"""What every backend agrees on: the constants of the image model and the shape of a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Backend = Literal["auto", "numba", "torch", "gsplat"]

NEAR_M = 0.01
"""Surfels whose centre is nearer than this are not drawn; nearer ray hits do not count, metres."""

ALPHA_MIN = 1.0 / 255.0
"""A surfel fainter than this at a pixel does not contribute there."""

ALPHA_MAX = 0.99
"""Opacity of one surfel at one pixel is capped here, so that light from behind never vanishes."""

TRANSMITTANCE_MIN = 1e-4
"""A pixel takes no further surfels once less than this share of light passes."""

LOW_PASS = 2.0
"""Weight of the squared pixel distance in the screen-space filter (a Gaussian of 1/√2 pixel)."""

SCALE_MIN_M = 1e-7
"""Scales are clamped here: a surfel thinner than this is invisible but must not divide by zero."""


@dataclass(frozen=True, eq=False)
class RasterOutput:
    """Images of one camera, differentiable.

    Attributes:
        features: alpha-composited channels over black ``(h, w, c)``.
        alpha: how much of each pixel is covered ``(h, w)``, 0..1.
        depth: alpha-weighted sum of the depth at which each pixel's ray meets the surfels
            ``(h, w)``, metres along the optical axis. Divide by ``alpha`` for the expected depth.
        normal: alpha-weighted sum of unit normals that face the camera ``(h, w, 3)``, world.
    """

    features: torch.Tensor
    alpha: torch.Tensor
    depth: torch.Tensor
    normal: torch.Tensor
