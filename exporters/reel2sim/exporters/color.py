"""Colour spaces."""

from __future__ import annotations

import numpy as np

from reel2sim.scene.arrays import Array


def linear_from_srgb(color: Array) -> Array:
    """Linear-light values of sRGB ones; USD and glTF colours are linear."""
    c = np.clip(color, 0.0, 1.0)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(color: Array) -> Array:
    """SRGB values of linear-light ones, clipped to 0..1."""
    c = np.clip(color, 0.0, 1.0)
    return np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
