"""Interpolation and enlargement without a model."""

from __future__ import annotations

import cv2
import numpy as np

from reel2sim.scene.arrays import Array


def between(a: Array, b: Array, factor: int) -> list[Array]:
    """The ``factor − 1`` frames that divide the time from ``a`` to ``b`` evenly.

    Both are warped to the instant by flows that combine those of DIS between them, as in Super
    SloMo (arXiv 1712.00080, equation 4), and weighted by nearness where they agree.

    Args:
        a: ``(h, w, 3)`` uint8.
        b: of the same shape.
        factor: parts.
    """
    forward, backward = flow(a, b), flow(b, a)
    found: list[Array] = []
    for t in (k / factor for k in range(1, factor)):
        to_a = -(1 - t) * t * forward + t * t * backward
        to_b = (1 - t) ** 2 * forward - t * (1 - t) * backward
        mixed = (1 - t) * warped(a, to_a) + t * warped(b, to_b)
        found.append(np.rint(mixed).clip(0, 255).astype(np.uint8))
    return found


def flow(a: Array, b: Array) -> Array:
    """Where each pixel of ``a`` went in ``b``, ``(h, w, 2)`` float32, pixels.

    Args:
        a: ``(h, w, 3)`` or ``(h, w)`` uint8, at least 16 pixels a side.
        b: of the same shape.
    """
    greys = [x if x.ndim == 2 else cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (a, b)]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    none = np.zeros((*greys[0].shape, 2), np.float32)
    return np.asarray(dis.calc(greys[0], greys[1], none), dtype=np.float32)


def warped(image: Array, shift: Array) -> Array:
    """``image`` read at each pixel plus ``shift`` ``(h, w, 2)``; float32."""
    h, w = image.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    at_x = (x + shift[..., 0]).astype(np.float32)
    at_y = (y + shift[..., 1]).astype(np.float32)
    values = image.astype(np.float32)
    return cv2.remap(values, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def enlarged(image: Array, factor: int) -> Array:
    """``image`` ``(h, w, 3)`` uint8 at ``factor`` times its size, by Lanczos' kernel."""
    h, w = image.shape[:2]
    return cv2.resize(image, (w * factor, h * factor), interpolation=cv2.INTER_LANCZOS4)
