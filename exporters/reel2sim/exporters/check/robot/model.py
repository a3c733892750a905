"""Our own reading of a URDF: what the engines' readings are compared with.

It is lenient, so that every fault can be named: what is missing is None, what is malformed is NaN.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

ANGULAR = ("revolute", "continuous")
MOVING = (*ANGULAR, "prismatic")
_SINGLE = {
    "link": ("inertial", "contact"),
    "joint": ("parent", "child", "origin", "axis", "limit", "dynamics", "mimic"),
}


@dataclass(frozen=True, eq=False)
class Shape:
    """A visual or collision element.

    Attributes:
        T_link_shape: its ``<origin>`` ``(4, 4)``.
        file: of its mesh, as written; None for a primitive.
        scale: of the mesh ``(3,)``.
    """

    T_link_shape: Array
    file: str | None
    scale: Array


@dataclass(frozen=True, eq=False)
class Body:
    """Mass properties in the link's frame.

    Attributes:
        mass: kg.
        center: ``(3,)``, m.
        inertia: about the centre ``(3, 3)``, kg·m², axes of the link.
    """

    mass: float
    center: Array
    inertia: Array


@dataclass(frozen=True, eq=False)
class RobotLink:
    """A link.

    Attributes:
        name: of the link.
        body: None without ``<inertial>``.
        visuals: what is seen.
        collisions: what collides.
        contact: friction and restitution, which PyBullet reads; None where the file is silent.
        color: of its first visual ``(4,)``, RGBA; None without.
    """

    name: str
    body: Body | None
    visuals: tuple[Shape, ...]
    collisions: tuple[Shape, ...]
    contact: tuple[float | None, float | None] = (None, None)
    color: Array | None = None


@dataclass(frozen=True)
class RobotMimic:
    """What a joint follows: ``multiplier * q + offset`` of the leader's ``q``, in SI units."""

    joint: str
    multiplier: float
    offset: float

    @property
    def finite(self) -> bool:
        """Whether positions can be computed."""
        return bool(np.isfinite(self.multiplier) and np.isfinite(self.offset))


@dataclass(frozen=True, eq=False)
class RobotJoint:
    """A joint; what the file leaves out is None. SI units, radians."""

    name: str
    type: str
    parent: str
    child: str
    T_parent_joint: Array
    axis: Array
    limit: Mapping[str, float | None] | None
    damping: float
    friction: float
    mimic: RobotMimic | None = None

    def motion(self, q: Array) -> Array:
        """Transforms ``(s, 4, 4)`` of the child's frame for positions ``(s,)``."""
        if self.type in ANGULAR:
            return pose(axis_rotation(self.axis, q))
        if self.type == "prismatic":
            return pose(translation=q[:, None] * self.axis)
        return np.tile(np.eye(4), (len(q), 1, 1))


@dataclass(frozen=True, eq=False)
class Robot:
    """All of a URDF.

    Attributes:
        name: of the robot.
        links: in the order of the file.
        joints: in the order of the file.
        file: its name.
        repeated: elements that may occur once and occur again, with what they are in.
    """

    name: str
    links: tuple[RobotLink, ...]
    joints: tuple[RobotJoint, ...]
    file: str = "scene.urdf"
    repeated: tuple[str, ...] = ()

    @cached_property
    def moving(self) -> tuple[RobotJoint, ...]:
        """Joints with a position."""
        return tuple(joint for joint in self.joints if joint.type in MOVING)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Links that are no joint's child."""
        children = {joint.child for joint in self.joints}
        return tuple(link.name for link in self.links if link.name not in children)

    @cached_property
    def order(self) -> tuple[RobotJoint, ...] | None:
        """Joints, parents first; None if links and joints are not one tree."""
        names = [link.name for link in self.links]
        children = [joint.child for joint in self.joints]
        clean = len(set(names)) == len(names) and len(set(children)) == len(children)
        if not clean or len(self.roots) != 1 or set(children) | set(self.roots) != set(names):
            return None
        placed, found, waiting = set(self.roots), [], list(self.joints)
        while waiting:
            ready = [joint for joint in waiting if joint.parent in placed]
            if not ready:
                return None
            found += ready
            placed |= {joint.child for joint in ready}
            waiting = [joint for joint in waiting if joint.child not in placed]
        return tuple(found)

    def followed(self, positions: Mapping[str, Array]) -> dict[str, Array]:
        """``positions`` with those of followers replaced by what their leaders prescribe."""
        found = dict(positions)
        for joint in self.moving:
            mimic = joint.mimic
            if mimic is not None and mimic.joint in positions and mimic.finite:
                found[joint.name] = mimic.multiplier * positions[mimic.joint] + mimic.offset
        return found

    def poses(self, positions: Mapping[str, Array], count: int) -> dict[str, Array]:
        """Forward kinematics: ``T_root_link`` ``(count, 4, 4)`` by link; only of a tree."""
        assert self.order is not None
        found = {self.roots[0]: np.tile(np.eye(4), (count, 1, 1))}
        still = np.zeros(count)
        for joint in self.order:
            moved = joint.motion(positions.get(joint.name, still))
            found[joint.child] = found[joint.parent] @ joint.T_parent_joint @ moved
        return found

    @property
    def finite(self) -> bool:
        """Whether forward kinematics can be computed."""
        return self.order is not None and all(
            np.isfinite(j.T_parent_joint).all()
            and (j.type not in MOVING or abs(np.linalg.norm(j.axis) - 1) < 1e-3)
            for j in self.joints
        )


def read_robot(path: Path) -> Robot:
    """Read ``path``.

    Raises:
        xml.etree.ElementTree.ParseError: if it is not XML.
        ValueError: if it is no ``<robot>``, or an element lacks a name, parent or child.
    """
    root = ET.parse(path).getroot()
    if root.tag != "robot":
        raise ValueError(f"the root element is <{root.tag}>, not <robot>")
    links = tuple(_link(element) for element in root.findall("link"))
    if not links:
        raise ValueError("there is no <link>")
    joints = tuple(_joint(e) for e in root.findall("joint"))
    return Robot(root.get("name", ""), links, joints, path.name, tuple(_repeated(root)))


def _repeated(root: ET.Element) -> Iterator[str]:
    for kind, tags in _SINGLE.items():
        for element in root.findall(kind):
            for tag in tags:
                if len(element.findall(tag)) > 1:
                    yield f"{kind} {element.get('name')}: <{tag}>"


def _link(element: ET.Element) -> RobotLink:
    visuals, collisions = (
        tuple(_shape(e) for e in element.findall(tag)) for tag in ("visual", "collision")
    )
    inertial = element.find("inertial")
    body = None if inertial is None else _body(inertial)
    contact = element.find("contact")
    friction, restitution = (
        None if contact is None or (entry := contact.find(tag)) is None else _number(entry, "value")
        for tag in ("lateral_friction", "restitution")
    )
    color = element.find("visual/material/color")
    rgba = None if color is None else _row(color.get("rgba", ""), 4)
    name = _required(element, "name")
    return RobotLink(name, body, visuals, collisions, (friction, restitution), rgba)


def _body(element: ET.Element) -> Body:
    T = _origin(element)
    moments = element.find("inertia")
    m = {k: _number(moments, k) for k in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")}
    rows = [["ixx", "ixy", "ixz"], ["ixy", "iyy", "iyz"], ["ixz", "iyz", "izz"]]
    tensor = np.array([[m[name] for name in row] for row in rows])
    R = T[:3, :3]
    return Body(_number(element.find("mass"), "value"), T[:3, 3], R @ tensor @ R.T)


def _shape(element: ET.Element) -> Shape:
    mesh = element.find("geometry/mesh")
    file = None if mesh is None else _required(mesh, "filename")
    scale = np.ones(3) if mesh is None else _vector(mesh, "scale", "1 1 1")
    return Shape(_origin(element), file, scale)


def _joint(element: ET.Element) -> RobotJoint:
    name = _required(element, "name")
    ends = []
    for tag in ("parent", "child"):
        end = element.find(tag)
        if end is None:
            raise ValueError(f"joint {name!r} has no <{tag}>")
        ends.append(_required(end, "link"))
    limit = element.find("limit")
    bounds = None
    if limit is not None:
        keys = ("lower", "upper", "effort", "velocity")
        bounds = {k: _number(limit, k) if limit.get(k) is not None else None for k in keys}
    axis = element.find("axis")
    dynamics = element.find("dynamics")
    losses = [
        0.0 if dynamics is None or dynamics.get(k) is None else _number(dynamics, k)
        for k in ("damping", "friction")
    ]
    direction = np.array([1.0, 0.0, 0.0]) if axis is None else _vector(axis, "xyz", "1 0 0")
    kind = _required(element, "type")
    origin = _origin(element)
    mimic = _mimic(element.find("mimic"))
    return RobotJoint(name, kind, ends[0], ends[1], origin, direction, bounds, *losses, mimic=mimic)


def _mimic(element: ET.Element | None) -> RobotMimic | None:
    if element is None:
        return None
    multiplier, offset = (
        default if element.get(key) is None else _number(element, key)
        for key, default in (("multiplier", 1.0), ("offset", 0.0))
    )
    return RobotMimic(_required(element, "joint"), multiplier, offset)


def _required(element: ET.Element, attribute: str) -> str:
    value = element.get(attribute)
    if value is None:
        raise ValueError(f"<{element.tag}> has no {attribute!r}")
    return value


def _origin(element: ET.Element) -> Array:
    origin = element.find("origin")
    if origin is None:
        return np.eye(4)
    xyz, rpy = _vector(origin, "xyz", "0 0 0"), _vector(origin, "rpy", "0 0 0")
    if not np.isfinite(rpy).all():
        return pose(np.full((3, 3), np.nan), xyz)
    return pose(Rotation.from_euler("xyz", rpy).as_matrix(), xyz)


def _vector(element: ET.Element, attribute: str, default: str) -> Array:
    return _row(element.get(attribute, default), 3)


def _row(text: str, count: int) -> Array:
    """Numbers ``(count,)``; NaN if there are more or fewer."""
    parts = text.split()
    if len(parts) != count:
        return np.full(count, np.nan)
    return np.array([_float(part) for part in parts])


def _number(element: ET.Element | None, attribute: str) -> float:
    return float("nan") if element is None else _float(element.get(attribute, ""))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
