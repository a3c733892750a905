"""How many pictures a motion needs, so that a part is not lost between two of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from reel2sim.generation.scripted.play import Performance
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

FEWEST: Final = 24
MOST: Final = 40
_TURN: Final = 0.2
"""A joint turns by no more between two instants, radians: spokes and blades look alike."""
_SHIFT: Final = 0.1
"""A point moves by no more between two instants, of the diagonal of all there is."""
_PROBES: Final = 49


def instants(play: Callable[[Array], Performance], seconds: float) -> Array:
    """Times of the pictures ``(t,)``, evenly from 0 to ``seconds``: more where motion is quick.

    A camera would take as many in a second whatever happens before it, and leave out the dull ones.

    Args:
        play: the motion at given times.
        seconds: how long it is.
    """
    probe = play(np.linspace(0.0, seconds, _PROBES))
    speed = max(_turning(probe) / _TURN, _shifting(probe) / _SHIFT) * (_PROBES - 1)
    count = min(max(math.ceil(speed) + 1, FEWEST), MOST)
    return np.linspace(0.0, seconds, count)


def _turning(play: Performance) -> float:
    """Largest turn of a joint from one instant to the next, radians."""
    steps = [
        float(np.abs(np.diff(actor.positions[part.name])).max())
        for actor in play.actors
        for part in actor.spec.movable
        if part.joint is not JointType.PRISMATIC
    ]
    return max(steps, default=0.0)


def _shifting(play: Performance) -> float:
    """Largest way of a point from one instant to the next, of the diagonal at the start."""
    before = play.points([0])
    size = float(np.linalg.norm(np.ptp(before, axis=0)))
    farthest = 0.0
    for t in range(1, len(play.times_s)):
        now = play.points([t])
        farthest = max(farthest, float(np.linalg.norm(now - before, axis=1).max()))
        before = now
    return farthest / size
