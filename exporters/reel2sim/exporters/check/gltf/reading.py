"""glTF 2 files and their buffers, read strictly and without any library."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from reel2sim.scene.arrays import Array

WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}

_MOST = 2**26
"""Elements of an accessor; one without data would be zeros, however many it asks for."""


@dataclass(frozen=True, eq=False)
class Document:
    """A glTF file.

    Attributes:
        json: its JSON.
        buffers: contents of its buffers; None for one that could not be had.
    """

    json: dict[str, Any]
    buffers: tuple[bytes | None, ...]

    def values(self, index: int) -> Array:
        """Numbers of an accessor ``(count, width)`` as stored; normalised ones in 0..1 or −1..1.

        Raises:
            ValueError: if it lies outside of its view, its view outside of the buffer, or its
                matrices are padded.
            LookupError: if something it names is not there.
        """
        accessor = _entry(self.json, "accessors", index)
        dtype, width = np.dtype(TYPES[accessor["componentType"]]), WIDTHS[accessor["type"]]
        if not 0 <= accessor["count"] <= _MOST:
            raise ValueError(f"holds {accessor['count']} elements")
        table = np.zeros((accessor["count"], width), dtype)
        if "bufferView" in accessor:
            start = accessor.get("byteOffset", 0)
            table = self._rows(accessor["bufferView"], start, accessor["count"], width, dtype)
        if "sparse" in accessor:
            table = self._patched(table, accessor["sparse"])
        if accessor.get("normalized") and dtype.kind in "iu":
            return np.maximum(table.astype(np.float64) / np.iinfo(dtype).max, -1.0)
        return table

    def _patched(self, table: Array, sparse: dict[str, Any]) -> Array:
        where, what, count = sparse["indices"], sparse["values"], sparse["count"]
        kind = np.dtype(TYPES[where["componentType"]])
        rows = self._rows(where["bufferView"], where.get("byteOffset", 0), count, 1, kind)[:, 0]
        start = what.get("byteOffset", 0)
        patch = self._rows(what["bufferView"], start, count, table.shape[1], table.dtype)
        if (rows >= len(table)).any():
            raise ValueError("sparse values lie beyond the accessor")
        table = table.copy()
        table[rows] = patch
        return table

    def _rows(self, view: int, start: int, count: int, width: int, dtype: Any) -> Array:
        entry = _entry(self.json, "bufferViews", view)
        if not 0 <= entry["buffer"] < len(self.buffers):
            raise LookupError(f"there is no buffer {entry['buffer']}")
        data = self.buffers[entry["buffer"]]
        if data is None:
            raise LookupError(f"buffer {entry['buffer']} could not be read")
        first, length = entry.get("byteOffset", 0), entry["byteLength"]
        if first < 0 or length < 0 or first + length > len(data):
            raise ValueError(f"view {view} ends at byte {first + length} of {len(data)}")
        size = width * dtype.itemsize
        stride = entry.get("byteStride", size)
        end = start + (count - 1) * stride + size if count else start
        if start < 0 or count < 0 or stride < size or end > length:
            raise ValueError(f"ends at byte {end} of a view of {length}")
        if (first + start) % dtype.itemsize or stride % dtype.itemsize:
            raise ValueError(f"is not aligned to {dtype.itemsize} bytes")
        return np.ndarray(
            (count, width), dtype, data, first + start, (stride, dtype.itemsize)
        ).copy()


def _entry(document: dict[str, Any], key: str, index: Any) -> dict[str, Any]:
    entries = document.get(key, [])
    if not isinstance(index, int) or not 0 <= index < len(entries):
        raise LookupError(f"{key} has no entry {index}")
    return entries[index]


def read_document(path: Path, resource: Callable[[str], Path | None]) -> Document:
    """Read a ``.glb`` or ``.gltf``.

    Args:
        path: the file.
        resource: finds the file of a relative URI; None if it may not be read or is not there.

    Raises:
        ValueError: if the container is damaged or holds no glTF 2.
    """
    data = path.read_bytes()
    binary: bytes | None = None
    if data[:4] == b"glTF":
        data, binary = _chunks(data)
    document = json.loads(data)
    if not isinstance(document, dict) or not isinstance(document.get("asset"), dict):
        raise ValueError("has no asset")
    if not str(document["asset"].get("version", "")).startswith("2."):
        raise ValueError(f"is of version {document['asset'].get('version')}, not 2")
    buffers = [_buffer(entry, binary, resource) for entry in document.get("buffers", [])]
    return Document(document, tuple(buffers))


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    if len(data) < 20:
        raise ValueError("is shorter than a header")
    _, version, length = struct.unpack_from("<4sII", data)
    if version != 2:
        raise ValueError(f"is a container of version {version}, not 2")
    if length != len(data):
        raise ValueError(f"has {len(data)} bytes, its header says {length}")
    found: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, at)
        if at + 8 + size > length:
            raise ValueError("a chunk reaches beyond the file")
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    if not found or found[0][0] != b"JSON":
        raise ValueError("its first chunk is not JSON")
    more = found[1][1] if len(found) > 1 and found[1][0] == b"BIN\0" else None
    return found[0][1], more


def _buffer(
    entry: dict[str, Any], binary: bytes | None, resource: Callable[[str], Path | None]
) -> bytes | None:
    uri = entry.get("uri")
    if uri is None:
        data = binary
    elif uri.startswith("data:"):
        try:
            data = base64.b64decode(uri.partition(",")[2], validate=True)
        except binascii.Error as cause:
            raise ValueError("a buffer's data is no base64") from cause
    else:
        path = resource(unquote(uri))
        data = None if path is None else path.read_bytes()
    if data is not None and len(data) < entry["byteLength"]:
        raise ValueError(f"a buffer has {len(data)} bytes, not {entry['byteLength']}")
    return data
