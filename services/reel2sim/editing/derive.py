"""What follows from bodies, and has to follow anew when they change.

Shapes decide how far joints can go and which links are in each other; masses decide what joints
must be able to hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reel2sim.editing.joints import bounded, clipped, following
from reel2sim.editing.shape import beyond
from reel2sim.rigging.physics.contact import Contacts
from reel2sim.rigging.physics.overlap import disentangled
from reel2sim.scene import Joint, JointType, RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

_STEPS = 48
"""Positions from zero to a limit at which contact is looked for."""
_TOUCH = 1e-3
"""How much deeper than before two links may be in each other, as a share of the asset's size."""


def reshaped(before: RiggedAsset, after: RiggedAsset, changed: set[str]) -> RiggedAsset:
    """``after`` with all that depends on the shapes of its changed links.

    Limits become narrower where a link now meets another that it passed before, never wider;
    efforts grow with what the joints carry, and never shrink; links that are in each other now, in
    states that the reel showed, do not collide.

    Args:
        before: the asset before the change.
        after: the same links and joints after it.
        changed: names of the links that changed.
    """
    return disentangled(_narrowed(before, reweighed(before, after), changed))


def reweighed(before: RiggedAsset, after: RiggedAsset) -> RiggedAsset:
    """``after`` with efforts that hold the same share of the load as before, or more."""
    joints: list[Joint] = []
    for old, new in zip(before.joints, after.joints, strict=True):
        grown = _load(after, new) / max(_load(before, old), 1e-12)
        # What weighs on an axis may be next to nothing, whose ratio means nothing.
        factor = float(np.clip(grown, 1.0, 1e3))
        limits = replace(new.limits, effort=max(new.limits.effort, old.limits.effort * factor))
        joints.append(replace(new, limits=limits))
    return replace(after, joints=tuple(joints))


def _load(asset: RiggedAsset, joint: Joint) -> float:
    """Mass times distance from the axis of all that a joint carries; of a slide the mass."""
    index, rest = asset.link_index, asset.rest_poses
    pivot = rest[index[joint.child], :3, 3]
    total = 0.0
    for name in (joint.child, *beyond(asset, joint.child)):
        link = asset.links[index[name]]
        arm = 1.0
        if joint.type is not JointType.PRISMATIC:
            center = rest[index[name], :3, 3] + link.inertial.center
            arm = float(np.linalg.norm(np.cross(center - pivot, joint.axis)))
        total += link.inertial.mass * arm
    return total


def _narrowed(before: RiggedAsset, after: RiggedAsset, changed: set[str]) -> RiggedAsset:
    """``after`` with the limits of every joint ending where a changed link meets another."""
    old, new = Contacts.of(before), Contacts.of(after)
    slack = _TOUCH * float(np.linalg.norm(np.ptp(after.surfels.means, axis=0)))
    joints: dict[str, Joint] = {joint.name: joint for joint in after.joints}
    for joint in after.joints:
        ends_there = joint.type in (JointType.REVOLUTE, JointType.PRISMATIC)
        if not ends_there or joint.mimic is not None:
            continue
        moving = [after.link_index[x] for x in (joint.child, *beyond(after, joint.child))]
        home = float(np.clip(0.0, joint.limits.lower, joint.limits.upper))
        was = max(_depth(old, before, joint.name, q, moving, changed) for q in _range(joint))
        now = _depth(new, after, joint.name, home, moving, changed)
        allowed = max(was, now, 0.0) + slack
        ends = [
            _reach(new, after, joint.name, np.linspace(home, end, _STEPS), moving, changed, allowed)
            for end in (joint.limits.lower, joint.limits.upper)
        ]
        joints[joint.name] = bounded(joint, ends[0], ends[1])
    narrowed = following(replace(after, joints=tuple(joints.values())))
    cut = [j.name for j in after.joints if joints[j.name].limits != j.limits]
    said = [f"{name} meets something sooner than before; its limits are narrower" for name in cut]
    return clipped(replace(narrowed, notes=(*after.notes, *said)), set(cut))


def _range(joint: Joint) -> Array:
    return np.linspace(joint.limits.lower, joint.limits.upper, _STEPS)


def _reach(
    contacts: Contacts,
    asset: RiggedAsset,
    joint: str,
    path: Array,
    moving: Sequence[int],
    changed: set[str],
    allowed: float,
) -> float:
    """The last position along ``path`` before a contact deeper than ``allowed``."""
    last = float(path[0])
    for q in path[1:]:
        if _depth(contacts, asset, joint, float(q), moving, changed) > allowed:
            return last
        last = float(q)
    return last


def _depth(
    contacts: Contacts,
    asset: RiggedAsset,
    joint: str,
    q: float,
    moving: Sequence[int],
    changed: set[str],
) -> float:
    """How deep a changed link is in another with one joint alone away from rest."""
    first, second = contacts.pairs(moving)
    if not len(first) or not len(second):
        return -contacts.reach
    rest = asset.rest_poses
    depths = contacts.depths(asset.link_poses({joint: q}) @ invert(rest), moving)
    names = [link.name for link in asset.links]
    touched = np.array([name in changed for name in names])
    concerned = touched[first][:, None] | touched[second]
    return float(depths[concerned].max(initial=-contacts.reach))
