"""Surfels that move in rigid groups, such as the links of an asset, as a camera sees them."""

# pyright: basic

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError
from reel2sim.scene.surfels import Surfels
from reel2sim.scene.transforms import quaternion_from_matrix

_OPAQUE = 0.5
"""Coverage under which a pixel has no depth."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What one camera sees.

    Attributes:
        rgb: sRGB over black ``(h, w, 3)`` float32, 0..1.
        alpha: coverage ``(h, w)`` float32, 0..1.
        depth: along the optical axis ``(h, w)`` float32, metres; 0 where less than half is covered.
    """

    rgb: Array
    alpha: Array
    depth: Array

    def over(self, background: Array) -> Array:
        """The picture ``(h, w, 3)`` uint8 in front of a colour ``(3,)`` or ``(h, w, 3)``, 0..1."""
        rgb = self.rgb + (1.0 - self.alpha[..., None]) * np.asarray(background, np.float32)
        return np.clip(255.0 * rgb + 0.5, 0.0, 255.0).astype(np.uint8)


class PosedSurfels:
    """Surfels ready to be drawn again and again while their groups move.

    The image model is that of the rasteriser that reconstructs: surfels are met where a pixel's
    ray pierces their plane (2DGS, Huang et al. 2024). One thread draws.

    Args:
        surfels: at rest, world frame.
        groups: which motion carries each ``(n,)``, from 0 on.

    Raises:
        InputError: if the groups are of another number of surfels, or below 0.
    """

    def __init__(self, surfels: Surfels, groups: Array) -> None:
        self._groups = np.ascontiguousarray(groups, dtype=np.int32)
        if self._groups.shape != (len(surfels),) or (len(surfels) and self._groups.min() < 0):
            raise InputError(
                f"has shape {self._groups.shape} for {len(surfels)} surfels, or is below 0",
                source="PosedSurfels.groups",
            )
        self._count = int(self._groups.max(initial=-1)) + 1
        names = ("means", "rotations", "scales", "opacities", "sh")
        self._arrays = tuple(np.ascontiguousarray(getattr(surfels, name)) for name in names)

    def drawn(self, T: Array, camera: Camera, *, gains: Array | None = None) -> Picture:
        """The picture of ``camera`` after the groups moved.

        Args:
            T: rigid motions since rest ``(g, 4, 4)``, world to world.
            camera: from where.
            gains: factors of the groups' colours ``(g, 3)``; None is 1.

        Raises:
            InputError: if there are fewer motions than groups, or one is not finite.
        """
        from reel2sim.scene.drawing import serial

        draw: Any = serial.draw
        motions = np.ascontiguousarray(T, dtype=np.float64)
        if len(motions) < self._count or not np.isfinite(motions).all():
            raise InputError(
                f"holds {len(motions)} motions for {self._count} groups, or one that is not finite",
                source="PosedSurfels.drawn",
            )
        if gains is None:
            gains = np.ones((len(motions), 3))
        rgb, alpha, depth, _ = draw(
            *self._arrays,
            self._groups,
            motions,
            quaternion_from_matrix(motions[:, :3, :3]),
            np.ascontiguousarray(gains, dtype=np.float64),
            camera.K[None].astype(np.float32),
            camera.T_camera_world[None].astype(np.float32),
            camera.width,
            camera.height,
        )
        depth = np.where(alpha >= _OPAQUE, depth / np.maximum(alpha, _OPAQUE), np.float32(0.0))
        return Picture(rgb, alpha, depth)
