"""How close the object is to its reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.envs.config import RewardConfig
from reel2sim.envs.kernels import tracking_terms
from reel2sim.envs.physics.actuation import Actuation
from reel2sim.envs.tasks.reference import Reference
from reel2sim.scene.arrays import Array


@dataclass(eq=False, slots=True)
class TrackingScore:
    """One comparison with the reference.

    Attributes:
        reward: 0..1.
        terms: the reward's terms before weighing, 0..1 each, by their names in ``info``.
        position_error: distance of each driven joint from its reference ``(m,)``, rad or m.
        tracking_error: mean of those as shares of the joints' recovered ranges.
        link_error_m: mean distance of the links' centres of mass from theirs, metres.
    """

    reward: float
    terms: dict[str, float]
    position_error: Array
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
    """

    def __init__(
        self,
        reference: Reference,
        actuation: Actuation,
        config: RewardConfig,
        *,
        step_s: float,
        size: float,
    ) -> None:
        self._reference = reference
        self._driven = actuation.driven
        self._size = size
        q, qd = reference.q[:, self._driven], reference.qd[:, self._driven]
        self.ranges: Array = np.maximum(np.ptp(q, axis=0), 0.04 * actuation.half)
        self.speeds: Array = np.maximum(
            np.abs(qd).max(axis=0), self.ranges / (reference.last * step_s)
        )
        weights = (config.position_weight, config.velocity_weight, config.link_weight)
        self._weights = tuple(weight / sum(weights) for weight in weights)
        self._sharpness = np.array(
            [config.position_sharpness, config.velocity_sharpness, config.link_sharpness]
        )

    def score(
        self, q: Array, qd: Array, centers: Array, T_world_root: Array, k: int
    ) -> TrackingScore:
        """Compare with control step ``k``: states ``(n,)``, centres ``(l, 3)`` in the world."""
        reference = self._reference
        q_ref, qd_ref = reference.at(k)
        distances = np.empty(len(self._driven))
        position, velocity, links, share, away = tracking_terms(
            q, qd, centers, T_world_root, self._driven, q_ref, qd_ref,
            reference.centers[min(k, reference.last)], self.ranges, self.speeds, self._size,
            self._sharpness, distances,
        )  # fmt: skip
        a, b, c = self._weights
        total = a * position + b * velocity + c * links
        terms = {
            "reward_position": position,
            "reward_velocity": velocity,
            "reward_links": links,
        }
        return TrackingScore(min(total, 1.0), terms, distances, share, away)
