"""Which kind of joint: what it explains, against what its numbers are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.rigging.joints.evidence import Evidence
from reel2sim.rigging.joints.initial import initial_joint
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.linkage_fit import fit_linkage
from reel2sim.rigging.joints.model import JointModel
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

KINDS = (
    JointType.PRISMATIC,
    JointType.REVOLUTE,
    JointType.SCREW,
    JointType.SPHERICAL,
    JointType.FREE,
)
_FAR_PIVOT = 3.0
"""A hinge further than this many sizes of its part away is a slide."""


@dataclass(frozen=True)
class Scale:
    """What evidence is worth.

    Attributes:
        variance: that one unit of cost stands for.
        count: independent measurements.
    """

    variance: float
    count: float

    def criterion(self, cost: float, joint: JointModel) -> float:
        """Bayesian information criterion (Schwarz 1978) of a joint that leaves ``cost``."""
        parameters = joint.line_size + joint.dof * (len(joint.positions) - 1)
        return cost / self.variance + parameters * float(np.log(max(self.count, 2.0)))


@dataclass(frozen=True, eq=False)
class TypeChoice:
    """The joint between two parts.

    Attributes:
        joint: of the kind whose criterion is least.
        cost: that it leaves.
        criteria: of each kind tried.
    """

    joint: JointModel
    cost: float
    criteria: Mapping[JointType, float]

    @property
    def probability(self) -> float:
        """Of the type, all that were tried being as likely beforehand."""
        values = np.array(list(self.criteria.values()))
        return float(1 / np.exp(-0.5 * (values - values.min())).sum())


def choose_type(
    evidence: Evidence,
    parent: Array,
    child: Array,
    points: Array,
    scale: Scale,
    *,
    kinds: Sequence[JointType] = KINDS,
) -> TypeChoice:
    """Fit a joint of each kind and choose by the Bayesian information criterion.

    Args:
        evidence: of two parts' poses, the second of which is the child.
        parent: motion since time zero ``(t, 4, 4)``.
        child: a motion of the child to start from.
        points: of the child at time zero ``(n, 3)``.
        scale: what the evidence is worth.
        kinds: to choose from.
    """
    found: dict[JointType, tuple[float, float, JointModel]] = {}
    for kind in kinds:
        start = Linkage((0,), (initial_joint(kind, parent, child, points),), parent)
        fit = fit_linkage(start, evidence)
        joint = fit.linkage.joints[0]
        if kind.angular and _is_far(joint, points):
            continue
        found[kind] = (scale.criterion(fit.cost, joint), fit.cost, joint)
    _, cost, joint = min(found.values(), key=lambda item: item[0])
    return TypeChoice(joint, cost, {kind: item[0] for kind, item in found.items()})


def _is_far(joint: JointModel, points: Array) -> bool:
    """Whether the axis is so far from the part that its arc is a line."""
    return joint.reach(points) > _FAR_PIVOT * float(np.linalg.norm(np.ptp(points, axis=0)))
