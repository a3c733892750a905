"""What the agent sees: one bounded vector of 32-bit floats."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from reel2sim.envs.actuation import Actuation
from reel2sim.envs.config import TrackMotionConfig
from reel2sim.envs.reference import Reference
from reel2sim.envs.world import World
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert, quaternion_from_matrix, quaternion_multiply

_POSITION_BOUND = 2.0
_VELOCITY_BOUND = 5.0


class Observer:
    """Builds observations of ``m`` driven joints.

    In this order (``layout`` has the slices):

    ============== =========== =====================================================================
    position       m           joint positions; −1..1 is the joint's range; clipped to ±2
    velocity       m           joint velocities over their limits; clipped to ±5
    reference      (1+a)·m     reference positions now and at each ``lookahead``, scaled alike
    reference_rate (1+a)·m     reference velocities now and at each ``lookahead``, scaled alike
    phase          1           share of the motion that has passed, 0..1
    root_position  3           with a free base: the root's origin in its frame at the motion's
                               start, in diagonals of the object; clipped to ±10
    root_rotation  4           with a free base: its orientation there, unit wxyz with w ≥ 0
    root_velocity  3           with a free base: diagonals per second, world axes; clipped to ±20
    root_rate      3           with a free base: rad/s, world axes; clipped to ±50
    ============== =========== =====================================================================

    Numbers that are not finite (a simulation that blew up) become 0 or the bound.
    """

    def __init__(
        self,
        actuation: Actuation,
        reference: Reference,
        config: TrackMotionConfig,
        *,
        fixed_base: bool,
    ) -> None:
        self._actuation = actuation
        self._reference = reference
        self._ahead = np.array([0, *config.lookahead])
        self._fixed_base = fixed_base
        T_start_world = invert(reference.T_world_root[0])
        self._R_start_world, self._t_start_world = T_start_world[:3, :3], T_start_world[:3, 3]
        # Multiplying by the start's inverse quaternion from the left, as a matrix.
        inverse = quaternion_from_matrix(self._R_start_world)
        self._L_start_world = quaternion_multiply(inverse, np.eye(4)).T
        m, a = len(actuation.driven), len(self._ahead)
        parts = [
            ("position", m, _POSITION_BOUND),
            ("velocity", m, _VELOCITY_BOUND),
            ("reference", a * m, _POSITION_BOUND),
            ("reference_rate", a * m, _VELOCITY_BOUND),
            ("phase", 1, 1.0),
        ]
        if not fixed_base:
            parts += [
                ("root_position", 3, 10.0),
                ("root_rotation", 4, 1.0),
                ("root_velocity", 3, 20.0),
                ("root_rate", 3, 50.0),
            ]
        ends = np.cumsum([size for _, size, _ in parts]).tolist()
        self.layout = {
            name: slice(end - size, end) for (name, size, _), end in zip(parts, ends, strict=True)
        }
        high = np.concatenate([np.full(size, bound) for _, size, bound in parts])
        low = -high
        low[self.layout["phase"]] = 0.0
        self._low, self._high = low, high
        # Scaled once, with rows after the end for what lies beyond it.
        beyond = ((0, int(self._ahead.max()) + 1), (0, 0))
        ref_q = (reference.q[:, actuation.driven] - actuation.center) / actuation.half
        ref_qd = reference.qd[:, actuation.driven] / actuation.velocity
        self._ref_q, self._ref_qd = np.pad(ref_q, beyond, mode="edge"), np.pad(ref_qd, beyond)
        self.space = spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)

    def observe(self, world: World, q: Array, qd: Array, k: int) -> Array:
        """The observation at control step ``k``, with joint states ``(n,)`` of all joints."""
        act, ref = self._actuation, self._reference
        rows = min(k, ref.last + 1) + self._ahead
        parts = [
            (q[act.driven] - act.center) / act.half,
            qd[act.driven] / act.velocity,
            self._ref_q[rows].ravel(),
            self._ref_qd[rows].ravel(),
            [min(k / ref.last, 1.0)],
        ]
        if not self._fixed_base:
            vector = world.root_vector()
            position = self._R_start_world @ vector[:3] + self._t_start_world
            rotation = self._L_start_world @ vector[3:]
            if rotation[0] < 0:
                rotation = -rotation
            linear, angular = world.root_velocity()
            parts += [position / ref.size, rotation, linear / ref.size, angular]
        values = np.concatenate(parts)
        np.copyto(values, 0.0, where=np.isnan(values))
        np.maximum(values, self._low, out=values)
        return np.minimum(values, self._high, out=values).astype(np.float32)
