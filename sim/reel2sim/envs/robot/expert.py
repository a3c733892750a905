"""A scripted expert: takes hold of a part, and takes it along its joint's way."""

from __future__ import annotations

import numpy as np

from reel2sim.envs.robot.holds import Hold
from reel2sim.envs.robot.kinematics import rotation_vector
from reel2sim.envs.robot.part import Part
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

_THERE = 0.01
"""Distance from a hold at which the hand is there, metres of an arm of scale 1."""

_LOST = 0.06
"""Distance from a hold at which the hand has lost it, likewise."""

_LEAD = 0.03
"""How far a pushing hand's target is ahead of the part, likewise."""

_PULL, _PULL_MORE = 0.015, 0.0015
"""The same for fingers that hold it, and how much further they dare in each step: friction carries
only so much, and a part has inertia."""

_PRESS = 0.01
"""How far pushing fingers aim beyond where the part is to go, likewise: they begin before it."""

_PATIENCE = 30
"""Control steps after which the hand closes wherever it is."""

_CLOSING = 6
"""Control steps that fingers take to close."""


class Hand:
    """Decides where the tool is to go; knows the part's true state.

    Args:
        part: what is to move.
        hold: where the hand acts on it.
        scale: of the arm.
        sign: 1 to raise the joint's position, −1 to lower it.
    """

    def __init__(self, part: Part, hold: Hold, *, scale: float, sign: float) -> None:
        self._part, self._hold, self._scale, self._sign = part, hold, scale, sign
        speed = float(np.linalg.norm(part.velocity(hold.T_part_tool[:3, 3])))
        self._speed = max(speed, 1e-3 * scale)
        self.begin()

    def begin(self) -> None:
        """Start an episode."""
        self._phase, self._since = "approach", 0

    def next(self, T_world_tool: Array, left: float) -> tuple[Array, float]:
        """Where the tool is to go from ``T_world_tool``, and the fingers' opening.

        Args:
            T_world_tool: where it is ``(4, 4)``.
            left: how far the joint has yet to go, radians or metres; negative if it went too far.
        """
        hold, s = self._hold, self._scale
        T_world_part = self._part.pose()
        T_world_hold = T_world_part @ hold.T_part_tool
        gap = float(np.linalg.norm(T_world_tool[:3, 3] - T_world_hold[:3, 3]))
        self._advance(gap)
        opening = 0.0 if self._phase in ("close", "follow") else hold.opening
        if self._phase == "retreat":
            return T_world_part @ hold.before(s), opening
        if self._phase != "follow":
            return T_world_hold, opening
        most = _LEAD * s / self._speed
        if hold.pinch:
            most = min(_PULL, _PULL_MORE * self._since) * s / self._speed
            # From where the fingers are: they slip a little, and pulling back would undo it.
            dq = min(max(left, -most), most)
            T_part_tool = invert(T_world_part) @ T_world_tool
        else:
            dq = min(max(left + _PRESS * s / self._speed, 0.0), most)
            T_part_tool = hold.T_part_tool
        return T_world_part @ self._part.displacement(self._sign * dq) @ T_part_tool, opening

    def _advance(self, gap: float) -> None:
        s, phase = self._scale, self._phase
        self._since += 1
        if phase == "approach" and (gap < _THERE * s or self._since > _PATIENCE):
            self._enter("close" if self._hold.pinch else "follow")
        elif phase == "close" and self._since > _CLOSING:
            self._enter("follow")
        elif phase == "follow" and gap > _LOST * s:
            self._enter("retreat")
        elif phase == "retreat" and self._since > _CLOSING:
            self._enter("approach")

    def _enter(self, phase: str) -> None:
        self._phase, self._since = phase, 0


def step_towards(T_from: Array, T_to: Array) -> tuple[Array, Array]:
    """The way ``(3,)`` and the rotation vector ``(3,)`` from one pose to another, world axes."""
    turn = rotation_vector(np.ascontiguousarray(T_from[:3, :3]), np.ascontiguousarray(T_to[:3, :3]))
    return T_to[:3, 3] - T_from[:3, 3], turn
