"""What a loader understood of the object, in one form, and how it compares with the URDF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import (
    ANGULAR,
    Body,
    Robot,
    RobotJoint,
    RobotLink,
    RobotMimic,
)
from reel2sim.scene.arrays import Array

TOLERANCE = 1e-5
"""Largest difference of poses: metres, and entries of rotation matrices."""
_NUMBERS = 1e-4
"""Relative difference of masses and limits: some formats keep single precision."""

JointKind = Literal["fixed", "hinge", "slide", "other"]
Contact = tuple[float | None, float | None]
"""Friction and restitution; None where the format or loader says nothing."""


@dataclass(frozen=True)
class JointReading:
    """A joint in SI units and radians; None where the format or loader says nothing."""

    kind: JointKind
    lower: float | None = None
    upper: float | None = None
    effort: float | None = None
    velocity: float | None = None
    damping: float | None = None
    friction: float | None = None
    stiffness: float = 0.0


@dataclass(frozen=True, eq=False)
class Reading:
    """What one loader understood.

    Attributes:
        loader: its name, for people.
        where: the file it read.
        poses: ``T_root_link`` ``(s, 4, 4)`` by link, at the states asked for.
        bodies: mass properties by link, as far as the loader tells them.
        joints: by name.
        mimics: what follows what, by follower; None if the loader knows no such thing.
        contacts: friction and restitution of each collider, by link, as far as it tells them.
    """

    loader: str
    where: str
    poses: Mapping[str, Array]
    bodies: Mapping[str, Body] = field(default_factory=dict[str, Body])
    joints: Mapping[str, JointReading] = field(default_factory=dict[str, JointReading])
    mimics: Mapping[str, RobotMimic] | None = None
    contacts: Mapping[str, list[Contact]] = field(default_factory=dict[str, "list[Contact]"])


@dataclass(frozen=True)
class Ids:
    """Which checks a reading can fail: names, poses, masses, limits, coupled joints, losses."""

    tree: str
    poses: str
    masses: str
    limits: str
    mimics: str
    losses: str
    contacts: str


URDF_IDS = Ids("TREE001", "KIN001", "MASS001", "LIM001", "MIM001", "DYN001", "MAT001")
MJCF_IDS = Ids("TREE002", "KIN002", "MASS002", "LIM002", "MIM002", "DYN002", "MAT002")
USD_IDS = Ids("TREE003", "KIN003", "MASS003", "LIM003", "MIM003", "DYN003", "MAT003")


def compare(
    notes: Notes, robot: Robot, expected: Mapping[str, Array] | None, reading: Reading, ids: Ids
) -> None:
    """Note how ``reading`` differs from ``robot``, posed as ``expected`` if that is known."""
    where = f"{reading.where} ({reading.loader})"
    _compare_tree(notes, where, robot, reading, ids.tree)
    if expected is not None:
        compare_poses(notes, reading.loader, where, expected, reading.poses, ids.poses)
    for link in robot.links:
        found = reading.bodies.get(link.name)
        if link.body is not None and found is not None:
            _compare_body(notes, f"{where}: {link.name}", link.body, found, ids.masses)
    for joint in robot.moving:
        found = reading.joints.get(joint.name)
        if found is not None:
            _compare_limits(notes, f"{where}: {joint.name}", joint, found, ids.limits)
            _compare_losses(notes, f"{where}: {joint.name}", joint, found, ids.losses)
    for link in robot.links:
        for contact in reading.contacts.get(link.name, ()):
            _compare_contact(notes, f"{where}: {link.name}", link, contact, ids.contacts)
    if reading.mimics is not None:
        wanted = {j.name: j.mimic for j in robot.moving if j.mimic is not None}
        compare_mimics(notes, where, wanted, reading.mimics, ids.mimics)


def compare_mimics(
    notes: Notes,
    where: str,
    wanted: Mapping[str, RobotMimic],
    found: Mapping[str, RobotMimic],
    check: str,
) -> None:
    """Note joints that follow another leader, or by another line, than in the URDF."""
    for name in sorted(set(wanted) | set(found)):
        at = f"{where}: {name}"
        if name not in found:
            notes.add(check, at, f"follows nobody, in the URDF {wanted[name].joint}")
        elif name not in wanted:
            notes.add(check, at, f"follows {found[name].joint}, in the URDF nobody")
        elif found[name].joint != wanted[name].joint:
            text = f"follows {found[name].joint}, in the URDF {wanted[name].joint}"
            notes.add(check, at, text)
        else:
            for key in ("multiplier", "offset"):
                value, right = getattr(found[name], key), getattr(wanted[name], key)
                if not _close(value, right):
                    notes.add(check, at, f"{key} is {value:.6g}, in the URDF {right:.6g}")


def compare_poses(
    notes: Notes,
    loader: str,
    where: str,
    expected: Mapping[str, Array],
    found: Mapping[str, Array],
    check: str,
) -> None:
    """Note the link that is farthest from where it should be, if that is too far."""
    common = [name for name in expected if name in found]
    gaps = {name: float(np.abs(found[name] - expected[name]).max()) for name in common}
    # A pose that is no number counts as infinitely far.
    gaps = {name: gap if np.isfinite(gap) else float("inf") for name, gap in gaps.items()}
    worst = max(gaps, key=lambda name: gaps[name], default=None)
    if worst is None:
        return
    notes.agreement[loader] = max(notes.agreement.get(loader, 0.0), gaps[worst])
    if gaps[worst] > TOLERANCE:
        far = sum(gap > TOLERANCE for gap in gaps.values())
        notes.add(check, f"{where}: {worst}", f"is off by {gaps[worst]:.3g}; {far} links are off")


def compare_pairs(notes: Notes, readings: list[Reading]) -> None:
    """Note pairs of URDF loaders that disagree with each other."""
    for i, first in enumerate(readings):
        for second in readings[i + 1 :]:
            pair = f"{first.loader} – {second.loader}"
            compare_poses(
                notes, pair, f"{first.where} ({pair})", first.poses, second.poses, "KIN001"
            )


def _compare_tree(notes: Notes, where: str, robot: Robot, reading: Reading, check: str) -> None:
    links = {link.name for link in robot.links}
    for name in sorted(links - set(reading.poses)):
        notes.add(check, where, f"link {name} is missing, or no joint leads to it")
    for name in sorted((set(reading.poses) | set(reading.bodies)) - links):
        notes.add(check, where, f"link {name} is unexpected")
    joints = {joint.name: joint for joint in robot.joints}
    kept = {n for n, j in joints.items() if j.type != "fixed" or n in reading.joints}
    for name in sorted(kept ^ set(reading.joints)):
        notes.add(check, where, f"joint {name} is {'missing' if name in joints else 'unexpected'}")
    for name in sorted(kept & set(reading.joints)):
        wanted, found = _kind(joints[name]), reading.joints[name].kind
        if wanted != found:
            notes.add(check, f"{where}: {name}", f"is a {found} joint, in the URDF a {wanted} one")


def _kind(joint: RobotJoint) -> JointKind:
    if joint.type in ANGULAR:
        return "hinge"
    kinds: dict[str, JointKind] = {"fixed": "fixed", "prismatic": "slide"}
    return kinds.get(joint.type, "other")


def _compare_body(notes: Notes, where: str, wanted: Body, found: Body, check: str) -> None:
    if not _close(found.mass, wanted.mass):
        notes.add(check, where, f"mass is {found.mass:.6g} kg, in the URDF {wanted.mass:.6g}")
    gap = float(np.abs(found.center - wanted.center).max())
    if not gap <= TOLERANCE:
        notes.add(check, where, f"centre of mass is off by {gap:.3g} m")
    size = float(np.abs(wanted.inertia).max())
    gap = float(np.abs(found.inertia - wanted.inertia).max())
    if not gap <= 1e-3 * size:
        notes.add(check, where, f"inertia is off by {gap:.3g} kg·m², it is {size:.3g}")


def _compare_limits(
    notes: Notes, where: str, joint: RobotJoint, found: JointReading, check: str
) -> None:
    limit = joint.limit or {}
    keys = ["effort", "velocity"]
    if joint.type == "continuous":
        if found.lower is not None or found.upper is not None:
            notes.add(check, where, "is limited, in the URDF it is continuous")
    else:
        keys = ["lower", "upper", *keys]
    for key in keys:
        wanted, value = limit.get(key), getattr(found, key)
        if key in ("lower", "upper") and wanted is not None and value is None:
            notes.add(check, where, f"has no {key} limit, in the URDF it is {wanted:.6g}")
        elif wanted is not None and value is not None and not _close(value, wanted):
            notes.add(check, where, f"{key} is {value:.6g}, in the URDF {wanted:.6g}")


def _compare_losses(
    notes: Notes, where: str, joint: RobotJoint, found: JointReading, check: str
) -> None:
    for key in ("damping", "friction"):
        wanted, value = getattr(joint, key), getattr(found, key)
        # What is no number, or negative, is a finding of its own.
        if value is not None and 0 <= wanted < np.inf and not _alike(value, wanted):
            notes.add(check, where, f"{key} is {value:.6g}, in the URDF {wanted:.6g}")
    if found.stiffness:
        text = f"a spring of {found.stiffness:.6g} pulls it, in the URDF it is free"
        notes.add(check, where, text)


def _compare_contact(notes: Notes, where: str, link: RobotLink, found: Contact, check: str) -> None:
    """A value that a file should have and has not is NaN, and so is unlike any other."""
    for key, wanted, value in zip(("friction", "restitution"), link.contact, found, strict=True):
        if wanted is not None and value is not None and not _alike(value, wanted):
            notes.add(check, where, f"{key} is {value:.6g}, in the URDF {wanted:.6g}")


def _alike(found: float, wanted: float) -> bool:
    """Whether two numbers differ by no more than single precision does; NaN is like nothing."""
    return abs(found - wanted) <= _NUMBERS * max(abs(wanted), abs(found)) + 1e-12


def _close(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= _NUMBERS * abs(wanted) + 1e-5
