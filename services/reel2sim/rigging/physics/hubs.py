"""Joints with several axes as chains of joints with one.

Formats and engines differ in what they make of ball joints, screws and free parts, and agree on
hinges and slides. So a ball joint becomes three hinges through its centre, as in MuJoCo's
humanoid; a screw a hinge and a slide along it; a free part three slides and a ball. Between them
are *hubs*: links without a surface, a small share of what they carry.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import Inertial, JointType

HUB_SHARE = 0.01
"""Mass and inertia of a hub, as a share of those of the part it carries."""


@dataclass(frozen=True, eq=False)
class Chained:
    """An articulation whose joints all have one axis.

    Attributes:
        articulation: the parts as they were, then the hubs.
        hubs: the part that each hub carries, by hub.
    """

    articulation: Articulation
    hubs: dict[int, int]

    def chain(self, part: int) -> tuple[int, ...]:
        """Hubs above a part, from its parent on, and the part itself."""
        return (*(hub for hub, carried in self.hubs.items() if carried == part), part)


def chained(articulation: Articulation) -> Chained:
    """The same motion with one-axis joints alone."""
    joints = list(articulation.joints)
    hubs: dict[int, int] = {}
    for joint in articulation.joints:
        steps = _steps(joint)
        above = joint.parent
        for step in steps[:-1]:
            hub = len(joints) + 1
            joints.append(replace(step, parent=above, child=hub))
            hubs[hub] = joint.child
            above = hub
        joints[joint.child - 1] = replace(steps[-1], parent=above)
    return Chained(replace(articulation, joints=tuple(joints)), hubs)


def hub_inertial(carried: Inertial, pivot: Array) -> Inertial:
    """Of a hub at ``pivot`` ``(3,)`` that carries a body: a small even ball."""
    moment = HUB_SHARE * float(np.trace(carried.inertia)) / 3
    return Inertial(HUB_SHARE * carried.mass, pivot, moment * np.eye(3))


def _steps(joint: JointEstimate) -> list[JointEstimate]:
    """Joints of one axis that make the same motion one after the other, all for ``joint.child``."""
    if joint.type is JointType.SCREW:
        turn = replace(joint, type=JointType.REVOLUTE, pitch=0.0)
        way = joint.pitch * joint.positions
        return [turn, replace(joint, type=JointType.PRISMATIC, pitch=0.0, positions=way)]
    if joint.type is JointType.SPHERICAL:
        return _hinges(joint, joint.positions)
    if joint.type is JointType.FREE:
        slides = [
            replace(joint, type=JointType.PRISMATIC, axis=axis, positions=joint.positions[:, 3 + i])
            for i, axis in enumerate(np.eye(3))
        ]
        return [*slides, *_hinges(joint, joint.positions[:, :3])]
    return [joint]


def _hinges(joint: JointEstimate, turns: Array) -> list[JointEstimate]:
    """Three hinges through the pivot for rotation vectors ``(t, 3)``.

    The middle axis, whose right angle would lock the other two, is the one that turns least.
    """
    spread = np.linalg.svd(turns, full_matrices=True)[2]
    axes = spread[[0, 2, 1]]
    axes[2] = np.cross(axes[0], axes[1])
    local = Rotation.from_matrix(axes @ Rotation.from_rotvec(turns).as_matrix() @ axes.T)
    angles = np.unwrap(local.as_euler("XYZ"), axis=0)
    return [
        replace(joint, type=JointType.REVOLUTE, axis=axis, positions=angle - angle[0])
        for axis, angle in zip(axes, angles.T, strict=True)
    ]
