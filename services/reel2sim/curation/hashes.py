"""Reels that look the same: perceptual hashes."""

from __future__ import annotations

import cv2
import numpy as np

from reel2sim.curation.strips import small
from reel2sim.scene.arrays import Array
from reel2sim.scene.reel import Reel

SAME = 0.03
"""Share of bits that may differ between reels that count as one."""
_INSTANTS = 8
_PX, _LOW = 32, 8


def perceptual_hash(reel: Reel) -> Array:
    """Signs of the low frequencies of some pictures of ``reel`` ``(b,)`` bool.

    Of eight pictures, even over its frames, each reduced to 32 × 32 grey levels, the 8 × 8 lowest
    coefficients of the cosine transform are compared with their median; what is compressed,
    scaled or slightly brightened keeps nearly all of them.
    """
    picks = np.linspace(0, len(reel.frames) - 1, _INSTANTS).round().astype(int)
    bits: list[Array] = []
    for k in picks:
        rgba = small(reel.frames[k])
        alpha = rgba[..., 3:].astype(np.float32) / 255.0
        grey = cv2.cvtColor((rgba[..., :3] * alpha).astype(np.float32), cv2.COLOR_RGB2GRAY)
        even = cv2.resize(grey, (_PX, _PX), interpolation=cv2.INTER_AREA)
        low = cv2.dct(even)[:_LOW, :_LOW].ravel()[1:]  # the first is the mean brightness
        bits.append(low > np.median(low))
    return np.concatenate(bits)


def share_of_bits(a: Array, b: Array) -> float:
    """Share of the bits in which two hashes differ, 0..1."""
    return float((a != b).mean())
