"""Joints with other bounds, axes, places or types."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reel2sim.editing.edits import SetJoint
from reel2sim.scene import Inertial, Joint, JointType, Link, Motion, RiggedAsset, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError

_TURNS = (JointType.REVOLUTE, JointType.CONTINUOUS)


def with_joint(asset: RiggedAsset, name: str, edit: SetJoint) -> RiggedAsset:
    """``asset`` with ``edit`` made to the joint called ``name``.

    Raises:
        UsageError: if the joint cannot have the value.
    """
    joint = next(joint for joint in asset.joints if joint.name == name)
    value = edit.value
    if edit.field == "type":
        return _retyped(asset, joint, edit, str(value))
    numbers = np.array(value, dtype=np.float64)
    if edit.field == "pivot":
        return _moved_pivot(asset, joint, numbers)
    if edit.field == "axis":
        return _put(asset, _turned(joint, edit, numbers))
    if edit.field == "limits":
        return clipped(following(_put(asset, _limited(joint, edit, numbers))), {name})
    number = float(numbers[0])
    allowed = number >= 0 if edit.field in ("damping", "friction") else number > 0
    if not allowed:
        raise edit.refuse("value", f"{edit.field} cannot be {number:g}")
    if edit.field in ("effort", "velocity"):
        return _put(asset, replace(joint, limits=replace(joint.limits, **{edit.field: number})))
    return _put(asset, replace(joint, **{edit.field: number}))


def _put(asset: RiggedAsset, joint: Joint) -> RiggedAsset:
    return replace(asset, joints=tuple(joint if x.name == joint.name else x for x in asset.joints))


def _limited(joint: Joint, edit: SetJoint, bounds: Array) -> Joint:
    low, high = (float(v) for v in bounds)
    if not low <= high:
        raise edit.refuse("value", f"lower {low:g} is above upper {high:g}")
    if joint.type not in (JointType.REVOLUTE, JointType.PRISMATIC):
        raise edit.refuse(
            "value",
            f"{joint.name} is {joint.type} and has no limits",
            remedy="set its type to revolute first" if joint.type in _TURNS else None,
        )
    return bounded(joint, low, high)


def bounded(joint: Joint, low: float, high: float) -> Joint:
    """``joint`` with other limits; what was seen of its range ends there too."""
    seen = joint.observed_range
    if seen is not None:
        seen = float(np.clip(seen[0], low, high)), float(np.clip(seen[1], low, high))
    limits = replace(joint.limits, lower=low, upper=high)
    return replace(joint, limits=limits, observed_range=seen)


def following(asset: RiggedAsset) -> RiggedAsset:
    """``asset`` with followers' limits no wider than their leaders' make them."""
    joints = {joint.name: joint for joint in asset.joints}
    for joint in asset.joints:
        if joint.mimic is None:
            continue
        leader = joints[joint.mimic.joint].limits
        if np.isfinite([leader.lower, leader.upper]).all():
            ends = sorted(float(joint.mimic.follow(q)) for q in (leader.lower, leader.upper))
            low, high = max(ends[0], joint.limits.lower), min(ends[1], joint.limits.upper)
            joints[joint.name] = bounded(joint, min(low, high), max(low, high))
    return replace(asset, joints=tuple(joints.values()))


def _turned(joint: Joint, edit: SetJoint, axis: Array) -> Joint:
    length = float(np.linalg.norm(axis))
    if not length > 1e-9:
        raise edit.refuse("value", "an axis of length zero has no direction")
    # Whatever was estimated of the axis does not hold of one that was given.
    return replace(joint, axis=axis / length, certainty=None, reason="its axis was set by hand")


def _moved_pivot(asset: RiggedAsset, joint: Joint, pivot: Array) -> RiggedAsset:
    """The child's frame moved to ``pivot``; nothing is elsewhere at rest."""
    i = asset.link_index[joint.child]
    shift = pivot - asset.rest_poses[i, :3, 3]
    moved = replace(
        joint,
        origin=joint.origin + shift,
        certainty=None,
        reason="its pivot was set by hand",
    )
    links = tuple(_about(x, shift) if x.name == joint.child else x for x in asset.links)
    joints = tuple(
        moved
        if x is joint
        else replace(x, origin=x.origin - shift)
        if x.parent == joint.child
        else x
        for x in asset.joints
    )
    return replace(asset, links=links, joints=joints)


def _about(link: Link, shift: Array) -> Link:
    """The same body in a frame that is ``shift`` further."""

    def back(mesh: TriangleMesh) -> TriangleMesh:
        return replace(mesh, vertices=mesh.vertices - shift)

    body = link.inertial
    return replace(
        link,
        visual=back(link.visual),
        collision=tuple(back(piece) for piece in link.collision),
        inertial=Inertial(body.mass, body.center - shift, body.inertia),
    )


def _retyped(asset: RiggedAsset, joint: Joint, edit: SetJoint, wanted: str) -> RiggedAsset:
    """Another type with the same motion, or none at all; a turn never becomes a slide."""
    allowed = ("fixed", "revolute", "continuous", "prismatic")
    if wanted not in allowed:
        raise edit.refuse("value", f"{wanted!r} is no type", remedy=f"use {', '.join(allowed)}")
    kind = JointType(wanted)
    if kind is joint.type:
        return asset
    followers = [x.name for x in asset.joints if x.mimic and x.mimic.joint == joint.name]
    if kind is JointType.FIXED and not followers:
        limits = replace(joint.limits, lower=0.0, upper=0.0)
        still = replace(joint, type=kind, limits=limits, mimic=None, observed_range=None)
        return clipped(_put(asset, still), {joint.name})
    if followers:
        raise edit.refuse("value", f"{joint.name} is followed by {', '.join(followers)}")
    if not (kind in _TURNS and joint.type in _TURNS):
        raise edit.refuse(
            "value",
            f"a {joint.type} joint's motion is none of a {kind} one",
            remedy="only turns become turns of another type; anything can become fixed",
        )
    low, high = -np.inf, np.inf
    if kind is JointType.REVOLUTE:
        q = asset.motion.positions[joint.name]
        low, high = min(-np.pi, float(q.min())), max(np.pi, float(q.max()))
    limits = replace(joint.limits, lower=low, upper=high)
    return _put(asset, replace(joint, type=kind, limits=limits))


def clipped(asset: RiggedAsset, names: set[str]) -> RiggedAsset:
    """``asset`` whose motion keeps to the limits of the joints called ``names``, and who follows.

    Raises:
        UsageError: if one of them follows another joint, whose line the limits would leave.
    """
    positions = dict(asset.motion.positions)
    said: list[str] = []
    for joint in asset.joints:
        if joint.name not in names:
            continue
        low, high = joint.limits.lower, joint.limits.upper
        inside = np.clip(positions[joint.name], low, high)
        gap = float(np.abs(inside - positions[joint.name]).max())
        if gap <= 1e-12:
            continue
        if joint.mimic is not None:
            raise UsageError(
                f"follows {joint.mimic.joint}, which moves it beyond these limits",
                source=joint.name,
                remedy=f"set the limits of {joint.mimic.joint} first",
            )
        positions[joint.name] = inside
        said.append(f"the motion of {joint.name} is cut off by up to {gap:.3g} at its limits")
    for joint in asset.joints:
        if joint.mimic is not None and joint.mimic.joint in names:
            positions[joint.name] = joint.mimic.follow(positions[joint.mimic.joint])
    motion = asset.motion
    return replace(
        asset,
        motion=Motion(motion.times_s, motion.base_poses, positions),
        notes=(*asset.notes, *said),
    )
