"""What our own files say in ``extras`` of their nodes, and others may say in the same words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from reel2sim.importers.gltf.fields import Fields
from reel2sim.importers.movement import Step
from reel2sim.scene import Certainty, Inertial, JointType, Material, Mimic
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

_TYPES = {kind.value: kind for kind in JointType if kind.dof <= 1}


def link_facts(node: Fields) -> Fields | None:
    """``extras.link`` of a node; None if it has none."""
    return _extra(node, "link", "mass")


def joint_facts(node: Fields) -> Fields | None:
    """``extras.joint`` of a node: how it moves in its parent; None if it has none."""
    return _extra(node, "joint", "type")


def asset_facts(root: Fields) -> Fields | None:
    """``extras.reel2sim`` of the scene; None if it has none."""
    scenes = root.each("scenes")
    if not scenes:
        return None
    shown = root.indexed("scene", root.whole("scene", 0), len(scenes))
    return _extra(scenes[shown], "reel2sim", "fixed_base")


def _extra(holder: Fields, key: str, needed: str) -> Fields | None:
    extras = holder.values.get("extras")
    if not isinstance(extras, dict) or not isinstance(extras.get(key), dict):
        return None
    return holder.inner("extras").inner(key) if needed in extras[key] else None


def inertial_of(facts: Fields) -> Inertial:
    """Mass properties.

    Raises:
        InputError: if they are of no body.
    """
    center = facts.numbers("center", 3, [0.0] * 3)
    rows = [row for row in facts.items("inertia") if isinstance(row, list)]
    flat = [x for row in rows for x in row]
    table = Fields({"inertia": flat}, facts.where, facts.source)
    tensor = table.numbers("inertia", 9).reshape(3, 3)
    try:
        return Inertial(facts.number("mass", 0.0), center, tensor)
    except (InputError, np.linalg.LinAlgError) as cause:
        raise facts.wrong("inertia", str(cause)) from cause


def material_of(facts: Fields) -> Material | None:
    """What a link is made of; None if that is not said."""
    if "material" not in facts:
        return None
    given, usual = facts.inner("material"), Material()
    found = Material(
        given.text("name", usual.name),
        given.number("density", usual.density),
        given.number("friction", usual.friction),
        given.number("restitution", usual.restitution),
    )
    if not found.density > 0 or found.friction < 0 or not 0 <= found.restitution <= 1:
        raise given.wrong("", "has a density, friction or restitution of no material")
    return found


def joint_fields(facts: Fields) -> dict[str, Any]:
    """Fields of a joint's description but its name, ends and place.

    Raises:
        InputError: if one is not what it should be.
    """
    kind = facts.text("type")
    if kind not in _TYPES:
        raise facts.wrong("type", f"is {kind!r}, not one of {', '.join(_TYPES)}")
    axis = facts.numbers("axis", 3, [1.0, 0.0, 0.0])
    found: dict[str, Any] = {
        "type": _TYPES[kind],
        "axis": axis,
        "bounds": _bounds(facts),
        "effort": facts.maybe("effort"),
        "velocity": facts.maybe("velocity"),
        "damping": facts.number("damping", 0.0),
        "friction": facts.number("friction", 0.0),
        "pitch": facts.number("pitch", 0.0),
        "mimic": None,
        "confidence": facts.number("confidence", 1.0),
        "observed": facts.flag("observed", True),
        "reason": facts.text("reason"),
        "observed_range": None,
        "certainty": None,
    }
    if "mimic" in facts:
        told = facts.inner("mimic")
        multiplier, offset = told.number("multiplier", 1.0), told.number("offset", 0.0)
        found["mimic"] = Mimic(told.text("joint"), multiplier, offset)
    if "observed_range" in facts:
        low, high = facts.numbers("observed_range", 2)
        found["observed_range"] = (float(low), float(high))
    if "certainty" in facts:
        told = facts.inner("certainty")
        found["certainty"] = Certainty(*(told.number(k, 1.0) for k in ("moves", "type", "axis")))
    return found


def _bounds(facts: Fields) -> tuple[float, float]:
    """Limits, infinite where the file has none."""
    listed = facts.items("limits") or [None, None]
    if len(listed) != 2:
        raise facts.wrong("limits", "are not two")
    each = Fields({"lower": listed[0], "upper": listed[1]}, facts.where, facts.source)
    low, high = each.maybe("lower"), each.maybe("upper")
    return (-math.inf if low is None else low, math.inf if high is None else high)


def declared_step(joint: Mapping[str, Any], T: Array) -> Step:
    """Positions of a declared joint.

    Args:
        joint: of :func:`joint_fields`.
        T: pose of its child since zero, in the child's frame at zero ``(t, 4, 4)``.
    """
    kind, axis = joint["type"], np.asarray(joint["axis"], np.float64)
    axis = axis / max(float(np.linalg.norm(axis)), 1e-12)
    if kind is JointType.FIXED:
        return Step(kind, axis, np.zeros(len(T)))
    if kind is JointType.PRISMATIC:
        return Step(kind, axis, T[:, :3, 3] @ axis)
    R = T[:, :3, :3]
    # Twice the sine and the cosine of the angle, from the antisymmetric part and the trace.
    twist = np.stack([R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], 1)
    angles = np.unwrap(np.arctan2(twist @ axis, np.trace(R, axis1=1, axis2=2) - 1))
    low, high = joint["bounds"]
    if angles[0] < low or angles[0] > high:  # a whole turn more or less looks the same
        nearest = np.clip(angles[0], low, high)
        angles = angles + 2 * np.pi * np.round((nearest - angles[0]) / (2 * np.pi))
    return Step(kind, axis, angles)
