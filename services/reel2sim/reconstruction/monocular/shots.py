"""Where a clip was cut: frames on either side of a cut have nothing to do with each other."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from reel2sim.scene import Frame
from reel2sim.scene.arrays import Array

_SMALL = 64
"""Width of the pictures that are compared, pixels."""
_ALIKE = 0.35
"""Correlation of two frames under which they may be of different shots."""
_TYPICAL = 0.5
"""Share of the clip's usual correlation under which they are."""


def shots(frames: tuple[Frame, ...]) -> list[tuple[int, int]]:
    """First and past-the-last frame of each shot, in time order.

    A cut is a step at which pictures stop to resemble each other, by the standards of the clip:
    fast motion changes all of its pictures.
    """
    small = [_small(frame.image) for frame in frames]
    if len(small) < 2:
        return [(0, len(small))]
    alike = np.array([_correlation(a, b) for a, b in pairwise(small)])
    bar = min(_ALIKE, _TYPICAL * float(np.median(alike)))
    cuts = [0, *(np.nonzero(alike < bar)[0] + 1).tolist(), len(small)]
    return list(pairwise(cuts))


def _small(image: Array) -> Array:
    h, w = image.shape[:2]
    size = _SMALL, max(1, round(_SMALL * h / w))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).mean() / (a.std() * b.std() + 1.0))
