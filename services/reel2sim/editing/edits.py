"""What can be changed about a scene, as plain values that can be kept and replayed.

A *target* names an asset (``cabinet``), one of its links (``cabinet/door``) or joints
(``cabinet/hinge``); the asset may be left out where only one asset has a thing of that name.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from reel2sim.scene.errors import UsageError

Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change. Fields are JSON values, so that :meth:`record` and :func:`edit_from` agree."""

    op: ClassVar[str] = ""

    def record(self) -> dict[str, Any]:
        """The edit as JSON values; what is None is left out."""
        values = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values if v is not None}
        return {"op": self.op, **plain}

    def refuse(self, field: str, message: str, *, remedy: str | None = None) -> UsageError:
        """The error of a field that cannot be."""
        return UsageError(message, source=self.op, field=field, remedy=remedy)

    def _positive(self, *fields: str) -> None:
        for field in fields:
            value = getattr(self, field)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise self.refuse(field, f"must be a positive number, got {value!r}")

    def _vector(self, field: str, size: int) -> None:
        value = getattr(self, field)
        if value is None:
            return
        fits = isinstance(value, tuple) and len(value) == size
        if not fits or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in value):
            raise self.refuse(field, f"must be {size} numbers, got {value!r}")

    def _text(self, *fields: str) -> None:
        for field in fields:
            value = getattr(self, field)
            if not isinstance(value, str) or not value:
                raise self.refuse(field, f"must be a text, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Add(Edit):
    """Put another asset, or all of another scene, into the scene.

    Attributes:
        source: sha256 of what is added, as :class:`reel2sim.editing.sources.Sources` knows it.
        name: for people: the file or folder it came from.
        at: where the middle of its foot comes to stand ``(3,)``, metres; None finds a place beside
            what is there, on the ground.
        turn_deg: turn about the vertical through that point, degrees.
        rename: name in the scene; None keeps its own, made unique.
        fixed: whether its root is welded to the world; None leaves it as it was.
    """

    op: ClassVar[str] = "add"
    source: str
    name: str = ""
    at: Numbers | None = None
    turn_deg: float = 0.0
    rename: str | None = None
    fixed: bool | None = None

    def __post_init__(self) -> None:
        self._text("source")
        self._vector("at", 3)
        _finite(self, "turn_deg")


@dataclass(frozen=True, kw_only=True)
class Remove(Edit):
    """Take an asset away, or a link with all that it carries.

    Attributes:
        target: asset or link.
    """

    op: ClassVar[str] = "remove"
    target: str

    def __post_init__(self) -> None:
        self._text("target")


@dataclass(frozen=True, kw_only=True)
class Move(Edit):
    """Put an asset elsewhere.

    Attributes:
        target: asset.
        at: where the middle of its foot comes to stand ``(3,)``, metres.
        turn_deg: turn about the vertical through that point, degrees.
    """

    op: ClassVar[str] = "move"
    target: str
    at: Numbers
    turn_deg: float = 0.0

    def __post_init__(self) -> None:
        self._text("target")
        self._vector("at", 3)
        _finite(self, "turn_deg")


@dataclass(frozen=True, kw_only=True)
class Scale(Edit):
    """Make an asset or a link larger or smaller.

    An asset is scaled about the middle of its foot, with its slides' travel; a link about its
    joint, what hangs on it moving along.

    Attributes:
        target: asset or link.
        factor: positive.
    """

    op: ClassVar[str] = "scale"
    target: str
    factor: float

    def __post_init__(self) -> None:
        self._text("target")
        self._positive("factor")


@dataclass(frozen=True, kw_only=True)
class Recolor(Edit):
    """Give an asset or a link another mean colour; its pattern stays.

    Attributes:
        target: asset or link.
        color: sRGB ``(3,)``, 0..1.
    """

    op: ClassVar[str] = "recolor"
    target: str
    color: Numbers

    def __post_init__(self) -> None:
        self._text("target")
        self._vector("color", 3)
        if not all(0 <= c <= 1 for c in self.color):
            raise self.refuse("color", f"must be in 0..1, got {list(self.color)}")


@dataclass(frozen=True, kw_only=True)
class Replace(Edit):
    """Give a link another shape.

    Attributes:
        target: link.
        source: sha256 of the mesh file.
        name: for people: the mesh file.
        fit: whether the mesh is moved and scaled to where the old shape was; else it is taken as
            it is, in the link's frame.
    """

    op: ClassVar[str] = "replace"
    target: str
    source: str
    name: str = ""
    fit: bool = True

    def __post_init__(self) -> None:
        self._text("target", "source")


@dataclass(frozen=True, kw_only=True)
class MakeOf(Edit):
    """Make an asset or a link of another material: density, friction, restitution.

    Attributes:
        target: asset or link.
        material: name, as in :data:`reel2sim.rigging.physics.materials.MATERIALS`.
    """

    op: ClassVar[str] = "material"
    target: str
    material: str

    def __post_init__(self) -> None:
        self._text("target", "material")


@dataclass(frozen=True, kw_only=True)
class SetDensity(Edit):
    """Change the density of an asset or a link, and so its mass and inertia.

    Attributes:
        target: asset or link.
        density: kg/m³.
    """

    op: ClassVar[str] = "density"
    target: str
    density: float

    def __post_init__(self) -> None:
        self._text("target")
        self._positive("density")


JOINT_FIELDS = {
    "limits": "lowest and highest position, rad or m",
    "effort": "largest force, N·m or N",
    "velocity": "largest speed, rad/s or m/s",
    "damping": "N·m·s/rad or N·s/m",
    "friction": "N·m or N",
    "axis": "direction in the world at zero",
    "pivot": "a point on the axis, in the asset's own frame at zero, m",
    "type": "fixed, revolute, continuous or prismatic",
}


@dataclass(frozen=True, kw_only=True)
class SetJoint(Edit):
    """Change something of a joint.

    Attributes:
        target: joint.
        field: one of :data:`JOINT_FIELDS`.
        value: numbers, as many as the field has; for ``type`` a text.
    """

    op: ClassVar[str] = "joint"
    target: str
    field: str
    value: Numbers | str

    def __post_init__(self) -> None:
        self._text("target", "field")
        if self.field not in JOINT_FIELDS:
            remedy = f"use one of {', '.join(JOINT_FIELDS)}"
            raise self.refuse("field", f"a joint has no {self.field!r} to set", remedy=remedy)
        if self.field == "type":
            self._text("value")
        else:
            self._vector("value", {"limits": 2, "axis": 3, "pivot": 3}.get(self.field, 1))


@dataclass(frozen=True, kw_only=True)
class SetGravity(Edit):
    """Change gravity.

    Attributes:
        gravity: ``(3,)``, m/s².
    """

    op: ClassVar[str] = "gravity"
    gravity: Numbers

    def __post_init__(self) -> None:
        self._vector("gravity", 3)


@dataclass(frozen=True, kw_only=True)
class SetGround(Edit):
    """Lay an endless ground, or take it away.

    Attributes:
        height: metres, or ``auto`` for where the lowest asset ends; None for no ground.
    """

    op: ClassVar[str] = "ground"
    height: float | str | None = None

    def __post_init__(self) -> None:
        if self.height not in (None, "auto"):
            _finite(self, "height")


@dataclass(frozen=True, kw_only=True)
class AddLight(Edit):
    """Hang up a light, instead of one of its name if there is one.

    Attributes:
        name: of the light.
        kind: ``sun`` or ``point``.
        at: of a point its place, of a sun a place it shines from towards the origin ``(3,)``.
        color: linear RGB ``(3,)``.
        strength: lux of a sun, candela of a point.
    """

    op: ClassVar[str] = "light"
    name: str
    kind: str
    at: Numbers
    color: Numbers = (1.0, 1.0, 1.0)
    strength: float = 1000.0

    def __post_init__(self) -> None:
        self._text("name")
        if self.kind not in ("sun", "point"):
            raise self.refuse("kind", f"is {self.kind!r}, not sun or point")
        self._vector("at", 3)
        self._vector("color", 3)
        self._positive("strength")


@dataclass(frozen=True, kw_only=True)
class AddCamera(Edit):
    """Set up a camera, instead of one of its name if there is one.

    Attributes:
        name: of the camera.
        at: where it stands ``(3,)``, metres.
        target: what it looks at ``(3,)``, metres.
        size: width and height of its pictures, pixels.
        fov_deg: vertical field of view, degrees.
    """

    op: ClassVar[str] = "camera"
    name: str
    at: Numbers
    target: Numbers
    size: Numbers = (640, 480)
    fov_deg: float = 50.0

    def __post_init__(self) -> None:
        self._text("name")
        for field, count in (("at", 3), ("target", 3), ("size", 2)):
            self._vector(field, count)
        if self.at == self.target:
            raise self.refuse("target", "is where the camera stands")
        if not (isinstance(self.fov_deg, (int, float)) and 0 < self.fov_deg < 180):
            raise self.refuse("fov_deg", f"must be in 0..180, got {self.fov_deg!r}")


@dataclass(frozen=True, kw_only=True)
class SetBackground(Edit):
    """Put surfels around the assets that belong to none, instead of those that were there.

    Attributes:
        source: sha256 of a splat file (.ply); None for no background.
        name: for people: the file.
    """

    op: ClassVar[str] = "background"
    source: str | None = None
    name: str = ""


_KINDS: dict[str, type[Edit]] = {
    kind.op: kind
    for kind in (
        Add, Remove, Move, Scale, Recolor, Replace, MakeOf, SetDensity, SetJoint,
        SetGravity, SetGround, AddLight, AddCamera, SetBackground,
    )
}  # fmt: skip


def edit_from(record: Any) -> Edit:
    """The edit of :meth:`Edit.record`.

    Raises:
        UsageError: if it is none.
    """
    if not isinstance(record, Mapping) or record.get("op") not in _KINDS:
        raise UsageError(
            f"is not an edit: {str(record)[:80]}",
            field="op",
            remedy=f"op is one of {', '.join(_KINDS)}",
        )
    kind = _KINDS[record["op"]]
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k != "op"}
    known = {f.name: f for f in dataclasses.fields(kind)}
    for name in given:
        if name not in known:
            raise UsageError(
                f"has no field {name!r}", source=kind.op, remedy=f"it has {', '.join(known)}"
            )
    for name, field in known.items():
        if name not in given and field.default is dataclasses.MISSING:
            raise UsageError("is missing", source=kind.op, field=name)
    return kind(**given)


def _finite(edit: Edit, field: str) -> None:
    value = getattr(edit, field)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise edit.refuse(field, f"must be a number, got {value!r}")
