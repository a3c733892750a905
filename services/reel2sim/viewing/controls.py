"""What a person may set of a joint, and what is known about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reel2sim.scene import Joint, JointType, RiggedAsset

_STEPS = 500
"""Positions of a slider over its whole range."""


@dataclass(frozen=True)
class JointControl:
    """The range of a joint that one number describes.

    Attributes:
        asset: name of the asset.
        joint: name of the joint.
        lower: least position, radians or metres, finite.
        upper: largest position.
        bounded: whether these are limits of the joint, or only as far as a slider goes.
        angular: whether the position is an angle.
        leader: the joint it follows, which then is the one to move; None if none.
    """

    asset: str
    joint: str
    lower: float
    upper: float
    bounded: bool
    angular: bool
    leader: str | None = None

    @property
    def step(self) -> float:
        """Distance of a slider's positions."""
        return max((self.upper - self.lower) / _STEPS, 1e-6)

    @property
    def unit(self) -> str:
        """Of the position."""
        return "rad" if self.angular else "m"

    def clamped(self, position: float) -> float:
        """``position`` moved into the range; what is no number becomes its lower end."""
        if math.isnan(position):
            return self.lower
        return float(min(max(position, self.lower), self.upper))


def joint_controls(asset: RiggedAsset) -> tuple[JointControl, ...]:
    """Controls of the joints of ``asset`` that one number moves, in their order."""
    return tuple(_control(asset, joint) for joint in asset.joints if joint.type.dof == 1)


def _control(asset: RiggedAsset, joint: Joint) -> JointControl:
    lower, upper = joint.limits.lower, joint.limits.upper
    bounded = bool(np.isfinite(lower) and np.isfinite(upper))
    if not bounded:
        lower, upper = _reach(asset, joint)
    leader = None if joint.mimic is None else joint.mimic.joint
    return JointControl(asset.name, joint.name, lower, upper, bounded, joint.type.angular, leader)


def _reach(asset: RiggedAsset, joint: Joint) -> tuple[float, float]:
    """How far a slider goes where there is no limit: half a turn or a metre past what was seen."""
    seen = asset.motion.positions[joint.name]
    beyond = np.pi if joint.type.angular else 1.0
    low, high = joint.limits.lower, joint.limits.upper
    return (
        float(low if np.isfinite(low) else min(seen.min(), 0.0) - beyond),
        float(high if np.isfinite(high) else max(seen.max(), 0.0) + beyond),
    )


def described(joint: Joint, control: JointControl) -> str:
    """What is known about a joint, in a line of our own words and its numbers."""
    reach = f"{control.lower:.3g} … {control.upper:.3g} {control.unit}"
    facts = [joint.type.value, reach if control.bounded else "no limits"]
    facts.append(f"confidence {joint.confidence:.0%}")
    if joint.type is JointType.SCREW:
        facts.append(f"pitch {joint.pitch:.3g} m/rad")
    if joint.mimic is not None:
        facts.append(f"follows {joint.mimic.joint}")
    if not joint.observed:
        facts.append("not observed")
    return " · ".join(facts)
