"""Edits from the words of a command line."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ImageColor

from reel2sim.editing.edits import (
    AddCamera,
    AddLight,
    MakeOf,
    Move,
    Recolor,
    Scale,
    SetDensity,
    SetGravity,
    SetGround,
    SetJoint,
)
from reel2sim.scene.errors import UsageError


def parted(text: str, option: str, form: str) -> tuple[str, str]:
    """Both sides of ``name=value``.

    Raises:
        UsageError: if one is missing.
    """
    name, _, value = text.partition("=")
    if not name or not value:
        raise UsageError(f"{text!r} is not {form}", field=option)
    return name, value


def numbers(text: str, option: str, counts: Sequence[int], form: str) -> tuple[float, ...]:
    """As many numbers as ``counts`` allows, separated by commas.

    Raises:
        UsageError: if they are not.
    """
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in counts:
        raise UsageError(f"{text!r} is not {form}", field=option)
    return found


def place(text: str, option: str) -> tuple[tuple[float, ...], float]:
    """A point and a turn in degrees, from ``x,y,z`` or ``x,y,z,deg``."""
    found = numbers(text, option, (3, 4), "x,y,z or x,y,z,degrees")
    return found[:3], found[3] if len(found) == 4 else 0.0


def move(text: str) -> Move:
    """``asset=x,y,z[,degrees]``."""
    name, value = parted(text, "--move", "asset=x,y,z or asset=x,y,z,degrees")
    at, turn = place(value, "--move")
    return Move(target=name, at=at, turn_deg=turn)


def scale(text: str) -> Scale:
    """``part=factor``."""
    name, value = parted(text, "--scale", "part=factor")
    return Scale(target=name, factor=numbers(value, "--scale", (1,), "a number")[0])


def recolor(text: str) -> Recolor:
    """``part=color``: a name as in CSS, or #rrggbb."""
    name, value = parted(text, "--recolor", "part=color")
    try:
        rgb = ImageColor.getrgb(value)[:3]
    except ValueError as cause:
        raise UsageError(
            f"{value!r} is no colour", field="--recolor", remedy="such as #d04020, or tomato"
        ) from cause
    return Recolor(target=name, color=tuple(c / 255 for c in rgb))


def material(text: str) -> MakeOf:
    """``part=material``."""
    name, value = parted(text, "--material", "part=material")
    return MakeOf(target=name, material=value)


def density(text: str) -> SetDensity:
    """``part=kg_per_m3``."""
    name, value = parted(text, "--density", "part=density")
    return SetDensity(target=name, density=numbers(value, "--density", (1,), "a number")[0])


def joint(text: str) -> SetJoint:
    """``joint.field=value``, such as ``hinge.limits=-0.5,1.2``."""
    form = "joint.field=value, such as hinge.limits=-0.5,1.2"
    path, value = parted(text, "--joint", form)
    name, dot, field = path.rpartition(".")
    if not dot or not name:
        raise UsageError(f"{text!r} is not {form}", field="--joint")
    if field == "type":
        return SetJoint(target=name, field=field, value=value)
    found = numbers(value, "--joint", (1, 2, 3), "numbers separated by commas")
    return SetJoint(target=name, field=field, value=found)


def gravity(text: str) -> SetGravity:
    """``x,y,z``."""
    return SetGravity(gravity=numbers(text, "--gravity", (3,), "x,y,z in m/s²"))


def ground(text: str) -> SetGround:
    """A height, ``auto`` or ``none``."""
    if text in ("none", "auto"):
        return SetGround(height=None if text == "none" else text)
    form = "a height in metres, auto or none"
    return SetGround(height=numbers(text, "--ground", (1,), form)[0])


def light(text: str) -> AddLight:
    """``name=sun@x,y,z[,lux]`` or ``name=point@x,y,z[,candela]``."""
    form = "name=sun@x,y,z or name=point@x,y,z, with a strength behind it if wanted"
    name, value = parted(text, "--light", form)
    kind, _, rest = value.partition("@")
    found = numbers(rest, "--light", (3, 4), form)
    usual = 1000.0 if kind == "sun" else 100.0
    strength = found[3] if len(found) == 4 else usual
    return AddLight(name=name, kind=kind, at=found[:3], strength=strength)


def camera(text: str) -> AddCamera:
    """``name=x,y,z:tx,ty,tz[:fov_degrees]``."""
    form = "name=x,y,z:tx,ty,tz, with :degrees behind it if wanted"
    name, value = parted(text, "--camera", form)
    parts = value.split(":")
    if len(parts) not in (2, 3):
        raise UsageError(f"{text!r} is not {form}", field="--camera")
    at, target = (numbers(part, "--camera", (3,), form) for part in parts[:2])
    fov = numbers(parts[2], "--camera", (1,), form)[0] if len(parts) == 3 else 50.0
    return AddCamera(name=name, at=at, target=target, fov_deg=fov)
