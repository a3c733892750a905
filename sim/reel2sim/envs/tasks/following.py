"""The controller that follows the recovered motion."""

from __future__ import annotations

import numpy as np

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.config import TrackMotionConfig
from reel2sim.envs.physics.actuation import Actuation
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.gears import gears_of
from reel2sim.envs.physics.world import TIMESTEP_S
from reel2sim.envs.tasks.reference import Reference
from reel2sim.scene.arrays import Array

_STIFFNESS = 0.4
"""Natural frequency of the torque controller times the control step."""


class Follower:
    """Actions that bring the joints onto the reference by the end of each control step.

    - position: the target from which the drive, which removes a fixed share of its error in each
      physics step, ends on the reference;
    - velocity: the speed that covers the rest of the way;
    - torque: inverse dynamics with feedback (computed torque).
    """

    def __init__(
        self,
        bundle: LoadedBundle,
        reference: Reference,
        actuation: Actuation,
        config: TrackMotionConfig,
        *,
        step_s: float,
        damping: Array,
    ) -> None:
        self._reference = reference
        self._damping = damping
        self._actuation = actuation
        self._config = config
        self._step_s = step_s
        self._friction = np.array([joint.description.friction for joint in bundle.joints])
        self._gears = gears_of(bundle)

    def action(self, body: Body, k: int) -> Array:
        """The action ``(m,)`` for the present state of ``body`` at control step ``k``."""
        act, config = self._actuation, self._config
        q, qd = body.joint_state()
        q_next, _ = self._reference.at(k + 1)
        if config.control == "torque":
            action = self._torque(body, q, qd, k)[act.driven] / act.effort
        elif config.control == "velocity":
            action = (q_next - q)[act.driven] / self._step_s / act.velocity
        else:
            left = (1.0 - config.position_gain) ** config.frame_skip
            target = q + (q_next - q) / (1.0 - left)
            middle = q_next[act.driven] if config.residual else act.center
            action = (target[act.driven] - middle) / act.half
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _torque(self, body: Body, q: Array, qd: Array, k: int) -> Array:
        """Torques ``(n,)``: what the wanted accelerations need, plus damping and dry friction."""
        reference = self._reference
        (q0, qd0), (_, qd1) = reference.at(k), reference.at(k + 1)
        stiffness = _STIFFNESS / self._step_s
        wanted = (qd1 - qd0) / self._step_s
        wanted = wanted + stiffness**2 * (q0 - q) + 2 * stiffness * (qd0 - qd)
        wanted = wanted * self._against_damping(body)
        # Dry friction acts against the motion; where the reference rests it is of no concern.
        fastest = np.maximum(np.abs(reference.qd).max(axis=0), 1e-6)
        push = self._friction * np.tanh(20.0 * qd1 / fastest)
        torques = body.inverse_dynamics(wanted) + self._damping * qd + push
        # A leader does its followers' work as well (virtual work).
        for gear in self._gears:
            torques[gear.leader] += gear.mimic.multiplier * torques[gear.follower]
        return torques

    def _against_damping(self, body: Body) -> Array:
        """How much more acceleration to ask for, since damping eats it during the step ``(n,)``.

        Each physics step keeps the share ``a`` of a joint's speed. A torque that is held over N of
        them then adds ``(1 - aᴺ) / (1 - a)`` times what it adds in one, not N times.
        """
        count = self._config.frame_skip
        lost = np.minimum(self._damping * TIMESTEP_S * np.diagonal(body.mobility()), 1.0)
        gained = 1.0 - (1.0 - lost) ** count
        return np.divide(count * lost, gained, out=np.ones_like(lost), where=lost > 1e-6)
