"""Whether joints that are called sure are right as often as they are called sure.

A joint's confidence is read as the probability that it is right
(:data:`reel2sim.pipeline.joint_matching.RIGHT_AXIS_DEG` says what that means), flagged or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reel2sim.pipeline.rig_score import FoundJoint

BINS = 10
"""Bins of equal width over 0..1."""


@dataclass(frozen=True)
class Bin:
    """Joints whose confidence lies in one range.

    Attributes:
        low: least confidence.
        high: largest confidence, itself part of the last bin alone.
        count: joints in it.
        confidence: their mean confidence; 0 without joints.
        right: share of them that are right; 0 without joints.
    """

    low: float
    high: float
    count: int
    confidence: float
    right: float


def reliability(joints: Iterable[FoundJoint], *, bins: int = BINS) -> tuple[Bin, ...]:
    """Joints by their confidence, in ``bins`` of equal width."""
    known = list(joints)
    stated = np.array([joint.confidence for joint in known], dtype=np.float64)
    right = np.array([joint.right for joint in known], dtype=np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    owner = np.clip(np.digitize(stated, edges) - 1, 0, bins - 1)
    made = []
    for i in range(bins):
        own = owner == i
        count = int(own.sum())
        sure = float(stated[own].mean()) if count else 0.0
        share = float(right[own].mean()) if count else 0.0
        made.append(Bin(float(edges[i]), float(edges[i + 1]), count, sure, share))
    return tuple(made)


def expected_calibration_error(joints: Iterable[FoundJoint], *, bins: int = BINS) -> float | None:
    """Mean distance of confidence from the share that is right, bins weighing as they are full.

    Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI 2015. None without joints.
    """
    found = reliability(joints, bins=bins)
    total = sum(b.count for b in found)
    if not total:
        return None
    return sum(b.count * abs(b.right - b.confidence) for b in found) / total
