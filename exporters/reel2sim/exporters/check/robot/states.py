"""States at which readings are compared."""

from __future__ import annotations

import numpy as np

from reel2sim.exporters.check.robot.model import Robot
from reel2sim.scene.arrays import Array

STATES = 100
"""How many."""
_SEED = 0
_REACH = np.pi
"""Range of joints without limits, radians."""


def random_states(robot: Robot) -> dict[str, Array]:
    """Positions ``(s,)`` of every moving joint, the same every time.

    They are within the limits, and followers where their leaders put them.
    """
    rng = np.random.default_rng(_SEED)
    states = {}
    for joint in robot.moving:
        limit = joint.limit or {}
        low, high = limit.get("lower"), limit.get("upper")
        bounded = joint.type != "continuous" and low is not None and high is not None
        bounds = np.array([low, high] if bounded else [-_REACH, _REACH], dtype=np.float64)
        # A bad bound is a finding of its own; here any position will do.
        bounds = np.sort(np.nan_to_num(bounds, nan=0.0, posinf=_REACH, neginf=-_REACH))
        states[joint.name] = rng.uniform(*bounds, size=STATES)
    return robot.followed(states)
