# pyright: strict, reportMissingTypeStubs=false
"""Edits as they go over the wire."""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence
from typing import Any, cast

from reel2sim.editing.edits import Edit, edit_from
from reel2sim.scene.errors import UsageError
from reel2sim.v1 import editing_pb2 as pb

_EMPTY: Mapping[str, tuple[str, str]] = {}
_OPTIONAL_TEXTS = ("rename",)
_UNSET_NUMBERS = ("strength", "fov_deg")


def edit_from_message(
    message: pb.SceneEdit, sources: Mapping[str, tuple[str, str]] = _EMPTY
) -> Edit:
    """The edit that ``message`` stands for.

    Args:
        message: one change.
        sources: digest of the content, and name, by digest of the artifact; an edit of a source
            that is not there keeps the artifact's digest.

    Raises:
        UsageError: if it is none, naming the field.
    """
    op = message.WhichOneof("edit")
    if op is None:
        raise UsageError("one kind of edit is required", field="edit")
    record = _fields(getattr(message, op))
    if op == "joint":
        kind = record.pop("type")
        record["value"] = kind if record["field"] == "type" else record["value"]
    if op == "ground":
        record = dict[str, Any](height=_ground(message.ground))
    if op == "camera":
        record["size"] = [record.pop("width") or 640, record.pop("height") or 480]
    if op == "replace":
        record["fit"] = not record.pop("as_is")
    for name in _UNSET_NUMBERS:
        if record.get(name) == 0:
            del record[name]
    if "source" in record:
        _resolve(op, record, sources)
    return edit_from({"op": op, **record})


def message_of(edit: Edit) -> pb.SceneEdit:
    """The message that :func:`edit_from_message` reads as ``edit``, but for names of files."""
    record = edit.record()
    op = record.pop("op")
    if op == "ground":
        return pb.SceneEdit(ground=_ground_message(record.get("height")))
    record.pop("name" if "source" in record or op == "background" else "", None)
    if op == "joint":
        value = record.pop("value")
        record |= {"type": value} if record["field"] == "type" else {"value": value}
    if op == "camera":
        record["width"], record["height"] = (int(v) for v in record.pop("size"))
    if op == "replace":
        record["as_is"] = not record.pop("fit")
    kind = pb.SceneEdit.DESCRIPTOR.fields_by_name[op].message_type
    assert kind is not None  # every kind of edit is a message
    points = {f.name for f in kind.fields if f.message_type is not None}
    fields = {k: _point(v) if k in points else v for k, v in record.items()}
    return pb.SceneEdit(**{op: getattr(pb, kind.name)(**fields)})


def _point(values: Any) -> pb.Vec3:
    x, y, z = values
    return pb.Vec3(x=x, y=y, z=z)


def _ground_message(height: float | str | None) -> pb.SetGround:
    if height is None:
        return pb.SetGround(none=True)
    if isinstance(height, str):
        return pb.SetGround(under_everything=True)
    return pb.SetGround(height=height)


def _fields(part: Any) -> dict[str, Any]:
    """All fields of a message as the records of edits have them; what is unset is left out."""
    found: dict[str, Any] = {}
    for field in part.DESCRIPTOR.fields:
        value = getattr(part, field.name)
        if isinstance(value, pb.Vec3):
            if part.HasField(field.name):
                found[field.name] = [value.x, value.y, value.z]
        elif isinstance(value, MutableSequence):
            found[field.name] = list(cast("MutableSequence[float]", value))
        elif field.has_presence and not part.HasField(field.name):
            continue
        elif not (field.name in _OPTIONAL_TEXTS and value == ""):
            found[field.name] = value
    return found


def _ground(message: pb.SetGround) -> float | str | None:
    kind = message.WhichOneof("ground")
    if kind is None:
        raise UsageError("a height, under_everything or none is required", field="ground")
    if kind == "height":
        return message.height
    return "auto" if kind == "under_everything" else None


def _resolve(op: str, record: dict[str, Any], sources: Mapping[str, tuple[str, str]]) -> None:
    """Name the source by its content, as a record does."""
    if op == "background" and not record["source"]:
        del record["source"]
    elif record["source"] in sources:
        record["source"], record["name"] = sources[record["source"]]
