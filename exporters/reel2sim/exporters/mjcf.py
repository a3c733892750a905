"""MJCF: the asset as MuJoCo's own format, sharing the URDF's meshes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from reel2sim.exporters.joints import require_expressible
from reel2sim.exporters.names import MeshNames, free_name, mesh_names
from reel2sim.exporters.obj import mean_color
from reel2sim.exporters.urdf import COLLISION_FOLDER, VISUAL_FOLDER
from reel2sim.scene import Joint, JointType, Link, RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.contacts import meeting_links
from reel2sim.scene.errors import ExportError
from reel2sim.scene.transforms import pose_to_vector
from reel2sim.scene.world import EARTH_GRAVITY

LINK_ORDER, FIXED_JOINTS = "link_order", "fixed_joints"
"""Names of texts."""
_VISUAL_GROUP, _COLLISION_GROUP = "2", "3"


def write_mjcf(asset: RiggedAsset, path: Path) -> None:
    """Write ``asset`` to ``path``; :func:`reel2sim.exporters.urdf.write_meshes` writes the meshes.

    Raises:
        ExportError: if a joint cannot be said in MJCF.
    """
    write_model(mjcf_model(asset), path)


def write_model(model: ET.Element, path: Path) -> None:
    """Write an MJCF document."""
    ET.indent(model)
    path.write_text(ET.tostring(model, encoding="unicode") + "\n", encoding="utf-8")


def mjcf_model(asset: RiggedAsset) -> ET.Element:
    """``asset`` as the ``<mujoco>`` element, its meshes in the folders beside the file.

    Every moving joint has a motor of unit gear, so that a control is a force or torque; only one
    that follows another has an equality constraint instead. MJCF has no speed limit of a joint.
    Colours are one per link: MuJoCo reads none from vertices. Keyframes are states of the reel.
    Texts of the file hold what its tree of bodies has no place for: the order of the links
    (:data:`LINK_ORDER`) and the names of fixed joints, as ``child:joint`` (:data:`FIXED_JOINTS`).

    Raises:
        ExportError: if a joint cannot be said in MJCF, or a link has the name of its world.
    """
    require_expressible(asset, format="MJCF")
    if "world" in asset.link_index:
        raise ExportError(
            "MuJoCo keeps this name for itself", source="world", remedy="rename the link"
        )
    names = mesh_names(asset)
    root = ET.Element("mujoco", model=asset.name)
    add_options(root, np.array(EARTH_GRAVITY))
    _keep_names(root, asset)
    assets = ET.SubElement(root, "asset")
    for link in asset.links:
        _declare_meshes(assets, link, names[link.name])
    world = ET.SubElement(root, "worldbody")
    ET.SubElement(world, "light", pos="0 0 3", dir="0 0 -1", directional="true")
    bodies = {asset.links[0].name: _root_body(world, asset)}
    for joint in asset.joints:
        body = ET.SubElement(
            bodies[joint.parent], "body", name=joint.child, pos=numbers(joint.origin)
        )
        bodies[joint.child] = body
        if joint.type is not JointType.FIXED:
            body.append(_joint(joint))
    for link in asset.links:
        _fill_body(bodies[link.name], link, names[link.name])
    _exclude_contacts(root, asset)
    _couple_joints(root, asset)
    _add_motors(root, asset)
    _add_keyframes(root, asset)
    return root


def add_options(root: ET.Element, gravity: Array) -> None:
    """How the file is to be read, and gravity."""
    ET.SubElement(root, "compiler", angle="radian", autolimits="true", inertiafromgeom="false")
    ET.SubElement(root, "option", gravity=numbers(gravity))


def _keep_names(root: ET.Element, asset: RiggedAsset) -> None:
    fixed = [j for j in asset.joints if j.type is JointType.FIXED]
    texts = {
        LINK_ORDER: " ".join(link.name for link in asset.links),
        FIXED_JOINTS: " ".join(f"{joint.child}:{joint.name}" for joint in fixed),
    }
    custom = ET.SubElement(root, "custom")
    for name in (name for name in texts if texts[name]):
        ET.SubElement(custom, "text", name=name, data=texts[name])


def _declare_meshes(assets: ET.Element, link: Link, stems: MeshNames) -> None:
    files = [(stem, COLLISION_FOLDER) for stem in stems.collision]
    if len(link.visual.faces):
        files.insert(0, (stems.visual, VISUAL_FOLDER))
    for stem, folder in files:
        ET.SubElement(assets, "mesh", name=stem, file=f"{folder}/{stem}.obj")


def _root_body(world: ET.Element, asset: RiggedAsset) -> ET.Element:
    start = pose_to_vector(asset.motion.base_poses[0])
    body = ET.SubElement(
        world, "body", name=asset.links[0].name, pos=numbers(start[:3]), quat=numbers(start[3:])
    )
    if not asset.fixed_base:
        name = free_name("root", [joint.name for joint in asset.joints])
        ET.SubElement(body, "freejoint", name=name)
    return body


def _joint(joint: Joint) -> ET.Element:
    effort = float(joint.limits.effort)
    attributes = {
        "name": joint.name,
        "type": "hinge" if joint.type.angular else "slide",
        "axis": numbers(joint.axis),
        "damping": repr(float(joint.damping)),
        "frictionloss": repr(float(joint.friction)),
        "actuatorfrcrange": f"{-effort!r} {effort!r}",
    }
    # MuJoCo refuses an empty range; a joint that may not move at all is held by a sliver.
    low, high = float(joint.limits.lower), float(joint.limits.upper)
    if joint.type is not JointType.CONTINUOUS:
        high = max(high, low + 1e-6)
        attributes["range"] = f"{low!r} {high!r}"
    return ET.Element("joint", attributes)


def _fill_body(body: ET.Element, link: Link, stems: MeshNames) -> None:
    I = link.inertial.inertia  # noqa: E741
    moments = np.array([I[0, 0], I[1, 1], I[2, 2], I[0, 1], I[0, 2], I[1, 2]])
    inertial = ET.Element(
        "inertial",
        pos=numbers(link.inertial.center),
        mass=repr(float(link.inertial.mass)),
        fullinertia=numbers(moments),
    )
    geoms: list[ET.Element] = []
    if len(link.visual.faces):
        color = " ".join(f"{c:.4f}" for c in mean_color(link.visual))
        common = {"contype": "0", "conaffinity": "0", "group": _VISUAL_GROUP}
        geoms.append(_geom(stems.visual, {**common, "rgba": f"{color} 1"}))
    friction = f"{float(link.material.friction)!r} 0.005 0.0001"
    for stem in stems.collision:
        geoms.append(_geom(stem, {"group": _COLLISION_GROUP, "friction": friction}))
    # Its own parts first, then the bodies that hang on it.
    at = sum(1 for child in body if child.tag in ("joint", "freejoint"))
    for offset, element in enumerate([inertial, *geoms]):
        body.insert(at + offset, element)


def _geom(mesh: str, attributes: dict[str, str]) -> ET.Element:
    return ET.Element("geom", {"type": "mesh", "mesh": mesh, **attributes})


def _exclude_contacts(root: ET.Element, asset: RiggedAsset) -> None:
    """Let no joint's two sides collide.

    MuJoCo leaves out parent and child by itself, but not where the parent is welded to the world.
    """
    contact = ET.SubElement(root, "contact")
    for first, second in meeting_links(asset):
        ET.SubElement(contact, "exclude", body1=first, body2=second)


def _couple_joints(root: ET.Element, asset: RiggedAsset) -> None:
    followers = [joint for joint in asset.joints if joint.mimic is not None]
    if not followers:
        return
    equality = ET.SubElement(root, "equality")
    for joint in followers:
        assert joint.mimic is not None
        line = np.array([joint.mimic.offset, joint.mimic.multiplier, 0.0, 0.0, 0.0])
        ET.SubElement(
            equality,
            "joint",
            name=f"{joint.name}_mimic",
            joint1=joint.name,
            joint2=joint.mimic.joint,
            polycoef=numbers(line),
        )


def _add_motors(root: ET.Element, asset: RiggedAsset) -> None:
    actuator = ET.SubElement(root, "actuator")
    for joint in asset.joints:
        if joint.type is not JointType.FIXED and joint.mimic is None:
            effort = float(joint.limits.effort)
            span = f"{-effort!r} {effort!r}"
            ET.SubElement(actuator, "motor", name=joint.name, joint=joint.name, ctrlrange=span)


def _add_keyframes(root: ET.Element, asset: RiggedAsset) -> None:
    """States of the reel by name: its first and last instant, and where each joint was farthest.

    MuJoCo orders positions as joints come in the file, from a free root's pose on.
    """
    motion = asset.motion
    farthest = {
        f"{name}_farthest": int(np.abs(motion.positions[name]).argmax())
        for name in motion.positions
        if np.ptp(motion.positions[name]) > 0
    }
    keyframe = ET.SubElement(root, "keyframe")
    moving = [element.get("name", "") for element in root.iter("joint") if element.get("axis")]
    for name, i in {"first_frame": 0, "last_frame": len(motion.times_s) - 1, **farthest}.items():
        base = [] if asset.fixed_base else [*pose_to_vector(motion.base_poses[i])]
        q = [*base, *(motion.positions[joint][i] for joint in moving)]
        record = {"name": name, "time": repr(float(motion.times_s[i]))}
        if q:
            record["qpos"] = numbers(np.array(q))
        ET.SubElement(keyframe, "key", record)


def numbers(values: Array) -> str:
    """Numbers as MJCF writes a vector."""
    return " ".join(repr(float(v)) for v in np.asarray(values) + 0.0)
