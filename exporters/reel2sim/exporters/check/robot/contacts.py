"""Which links never collide, as SRDF, MJCF and USD tell it: they must tell the same."""

# MuJoCo and usd-core fill their modules at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot

SRDF = "scene.srdf"
_SHOWN = 3
"""Pairs that a finding names."""

Pairs = set[frozenset[str]]


def check_contacts(
    notes: Notes, there: set[str], robot: Robot, replay: Replay | None = None
) -> None:
    """Note what is wrong with ``scene.srdf``, and where other formats let other pairs collide.

    Links without colliders are left out: nothing collides with them anyway.
    """
    if SRDF not in there:
        return
    told: Pairs | None = None
    with notes.guard("PAIR001", SRDF):
        told = _srdf_pairs(notes.root / SRDF, robot)
    if told is None:
        return
    with notes.guard("PAIR004", SRDF):
        _check_states(notes, robot, replay)
    solid = {link.name for link in robot.links if link.collisions}
    told = {pair for pair in told if pair <= solid}
    others: dict[str, tuple[str, Callable[[Path], Pairs]]] = {
        "scene.xml": ("PAIR002", _mjcf_pairs),
        "usd/scene/scene.usda": ("PAIR003", _usd_pairs),
    }
    for name, (check, read) in others.items():
        if name not in there:
            continue
        with notes.guard(check, name):
            differ = told ^ {pair for pair in read(notes.root / name) if pair <= solid}
            if differ:
                shown = sorted(" and ".join(sorted(pair)) for pair in differ)
                more = f", and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
                text = f"differs from {SRDF} in {', '.join(shown[:_SHOWN])}{more}"
                notes.add(check, name, text)


def _srdf_pairs(path: Path, robot: Robot) -> Pairs:
    """Pairs with collisions disabled.

    Raises:
        ValueError: if the file is no SRDF of ``robot``.
        xml.etree.ElementTree.ParseError: if it is not XML.
    """
    root = ET.parse(path).getroot()
    if root.tag != "robot" or root.get("name") != robot.name:
        raise ValueError(f"is not about a robot of the name {robot.name!r}")
    links = {link.name for link in robot.links}
    joints = {joint.name for joint in robot.joints}
    for element in root.iter("virtual_joint"):
        _known(element, "child_link", links)
    for element in root.findall("group/joint") + root.findall("group_state/joint"):
        _known(element, "name", joints)
    pairs: Pairs = set()
    for element in root.findall("disable_collisions"):
        pair = frozenset((_known(element, "link1", links), _known(element, "link2", links)))
        if len(pair) < 2:
            raise ValueError(f"disables collisions of {min(pair)} with itself")
        pairs.add(pair)
    return pairs


def _check_states(notes: Notes, robot: Robot, replay: Replay | None) -> None:
    """The group is of all joints that lead; ``first_frame`` is where the motion begins."""
    root = ET.parse(notes.root / SRDF).getroot()
    leaders = {joint.name for joint in robot.moving if joint.mimic is None}
    grouped = {element.get("name") for element in root.findall("group/joint")}
    if grouped != leaders:
        odd = ", ".join(sorted(str(name) for name in grouped ^ leaders))
        notes.add("PAIR004", SRDF, f"groups and URDF disagree on {odd}")
    if replay is None:
        return
    for element in root.findall("group_state[@name='first_frame']/joint"):
        name, value = element.get("name", ""), float(element.get("value", "nan"))
        q = replay.positions.get(name)
        if q is not None and not abs(value - q[0]) <= 1e-5 * max(1.0, abs(q[0])):
            text = f"first_frame is {value:.6g}, in the motion {q[0]:.6g}"
            notes.add("PAIR004", f"{SRDF}: {name}", text)


def _known(element: ET.Element, key: str, names: set[str]) -> str:
    name = element.get(key)
    if name not in names:
        raise ValueError(f"<{element.tag}> has {key}={name!r}, which the URDF does not have")
    return name


def _mjcf_pairs(path: Path) -> Pairs:
    import mujoco

    spec = mujoco.MjSpec.from_file(str(path))
    return {frozenset((pair.bodyname1, pair.bodyname2)) for pair in spec.excludes}


def _usd_pairs(path: Path) -> Pairs:
    """Pairs that a joint joins without collision, and pairs that are filtered."""
    from pxr import Usd, UsdPhysics

    stage = Usd.Stage.Open(str(path))
    stage.Reload()
    pairs: Pairs = set()
    for prim in stage.Traverse():
        if prim.IsA(UsdPhysics.Joint):
            joint = UsdPhysics.Joint(prim)
            ends = [*joint.GetBody0Rel().GetTargets(), *joint.GetBody1Rel().GetTargets()]
            if len(ends) == 2 and not joint.GetCollisionEnabledAttr().Get():
                pairs.add(frozenset(end.name for end in ends))
        if prim.HasAPI(UsdPhysics.FilteredPairsAPI):
            targets = UsdPhysics.FilteredPairsAPI(prim).GetFilteredPairsRel().GetTargets()
            pairs |= {frozenset((prim.GetName(), target.name)) for target in targets}
    return pairs
