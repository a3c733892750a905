"""What may not change once others use it: the rules of ``buf``'s category FILE.

See https://buf.build/docs/breaking/rules. Code generated from the old protos goes on compiling,
and bytes and JSON written by either side are read by the other. Fields are told by their number,
so a number that is used for something else shows as a change of name, type or both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from descriptors import Element, Finding, elements, own_files
from google.protobuf import descriptor_pb2 as pb

_NOT_PROMISED = {"deprecated", "uninterpreted_option", "features", "java_string_check_utf8"}


def breaking(old: pb.FileDescriptorSet, new: pb.FileDescriptorSet) -> Iterator[Finding]:
    """All rules that the change from ``old`` to ``new`` breaks."""
    now = {file.name: file for file in own_files(new)}
    for before in own_files(old):
        after = now.get(before.name)
        if after is None:
            yield Finding("FILE_NO_DELETE", before.name, "was removed")
            continue
        yield from _file(before, after)
        yield from _elements(before, after)


def _file(old: pb.FileDescriptorProto, new: pb.FileDescriptorProto) -> Iterator[Finding]:
    for part in ("syntax", "package"):
        if getattr(old, part) != getattr(new, part):
            yield Finding(f"FILE_SAME_{part.upper()}", new.name, f"has another {part}")
    for field in pb.FileOptions.DESCRIPTOR.fields:
        if field.name in _NOT_PROMISED:
            continue
        if getattr(old.options, field.name) != getattr(new.options, field.name):
            rule = f"FILE_SAME_{field.name.upper()}"
            yield Finding(rule, new.name, f"has another value of {field.name}")


def _key(element: Element) -> tuple[str, str]:
    """What an element is known by: fields and enum values by number, the rest by name."""
    if element.kind in ("field", "enum_value"):
        assert element.parent is not None
        return element.kind, f"{element.parent.name}.{element.proto.number}"
    return element.kind, element.name


def _elements(old: pb.FileDescriptorProto, new: pb.FileDescriptorProto) -> Iterator[Finding]:
    now = {_key(element): element for element in elements(new)}
    for before in elements(old):
        after = now.get(_key(before))
        if after is None:
            if before.parent is not None and _key(before.parent) not in now:
                continue  # told once, for the outermost
            if before.kind == "oneof" and _is_synthetic(before):
                continue  # told as the field's
            where = before.where.partition(":")[0]
            rule = f"{before.kind.upper()}_NO_DELETE"
            yield Finding(rule, where, f"{before.kind} {before.name} was removed")
        else:
            for rule, message in _changes(before, after, (old.package, new.package)):
                yield Finding(rule, after.where, f"{after.kind} {after.name} {message}")


def _changes(old: Element, new: Element, packages: tuple[str, str]) -> Iterator[tuple[str, str]]:
    a, b = old.proto, new.proto

    def moved(part: str) -> bool:
        # A package with another name is told once, not for each type in it.
        names = (getattr(side, part) for side in (a, b))
        one, other = (n.removeprefix(f".{p}.") for n, p in zip(names, packages, strict=True))
        return one != other

    if old.kind == "field":
        if a.type != b.type or moved("type_name"):
            yield "FIELD_SAME_TYPE", "has another type"
        if _cardinality(old) != _cardinality(new):
            yield "FIELD_SAME_CARDINALITY", f"was {_cardinality(old)}, is {_cardinality(new)}"
        if a.name != b.name:
            yield "FIELD_SAME_NAME", f"was called {a.name}"
        if a.json_name != b.json_name:
            yield "FIELD_SAME_JSON_NAME", f"was called {a.json_name} in JSON"
        if _oneof(old) != _oneof(new):
            yield "FIELD_SAME_ONEOF", "has another oneof"
        if a.options.jstype != b.options.jstype:
            yield "FIELD_SAME_JSTYPE", "has another jstype"
    elif old.kind == "enum_value" and a.name != b.name:
        yield "ENUM_VALUE_SAME_NAME", f"was called {a.name}"
    elif old.kind == "rpc":
        for part, rule in (
            ("input_type", "RPC_SAME_REQUEST_TYPE"),
            ("output_type", "RPC_SAME_RESPONSE_TYPE"),
        ):
            if moved(part):
                yield rule, f"has another {part}"
        for part, rule in (
            ("client_streaming", "RPC_SAME_CLIENT_STREAMING"),
            ("server_streaming", "RPC_SAME_SERVER_STREAMING"),
        ):
            if getattr(a, part) != getattr(b, part):
                yield rule, f"has another {part}"
        if a.options.idempotency_level != b.options.idempotency_level:
            yield "RPC_SAME_IDEMPOTENCY_LEVEL", "has another idempotency_level"
    elif old.kind in ("message", "enum") and not _reserved(a) <= _reserved(b):
        yield f"RESERVED_{old.kind.upper()}_NO_DELETE", "reserves less"


def _cardinality(field: Element) -> str:
    proto = field.proto
    if proto.label == pb.FieldDescriptorProto.LABEL_REPEATED:
        return "repeated"
    if proto.label == pb.FieldDescriptorProto.LABEL_REQUIRED:
        return "required"
    # Members of a oneof, like optional fields, tell "not set" from "zero".
    return "optional" if proto.HasField("oneof_index") else "singular"


def _oneof(field: Element) -> str | None:
    """Name of the oneof that was written around a field."""
    proto = field.proto
    if not proto.HasField("oneof_index") or proto.proto3_optional:
        return None
    assert field.parent is not None
    return field.parent.proto.oneof_decl[proto.oneof_index].name


def _is_synthetic(oneof: Element) -> bool:
    """Whether protoc made it for an optional field."""
    assert oneof.parent is not None
    message = oneof.parent.proto
    index = list(message.oneof_decl).index(oneof.proto)
    return any(field.proto3_optional and field.oneof_index == index for field in message.field)


def _reserved(proto: Any) -> set[Any]:
    """Reserved names and, one by one where they are few, numbers."""
    ranges = {(entry.start, entry.end) for entry in proto.reserved_range}
    return ranges | set(proto.reserved_name)
