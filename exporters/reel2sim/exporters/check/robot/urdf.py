"""Faults of a URDF that loaders pass over, each in its own way."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import (
    ANGULAR,
    MOVING,
    Body,
    Robot,
    RobotJoint,
    RobotLink,
    RobotMimic,
    read_robot,
)

URDF = "scene.urdf"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_UNIT = 1e-3
_TURNS = 2 * np.pi
_REACH = 1e-4
"""How far a leader may push its follower beyond a limit: radians or metres."""


def check_urdf(notes: Notes, file: str = URDF) -> Robot | None:
    """Read the URDF ``file`` and note its faults; None if it cannot be read at all."""
    robot = None
    with notes.guard("URDF001", file):
        robot = read_robot(notes.root / file)
    if robot is None:
        return None
    notes.counts |= {"links": len(robot.links), "joints": len(robot.joints)}
    _check_names(notes, robot)
    if robot.order is None:
        _explain_tree(notes, robot)
    for place in robot.repeated:
        notes.add("URDF020", f"{robot.file}: {place}", "occurs more than once")
    for link in robot.links:
        _check_link(notes, robot, link)
    for joint in robot.joints:
        _check_joint(notes, robot.file, joint)
        if joint.mimic is not None:
            _check_mimic(notes, robot, joint, joint.mimic)
    return robot


def _check_names(notes: Notes, robot: Robot) -> None:
    groups = {"link": robot.links, "joint": robot.joints}
    for kind, things in groups.items():
        counts = Counter(thing.name for thing in things)
        for name, count in counts.items():
            if count > 1:
                notes.add(
                    "URDF002", f"{robot.file}: {kind} {name}", f"{count} {kind}s have this name"
                )
        for thing in things:
            if not _NAME.match(thing.name):
                notes.add("URDF003", f"{robot.file}: {kind} {thing.name!r}", "is not an identifier")


def _explain_tree(notes: Notes, robot: Robot) -> None:
    names = {link.name for link in robot.links}
    said = len(notes.findings)
    for joint in robot.joints:
        for end in (joint.parent, joint.child):
            if end not in names:
                notes.add(
                    "URDF004", f"{robot.file}: joint {joint.name}", f"no link is named {end!r}"
                )
    for child, count in Counter(joint.child for joint in robot.joints).items():
        if count > 1:
            notes.add("URDF004", f"{robot.file}: link {child}", f"has {count} parents")
    if len(robot.roots) > 1:
        notes.add("URDF004", robot.file, f"has {len(robot.roots)} roots: {', '.join(robot.roots)}")
    if len(notes.findings) == said:
        notes.add("URDF004", robot.file, "links form a loop, or their names are not unique")


def _check_link(notes: Notes, robot: Robot, link: RobotLink) -> None:
    where = f"{robot.file}: link {link.name}"
    for kind, shapes in (("visual", link.visuals), ("collision", link.collisions)):
        for k, shape in enumerate(shapes):
            if not (np.isfinite(shape.T_link_shape).all() and np.isfinite(shape.scale).all()):
                notes.add("URDF005", f"{where}: {kind} {k}", "origin or scale is not finite")
            elif (shape.scale <= 0).any():
                notes.add("URDF005", f"{where}: {kind} {k}", "scale is not positive")
    if link.collisions and None in link.contact and not notes.alone:
        notes.add("MAT001", where, "has no <contact> with friction and restitution")
    if link.body is None:
        notes.add("URDF010", where, "has no <inertial>")
    else:
        _check_body(notes, where, link.body, root=link.name in robot.roots)


def _check_body(notes: Notes, where: str, body: Body, *, root: bool) -> None:
    numbers = np.concatenate([[body.mass], body.center, body.inertia.ravel()])
    if not np.isfinite(numbers).all():
        notes.add("URDF005", f"{where}: inertial", "mass, origin or inertia is not finite")
        return
    if body.mass <= 0:
        # A root that stands still may weigh nothing, for those who fix it to the world.
        mild = "warning" if notes.alone and root and body.mass == 0 else None
        notes.add("URDF011", where, f"mass is {body.mass:g} kg", severity=mild)
        if mild:
            return
    moments = np.linalg.eigvalsh(body.inertia)
    if moments[0] <= 0:
        notes.add("URDF012", where, f"principal moments are {moments}")
    elif moments[2] > (moments[0] + moments[1]) * (1 + 1e-6):
        notes.add("URDF013", where, f"{moments[2]:g} > {moments[0]:g} + {moments[1]:g} kg·m²")


def _check_joint(notes: Notes, file: str, joint: RobotJoint) -> None:
    where = f"{file}: joint {joint.name}"
    if joint.type not in (*MOVING, "fixed"):
        notes.add("URDF014", where, f"type is {joint.type!r}")
        return
    if not np.isfinite(joint.T_parent_joint).all():
        notes.add("URDF005", where, "origin is not finite")
    if joint.type == "fixed":
        return
    length = float(np.linalg.norm(joint.axis))
    if not np.isfinite(length):
        notes.add("URDF005", where, "axis is not finite")
    elif abs(length - 1) > _UNIT:
        notes.add("URDF006", where, f"axis has length {length:g}")
    if not (np.isfinite(joint.damping) and np.isfinite(joint.friction)):
        notes.add("URDF005", where, "damping or friction is not finite")
    elif min(joint.damping, joint.friction) < 0:
        notes.add("URDF015", where, f"damping {joint.damping:g}, friction {joint.friction:g}")
    _check_limit(notes, where, joint)


def _check_limit(notes: Notes, where: str, joint: RobotJoint) -> None:
    needed = ["effort", "velocity"]
    # The specification wants no limit of a continuous joint, and takes zero for a missing bound.
    if notes.alone and joint.type == "continuous":
        needed = []
    elif joint.type != "continuous" and not (notes.alone and joint.limit):
        needed = ["lower", "upper", *needed]
    limit = joint.limit or {}
    values = {key: limit.get(key) for key in needed}
    missing = [key for key, value in values.items() if value is None]
    if missing:
        notes.add("URDF007", where, f"has no {', '.join(missing)}")
    given = {key: value for key, value in values.items() if value is not None}
    for key, value in given.items():
        if not np.isfinite(value):
            notes.add("URDF005", where, f"{key} is {value}")
        elif key in ("effort", "velocity") and value <= 0:
            notes.add("URDF009", where, f"{key} is {value:g}")
    low, high = limit.get("lower"), limit.get("upper")
    if joint.type == "continuous" or low is None or high is None:
        return
    if low > high:
        notes.add("URDF008", where, f"lower {low:g} > upper {high:g}")
    elif joint.type == "revolute" and 2 * _TURNS < max(abs(low), abs(high)) < float("inf"):
        notes.add("URDF019", where, f"limits are {low:g}..{high:g} rad")


def _check_mimic(notes: Notes, robot: Robot, joint: RobotJoint, mimic: RobotMimic) -> None:
    where = f"{robot.file}: joint {joint.name}"
    if not mimic.finite:
        notes.add("URDF005", where, "multiplier or offset of <mimic> is not finite")
        return
    leader = next((j for j in robot.joints if j.name == mimic.joint), None)
    fault = ""
    if leader is None:
        fault = "which is not there"
    elif leader.name == joint.name:
        fault = "which is itself"
    elif leader.mimic is not None:
        fault = f"which follows {leader.mimic.joint}"
    elif leader.type not in MOVING or joint.type not in MOVING:
        fault = "and one of them does not move"
    elif (leader.type in ANGULAR) != (joint.type in ANGULAR):
        fault = "and one of them turns while the other slides"
    elif mimic.multiplier == 0:
        fault = "but is not moved by it: the multiplier is 0"
    if fault or leader is None:
        notes.add("URDF016", where, f"follows {mimic.joint}, {fault}")
        return
    _check_reach(notes, where, joint, leader, mimic)


def _check_reach(
    notes: Notes, where: str, joint: RobotJoint, leader: RobotJoint, mimic: RobotMimic
) -> None:
    """A follower that stops before its leader does blocks it."""
    if "continuous" in (joint.type, leader.type):
        return
    ends = [(j.limit or {}).get(key) for j in (leader, joint) for key in ("lower", "upper")]
    if any(end is None or not np.isfinite(end) for end in ends):
        return
    first, last, low, high = (float(end) for end in ends if end is not None)
    pushed = sorted(mimic.multiplier * end + mimic.offset for end in (first, last))
    if pushed[0] < low - _REACH or pushed[1] > high + _REACH:
        text = f"is led over {pushed[0]:.6g}..{pushed[1]:.6g}, limits are {low:.6g}..{high:.6g}"
        notes.add("URDF017", where, text)
