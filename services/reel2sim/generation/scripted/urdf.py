"""Scripted objects as URDF: what physics engines load, and a second opinion on where parts are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import numpy as np

from reel2sim.generation.scripted.kinematics import ObjectSpec, Part
from reel2sim.generation.scripted.solids import Solid
from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import JointType

_DENSITY: Final = {
    "wood": 600.0, "metal": 2000.0, "plastic": 900.0, "paint": 700.0, "rubber": 1100.0,
    "stone": 2400.0, "ceramic": 2300.0, "fabric": 300.0, "glass": 2500.0,
}  # fmt: skip
"""kg/m³; metal is that of sheet around air."""


def write_urdf(spec: ObjectSpec, folder: Path) -> Path:
    """Write ``object.urdf`` and a mesh for every solid into ``folder``; the path of the URDF.

    Links are parts, named alike; the joint above a part is called ``{part}_joint``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    robot = ElementTree.Element("robot", name=spec.name)
    for part in spec.parts:
        _link(robot, spec, part, folder)
    for part in spec.parts[1:]:
        _joint(robot, spec, part)
    # PyBullet breaks lines of more than 1 KiB anywhere, even within a name.
    ElementTree.indent(robot)
    path = folder / "object.urdf"
    ElementTree.ElementTree(robot).write(path, encoding="utf-8", xml_declaration=True)
    return path


def mass_properties(spec: ObjectSpec, part: Part) -> tuple[float, Array, Array]:
    """Mass (kg), centre ``(3,)`` (m, part frame) and inertia about it ``(3, 3)`` (kg·m²).

    Overlapping solids count twice.
    """
    import trimesh

    masses: list[float] = []
    centres: list[Array] = []
    tensors: list[Array] = []
    for solid in part.solids:
        mesh = trimesh.Trimesh(solid.vertices - np.asarray(part.pivot), solid.faces, process=False)
        found = mesh.mass_properties
        density = _DENSITY.get(spec.surfaces[solid.surface].material, 900.0)
        masses.append(density * float(found.volume))
        centres.append(np.asarray(found.center_mass))
        tensors.append(density * np.asarray(found.inertia))
    mass = sum(masses)
    centre = np.average(centres, axis=0, weights=masses)
    inertia = np.zeros((3, 3))
    for m, c, tensor in zip(masses, centres, tensors, strict=True):
        d = c - centre
        inertia += tensor + m * (d @ d * np.eye(3) - np.outer(d, d))
    return mass, centre, inertia


def _link(robot: ElementTree.Element, spec: ObjectSpec, part: Part, folder: Path) -> None:
    link = ElementTree.SubElement(robot, "link", name=part.name)
    mass, centre, tensor = mass_properties(spec, part)
    inertial = ElementTree.SubElement(link, "inertial")
    _origin(inertial, centre)
    ElementTree.SubElement(inertial, "mass", value=f"{mass:.9g}")
    names = ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
    values = tensor[np.triu_indices(3)]
    # Thin sheets have moments that engines take for zero.
    values = np.where(np.array([n[1] == n[2] for n in names]), np.maximum(values, 1e-9), values)
    ElementTree.SubElement(
        inertial, "inertia", {n: f"{v:.9g}" for n, v in zip(names, values, strict=True)}
    )
    for k, solid in enumerate(part.solids):
        name = f"{part.name}_{k}.obj"
        (folder / name).write_text(_obj(solid, np.asarray(part.pivot)), "utf-8")
        for kind in ("visual", "collision"):
            element = ElementTree.SubElement(link, kind)
            _origin(element, np.zeros(3))
            geometry = ElementTree.SubElement(element, "geometry")
            ElementTree.SubElement(geometry, "mesh", filename=name)


def _obj(solid: Solid, pivot: Array) -> str:
    lines = ["v " + " ".join(f"{x:.9f}" for x in v) for v in solid.vertices - pivot]
    lines += ["f " + " ".join(str(i + 1) for i in f) for f in solid.faces]
    return "\n".join(lines) + "\n"


def _joint(robot: ElementTree.Element, spec: ObjectSpec, part: Part) -> None:
    kind = part.joint.value
    joint = ElementTree.SubElement(robot, "joint", name=f"{part.name}_joint", type=kind)
    ElementTree.SubElement(joint, "parent", link=part.parent)
    ElementTree.SubElement(joint, "child", link=part.name)
    _origin(joint, np.asarray(part.pivot) - np.asarray(spec.part(part.parent).pivot))
    if part.joint is JointType.FIXED:
        return
    ElementTree.SubElement(joint, "axis", xyz=_text(part.axis))
    bounds = {"effort": "200", "velocity": "50"}
    if part.joint is not JointType.CONTINUOUS:
        slack = 0.05 * (part.limits[1] - part.limits[0])
        bounds |= {
            "lower": f"{part.limits[0] - slack:.9f}",
            "upper": f"{part.limits[1] + slack:.9f}",
        }
    ElementTree.SubElement(joint, "limit", bounds)
    ElementTree.SubElement(joint, "dynamics", damping="0.02", friction="0")


def _origin(element: ElementTree.Element, xyz: Array) -> None:
    ElementTree.SubElement(element, "origin", xyz=_text(xyz), rpy="0 0 0")


def _text(values: Sequence[float] | Array) -> str:
    return " ".join(f"{float(x):.12g}" for x in values)
