"""What the agent sees of objects: bounded columns of 32-bit floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from reel2sim.envs.kernels import joint_columns, root_columns
from reel2sim.envs.physics.actuation import Actuation
from reel2sim.envs.physics.body import Body
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert, quaternion_from_matrix, quaternion_multiply

POSITION_BOUND = 2.0
VELOCITY_BOUND = 5.0

Column = tuple[str, int, float]
"""Name, width and bound of a part of an observation."""


class Layout:
    """An observation's columns, one after the other.

    Args:
        columns: in order.
        positive: names of those that cannot be negative.

    Attributes:
        slices: where each is.
        space: of observations.
    """

    def __init__(self, columns: Sequence[Column], *, positive: Sequence[str] = ()) -> None:
        ends = np.cumsum([width for _, width, _ in columns]).tolist()
        self.slices = {
            name: slice(end - width, end)
            for (name, width, _), end in zip(columns, ends, strict=True)
        }
        bounds = [np.full(width, bound, np.float32) for _, width, bound in columns]
        high = np.concatenate([np.zeros(0, np.float32), *bounds])
        low = -high
        for name in positive:
            low[self.slices[name]] = 0.0
        self.space = spaces.Box(low, high, dtype=np.float32)
        self.width = len(high)


class JointView:
    """Where joints are and how they move.

    ======== = ===================================================================================
    position m positions; −1..1 is the joint's range; clipped to ±2
    velocity m velocities over the joints' limits; clipped to ±5
    ======== = ===================================================================================
    """

    def __init__(self, actuation: Actuation) -> None:
        self.columns: tuple[Column, ...] = (
            ("position", len(actuation.driven), POSITION_BOUND),
            ("velocity", len(actuation.driven), VELOCITY_BOUND),
        )
        self._index, self._scale = actuation.driven, actuation.scale
        self._bounds = np.array([POSITION_BOUND, VELOCITY_BOUND])

    def write(self, x: Array, out: Array, at: int) -> None:
        """Write the columns into ``out`` from ``at`` on.

        Args:
            x: positions of all joints, then their velocities ``(2n,)``.
            out: observation, float32.
            at: where to start.
        """
        joint_columns(x, self._index, self._scale, self._bounds, out, at)


class RootView:
    """Where a free base is and how it moves.

    ============= == ==============================================================================
    root_position 3  the root's origin in its frame at ``T_world_start``, in diagonals of the
                     object; clipped to ±10
    root_rotation 4  its orientation there, unit wxyz with w ≥ 0
    root_velocity 3  of its centre of mass, diagonals per second, world axes; clipped to ±20
    root_rate     3  rad/s, world axes; clipped to ±50
    ============= == ==============================================================================
    """

    columns: tuple[Column, ...] = (
        ("root_position", 3, 10.0),
        ("root_rotation", 4, 1.0),
        ("root_velocity", 3, 20.0),
        ("root_rate", 3, 50.0),
    )

    def __init__(self, T_world_start: Array, size: float) -> None:
        self._T = np.ascontiguousarray(invert(T_world_start))
        # Multiplying by the start's inverse quaternion from the left, as a matrix.
        inverse = quaternion_from_matrix(self._T[:3, :3])
        self._L = np.ascontiguousarray(quaternion_multiply(inverse, np.eye(4)).T)
        self._size = size
        self._bounds = np.array([bound for _, _, bound in self.columns])

    def write(self, body: Body, out: Array, at: int) -> None:
        """Write the columns of ``body`` into ``out`` from ``at`` on."""
        linear, angular = body.root_velocity()
        root_columns(
            body.root_vector(), linear, angular, self._T, self._L, self._size, self._bounds, out, at
        )
