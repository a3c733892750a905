"""The canonical surfels as a model that can be posed and looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.reconstruction.render import Rendered, render
from reel2sim.scene import Camera, Surfels
from reel2sim.scene.arrays import Array

DEPTH_TOLERANCE = 0.05
"""Depth difference under which a surfel counts as the visible surface, normalised units."""


@dataclass(frozen=True, eq=False)
class SurfelModel:
    """Surfels in normalised space.

    Attributes:
        surfels: at time zero.
    """

    surfels: Surfels

    def __len__(self) -> int:
        return len(self.surfels)

    @property
    def points(self) -> Array:
        """Centres at time zero ``(n, 3)``, float64."""
        return self.surfels.means.astype(np.float64)

    def render(self, camera: Camera, motions: Array | None = None) -> Rendered:
        """The model with each surfel (or all) moved since time zero.

        Args:
            camera: in normalised space.
            motions: ``(n, 4, 4)`` or ``(4, 4)``; default none.
        """
        return render(self.surfels if motions is None else self.surfels.moved(motions), camera)


@dataclass(frozen=True, eq=False)
class Posing:
    """Surfels in groups that move rigidly.

    Attributes:
        labels: group of each surfel ``(n,)``.
        motions: of the groups since time zero ``(g, t, 4, 4)``.
    """

    labels: Array
    motions: Array

    def at(self, instant: int) -> Array:
        """Motion of each surfel ``(n, 4, 4)``."""
        return self.motions[self.labels, instant]


def sample(image: Array, pixels: Array) -> Array:
    """Nearest pixel of an image ``(h, w, ...)`` at positions ``(..., 2)``, clamped to it."""
    h, w = image.shape[:2]
    x = np.clip(np.floor(pixels[..., 0]).astype(int), 0, w - 1)
    y = np.clip(np.floor(pixels[..., 1]).astype(int), 0, h - 1)
    return image[y, x]


def visible(rendered: Rendered, pixels: Array, depth: Array) -> Array:
    """Whether points at ``pixels`` with ``depth`` lie on the rendered surface ``(n,)``."""
    h, w = rendered.alpha.shape
    inside = (pixels >= 0).all(axis=-1) & (pixels < [w, h]).all(axis=-1)
    near = np.abs(sample(rendered.depth, pixels) - depth) < DEPTH_TOLERANCE
    return inside & near & (sample(rendered.alpha, pixels) > 0.6)
