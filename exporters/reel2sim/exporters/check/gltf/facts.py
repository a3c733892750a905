"""What the GLB has in ``extras``: all of the object that glTF itself has no words for."""

from __future__ import annotations

from typing import Any

import numpy as np

from reel2sim.exporters.check.gltf.reading import Document
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Body, Robot, RobotJoint, RobotMimic
from reel2sim.exporters.check.robot.reading import (
    Contact,
    Ids,
    JointKind,
    JointReading,
    Reading,
    compare,
)

GLB_IDS = Ids("GLB002", "KIN005", "MASS004", "LIM004", "MIM004", "DYN004", "MAT004")
_KINDS: dict[str, JointKind] = {
    "fixed": "fixed", "revolute": "hinge", "continuous": "hinge", "prismatic": "slide"
}  # fmt: skip
_CLOSE = 1e-5


def check_facts(notes: Notes, where: str, document: Document, robot: Robot) -> None:
    """Note where what is told of links and joints differs from the URDF."""
    nodes = [node for node in document.json["nodes"] if isinstance(node.get("extras"), dict)]
    links = {n.get("name", ""): n["extras"]["link"] for n in nodes if "link" in n["extras"]}
    joints = {n.get("name", ""): n["extras"]["joint"] for n in nodes if "joint" in n["extras"]}
    for joint in robot.joints:
        told = joints.get(joint.child)
        if told is None:
            notes.add("LIM004", f"{where}: {joint.name}", "extras say nothing of the joint")
        else:
            _check_axis(notes, f"{where}: {joint.name}", joint, told)
    compare(notes, robot, None, _reading(where, links, list(joints.values())), GLB_IDS)


def _reading(where: str, links: dict[str, Any], joints: list[dict[str, Any]]) -> Reading:
    bodies = {name: _body(told) for name, told in links.items()}
    contacts: dict[str, list[Contact]] = {
        name: [(told["material"]["friction"], told["material"]["restitution"])]
        for name, told in links.items()
    }
    mimics = {
        told["name"]: RobotMimic(m["joint"], m["multiplier"], m["offset"])
        for told in joints
        if (m := told.get("mimic")) is not None
    }
    poses = {name: np.eye(4)[None] for name in links}
    named = {told["name"]: _joint(told) for told in joints}
    return Reading("extras", where, poses, bodies, named, mimics, contacts)


def _body(told: dict[str, Any]) -> Body:
    center, inertia = (np.array(told[key], dtype=np.float64) for key in ("center", "inertia"))
    return Body(float(told["mass"]), center, inertia)


def _joint(told: dict[str, Any]) -> JointReading:
    low, high = told["limits"]
    losses = told["effort"], told["velocity"], told["damping"], told["friction"]
    return JointReading(_KINDS.get(told["type"], "other"), low, high, *losses)


def _check_axis(notes: Notes, at: str, joint: RobotJoint, told: dict[str, Any]) -> None:
    for key, wanted in (("name", joint.name), ("type", joint.type)):
        if told[key] != wanted:
            notes.add("LIM004", at, f"{key} is {told[key]!r}, in the URDF {wanted!r}")
    gap = float(np.abs(np.array(told["axis"], dtype=np.float64) - joint.axis).max())
    if joint.type != "fixed" and not gap <= _CLOSE:
        notes.add("LIM004", at, f"axis is {told['axis']}, in the URDF {joint.axis}")
