"""How sure a joint is, and whether it was observed at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.joints.model import JointModel
from reel2sim.scene import Certainty, JointType
from reel2sim.scene.arrays import Array

_TYPE_SCALE = 0.25
_RIGHT_AXIS_RAD = np.radians(5.0)
_AT_REST, _BY_SUPPORT, _BY_SIZE, _BY_BEND = -2.4, 3.9, 2.0, -16.0
"""Log-odds that a joint is right at a support of 0.7, a tenth of the surfels and a bend of 0, and
what is added for each unit of support, each power of ten of the surfels and each unit of bend.
Fitted (logistic regression) to 54 joints of the rig's benchmark and its bodies without joints, 33
of them right; each object judged by the others gives an expected calibration error of 0.07. The
first was raised by 0.3 for 14 joints of drafts, next to which these were doubted too much."""
_LEAST_BEND, _MOST_BEND = -0.4, 0.2
"""Beyond these more or less says nothing more."""
_BENDS = -0.2
"""A bend from which on it is what speaks most against a joint."""
_BENT = "it seems to bend with its surroundings rather than move at a joint"
_ASTRAY = "the surface of its part does not move as the joint does"
_FOLLOWED_PX2, _FOLLOWED_SCALE = 1.5, 0.3
"""Cost at which a part may as well not follow its joint, and how gradually: parts of true joints
leave 0.4 and less, a door whose inner side the model lacks 0.8, a ball that is squashed 4 to 9;
9 is what no match at all is counted as."""
_UNSEEN = 0.25
"""Probability under which a part is not said to move."""


@dataclass(frozen=True)
class Verdict:
    """Confidence of one joint.

    Attributes:
        certainty: what it is made of.
        observed: whether the motion supports the joint.
        reason: what speaks against it, or "".
    """

    certainty: Certainty
    observed: bool
    reason: str


def judge(
    type_costs: Mapping[JointType, float] | None,
    model: JointModel,
    *,
    axis_sigma_rad: float,
    support: float,
    bend: float,
    share: float,
    cost: float,
    diagonal: float,
    config: RiggingConfig,
) -> Verdict:
    """Confidence from amplitude, pictures, size, conditioning and the margin between types.

    Args:
        type_costs: what each type of joint leaves unexplained; None if there was nothing to fit.
        model: the joint, normalised space.
        axis_sigma_rad: standard deviation of the axis' worst-known direction.
        support: share of what the joint changes in the drawings that brings them nearer to the
            pictures.
        bend: the same of sharing its motion out over its surroundings, see
            :func:`shared_bends`.
        share: of the surfels that are its part; small ones are invented more often.
        cost: median truncated squared residual of its part's image points, pixels².
        diagonal: of the object, normalised units.
        config: for the least motion that counts.
    """
    if type_costs is None:
        return Verdict(Certainty(0.0, 1.0, 1.0), False, "too few image points follow this part")
    angular = model.type is not JointType.PRISMATIC
    least = config.min_angle_rad if angular else config.min_travel * diagonal
    amplitude = model.span / least
    borne_out = _borne_out(support, bend, share)
    doubt = _BENT if bend > _BENDS else "the pictures gain little by its motion"
    moves = {
        "its motion is small": 1 - float(np.exp(-(amplitude**2))),
        doubt: borne_out,
        _ASTRAY: float(expit((_FOLLOWED_PX2 - cost) / _FOLLOWED_SCALE)),
    }
    others = {
        "another joint type fits almost as well": _type_factor(type_costs, model, amplitude),
        "its axis is poorly conditioned": right_axis(model, axis_sigma_rad),
    }
    type_, axis = others.values()
    certainty = Certainty(float(np.prod(list(moves.values()))), type_, axis)
    factors = moves | others
    weakest = min(factors, key=lambda name: factors[name])
    if amplitude < 1:
        turned = f"{np.degrees(model.span):.1f}° of rotation"
        moved = turned if angular else f"{model.span / diagonal:.1%} of the diagonal of travel"
        unsure = replace(certainty, moves=min(certainty.moves, 0.3))
        return Verdict(unsure, False, f"only {moved} was seen")
    for why in (doubt, _ASTRAY):
        if moves[why] < _UNSEEN:
            return Verdict(certainty, False, why)
    return Verdict(certainty, True, weakest if factors[weakest] < 0.7 else "")


def shared_bends(bends: Array) -> Array:
    """What speaks for a bend instead of each joint ``(j,)``: half by itself, half by all.

    What bends does so in many places.

    Args:
        bends: what the pictures say to sharing out each joint's motion ``(j,)``.
    """
    return 0.5 * (bends + bends.mean()) if len(bends) else bends


def _borne_out(support: float, bend: float, share: float) -> float:
    """Probability that a part moves as found, by the pictures and by how large it is."""
    size = np.log10(max(share, 1e-6)) + 1
    bent = float(np.clip(bend, _LEAST_BEND, _MOST_BEND))
    odds = _AT_REST + _BY_SUPPORT * (support - 0.7) + _BY_SIZE * size + _BY_BEND * bent
    return float(expit(odds))


def right_axis(model: JointModel, sigma_rad: float) -> float:
    """Probability that an axis is right to 5 degrees, errors both ways being Gaussian.

    Args:
        model: the joint; one without an axis is right.
        sigma_rad: standard deviation in the worst-known direction.
    """
    if model.dof > 1:
        return 1.0
    return float(1 - np.exp(-0.5 * (_RIGHT_AXIS_RAD / max(sigma_rad, 1e-6)) ** 2))


def _type_factor(costs: Mapping[JointType, float], model: JointModel, amplitude: float) -> float:
    """Probability-like weight of the chosen type against the other.

    A revolute joint can imitate a slide by a far pivot, so for a slide it is enough that the
    revolute fit is no better; for a hinge the slide must be clearly worse. Other types were
    taken because the pictures asked for them.
    """
    if model.type not in (JointType.REVOLUTE, JointType.PRISMATIC):
        return 1.0
    turn = costs[JointType.REVOLUTE] + 0.05
    slide = costs[JointType.PRISMATIC] + 0.05
    margin = np.log(slide / turn) if model.type.angular else np.log(2.0 * turn / slide)
    return float(expit(margin * min(amplitude, 2.0) / _TYPE_SCALE))
