"""Which surface points the pictures of the first instant show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reel2sim.generation.scripted.parts import PartSpec
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert, pose

_SHARE = 0.15
_SKIN_M = 2e-4
"""Boxes shrink by this, so that a point's own surface does not hide it."""


def seen_from(
    eyes: Sequence[Array], points: Array, parts: Sequence[PartSpec], poses: Mapping[str, Array]
) -> Array:
    """Whether each point is well seen ``(n,)``: from a fair share of the eyes.

    What shows through a slit from one or two of them is narrower than a pixel.

    Args:
        eyes: optical centres ``(3,)``, metres, world.
        points: on the parts' surfaces ``(n, 3)``, metres, world.
        parts: whose boxes hide them.
        poses: ``T_world_part`` of each part; its frame has its origin at the pivot.
    """
    times = np.zeros(len(points), int)
    for eye in eyes:
        hidden = np.zeros(len(points), bool)
        for part in parts:
            # Into the frame the boxes are given in: the world at zero state.
            T = invert(poses[part.name] @ pose(translation=-np.array(part.pivot)))
            start, ends = apply(T, np.asarray(eye)[None])[0], apply(T, points)
            for box in part.boxes:
                hidden |= _pierces(start, ends, np.array(box.low), np.array(box.high))
        times += ~hidden
    return times >= max(1, round(_SHARE * len(eyes)))


def _pierces(start: Array, ends: Array, low: Array, high: Array) -> Array:
    """Whether the segments from ``start`` to ``ends`` ``(n, 3)`` pass through a box ``(n,)``."""
    way = ends - start
    way = np.where(np.abs(way) < 1e-12, 1e-12, way)
    a = (low + _SKIN_M - start) / way
    b = (high - _SKIN_M - start) / way
    enter = np.minimum(a, b).max(axis=1)
    leave = np.maximum(a, b).min(axis=1)
    return (enter < leave) & (leave > 0) & (enter < 1 - 1e-6)
