"""What every backend agrees on: the constants of the image model and the shape of a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from reel2sim.scene.drawing.model import (
    ALPHA_MAX,
    ALPHA_MIN,
    LOW_PASS,
    NEAR_M,
    SCALE_MIN_M,
    TRANSMITTANCE_MIN,
)

__all__ = [
    "ALPHA_MAX",
    "ALPHA_MIN",
    "LOW_PASS",
    "NEAR_M",
    "SCALE_MIN_M",
    "TRANSMITTANCE_MIN",
    "Backend",
    "Extra",
    "RasterOutput",
    "Scene",
    "assemble",
]

Backend = Literal["auto", "numba", "torch", "gsplat"]

Extra = Literal["median_depth", "distortion"]
"""Images that are drawn only when asked for."""


@dataclass(frozen=True, eq=False)
class RasterOutput:
    """Images of one camera, or of ``b`` cameras with a leading axis; differentiable.

    Attributes:
        features: alpha-composited channels over black ``(h, w, c)``.
        alpha: how much of each pixel is covered ``(h, w)``, 0..1.
        depth: alpha-weighted sum of the depth at which each pixel's ray meets the surfels
            ``(h, w)``, metres along the optical axis. Divide by ``alpha`` for the expected depth.
        normal: alpha-weighted sum of unit normals that face the camera ``(h, w, 3)``, world.
        median_depth: depth at which the ray meets the surfel that takes the light below one half
            ``(h, w)``, metres; 0 where none does. Without gradient. None unless asked for.
        distortion: how far the surfels of a pixel are apart, ``sum over pairs i < j of
            w_i w_j (z_i - z_j)²`` with the weights that sum up to ``alpha`` ``(h, w)``, square
            metres. None unless asked for.
    """

    features: torch.Tensor
    alpha: torch.Tensor
    depth: torch.Tensor
    normal: torch.Tensor
    median_depth: torch.Tensor | None = None
    distortion: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """Checked arguments, as they were given.

    Attributes:
        means: ``(n, 3)``, metres, world.
        rotations: ``(n, 4)`` wxyz.
        scales: ``(n, 2)``, metres.
        opacities: ``(n,)``.
        features: ``(n, c)`` or ``(b, n, c)``.
        K: ``(3, 3)`` or ``(b, 3, 3)``.
        T_camera_world: ``(4, 4)`` or ``(b, 4, 4)``.
        width: pixels.
        height: pixels.
        extras: which images to draw besides the usual ones.
        cameras: how many, or None for a single one whose images have no axis for it.
    """

    means: torch.Tensor
    rotations: torch.Tensor
    scales: torch.Tensor
    opacities: torch.Tensor
    features: torch.Tensor
    K: torch.Tensor
    T_camera_world: torch.Tensor
    width: int
    height: int
    extras: tuple[Extra, ...]
    cameras: int | None

    def views(self) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Features ``(n, c)``, intrinsics and pose of each camera."""
        given = (self.features, self.K, self.T_camera_world)
        return [
            tuple(value[k] if value.dim() == 3 else value for value in given)
            for k in range(self.cameras or 1)
        ]  # pyright: ignore[reportReturnType]


def assemble(scene: Scene, *images: torch.Tensor | None) -> RasterOutput:
    """A result from images with an axis for cameras, in the order of the attributes."""
    if scene.cameras is None:
        images = tuple(image if image is None else image[0] for image in images)
    return RasterOutput(*images)  # pyright: ignore[reportArgumentType]
