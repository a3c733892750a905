"""SRDF: what planners need beside a URDF: the root's joint, and which links never collide."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from reel2sim.exporters.joints import require_expressible
from reel2sim.exporters.names import free_name
from reel2sim.scene import JointType, RiggedAsset
from reel2sim.scene.contacts import held_links, meeting_links


def write_srdf(asset: RiggedAsset, path: Path) -> None:
    """Write the semantic description that goes with :func:`reel2sim.exporters.urdf.write_urdf`.

    Moving joints are the planning group ``joints``, where the reel begins its state
    ``first_frame``. Pairs of links that must not collide carry MoveIt's reasons: ``Adjacent`` for
    those that a joint holds together, ``Default`` for those whose shapes are in each other where
    the reel shows them.

    Raises:
        ExportError: if a joint cannot be said in URDF.
    """
    require_expressible(asset, format="SRDF")
    robot = ET.Element("robot", name=asset.name)
    ET.SubElement(
        robot,
        "virtual_joint",
        name=free_name("world_joint", [joint.name for joint in asset.joints]),
        type="fixed" if asset.fixed_base else "floating",
        parent_frame="world",
        child_link=asset.links[0].name,
    )
    driven = [j.name for j in asset.joints if j.type is not JointType.FIXED and j.mimic is None]
    if driven:
        group = ET.SubElement(robot, "group", name="joints")
        state = ET.SubElement(robot, "group_state", name="first_frame", group="joints")
        for name in driven:
            ET.SubElement(group, "joint", name=name)
            q = float(asset.motion.positions[name][0]) + 0.0
            ET.SubElement(state, "joint", name=name, value=repr(q))
    held = set(held_links(asset))
    for first, second in meeting_links(asset):
        reason = "Adjacent" if (first, second) in held else "Default"
        ET.SubElement(robot, "disable_collisions", link1=first, link2=second, reason=reason)
    ET.indent(robot)
    text = ET.tostring(robot, encoding="unicode")
    path.write_text(f'<?xml version="1.0"?>\n{text}\n', encoding="utf-8")
