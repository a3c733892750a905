"""How sure a joint is, and whether it was observed at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.joint_model import JointModel
from reel2sim.rigging.structure import JointChoice
from reel2sim.scene import JointType

_GOOD_COST, _AXIS_SCALE, _TYPE_SCALE = 1.5, 0.15, 0.25


@dataclass(frozen=True)
class Verdict:
    """Confidence of one joint.

    Attributes:
        confidence: 0..1.
        observed: whether the motion supports the joint.
        reason: what speaks against it, or "".
    """

    confidence: float
    observed: bool
    reason: str


def judge(
    choice: JointChoice | None,
    model: JointModel,
    *,
    cost: float,
    axis_sigma_rad: float,
    diagonal: float,
    config: RiggingConfig,
) -> Verdict:
    """Confidence from amplitude, fit, conditioning and the margin between types.

    Args:
        choice: how the joint was chosen; None if there was nothing to fit.
        model: the joint, normalised space.
        cost: mean truncated squared residual of its part, pixels².
        axis_sigma_rad: standard deviation of the axis' worst-known direction.
        diagonal: of the object, normalised units.
        config: for the least motion that counts.
    """
    if choice is None:
        return Verdict(0.0, False, "too few image points follow this part")
    angular = model.type is not JointType.PRISMATIC
    least = config.min_angle_rad if angular else config.min_travel * diagonal
    amplitude = model.span / least
    factors = {
        "its motion is small": 1 - float(np.exp(-(amplitude**2))),
        "the joint fits the frames poorly": float(np.exp(-cost / _GOOD_COST)),
        "its axis is poorly conditioned": float(np.exp(-((axis_sigma_rad / _AXIS_SCALE) ** 2))),
        "another joint type fits almost as well": _type_factor(choice, model, amplitude),
    }
    confidence = float(np.prod(list(factors.values())))
    weakest = min(factors, key=lambda name: factors[name])
    if amplitude < 1:
        turned = f"{np.degrees(model.span):.1f}° of rotation"
        moved = turned if angular else f"{model.span / diagonal:.1%} of the diagonal of travel"
        return Verdict(min(confidence, 0.3), False, f"only {moved} was seen")
    return Verdict(confidence, True, weakest if factors[weakest] < 0.7 else "")


def _type_factor(choice: JointChoice, model: JointModel, amplitude: float) -> float:
    """Probability-like weight of the chosen type against the other.

    A revolute joint can imitate a slide by a far pivot, so for a slide it is enough that the
    revolute fit is no better; for a hinge the slide must be clearly worse. Other types were
    taken because the pictures asked for them.
    """
    if model.type not in (JointType.REVOLUTE, JointType.PRISMATIC):
        return 1.0
    turn = choice.costs[JointType.REVOLUTE] + 0.05
    slide = choice.costs[JointType.PRISMATIC] + 0.05
    margin = np.log(slide / turn) if model.type.angular else np.log(2.0 * turn / slide)
    return float(1 / (1 + np.exp(-margin * min(amplitude, 2.0) / _TYPE_SCALE)))
