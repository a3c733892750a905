"""How protos are to be written: the rules of ``buf``'s categories STANDARD and COMMENTS.

See https://buf.build/docs/lint/rules for each of them. ``RPC_RESPONSE_AIP`` is ours: a method
answers with ``<Method>Response`` or with what the AIPs ask for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from descriptors import Element, Finding, elements, own_files
from google.protobuf import descriptor_pb2 as pb

_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
_LOWER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_UPPER = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_VERSION = re.compile(r"v[1-9]\d*(test.*|(p[1-9]\d*)?(alpha|beta)([1-9]\d*)?)?")
_NAMES = {
    "service": ("SERVICE_PASCAL_CASE", _PASCAL),
    "rpc": ("RPC_PASCAL_CASE", _PASCAL),
    "message": ("MESSAGE_PASCAL_CASE", _PASCAL),
    "enum": ("ENUM_PASCAL_CASE", _PASCAL),
    "field": ("FIELD_LOWER_SNAKE_CASE", _LOWER),
    "oneof": ("ONEOF_LOWER_SNAKE_CASE", _LOWER),
    "enum_value": ("ENUM_VALUE_UPPER_SNAKE_CASE", _UPPER),
}
_SAME_IN_PACKAGE = (
    *("csharp_namespace", "go_package", "java_multiple_files", "java_package"),
    *("php_namespace", "ruby_package", "swift_prefix"),
)
_OPERATION, _EMPTY = "google.longrunning.Operation", "google.protobuf.Empty"


def lint(files: pb.FileDescriptorSet) -> Iterator[Finding]:
    """All rules that the files break, Google's own files left alone."""
    own = own_files(files)
    yield from _packages(own)
    declared = _declared(files)
    everything: list[tuple[pb.FileDescriptorProto, Element]] = []
    for file in own:
        yield from _file(file)
        yield from _imports(file, declared)
        found = [element for element in elements(file) if not _made_up(element)]
        everything += [(file, element) for element in found]
        for element in found:
            yield from _element(element)
    yield from _methods(everything)


def _made_up(element: Element) -> bool:
    """Whether protoc wrote it: the entry of a map, or the oneof of an optional field."""
    if element.kind == "message":
        return element.proto.options.map_entry
    if element.kind == "oneof":
        assert element.parent is not None
        index = list(element.parent.proto.oneof_decl).index(element.proto)
        fields = element.parent.proto.field
        return any(f.proto3_optional and f.oneof_index == index for f in fields)
    return element.parent is not None and _made_up(element.parent)


def _file(file: pb.FileDescriptorProto) -> Iterator[Finding]:
    folder, _, name = file.name.rpartition("/")
    # "proto2" is left out of descriptors, so what tells is whether a line says it.
    said = pb.FileDescriptorProto.DESCRIPTOR.fields_by_name["syntax"].number
    if not any(list(place.path) == [said] for place in file.source_code_info.location):
        yield Finding("SYNTAX_SPECIFIED", file.name, "has no syntax")
    if not _LOWER.fullmatch(name.removesuffix(".proto")):
        yield Finding("FILE_LOWER_SNAKE_CASE", file.name, "its name is not lower_snake_case")
    if not file.package:
        yield Finding("PACKAGE_DEFINED", file.name, "has no package")
        return
    parts = file.package.split(".")
    if folder != "/".join(parts):
        yield Finding(
            "PACKAGE_DIRECTORY_MATCH", file.name, f"package {file.package} is not in its folder"
        )
    if not all(_LOWER.fullmatch(part) for part in parts):
        yield Finding("PACKAGE_LOWER_SNAKE_CASE", file.name, f"{file.package} is not lower case")
    if not _VERSION.fullmatch(parts[-1]):
        yield Finding("PACKAGE_VERSION_SUFFIX", file.name, f"{file.package} ends in no version")


def _packages(files: list[pb.FileDescriptorProto]) -> Iterator[Finding]:
    """What files of one folder or one package must agree on."""
    folders: dict[str, list[pb.FileDescriptorProto]] = defaultdict(list)
    packages: dict[str, list[pb.FileDescriptorProto]] = defaultdict(list)
    for file in files:
        folders[file.name.rpartition("/")[0]].append(file)
        packages[file.package].append(file)
    for members in folders.values():
        if len({file.package for file in members}) > 1:
            for file in members:
                yield Finding("DIRECTORY_SAME_PACKAGE", file.name, "its folder has two packages")
    for members in packages.values():
        if len({file.name.rpartition("/")[0] for file in members}) > 1:
            for file in members:
                yield Finding("PACKAGE_SAME_DIRECTORY", file.name, "its package has two folders")
        for option in _SAME_IN_PACKAGE:
            if len({getattr(file.options, option) for file in members}) > 1:
                for file in members:
                    rule = f"PACKAGE_SAME_{option.upper()}"
                    yield Finding(rule, file.name, f"its package has two values of {option}")


def _declared(files: pb.FileDescriptorSet) -> dict[str, str]:
    """File of each message, enum and extension, by full name."""
    found: dict[str, str] = {}
    for file in files.file:
        for element in elements(file):
            if element.kind in ("message", "enum"):
                found[f".{file.package}.{element.name}"] = file.name
        for extension in file.extension:
            found[f"{extension.extendee}/{extension.number}"] = file.name
    return found


def _imports(file: pb.FileDescriptorProto, declared: dict[str, str]) -> Iterator[Finding]:
    used: set[str | None] = set()
    for element in elements(file):
        if element.kind == "field":
            used.add(declared.get(element.proto.type_name))
        elif element.kind == "rpc":
            used.update(map(declared.get, (element.proto.input_type, element.proto.output_type)))
        if element.kind != "oneof":
            options = element.proto.options
            # An option that this process has no class for is kept among the unknown ones.
            used.update(declared.get(key) for key in _extensions(options))
    used.update(declared.get(key) for key in _extensions(file.options))
    for index, name in enumerate(file.dependency):
        if index in file.public_dependency:
            yield Finding("IMPORT_NO_PUBLIC", file.name, f"imports {name} publicly")
        elif name not in used:
            yield Finding("IMPORT_USED", file.name, f"does not use {name}")


def _extensions(options: object) -> Iterator[str]:
    from google.protobuf.message import Message
    from google.protobuf.unknown_fields import UnknownFieldSet

    assert isinstance(options, Message)
    name = f".{options.DESCRIPTOR.full_name}"
    for field, _ in options.ListFields():
        if field.is_extension:
            yield f"{name}/{field.number}"
    for field in UnknownFieldSet(options):
        yield f"{name}/{field.field_number}"


def _element(element: Element) -> Iterator[Finding]:
    kind, proto = element.kind, element.proto

    def broken(rule: str, message: str) -> Finding:
        return Finding(rule, element.where, f"{kind} {element.name} {message}")

    rule, pattern = _NAMES[kind]
    if not pattern.fullmatch(proto.name):
        yield broken(rule, "is named in another style")
    if not element.comment:
        yield broken(f"COMMENT_{kind.upper()}", "has no comment above it")
    if kind == "service" and not proto.name.endswith("Service"):
        yield broken("SERVICE_SUFFIX", "does not end in Service")
    if kind == "field" and proto.label == pb.FieldDescriptorProto.LABEL_REQUIRED:
        yield broken("FIELD_NOT_REQUIRED", "is required")
    if kind == "enum":
        if proto.options.allow_alias:
            yield broken("ENUM_NO_ALLOW_ALIAS", "allows aliases")
        if proto.value[0].number != 0:
            yield broken("ENUM_FIRST_VALUE_ZERO", "does not begin with 0")
    if kind == "enum_value":
        assert element.parent is not None
        prefix = _upper_snake(element.parent.proto.name)
        if not proto.name.startswith(f"{prefix}_"):
            yield broken("ENUM_VALUE_PREFIX", f"does not begin with {prefix}_")
        if proto.number == 0 and not proto.name.endswith("_UNSPECIFIED"):
            yield broken("ENUM_ZERO_VALUE_SUFFIX", "does not end in _UNSPECIFIED")


def _upper_snake(pascal: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", pascal).upper()


def _methods(everything: list[tuple[pb.FileDescriptorProto, Element]]) -> Iterator[Finding]:
    """How methods name and share their messages."""
    users: dict[str, list[Element]] = defaultdict(list)
    for file, method in everything:
        if method.kind != "rpc":
            continue
        proto = method.proto
        takes, gives = (t.removeprefix(".") for t in (proto.input_type, proto.output_type))
        for full in {takes, gives}:
            users[full].append(method)
        assert method.parent is not None
        pascal = proto.name[:1].upper() + proto.name[1:]
        names = {pascal, method.parent.proto.name + pascal}

        def broken(rule: str, message: str, method: Element = method) -> Finding:
            return Finding(rule, method.where, f"rpc {method.name} {message}")

        if takes.rpartition(".")[2] not in {f"{name}Request" for name in names}:
            yield broken("RPC_REQUEST_STANDARD_NAME", f"takes {takes}")
        if gives.rpartition(".")[2] not in {f"{name}Response" for name in names}:
            yield broken("RPC_RESPONSE_STANDARD_NAME", f"answers {gives}")
            if gives not in _allowed_by_aips(file.package, proto):
                yield broken("RPC_RESPONSE_AIP", f"answers {gives}")
    for full, methods in users.items():
        if len(methods) > 1:
            for method in methods:
                yield Finding(
                    "RPC_REQUEST_RESPONSE_UNIQUE",
                    method.where,
                    f"rpc {method.name} shares {full} with another",
                )


def _allowed_by_aips(package: str, method: pb.MethodDescriptorProto) -> set[str]:
    """Full names of the answers that need no message of their own."""
    allowed = {_OPERATION}  # AIP-151
    if method.name.startswith(("Delete", "Cancel")):
        allowed.add(_EMPTY)  # AIP-135
    for verb in ("Get", "Create", "Update"):  # AIP-131, 133, 134
        if method.name.startswith(verb):
            allowed.add(f"{package}.{method.name.removeprefix(verb)}")
    if method.server_streaming and method.name.startswith("Watch"):
        allowed.add(f"{package}.{method.name.removeprefix('Watch')}Event")
    return allowed
