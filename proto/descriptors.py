"""Protos as descriptors, and the things in them one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generate import compile_protos
from google.protobuf import descriptor_pb2 as pb


@dataclass(frozen=True)
class Finding:
    """A rule that is broken somewhere.

    Attributes:
        rule: its name, as ``buf`` calls it.
        where: ``file:line``, or the file if the line is not known.
        message: what is wrong.
    """

    rule: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} ({self.rule})"


@dataclass(frozen=True)
class Element:
    """Something that a file declares.

    Attributes:
        kind: ``service``, ``rpc``, ``message``, ``field``, ``oneof``, ``enum`` or ``enum_value``.
        proto: its descriptor.
        name: its name within the package, such as ``Limits.workers``.
        parent: what declares it; None in the file itself.
        where: see :class:`Finding`.
        comment: what is written above it.
    """

    kind: str
    proto: Any
    name: str
    parent: Element | None
    where: str
    comment: str


# Fields of descriptors that hold other things: kind of the thing, field of its parent.
_INSIDE = {
    "file": (("service", "service"), ("message", "message_type"), ("enum", "enum_type")),
    "service": (("rpc", "method"),),
    "message": (
        ("field", "field"),
        ("oneof", "oneof_decl"),
        ("message", "nested_type"),
        ("enum", "enum_type"),
    ),
    "enum": (("enum_value", "value"),),
}


def describe(root: Path) -> pb.FileDescriptorSet:
    """Descriptors of all protos below ``root`` and of what they import, with their comments."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "set.binpb"
        compile_protos(
            root, f"--descriptor_set_out={out}", "--include_imports", "--include_source_info"
        )
        return pb.FileDescriptorSet.FromString(out.read_bytes())


def own_files(files: pb.FileDescriptorSet) -> list[pb.FileDescriptorProto]:
    """The files that are not Google's."""
    return [file for file in files.file if not file.name.startswith("google/")]


def elements(file: pb.FileDescriptorProto) -> Iterator[Element]:
    """Everything that ``file`` declares, the outer before the inner."""
    places = {tuple(place.path): place for place in file.source_code_info.location}

    def inside(kind: str, proto: Any, path: tuple[int, ...], parent: Element | None) -> Any:
        for inner, field in _INSIDE.get(kind, ()):
            number = proto.DESCRIPTOR.fields_by_name[field].number
            for index, child in enumerate(getattr(proto, field)):
                at = (*path, number, index)
                place = places.get(at)
                element = Element(
                    inner,
                    child,
                    child.name if parent is None else f"{parent.name}.{child.name}",
                    parent,
                    file.name if place is None else f"{file.name}:{place.span[0] + 1}",
                    "" if place is None else place.leading_comments.strip(),
                )
                yield element
                yield from inside(inner, child, at, element)

    yield from inside("file", file, (), None)
