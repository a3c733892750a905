"""URDF: one file and its OBJ meshes, readable by PyBullet, MuJoCo, Newton and yourdfpy.

Every link has an inertial and every moving joint a limit, because loaders disagree on what a
missing one means. Paths are relative to the file. The ``<mujoco>`` element keeps MuJoCo from
dropping mesh folders, visuals and links on fixed joints; the others ignore it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from reel2sim.exporters.joints import require_expressible
from reel2sim.exporters.names import MeshNames, mesh_names
from reel2sim.exporters.obj import mean_color, write_obj
from reel2sim.scene import Joint, JointType, Link, RiggedAsset
from reel2sim.scene.arrays import Array

VISUAL_FOLDER = "meshes/visual"
COLLISION_FOLDER = "meshes/collision"


def write_urdf(asset: RiggedAsset, path: Path) -> None:
    """Write ``asset`` to ``path`` and its meshes to ``meshes/`` beside it.

    The root link's frame is placed by ``base_pose`` of ``motion.json``; the file itself holds no
    world link, so that a loader decides whether the base is fixed.

    Raises:
        ExportError: if a joint cannot be said in URDF.
    """
    require_expressible(asset, format="URDF")
    names = mesh_names(asset)
    write_meshes(asset, path.parent)
    robot = ET.Element("robot", name=asset.name)
    mujoco = ET.SubElement(robot, "mujoco")
    ET.SubElement(
        mujoco,
        "compiler",
        strippath="false",
        discardvisual="false",
        fusestatic="false",
        balanceinertia="false",
    )
    for link in asset.links:
        robot.append(_link(link, names[link.name]))
    for joint in asset.joints:
        robot.append(_joint(joint))
    ET.indent(robot)
    text = ET.tostring(robot, encoding="unicode", short_empty_elements=True)
    path.write_text(f'<?xml version="1.0"?>\n{text}\n', encoding="utf-8")


def write_meshes(asset: RiggedAsset, folder: Path) -> None:
    """Write all visual and collision meshes as OBJ into ``meshes/`` under ``folder``."""
    names = mesh_names(asset)
    for sub in (VISUAL_FOLDER, COLLISION_FOLDER):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for link in asset.links:
        stems = names[link.name]
        if len(link.visual.faces):
            write_obj(folder / VISUAL_FOLDER / f"{stems.visual}.obj", link.visual)
        for stem, piece in zip(stems.collision, link.collision, strict=True):
            write_obj(folder / COLLISION_FOLDER / f"{stem}.obj", piece, material=False)


def _link(link: Link, stems: MeshNames) -> ET.Element:
    element = ET.Element("link", name=link.name)
    inertial = ET.SubElement(element, "inertial")
    ET.SubElement(inertial, "origin", xyz=_numbers(link.inertial.center), rpy="0 0 0")
    ET.SubElement(inertial, "mass", value=repr(float(link.inertial.mass)))
    I = link.inertial.inertia  # noqa: E741
    moments = {"ixx": I[0, 0], "ixy": I[0, 1], "ixz": I[0, 2]}
    moments |= {"iyy": I[1, 1], "iyz": I[1, 2], "izz": I[2, 2]}
    ET.SubElement(inertial, "inertia", {k: repr(float(v)) for k, v in moments.items()})
    if len(link.visual.faces):
        visual = _shape(element, "visual", f"{VISUAL_FOLDER}/{stems.visual}.obj")
        material = ET.SubElement(visual, "material", name=f"{link.name}_color")
        color = " ".join(f"{c:.4f}" for c in mean_color(link.visual))
        ET.SubElement(material, "color", rgba=f"{color} 1")
    for stem in stems.collision:
        _shape(element, "collision", f"{COLLISION_FOLDER}/{stem}.obj")
    # PyBullet's extension: the standard has no place for contact properties.
    contact = ET.SubElement(element, "contact")
    ET.SubElement(contact, "lateral_friction", value=repr(float(link.material.friction)))
    ET.SubElement(contact, "restitution", value=repr(float(link.material.restitution)))
    return element


def _shape(parent: ET.Element, tag: str, file: str) -> ET.Element:
    shape = ET.SubElement(parent, tag)
    ET.SubElement(shape, "origin", xyz="0 0 0", rpy="0 0 0")
    ET.SubElement(ET.SubElement(shape, "geometry"), "mesh", filename=file, scale="1 1 1")
    return shape


def _joint(joint: Joint) -> ET.Element:
    element = ET.Element("joint", name=joint.name, type=joint.type.value)
    ET.SubElement(element, "parent", link=joint.parent)
    ET.SubElement(element, "child", link=joint.child)
    ET.SubElement(element, "origin", xyz=_numbers(joint.origin), rpy="0 0 0")
    if joint.type is JointType.FIXED:
        return element
    ET.SubElement(element, "axis", xyz=_numbers(joint.axis))
    limit = {}
    if joint.type is not JointType.CONTINUOUS:
        limit |= {"lower": joint.limits.lower, "upper": joint.limits.upper}
    limit |= {"effort": joint.limits.effort, "velocity": joint.limits.velocity}
    ET.SubElement(element, "limit", {k: repr(float(v)) for k, v in limit.items()})
    ET.SubElement(
        element,
        "dynamics",
        damping=repr(float(joint.damping)),
        friction=repr(float(joint.friction)),
    )
    if joint.mimic is not None:
        ET.SubElement(
            element,
            "mimic",
            joint=joint.mimic.joint,
            multiplier=repr(float(joint.mimic.multiplier)),
            offset=repr(float(joint.mimic.offset)),
        )
    return element


def _numbers(values: Array) -> str:
    return " ".join(repr(float(v)) for v in np.asarray(values) + 0.0)
