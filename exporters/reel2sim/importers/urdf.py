"""URDF files as descriptions.

Read by our own few rules rather than a loader's: files come from anywhere, and what loaders do with
missing numbers, entities and paths differs. Python's XML parser fetches nothing.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from reel2sim.importers import shapes
from reel2sim.importers.description import DescribedJoint, DescribedLink, Description
from reel2sim.importers.roots import Roots
from reel2sim.scene import Inertial, JointType, Mimic, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import pose

_TYPES = {
    "fixed": JointType.FIXED,
    "revolute": JointType.REVOLUTE,
    "continuous": JointType.CONTINUOUS,
    "prismatic": JointType.PRISMATIC,
}
_LOOSE = ("floating", "planar")
_MOST_BYTES = 64 * 2**20
_SAME_COLOR = 1 / 127
"""Distance of colours that are the same in eight bits."""


def read_urdf(path: Path, roots: Roots) -> Description:
    """Read the URDF at ``path``.

    Args:
        path: the file.
        roots: where its meshes may be.

    Raises:
        InputError: if it is no URDF, or a mesh cannot be read; it names file and element.
    """
    root = _parsed(path)
    reader = _Reader(path, roots, _materials(path, root))
    links = tuple(reader.link(e) for e in root.findall("link"))
    if not links:
        raise InputError("has no <link>", source=path)
    joints = tuple(reader.joint(e) for e in root.findall("joint"))
    return Description(root.get("name") or path.stem, links, joints, notes=tuple(reader.notes))


def _parsed(path: Path) -> ET.Element:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"is over {_MOST_BYTES // 2**20} MiB", source=path)
        root = ET.fromstring(path.read_bytes())
    except (OSError, ET.ParseError, ValueError, LookupError) as cause:
        raise InputError(f"is not XML: {cause}", source=path) from cause
    if root.tag != "robot":
        raise InputError(f"its root element is <{root.tag}>, not <robot>", source=path)
    return root


def _materials(path: Path, root: ET.Element) -> dict[str, Array]:
    """Colours by the name of their material, of the whole file."""
    found: dict[str, Array] = {}
    for element in root.iter("material"):
        color = element.find("color")
        if color is not None and element.get("name"):
            found[element.get("name", "")] = _vector(path, color, "rgba", 4)[:3]
    return found


class _Reader:
    """Turns elements of one file into links and joints, and keeps notes."""

    def __init__(self, path: Path, roots: Roots, colors: Mapping[str, Array]) -> None:
        self.path, self.roots, self.colors = path, roots, colors
        self.notes: list[str] = []

    def link(self, element: ET.Element) -> DescribedLink:
        """A ``<link>``."""
        name = self._name(element)
        visuals = [m for e in element.findall("visual") for m in self._shape(e, name)]
        pieces = [m for e in element.findall("collision") for m in self._shape(e, name)]
        inertial = element.find("inertial")
        body, mass = (None, None) if inertial is None else self._inertial(inertial)
        return DescribedLink(
            name,
            tuple(visuals),
            tuple(pieces),
            body,
            mass,
            friction=self._contact(element, "lateral_friction"),
            restitution=self._contact(element, "restitution"),
        )

    def joint(self, element: ET.Element) -> DescribedJoint:
        """A ``<joint>``."""
        name, kind = self._name(element), element.get("type", "")
        if kind not in _TYPES:
            remedy = "split it into one-axis joints" if kind in _LOOSE else None
            raise InputError(
                f"joint {name} has the type {kind!r}", source=self.path, field=name, remedy=remedy
            )
        axis = element.find("axis")
        limit, dynamics, mimic = (element.find(tag) for tag in ("limit", "dynamics", "mimic"))
        bounds = None
        if limit is not None and kind in ("revolute", "prismatic"):
            bounds = self._number(limit, "lower", 0.0), self._number(limit, "upper", 0.0)
        return DescribedJoint(
            name=name,
            type=_TYPES[kind],
            parent=self._end(element, "parent", name),
            child=self._end(element, "child", name),
            T_parent_child=self._origin(element),
            axis=np.array([1.0, 0, 0]) if axis is None else _vector(self.path, axis, "xyz", 3),
            bounds=bounds,
            effort=None if limit is None else self._maybe(limit, "effort"),
            velocity=None if limit is None else self._maybe(limit, "velocity"),
            damping=0.0 if dynamics is None else self._number(dynamics, "damping", 0.0),
            friction=0.0 if dynamics is None else self._number(dynamics, "friction", 0.0),
            mimic=None if mimic is None else self._mimic(mimic),
        )

    def _shape(self, element: ET.Element, link: str) -> list[TriangleMesh]:
        geometry = element.find("geometry")
        shape = None if geometry is None or not len(geometry) else geometry[0]
        if shape is None:
            self.notes.append(f"{link} has a {element.tag} without a shape, which is left out")
            return []
        scale = np.ones(3)
        if shape.tag == "mesh":
            file = self.roots.find(shape.get("filename", ""), base=self.path.parent)
            meshes = shapes.read_mesh(file, self.roots)
            if shape.get("scale") is not None:
                scale = _vector(self.path, shape, "scale", 3)
        else:
            meshes = [self._primitive(shape, link)]
        T, color = self._origin(element), self._color(element)
        return [shapes.placed(m, T, scale, _without_own(color, m)) for m in meshes]

    def _primitive(self, shape: ET.Element, link: str) -> trimesh.Trimesh:
        if shape.tag == "box":
            return shapes.box(_vector(self.path, shape, "size", 3))
        if shape.tag == "sphere":
            return shapes.sphere(self._number(shape, "radius", 0.0))
        if shape.tag == "cylinder":
            radius = self._number(shape, "radius", 0.0)
            return shapes.cylinder(radius, self._number(shape, "length", 0.0))
        raise InputError(f"link {link} has the shape <{shape.tag}>", source=self.path, field=link)

    def _color(self, element: ET.Element) -> Array | None:
        material = element.find("material")
        if material is None:
            return None
        color = material.find("color")
        if color is not None:
            return _vector(self.path, color, "rgba", 4)[:3]
        return self.colors.get(material.get("name", ""))

    def _contact(self, link: ET.Element, tag: str) -> float | None:
        """A coefficient of PyBullet's ``<contact>``; None where there is none, or no such one."""
        found = link.find(f"contact/{tag}")
        value = None if found is None else self._maybe(found, "value")
        return value if value is not None and value >= 0 else None

    def _inertial(self, element: ET.Element) -> tuple[Inertial | None, float | None]:
        """Mass properties, and the mass alone where the rest is of no body."""
        mass, tensor = element.find("mass"), element.find("inertia")
        weight = 0.0 if mass is None else self._number(mass, "value", 0.0)
        if not weight > 0 or tensor is None:
            return None, weight if weight > 0 else None
        ixx, ixy, ixz, iyy, iyz, izz = (
            self._number(tensor, key, 0.0) for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
        )
        I = np.array([[ixx, ixy, ixz], [ixy, iyy, iyz], [ixz, iyz, izz]])  # noqa: E741
        T = self._origin(element)
        R = T[:3, :3]
        try:
            return Inertial(weight, T[:3, 3], R @ I @ R.T), weight
        except InputError:
            return None, weight

    def _mimic(self, element: ET.Element) -> Mimic:
        return Mimic(
            element.get("joint", ""),
            self._number(element, "multiplier", 1.0),
            self._number(element, "offset", 0.0),
        )

    def _origin(self, element: ET.Element) -> Array:
        """The frame of an element; zeros, with a note, for numbers that are none.

        Loaders pass over such numbers, as those that xacro left behind.
        """
        origin = element.find("origin")
        if origin is None:
            return np.eye(4)
        found = {"xyz": np.zeros(3), "rpy": np.zeros(3)}
        for key in found:
            if origin.get(key) is None:
                continue
            try:
                found[key] = _vector(self.path, origin, key, 3)
            except InputError as cause:
                self.notes.append(f"{element.get('name', element.tag)}: {cause.message}; zeros")
        return pose(Rotation.from_euler("xyz", found["rpy"]).as_matrix(), found["xyz"])

    def _name(self, element: ET.Element) -> str:
        name = element.get("name")
        if not name:
            raise InputError(f"a <{element.tag}> has no name", source=self.path)
        return name

    def _end(self, element: ET.Element, tag: str, joint: str) -> str:
        end = element.find(tag)
        if end is None or not end.get("link"):
            raise InputError(f"joint {joint} has no {tag}", source=self.path, field=joint)
        return end.get("link", "")

    def _maybe(self, element: ET.Element, key: str) -> float | None:
        return None if element.get(key) is None else self._number(element, key, 0.0)

    def _number(self, element: ET.Element, key: str, default: float) -> float:
        text = element.get(key)
        return default if text is None else _numbers(self.path, element, key, text, 1)[0]


def _without_own(color: Array | None, mesh: trimesh.Trimesh) -> Array | None:
    """The colour of a material; None where it is but the mean of the mesh's own colours.

    It is then there for loaders that read none from vertices.
    """
    own = shapes.vertex_colors(mesh)
    if color is None or own is None or np.abs(own.mean(axis=0) - color).max() > _SAME_COLOR:
        return color
    return None


def _vector(path: Path, element: ET.Element, key: str, count: int) -> Array:
    return np.array(_numbers(path, element, key, element.get(key, ""), count))


def _numbers(path: Path, element: ET.Element, key: str, text: str, count: int) -> list[float]:
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        found = []
    if len(found) != count or not np.isfinite(found).all():
        wanted = "a finite number" if count == 1 else f"{count} finite numbers"
        raise InputError(
            f"<{element.tag}> has {key}={text!r}, not {wanted}", source=path, field=key
        )
    return found
