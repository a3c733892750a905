"""The binary half of a GLB: arrays, their accessors, and the container around both."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array

_FLOAT, _UNSIGNED_INT, _UNSIGNED_SHORT = 5126, 5125, 5123
VERTICES, INDICES = 34962, 34963
"""What a buffer view is for."""


class Buffer:
    """Collects arrays, and the accessors that describe them."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(
        self,
        values: Array,
        kind: str,
        *,
        bounds: bool = False,
        target: int | None = None,
        normalized: bool = False,
    ) -> int:
        """Append ``values`` and return the index of their accessor.

        Args:
            values: floats, or integers, which are kept in 16 bits if they are of ``uint16``.
            kind: of an element, such as ``"VEC3"``.
            bounds: whether smallest and largest values are written too.
            target: what the view is for.
            normalized: whether integers stand for 0..1.
        """
        short = values.dtype == np.uint16
        whole = values.dtype.kind in "iu"
        dtype = "<u2" if short else "<u4" if whole else "<f4"
        packed = np.ascontiguousarray(values, dtype=dtype)
        view: dict[str, Any] = {
            "buffer": 0,
            "byteOffset": len(self.data),
            "byteLength": packed.nbytes,
        }
        if target is not None:
            view["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": len(self.views),
            "componentType": (_UNSIGNED_SHORT if short else _UNSIGNED_INT if whole else _FLOAT),
            "count": len(packed),
            "type": kind,
        }
        if normalized:
            accessor["normalized"] = True
        if bounds:
            table = packed.reshape(len(packed), -1)
            accessor["min"] = table.min(axis=0).tolist()
            accessor["max"] = table.max(axis=0).tolist()
        self.data += packed.tobytes()
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def tables(self) -> dict[str, Any]:
        """The document's entries for what was added."""
        buffers = [{"byteLength": len(self.data)}] if self.data else []
        found = {"bufferViews": self.views, "accessors": self.accessors}
        return {**found, "buffers": buffers} if buffers else found


def container(document: dict[str, Any], data: bytes) -> bytes:
    """A GLB of a document and its binary chunk."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    chunks = [(b"JSON", text + b" " * (-len(text) % 4))]
    if data:
        chunks.append((b"BIN\0", data + b"\0" * (-len(data) % 4)))
    body = b"".join(struct.pack("<I", len(c)) + name + c for name, c in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body
