"""Bytes of GLB and glTF files: their JSON, their buffers and what accessors see in them.

The files come from anywhere, so everything is looked at before it is used: sizes, bounds, kinds.
Specification: glTF 2.0, with ``KHR_mesh_quantization``.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from reel2sim.importers.gltf.fields import Fields
from reel2sim.importers.roots import Roots
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

_MOST_BYTES = 256 * 2**20
_MOST_JSON = 64 * 2**20
_MOST_VALUES = 30_000_000
"""Of all accessors together; they may share bytes, so the file's size does not bound them."""
_TYPES = {
    5120: np.dtype("<i1"), 5121: np.dtype("<u1"), 5122: np.dtype("<i2"), 5123: np.dtype("<u2"),
    5125: np.dtype("<u4"), 5126: np.dtype("<f4"),
}  # fmt: skip
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_IGNORABLE = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "KHR_xmp", "EXT_texture_webp")
_KNOWN = ("KHR_mesh_quantization", "KHR_gaussian_splatting")
_COMPRESSION = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")


class Container:
    """One file.

    Attributes:
        path: of the file.
        root: its JSON.

    Raises:
        InputError: if it is no glTF 2, or needs an extension that is not read.
    """

    def __init__(self, path: Path, roots: Roots) -> None:
        self.path, self._roots = path, roots
        document, self._binary = _opened(path)
        self.root = Fields(document, "", str(path))
        self._tables = {
            key: self.root.each(key) for key in ("buffers", "bufferViews", "accessors", "images")
        }
        self._loaded: dict[int, bytes] = {}
        self._read: dict[int, Array] = {}
        self._values = 0
        self._bytes = 0
        self._check_version()

    def _check_version(self) -> None:
        version = self.root.inner("asset").text("version")
        if version.split(".")[0] != "2":
            raise InputError(f"is glTF {version or 'of no version'}, not 2", source=self.path)
        for name in self.root.items("extensionsRequired"):
            if not isinstance(name, str):
                raise self.root.wrong("extensionsRequired", "holds what is no text")
            if name in _KNOWN or name.startswith(_IGNORABLE):
                continue
            remedy = "export it without that extension"
            if name in _COMPRESSION:
                remedy = "decompress it first, as `gltf-transform copy` does"
            raise InputError(f"needs {name}, which is not read", source=self.path, remedy=remedy)

    def accessor(self, index: int, kind: str | tuple[str, ...]) -> Array:
        """Elements ``(count, width)``: integers as they are, normalised ones and floats as float64.

        Raises:
            InputError: if the accessor is not of ``kind``, leaves its bytes, or is not finite.
        """
        facts = self._tables["accessors"][index]
        if facts.text("type") not in ((kind,) if isinstance(kind, str) else kind):
            raise facts.wrong("type", f"is {facts.text('type')!r}, expected {kind}")
        if index not in self._read:
            self._read[index] = self._decoded(facts)
        return self._read[index]

    def count(self, index: int) -> int:
        """How many elements an accessor says it has."""
        return self._tables["accessors"][index].whole("count")

    @property
    def accessors(self) -> int:
        """How many there are."""
        return len(self._tables["accessors"])

    def image(self, index: int) -> bytes:
        """Encoded bytes of an image.

        Raises:
            InputError: if it is outside of the roots, or its bytes are not there.
        """
        facts = self._tables["images"][index]
        if "bufferView" in facts:
            index = facts.index("bufferView", len(self._tables["bufferViews"]))
            return bytes(self._view(facts, index)[0])
        return self._resource(facts)

    def _decoded(self, facts: Fields) -> Array:
        kind = facts.whole("componentType", 0)
        if kind not in _TYPES:
            raise facts.wrong("componentType", f"is {kind}, which glTF does not have")
        dtype, width, count = _TYPES[kind], _WIDTHS[facts.text("type")], facts.whole("count")
        if width == 16 and dtype.kind != "f":
            raise facts.wrong("componentType", "is not float for a matrix")
        self._values += count * width
        if self._values > _MOST_VALUES:
            raise InputError(f"has over {_MOST_VALUES} values", source=self.path)
        if "bufferView" in facts:
            values = self._packed(facts, facts, dtype, (count, width))
        else:
            values = np.zeros((count, width), dtype)
        if "sparse" in facts:
            values = self._replaced(values, facts.inner("sparse"))
        if dtype.kind == "f":
            if not np.isfinite(values).all():
                raise facts.wrong("", "holds values that are not finite")
            return values.astype(np.float64)
        if facts.flag("normalized", False):
            return np.maximum(values.astype(np.float64) / np.iinfo(dtype).max, -1.0)
        return values.astype(np.int64)

    def _packed(
        self, facts: Fields, holder: Fields, dtype: np.dtype, shape: tuple[int, int]
    ) -> Array:
        """Elements that ``holder`` says where to find, as they lie there."""
        data, step = self._view(
            holder, holder.index("bufferView", len(self._tables["bufferViews"]))
        )
        start, size = holder.whole("byteOffset", 0), dtype.itemsize * shape[1]
        step = step or size
        if step < size or (shape[0] and start + step * (shape[0] - 1) + size > len(data)):
            raise facts.wrong("", f"reads beyond the {len(data)} bytes of its view")
        if not shape[0]:
            return np.zeros(shape, dtype)
        return np.ndarray(shape, dtype, data, start, (step, dtype.itemsize))

    def _replaced(self, values: Array, sparse: Fields) -> Array:
        count = sparse.whole("count")
        if count > len(values):
            raise sparse.wrong("count", f"is {count} for {len(values)} elements")
        at, new = sparse.inner("indices"), sparse.inner("values")
        kind = at.whole("componentType", 0)
        if kind not in (5121, 5123, 5125):
            raise at.wrong("componentType", f"is {kind}")
        rows = self._packed(at, at, _TYPES[kind], (count, 1))[:, 0].astype(np.int64)
        if len(rows) and rows.max() >= len(values):
            raise at.wrong("", "names an element that is not there")
        values = values.copy()
        values[rows] = self._packed(new, new, values.dtype, (count, values.shape[1]))
        return values

    def _view(self, user: Fields, index: int) -> tuple[memoryview, int]:
        """Bytes of a buffer view, and its stride; 0 if packed."""
        view = self._tables["bufferViews"][index]
        if any(name in view.inner("extensions") for name in _COMPRESSION):
            raise user.wrong("", "is compressed", remedy="decompress the file first")
        data = self._buffer(view.index("buffer", len(self._tables["buffers"])))
        start, length = view.whole("byteOffset", 0), view.whole("byteLength")
        if start + length > len(data):
            raise view.wrong("", f"reads beyond the {len(data)} bytes of its buffer")
        return memoryview(data)[start : start + length], view.whole("byteStride", 0)

    def _buffer(self, index: int) -> bytes:
        if index not in self._loaded:
            facts = self._tables["buffers"][index]
            data = self._binary if index == 0 and "uri" not in facts else self._resource(facts)
            if facts.whole("byteLength") > len(data):
                raise facts.wrong("byteLength", f"says more than the {len(data)} bytes there are")
            self._loaded[index] = data
        return self._loaded[index]

    def _resource(self, facts: Fields) -> bytes:
        """What a ``uri`` means: data in itself, or a file below the roots."""
        uri = facts.text("uri")
        if uri.startswith("data:"):
            head, comma, body = uri.partition(",")
            try:
                data = base64.b64decode(unquote(body), validate=True) if comma else b""
            except (binascii.Error, ValueError) as cause:
                raise facts.wrong("uri", "is not base64") from cause
            if not head.endswith(";base64"):
                raise facts.wrong("uri", "is not base64")
            return data
        if not uri:
            raise facts.wrong("uri", "is missing")
        file = self._roots.find(unquote(uri), base=self.path.parent)
        self._bytes += file.stat().st_size
        if self._bytes > _MOST_BYTES:
            raise InputError(f"names over {_MOST_BYTES // 2**20} MiB", source=self.path)
        try:
            return file.read_bytes()
        except OSError as cause:
            raise InputError(f"cannot be read: {cause.strerror}", source=file) from cause


def _opened(path: Path) -> tuple[dict[str, object], bytes]:
    """The JSON of a file and its binary chunk."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"is over {_MOST_BYTES // 2**20} MiB", source=path)
        data = path.read_bytes()
    except OSError as cause:
        raise InputError(f"cannot be read: {cause.strerror}", source=path) from cause
    binary = b""
    if data[:4] == b"glTF":
        data, binary = _chunks(path, data)
    if len(data) > _MOST_JSON:
        raise InputError(f"has over {_MOST_JSON // 2**20} MiB of JSON", source=path)
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as cause:
        raise InputError(f"is no glTF: {str(cause)[:200]}", source=path) from cause
    if not isinstance(document, dict):
        raise InputError("is no glTF: its JSON is no object", source=path)
    return document, binary


def _chunks(path: Path, data: bytes) -> tuple[bytes, bytes]:
    """The JSON and the binary chunk of a GLB."""
    if len(data) < 20:
        raise InputError("ends within its header", source=path)
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2 or length > len(data):
        fault = f"is binary glTF {version}, not 2" if version != 2 else "is cut off"
        raise InputError(fault, source=path)
    found: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= length and len(found) < 2:
        size, kind = struct.unpack_from("<I4s", data, at)
        if at + 8 + size > length:
            raise InputError("has a chunk that is cut off", source=path)
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    if not found or found[0][0] != b"JSON":
        raise InputError("does not begin with JSON", source=path)
    binary = found[1][1] if len(found) > 1 and found[1][0] == b"BIN\0" else b""
    return found[0][1], binary
