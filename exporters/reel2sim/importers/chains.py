"""Several axes between two bodies as one-axis joints, with hubs between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reel2sim.importers.description import DescribedJoint, DescribedLink
from reel2sim.scene import Inertial
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import pose

_HUB_SHARE = 1e-3
"""Mass and inertia of a hub, as a share of the body's."""
_LEAST_MASS, _LEAST_MOMENT = 1e-4, 1e-8
"""Of it in kg and kg·m²: engines refuse less."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One of the axes on which a body moves.

    Attributes:
        joint: the joint, whose ends and place are yet to be set; its axis as in the body's frame.
        anchor: a point of the axis in the body's frame ``(3,)``.
    """

    joint: DescribedJoint
    anchor: Array


def chained(
    parent: str, child: str, T: Array, axes: Sequence[Axis], *, mass: float, moment: float
) -> tuple[list[DescribedJoint], list[DescribedLink]]:
    """Joints from ``parent`` to ``child`` by way of hubs, outermost axis first, and the hubs.

    Args:
        parent: link.
        child: link; its frame is moved to the last axis' anchor.
        T: the body's frame in the parent's where all axes are at zero ``(4, 4)``.
        axes: at least one.
        mass: of the body in kg, of which hubs get a small share.
        moment: its largest moment of inertia, kg·m².
    """
    joints: list[DescribedJoint] = []
    hubs: list[DescribedLink] = []
    at = np.zeros(3)
    for i, axis in enumerate(axes):
        last = i == len(axes) - 1
        below = child if last else f"{child}_hub_{i + 1}"
        step = (T if i == 0 else np.eye(4)) @ pose(np.eye(3), axis.anchor - at)
        joints.append(replace(axis.joint, parent=parent, child=below, T_parent_child=step))
        if not last:
            weight = max(_HUB_SHARE * mass, _LEAST_MASS)
            round_ = max(_HUB_SHARE * moment, _LEAST_MOMENT)
            hubs.append(
                DescribedLink(below, inertial=Inertial(weight, np.zeros(3), round_ * np.eye(3)))
            )
        parent, at = below, axis.anchor
    return joints, hubs
