"""How close the object is to its reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reel2sim.envs.actuation import Actuation
from reel2sim.envs.config import RewardConfig
from reel2sim.envs.reference import Reference
from reel2sim.scene.arrays import Array


@dataclass(frozen=True, eq=False)
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
        self, reference: Reference, actuation: Actuation, config: RewardConfig, step_s: float
    ) -> None:
        self._reference = reference
        self._driven = actuation.driven
        self._config = config
        q, qd = reference.q[:, self._driven], reference.qd[:, self._driven]
        self.ranges: Array = np.maximum(np.ptp(q, axis=0), 0.04 * actuation.half)
        self.speeds: Array = np.maximum(
            np.abs(qd).max(axis=0), self.ranges / (reference.last * step_s)
        )

    def score(self, q: Array, qd: Array, centers: Array, k: int) -> TrackingScore:
        """Compare with step ``k``; states ``(n,)``, centres ``(l, 3)`` in the root's frame."""
        config, ref, driven = self._config, self._reference, self._driven
        q_ref, qd_ref = ref.at(k)
        error = np.abs(q - q_ref)[driven]
        shares = error / self.ranges
        rates = (qd - qd_ref)[driven] / self.speeds
        offsets = centers - ref.centers[min(k, ref.last)]
        squares = np.einsum("ij,ij->i", offsets, offsets)
        # Dot products and sums: numpy's mean costs more than the arithmetic it does here.
        m, links = len(error), max(len(squares), 1)
        e_position = float(shares @ shares) / m
        e_velocity = float(rates @ rates) / m
        e_links = float(squares.sum()) / links / ref.size**2
        terms = {
            "reward_position": math.exp(-config.position_sharpness * e_position),
            "reward_velocity": math.exp(-config.velocity_sharpness * e_velocity),
            "reward_links": math.exp(-config.link_sharpness * e_links),
        }
        weights = (config.position_weight, config.velocity_weight, config.link_weight)
        total = sum(w * t for w, t in zip(weights, terms.values(), strict=True)) / sum(weights)
        return TrackingScore(
            reward=min(total, 1.0),
            terms=terms,
            position_error=error,
            tracking_error=float(shares.sum()) / m,
            link_error_m=float(np.sqrt(squares).sum()) / links,
        )
