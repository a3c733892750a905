"""Mutations of files: of bytes, of words, of XML, of JSON and of arrays. The same by seed."""

from __future__ import annotations

import copy
import io
import json
import re
import struct
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Random = np.random.Generator
Mutation = Callable[[bytes, Random, Sequence[str]], bytes]
"""Contents, numbers at random, and names of files that are out of bounds: other contents."""

NUMBERS = (
    "nan", "inf", "-inf", "1e308", "-1e308", "1e999", "1e-320", "0", "-0", "-1", "1e9",
    "4294967295", "-2147483648", "9223372036854775808", "0x10", "1,5", "", " ", "1 2", "9" * 400,
    "NaN NaN NaN", "1e308 1e308 1e308", "0 0 0", "٣", "true", "1e", "--1", "1_000",
)  # fmt: skip
NAMES = (
    "", " ", "a" * 5000, "world", "con", "\u200b", "名前", "a/b", "../a", "a\\b", "%s%n", "-", "_",
    "1", "base", "nul", "<>", "'", '"', "\t", "a b",
)  # fmt: skip
PATHS = (
    "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://localhost:9/x.obj", "file:///",
    "/dev/zero", "/dev/stdin", "/proc/self/environ", "~/.ssh/id_rsa", "package://x/../../y.obj",
    ".", "..", "/", "//", "\\\\host\\share\\x.obj", "C:\\x.obj", "x.obj", "data:;base64,AAAA",
)  # fmt: skip
_WORD = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?|[A-Za-z_][\w:.]*|\"[^\"\n]*\"|'[^'\n]*'")
_INTEGERS = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_FLOATS = (float("nan"), float("inf"), -1.0, 3e38, 0.0)


def _span(size: int, rng: Random, most: int = 200) -> tuple[int, int]:
    start = int(rng.integers(0, size + 1))
    return start, min(size, start + int(rng.integers(1, most)))


def word(rng: Random, outside: Sequence[str]) -> str:
    """Something that is a number, a name or a path to someone."""
    kind = rng.integers(4)
    if kind == 0 and outside:
        return str(rng.choice(list(outside)))
    return str(rng.choice((NUMBERS, NUMBERS, NAMES, PATHS)[kind]))


def flip(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """Some bits."""
    found = bytearray(data)
    for at in rng.integers(0, max(len(data), 1), int(rng.integers(1, 12))):
        if found:
            found[at] ^= 1 << int(rng.integers(8))
    return bytes(found)


def insert(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """Bytes of any kind somewhere."""
    at = int(rng.integers(0, len(data) + 1))
    return data[:at] + rng.bytes(int(rng.integers(1, 40))) + data[at:]


def cut(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """A span is gone, or all that follows."""
    start, stop = _span(len(data), rng)
    return data[:start] if rng.random() < 0.3 else data[:start] + data[stop:]


def duplicate(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """A span is there several times."""
    start, stop = _span(len(data), rng, 400)
    return data[:start] + data[start:stop] * int(rng.integers(2, 30)) + data[stop:]


def splice(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """A span is where another was."""
    a, b = _span(len(data), rng), _span(len(data), rng)
    return data[: a[0]] + data[b[0] : b[1]] + data[a[1] :]


def binary(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """Four bytes are a count or a number that nobody expects."""
    if len(data) < 4:
        return data
    at = int(rng.integers(0, len(data) - 3))
    if rng.random() < 0.5:
        at = min(at % 128, len(data) - 4)  # where headers are
    integers, floats = int(rng.choice(_INTEGERS)), float(rng.choice(_FLOATS))
    new = struct.pack("<I", integers) if rng.random() < 0.7 else struct.pack("<f", floats)
    return data[:at] + new + data[at + 4 :]


def reword(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """Some words of a text are others."""
    for _ in range(int(rng.integers(1, 4))):
        words = list(_WORD.finditer(data))
        if not words:
            break
        match = words[int(rng.integers(len(words)))]
        new = word(rng, outside).encode()
        old = match.group()
        if old[:1] in (b'"', b"'"):
            new = old[:1] + new + old[:1]
        elif rng.random() < 0.3:
            other = words[int(rng.integers(len(words)))]
            new = other.group()
        data = data[: match.start()] + new + data[match.end() :]
    return data


def relined(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """Lines are twice there, gone or elsewhere."""
    lines = data.split(b"\n")
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(lines)))
        line = lines[at]
        kind = rng.integers(3)
        if kind:
            del lines[at]
        if kind != 1:
            lines.insert(int(rng.integers(len(lines) + 1)), line)
        if not lines:
            break
    return b"\n".join(lines)


def xml(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """Elements and attributes that are others, more, fewer, deeper or elsewhere."""
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError):
        return flip(data, rng, outside)
    for _ in range(int(rng.integers(1, 4))):
        parents = [e for e in root.iter() if len(e)]
        everything = list(root.iter())
        element = everything[int(rng.integers(len(everything)))]
        kind = rng.integers(8)
        if kind <= 3 and element.attrib:
            key = str(rng.choice(list(element.attrib)))
            element.set(key, word(rng, outside))
            if rng.random() < 0.1:
                del element.attrib[key]
        elif kind == 4 and (element.text or "").strip():
            words = (element.text or "").split()
            words[int(rng.integers(len(words)))] = word(rng, outside)
            element.text = " ".join(words[: int(rng.integers(len(words) + 1)) or None])
        elif kind == 5:
            element.tag = str(rng.choice([e.tag for e in everything]))
        elif parents:
            parent = parents[int(rng.integers(len(parents)))]
            child = parent[int(rng.integers(len(parent)))]
            if kind == 6:
                parent.remove(child)
            for _ in range(int(rng.integers(0, 3))):
                element.append(copy.deepcopy(child))
            if sum(1 for _ in root.iter()) > 5000:
                break
    # Characters that XML cannot hold are left for the bytes' mutations.
    return re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b"", ET.tostring(root))


def nested(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """An element of XML or a list of JSON in itself, thousands of times."""
    depth = int(10 ** rng.uniform(1, 4.5))
    tags = re.findall(rb"<([A-Za-z]\w*)[^<>]*?>", data)
    if not tags or data[:1] in b"{[":
        return b"[" * depth + data + b"]" * depth
    tag = tags[int(rng.integers(len(tags)))]
    at = [m.end() for m in re.finditer(rb"<%s[^<>]*?(?<!/)>" % tag, data)] or [len(data)]
    where = int(rng.choice(at))
    more = b'<%s name="n">' % tag * depth + b"</%s>" % tag * depth
    return data[:where] + more + data[where:]


def entities(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """A document type whose entities grow without end, or are other files."""
    body = re.sub(rb"^\s*<\?xml[^>]*\?>", b"", data)
    if rng.random() < 0.5 and outside:
        name = str(rng.choice(list(outside)))
        kinds = (f'<!ENTITY x SYSTEM "{name}">', f'<!ENTITY % x SYSTEM "{name}"> %x;')
        head = f"<!DOCTYPE r [{rng.choice(kinds)}]>"
    else:
        laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 13))
        head = f'<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]>'
    reference = b"&x;" if b"ENTITY x" in head.encode() else b"&l12;"
    at = body.find(b">") + 1
    if rng.random() < 0.5:
        body = re.sub(rb'name="[^"]*"', b'name="%s"' % reference, body, count=1)
    else:
        body = body[:at] + reference + body[at:]
    return head.encode() + body


def _json_value(rng: Random, outside: Sequence[str]) -> Any:
    values: list[Any] = [
        None, True, -1, 0, 2**31, 2**63, 1e308, float("nan"), float("inf"), [], {}, [[]], "x", 0.5,
        [1e308] * 3, {"a": 1}, -(2**70), [None], "9" * 50, 1e9,
    ]  # fmt: skip
    if rng.random() < 0.3:
        return word(rng, outside)
    return values[int(rng.integers(len(values)))]


def json_text(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """Fields that are others, twice there or gone."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return flip(data, rng, outside)
    for _ in range(int(rng.integers(1, 4))):
        places: list[tuple[Any, Any]] = []
        _collect(record, places)
        if not places:
            break
        holder, key = places[int(rng.integers(len(places)))]
        kind = rng.integers(6)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            other, at = places[int(rng.integers(len(places)))]
            holder[key] = copy.deepcopy(other[at])
        elif kind == 2 and isinstance(holder[key], (int, float)):
            holder[key] = type(holder[key])(holder[key] + rng.integers(-3, 4))
        elif kind == 3 and isinstance(holder, list) and len(holder) < 1000:
            holder.extend(copy.deepcopy(holder[: int(rng.integers(1, 4))]))
        else:
            holder[key] = _json_value(rng, outside)
    return json.dumps(record).encode()


def _collect(value: Any, places: list[tuple[Any, Any]], depth: int = 0) -> None:
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        places.append((value, key))
        if isinstance(value[key], (dict, list)) and depth < 12 and len(places) < 20000:
            _collect(value[key], places, depth + 1)


def glb(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """The document of a GLB, its lengths put right."""
    if data[:4] != b"glTF" or len(data) < 20:
        return flip(data, rng, outside)
    size = struct.unpack("<I", data[12:16])[0]
    text = json_text(data[20 : 20 + size], rng, outside)
    text += b" " * (-len(text) % 4)
    rest = data[20 + size :]
    total = 20 + len(text) + len(rest)
    return struct.pack("<4sIII4s", b"glTF", 2, total, len(text), b"JSON") + text + rest


def archive(data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """An entry of a zip: JSON, or an array of another size, type or content."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            entries = {name: old.read(name) for name in old.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError):
        return flip(data, rng, outside)
    for _ in range(int(rng.integers(1, 3))):
        name = str(rng.choice(list(entries)))
        if rng.random() < 0.5:
            name = next((n for n in entries if n.endswith(".json")), name)
        kind = rng.random()
        if name.endswith(".json") and kind < 0.9:
            entries[name] = json_text(entries[name], rng, outside)
        elif name.endswith(".npy") and kind < 0.6:
            entries[name] = _array(entries[name], rng)
        elif kind < 0.75:
            del entries[name]
        elif kind < 0.8:
            entries[f"../{name}"] = entries[name]
        else:
            change = (flip, binary, cut, reword)[int(rng.integers(4))]
            entries[name] = change(entries[name], rng, outside)
        if not entries:
            break
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in entries.items():
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def _array(data: bytes, rng: Random) -> bytes:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return data
    kind = rng.integers(7)
    flat = array.reshape(-1).copy()
    if kind == 0:
        array = array[: len(array) // 2] if array.ndim else array
    elif kind == 1:
        array = array.reshape(-1)
    elif kind == 2:
        dtype = ("<f8", "<i8", "U5", "?", "<c16", "<M8[s]", "S3")[int(rng.integers(7))]
        array = np.zeros(array.shape, dtype)
    elif kind == 3 and flat.size and flat.dtype.kind == "f":
        flat[int(rng.integers(flat.size))] = float(rng.choice([*_FLOATS, 1e300, 1e-300]))
        array = flat.reshape(array.shape)
    elif kind == 4 and flat.size and flat.dtype.kind in "iu":
        flat[int(rng.integers(flat.size))] = rng.choice([-1, 10**6, 2**31 - 1])
        array = flat.reshape(array.shape)
    elif kind == 5:
        array = np.zeros((0, *array.shape[1:]), array.dtype)
    else:  # a shape that its data do not fill
        huge = str(tuple(int(n) for n in rng.choice([0, 1, 3, 2**20, 2**31, 2**62], 3)))
        return re.sub(rb"'shape': \([^)]*\)", b"'shape': " + huge.encode(), data, count=1)
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


BYTES: tuple[Mutation, ...] = (flip, insert, cut, duplicate, splice)
"""Of any file."""
TEXT: tuple[Mutation, ...] = (reword, reword, relined)
XML: tuple[Mutation, ...] = (xml, xml, xml, xml, nested, entities)
MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "urdf": (*BYTES, *TEXT, *XML, *XML),
    "xml": (*BYTES, *TEXT, *XML, *XML),
    "dae": (*BYTES, *TEXT, *XML),
    "obj": (*BYTES, *TEXT, *TEXT),
    "mtl": (*BYTES, *TEXT, *TEXT),
    "off": (*BYTES, *TEXT),
    "usda": (*BYTES, *TEXT, *TEXT, *TEXT),
    "ply": (*BYTES, *TEXT, binary, binary),
    "stl": (*BYTES, *TEXT, binary, binary),
    "usdc": (*BYTES, binary, binary),
    "usdz": (*BYTES, binary, archive),
    "png": (*BYTES, binary),
    "gltf": (*BYTES, json_text, json_text, json_text, json_text),
    "glb": (*BYTES, binary, glb, glb, glb, glb),
    "npz": (*BYTES, binary, archive, archive, archive, archive, archive),
    "bin": (*BYTES, binary),
}


def mutated(name: str, data: bytes, rng: Random, outside: Sequence[str]) -> bytes:
    """One or two mutations of the file ``name``, by what its name says it is."""
    ways = MUTATIONS.get(name.rpartition(".")[2].lower(), BYTES)
    for _ in range(1 + int(rng.random() < 0.25)):
        way = ways[int(rng.integers(len(ways)))]
        try:
            data = way(data, rng, outside)
        except Exception:  # what was mutated before may be too odd, or too deep
            data = flip(data, rng, outside)
    return data
