"""The cut: which pixels are the object, given evidence for each and the picture's edges."""

from __future__ import annotations

import cv2
import numba
import numpy as np

from reel2sim.scene.arrays import Array

_EDGE = 12.0
"""Colour difference between neighbours, 0..255, at which a border there costs a third."""
_LEAST = 0.08
_STEPS = 250
_PINHOLE = 0.04
"""Largest hole, as a share of the object, that is taken for an error."""


def cut(evidence: Array, color: Array, *, smoothness: float = 1.0) -> Array:
    """Where the object is: ``(h, w)`` bool.

    Minimises the sum of ``−evidence`` over the object plus the length of its border, which is
    cheap along edges of the picture. The relaxation to values between 0 and 1 has the same
    minimum as the choice itself, and is solved by primal and dual steps.

    Args:
        evidence: log odds for the object ``(h, w)``.
        color: ``(h, w, 3)``, 0..255.
        smoothness: price of a pixel of border in plain surroundings.
    """
    color = color.astype(np.float32)
    right, down = np.zeros(evidence.shape, np.float32), np.zeros(evidence.shape, np.float32)
    right[:, :-1] = smoothness * _price(color[:, 1:] - color[:, :-1])
    down[:-1] = smoothness * _price(color[1:] - color[:-1])
    inside = _relax(evidence.astype(np.float32), right, down, _STEPS) > 0.5
    return _without_pinholes(inside, max_px=int(_PINHOLE * inside.sum()))


def _without_pinholes(mask: Array, *, max_px: int) -> Array:
    """``mask`` with its cracks closed and holes of at most ``max_px`` filled."""
    closed = cv2.morphologyEx(
        np.pad(mask, 4, mode="edge").astype(np.uint8),
        cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)),
    )[4:-4, 4:-4]
    _, found, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    labels = np.asarray(found, dtype=np.int64)
    small = stats[:, cv2.CC_STAT_AREA] <= max_px
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    small[np.unique(edge)] = False
    small[0] = False
    return (closed > 0) | small[labels]


def _price(difference: Array) -> Array:
    distance = np.abs(difference).max(-1) / _EDGE
    return _LEAST + (1 - _LEAST) * np.exp(-distance)


@numba.njit(cache=True)
def _relax(evidence: Array, right: Array, down: Array, steps: int) -> Array:
    """Chambolle and Pock's iteration for the weighted total variation."""
    height, width = evidence.shape
    u = np.where(evidence > 0, np.float32(1), np.float32(0))
    ahead = u.copy()
    p, q = np.zeros_like(u), np.zeros_like(u)
    step = np.float32(0.35)
    for _ in range(steps):
        for y in range(height):
            for x in range(width):
                if x + 1 < width:
                    v = p[y, x] + step * (ahead[y, x + 1] - ahead[y, x])
                    p[y, x] = min(max(v, -right[y, x]), right[y, x])
                if y + 1 < height:
                    v = q[y, x] + step * (ahead[y + 1, x] - ahead[y, x])
                    q[y, x] = min(max(v, -down[y, x]), down[y, x])
        for y in range(height):
            for x in range(width):
                flow = p[y, x] + q[y, x]
                if x > 0:
                    flow -= p[y, x - 1]
                if y > 0:
                    flow -= q[y - 1, x]
                old = u[y, x]
                new = min(max(old + step * (flow + evidence[y, x]), np.float32(0)), np.float32(1))
                u[y, x] = new
                ahead[y, x] = 2 * new - old
    return u
