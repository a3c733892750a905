"""Reading ``scene.urdf`` far enough to know its joints and refuse what breaks a simulator."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reel2sim.scene import JointType, Mimic
from reel2sim.scene.errors import BundleError, InputError

EXPORT_AGAIN = "export the bundle again"

_TYPES = {
    kind.value: kind
    for kind in (
        JointType.FIXED,
        JointType.REVOLUTE,
        JointType.CONTINUOUS,
        JointType.PRISMATIC,
    )
}


@dataclass(frozen=True)
class JointDescription:
    """What the robot description says about a joint.

    Attributes:
        name: unique name.
        type: fixed, revolute, continuous or prismatic.
        lower: smallest position, radians or metres; ``-inf`` for a continuous joint.
        upper: largest position; ``inf`` for a continuous joint.
        effort: largest torque or force, N·m or N.
        velocity: largest speed, rad/s or m/s.
        damping: N·m·s/rad or N·s/m.
        friction: N·m or N.
        mimic: the joint it follows; None if it moves by itself.
    """

    name: str
    type: JointType
    lower: float
    upper: float
    effort: float
    velocity: float
    damping: float
    friction: float
    mimic: Mimic | None = None


def read_joints(path: Path) -> tuple[JointDescription, ...]:
    """Joints of a robot description, in the file's order.

    Raises:
        BundleError: if the file is not one tree of links whose meshes exist and whose joints a
            simulator can move.
    """
    try:
        robot = ET.parse(path).getroot()
    except (ET.ParseError, OSError, ValueError) as fault:
        raise BundleError(f"cannot be read: {fault}", source=path, remedy=EXPORT_AGAIN) from None
    if robot.tag != "robot":
        raise BundleError(f"is <{robot.tag}>, not a <robot>", source=path, remedy=EXPORT_AGAIN)
    _require_tree(robot, path)
    for mesh in robot.iter("mesh"):
        name = mesh.get("filename", "")
        if not name or not (path.parent / name).is_file():
            raise BundleError(
                f"refers to a mesh that is not there: {name!r}",
                source=path,
                field="mesh",
                remedy="copy the bundle with its meshes folder, or export it again",
            )
    joints = tuple(_joint(element, path) for element in robot.findall("joint"))
    _require_leaders(joints, path)
    return joints


def _require_tree(robot: ET.Element, path: Path) -> None:
    links = [link.get("name", "") for link in robot.findall("link")]
    joints = [joint.get("name", "") for joint in robot.findall("joint")]
    for kind, names in (("link", links), ("joint", joints)):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise BundleError(
                f"{kind} names are not unique: {sorted(twice)}", source=path, remedy=EXPORT_AGAIN
            )
    parent_of: dict[str, str] = {}
    for joint in robot.findall("joint"):
        ends = [
            getattr(joint.find(tag), "attrib", {}).get("link", "") for tag in ("parent", "child")
        ]
        missing = [name for name in ends if name not in links]
        if missing or ends[1] in parent_of:
            fault = (
                f"names links that are not there: {missing}" if missing else "has a second parent"
            )
            where = joint.get("name", "joint") if missing else ends[1]
            raise BundleError(fault, source=path, field=where, remedy=EXPORT_AGAIN)
        parent_of[ends[1]] = ends[0]
    roots = [name for name in links if name not in parent_of]
    if len(roots) != 1 or _has_cycle(parent_of):
        raise BundleError(
            f"is not one tree, its roots are {roots}", source=path, remedy=EXPORT_AGAIN
        )


def _has_cycle(parent_of: dict[str, str]) -> bool:
    for start in parent_of:
        link, steps = start, 0
        while link in parent_of:
            link, steps = parent_of[link], steps + 1
            if steps > len(parent_of):
                return True
    return False


def _joint(element: ET.Element, path: Path) -> JointDescription:
    name = element.get("name", "")
    kind = _TYPES.get(element.get("type", ""))
    if kind is None:
        raise BundleError(
            f"is of type {element.get('type')!r}, expected one of {', '.join(_TYPES)}",
            source=path,
            field=name,
            remedy=EXPORT_AGAIN,
        )

    def number(tag: str, key: str, default: float) -> float:
        found = element.find(tag)
        text = None if found is None else found.get(key)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) or (text is not None and math.isinf(value)):
            raise BundleError(
                f"{tag} {key} is {text!r}, expected a finite number",
                source=path,
                field=name,
                remedy=EXPORT_AGAIN,
            )
        return value

    moves = kind is not JointType.FIXED
    bounded = kind in (JointType.REVOLUTE, JointType.PRISMATIC)
    nothing = math.inf if moves else 0.0
    joint = JointDescription(
        name=name,
        type=kind,
        lower=number("limit", "lower", -nothing) if bounded else -nothing,
        upper=number("limit", "upper", nothing) if bounded else nothing,
        effort=number("limit", "effort", 0.0),
        velocity=number("limit", "velocity", 0.0),
        damping=number("dynamics", "damping", 0.0),
        friction=number("dynamics", "friction", 0.0),
        mimic=_mimic(element, number, name, path) if moves else None,
    )
    if moves:
        _require_movable(joint, path, bounded=bounded)
    return joint


def _mimic(
    element: ET.Element, number: Callable[[str, str, float], float], name: str, path: Path
) -> Mimic | None:
    found = element.find("mimic")
    if found is None:
        return None
    values = number("mimic", "multiplier", 1.0), number("mimic", "offset", 0.0)
    try:
        return Mimic(found.get("joint", ""), *values)
    except InputError as fault:
        raise BundleError(str(fault), source=path, field=name, remedy=EXPORT_AGAIN) from None


def _require_leaders(joints: tuple[JointDescription, ...], path: Path) -> None:
    """Followers must follow a joint that moves by itself, and as they do."""
    named = {joint.name: joint for joint in joints}
    for joint in joints:
        if joint.mimic is None:
            continue
        leader = named.get(joint.mimic.joint)
        fault = ""
        if leader is None or leader.type is JointType.FIXED:
            fault = "which is not there or does not move"
        elif leader.mimic is not None:
            fault = "which follows a joint itself"
        elif leader.type.angular != joint.type.angular:
            fault = "and one of them turns while the other slides"
        if fault:
            raise BundleError(
                f"follows {joint.mimic.joint!r}, {fault}",
                source=path,
                field=joint.name,
                remedy=EXPORT_AGAIN,
            )


def _require_movable(joint: JointDescription, path: Path, *, bounded: bool) -> None:
    fault = ""
    if bounded and not (math.isfinite(joint.upper) and math.isfinite(joint.lower)):
        fault = "has no lower and upper limit"
    elif joint.lower > joint.upper:
        fault = f"has lower limit {joint.lower} above upper limit {joint.upper}"
    elif joint.effort <= 0 or joint.velocity <= 0:
        fault = f"has effort {joint.effort} and velocity {joint.velocity}, expected positive limits"
    elif joint.damping < 0 or joint.friction < 0:
        fault = f"has negative damping {joint.damping} or friction {joint.friction}"
    if fault:
        raise BundleError(fault, source=path, field=joint.name, remedy=EXPORT_AGAIN)
