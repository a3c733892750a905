"""One ``.npz`` for each result, the same bytes for the same content.

Loading never unpickles. A file of another layout is refused by name and version.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError, Reel2SimError
from reel2sim.scene.surfels import Surfels

VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MOST_BYTES = 4 * 2**30
_MOST_HEADER_BYTES = 64 * 2**20


def write(path: Path, kind: str, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> None:
    """Write named arrays and a JSON header."""
    # In the order given: what is read back must be what was written, to the order of its figures.
    text = json.dumps({"kind": kind, "version": VERSION, **header})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("header.json", _EPOCH), text)
        for name in sorted(arrays):
            add_array(archive, name, arrays[name], level=1)


def add_array(archive: zipfile.ZipFile, name: str, array: Array, *, level: int) -> None:
    """Add an array as :func:`numpy.load` finds it; same array, same bytes.

    Args:
        archive: open for writing.
        name: of the array.
        array: of any shape; it is written in C order.
        level: of deflation, 0 to 9.
    """
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    archive.writestr(info, buffer.getvalue(), zipfile.ZIP_DEFLATED, level)


def read(path: Path, kind: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what :func:`write` wrote.

    Raises:
        InputError: if the file is damaged, of another kind or of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
            if size > _MOST_BYTES:
                raise ValueError(f"holds {size / 2**30:.1f} GiB")
            header = _header(archive)
            arrays = {
                name.removesuffix(".npy"): _array(archive.read(name))
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except Exception as cause:  # readers of untrusted bytes raise anything
        text = " ".join(str(cause).split())[:200] or type(cause).__name__
        raise InputError(f"cannot be read: {text}", source=path) from cause
    if not isinstance(header, dict):
        raise InputError(f"is not a {kind} file", source=path)
    fields = cast("dict[str, Any]", header)
    if fields.get("kind") != kind:
        raise InputError(f"is not a {kind} file", source=path)
    if fields.get("version") != VERSION:
        raise InputError(f"has layout version {fields.get('version')}", source=path)
    return arrays, fields


def _header(archive: zipfile.ZipFile) -> Any:
    if archive.getinfo("header.json").file_size > _MOST_HEADER_BYTES:
        raise ValueError(f"has a header of over {_MOST_HEADER_BYTES // 2**20} MiB")
    return json.loads(archive.read("header.json"))


def _array(data: bytes) -> Array:
    """An array of numbers or texts, of the size that its header says."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"an array is of version {version}")
    shape, _, dtype = read_header(stream)
    # Room is made for what a header says before anything is read.
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"an array of shape {shape} and type {dtype} is not as long as that")
    return np.load(io.BytesIO(data), allow_pickle=False)


def stored_kind(path: Path) -> str | None:
    """What the header of a file says it holds; None if it does not say.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is none of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = _header(archive)
    except (zipfile.BadZipFile, KeyError, EOFError) as cause:
        raise ValueError("has no header") from cause
    return header.get("kind") if isinstance(header, dict) else None  # pyright: ignore


@contextmanager
def blaming(path: Path) -> Generator[None]:
    """Turn missing or malformed entries into an :class:`InputError` that names the file."""
    try:
        yield
    except Reel2SimError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as cause:
        raise InputError(f"is incomplete: {cause}", source=path) from cause


def surfel_arrays(surfels: Surfels) -> dict[str, Array]:
    """Arrays of surfels, below ``surfels/``."""
    names = (f.name for f in dataclasses.fields(Surfels))
    return {f"surfels/{name}": getattr(surfels, name) for name in names}


def surfels_from(a: Mapping[str, Array]) -> Surfels:
    """The surfels of :func:`surfel_arrays`."""
    return Surfels(*(a[f"surfels/{f.name}"] for f in dataclasses.fields(Surfels)))
