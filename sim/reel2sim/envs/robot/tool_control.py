"""From actions to an arm's drives: a tool that is moved by steps, or joints that are.

The drive follows a target that may be ahead of the arm by a leash at most: what an arm presses
with is then bounded, and a target does not run away from an arm that is held up.
"""

from __future__ import annotations

import numpy as np

from reel2sim.envs.robot.arm import Arm
from reel2sim.envs.robot.steps import step_tool
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

MOVE = 0.03
"""Largest step of the tool, metres of an arm of scale 1."""

TURN = 0.12
"""Largest turn of the tool in a step, radians."""

LEASH = 0.05
"""How far the target may be ahead of the tool, metres of an arm of scale 1."""

_LEASH_TURN = 0.3
_LEASH_JOINT = 0.25
_ITERATIONS = 4
_LOST = 0.1
"""Shares of the leash by which a target may be out of the arm's reach."""


class ToolControl:
    """Moves an arm by steps.

    Args:
        arm: the arm.
        step_s: length of a control step, seconds.

    Attributes:
        T_world_target: where the tool is to be ``(4, 4)``.
        opening: of the fingers that is wanted, 0..1.
    """

    def __init__(self, arm: Arm, *, step_s: float) -> None:
        self._arm = arm
        self._step_s = step_s
        self.begin(arm.q, arm.opening)

    def begin(self, q: Array, opening: float) -> None:
        """Start an episode with the arm at ``q`` ``(n,)``."""
        self._T_base_world = np.ascontiguousarray(invert(self._arm.T_world_base))
        self._most = self._arm.speed * self._step_s
        self._q = q.copy()
        self.opening = opening
        self.T_world_target = self._arm.tool_pose(q)

    def move_tool(self, q: Array, move: Array, turn: Array, opening: float) -> None:
        """Drive the tool on.

        Args:
            q: where the joints are ``(n,)``.
            move: step of the target, world frame ``(3,)``, metres.
            turn: its rotation vector, world axes ``(3,)``, radians.
            opening: of the fingers.
        """
        arm = self._arm
        self._q, self.T_world_target = step_tool(
            q, self._q, self._most, self.T_world_target, move, turn, LEASH * arm.scale,
            _LEASH_TURN, _LOST, arm.T_world_base, self._T_base_world, *arm.chain.numbers,
            _ITERATIONS,
        )  # fmt: skip
        self.opening = opening
        arm.drive(self._q, opening)

    def move_joints(self, q: Array, step: Array, opening: float) -> None:
        """Drive the joints on by ``step`` ``(n,)`` radians from where they are to be."""
        chain = self._arm.chain
        wanted = q + np.clip(self._q + step - q, -_LEASH_JOINT, _LEASH_JOINT)
        wanted = np.clip(wanted, chain.lower, chain.upper)
        self._q = self._q + np.clip(wanted - self._q, -self._most, self._most)
        self.T_world_target = self._arm.tool_pose(self._q)
        self.opening = opening
        self._arm.drive(self._q, opening)
