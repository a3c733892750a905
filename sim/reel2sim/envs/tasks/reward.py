"""How close the object is to its reference."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reel2sim.envs.config import RewardConfig
from reel2sim.envs.physics.actuation import Actuation
from reel2sim.envs.tasks.reference import Reference
from reel2sim.envs.tasks.tracking_kernel import compare
from reel2sim.scene.arrays import Array


class Compared(NamedTuple):
    """One comparison with the reference.

    Attributes:
        reward: 0..1.
        position: the reward's term of that name before weighing, 0..1.
        velocity: likewise.
        links: likewise.
        tracking_error: mean distance of the driven joints from their reference as shares of their
            recovered ranges.
        link_error_m: mean distance of the links' centres of mass from theirs, metres.
    """

    reward: float
    position: float
    velocity: float
    links: float
    tracking_error: float
    link_error_m: float


class Tracking:
    """Rewards in the manner of DeepMimic (Peng et al. 2018): Σ wᵢ·exp(−kᵢ·eᵢ) with Σ wᵢ = 1.

    - position: mean of ((q − q_ref) / range)² over driven joints, the range being that of the
      reference (at least 2 % of the joint's own);
    - velocity: mean of ((qd − qd_ref) / speed)², the speed being the reference's largest;
    - links: mean of (distance of centres of mass / size)², relative to the root, which no joint
      can move.

    So a drawer of 5 cm and a lid of 2 rad are judged alike.

    Args:
        reference: the motion.
        actuation: of the object.
        config: weights and sharpness.
        step_s: length of a control step, seconds.
        size: of the object, metres.
        ahead: what is observed of the reference at each control step ``(k, c)``, float32.
        bounds: of observed positions and velocities ``(2,)``.
    """

    def __init__(
        self,
        reference: Reference,
        actuation: Actuation,
        config: RewardConfig,
        *,
        step_s: float,
        size: float,
        ahead: Array,
        bounds: Array,
    ) -> None:
        driven = actuation.driven
        q, qd = reference.q[:, driven], reference.qd[:, driven]
        self.ranges: Array = np.maximum(np.ptp(q, axis=0), 0.04 * actuation.half)
        self.speeds: Array = np.maximum(
            np.abs(qd).max(axis=0), self.ranges / (reference.last * step_s)
        )
        weights = np.array([config.position_weight, config.velocity_weight, config.link_weight])
        sharpness = [config.position_sharpness, config.velocity_sharpness, config.link_sharpness]
        tree = reference.tree
        self._constants = (
            driven, reference.q, reference.qd, reference.centers,
            np.stack([self.ranges, self.speeds]), size, np.array(sharpness),
            weights / weights.sum(), tree.homes, tree.hinged, tree.screws, tree.starts, tree.order,
            actuation.scale, bounds, ahead,
        )  # fmt: skip

    def compare(self, x: Array, k: int, report: Array, out: Array) -> Compared:
        """Compare with control step ``k``.

        Args:
            x: positions of all joints, then their velocities ``(2n,)``.
            k: control step.
            report: receives positions of the driven joints, those of the reference, and distances
                ``(3, m)``, radians or metres.
            out: receives the observation, but for the root; float32.
        """
        return Compared(*compare(x, k, *self._constants, report, out))
