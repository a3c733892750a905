"""Any stage result as one ``.npz``: frozen dataclasses of numpy arrays, the same bytes each time.

Used for results that have no layout of their own in :mod:`reel2sim.scene.store`, such as reels
with estimated cameras, and for what a stage keeps while it works. Loading never unpickles: only
dataclasses and enumerations of this project are rebuilt, through their own constructors, so that
their checks run again. Arrays and tensors come back with the order of their axes in memory:
sums over the same numbers in another order would differ in their last bits.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import sys
import zipfile
import zlib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import IO, Any

import numpy as np

from reel2sim.scene.errors import InputError, Reel2SimError

_KIND = "reel2sim_value"
_VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN = (bool, int, float, str, type(None))


def save_value(path: Path, value: object) -> None:
    """Write ``value`` to ``path``.

    Raises:
        TypeError: if it holds something that is neither plain, nor an array, nor a dataclass.
    """
    with path.open("wb") as stream:
        write_value(stream, value)


def load_value(path: Path) -> Any:
    """Read what :func:`save_value` wrote.

    Raises:
        InputError: if the file is not one, is damaged, or holds values that fail their checks.
    """
    try:
        with path.open("rb") as stream:
            return read_value(stream, source=path)
    except OSError as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause


def write_value(stream: IO[bytes], value: object, *, compressed: bool = True) -> None:
    """Write ``value`` to ``stream``, as :func:`save_value` does to a file.

    Args:
        stream: to write to.
        value: to write.
        compressed: whether arrays are deflated, which takes longer than writing them.
    """
    arrays: list[np.ndarray] = []
    tree = _encode(value, arrays)
    header = json.dumps({"kind": _KIND, "version": _VERSION, "value": tree}, sort_keys=True)
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("header.json", _EPOCH), header)
        for i, array in enumerate(arrays):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{i:05d}.npy", _EPOCH), buffer.getbuffer(), method, 1)


def read_value(stream: IO[bytes], *, source: Path) -> Any:
    """Read what :func:`write_value` wrote; errors name ``source``.

    Raises:
        InputError: if there is none, it is damaged, or holds values that fail their checks.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            header = json.loads(archive.read("header.json"))
            if not isinstance(header, dict) or header.get("kind") != _KIND:
                raise InputError("is not a stage result", source=source)
            if header.get("version") != _VERSION:
                raise InputError(f"has layout version {header.get('version')}", source=source)
            names = sorted(n for n in archive.namelist() if n.endswith(".npy"))
            arrays = [np.load(io.BytesIO(archive.read(name)), allow_pickle=False) for name in names]
        return _decode(header["value"], arrays)
    except Reel2SimError:
        raise
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        ImportError,
        EOFError,
        RuntimeError,
    ) as cause:
        raise InputError(f"cannot be read: {cause}", source=source) from cause


def _encode(value: object, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, Enum):
        return {"enum": _type_name(type(value)), "value": value.value}
    if isinstance(value, np.generic):
        arrays.append(np.asarray(value))
        return {"scalar": len(arrays) - 1}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray):
        return {"array": _placed(value, arrays)}
    if _is_tensor(value):
        plain = value.detach().cpu().numpy()  # type: ignore[attr-defined]
        return {"tensor": _placed(plain, arrays), "device": str(value.device)}  # type: ignore[attr-defined]
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, tuple):
        return {"tuple": [_encode(x, arrays) for x in value]}
    if isinstance(value, list):
        return {"list": [_encode(x, arrays) for x in value]}
    if isinstance(value, Mapping):
        return {"dict": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: _encode(getattr(value, f.name), arrays)
            for f in dataclasses.fields(value)
            if f.init
        }
        return {"data": _type_name(type(value)), "fields": fields}
    raise TypeError(f"cannot store a {type(value).__name__}")


def _decode(tree: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return _taken(tree["array"], arrays)
    if "scalar" in tree:
        return arrays[tree["scalar"]][()]
    if "tensor" in tree:
        return _tensor(_taken(tree["tensor"], arrays), tree["device"])
    if "path" in tree:
        return Path(tree["path"])
    if "tuple" in tree:
        return tuple(_decode(x, arrays) for x in tree["tuple"])
    if "list" in tree:
        return [_decode(x, arrays) for x in tree["list"]]
    if "dict" in tree:
        return {_decode(k, arrays): _decode(v, arrays) for k, v in tree["dict"]}
    if "enum" in tree:
        return _type(tree["enum"])(tree["value"])
    kind = _type(tree["data"])
    return kind(**{name: _decode(x, arrays) for name, x in tree["fields"].items()})


def _placed(array: np.ndarray, arrays: list[np.ndarray]) -> Any:
    """Where ``array`` went, with the order of its axes in memory unless they are in order."""
    axes = list(range(array.ndim))
    if not array.flags.c_contiguous:
        axes.sort(key=lambda axis: -abs(array.strides[axis]))
    arrays.append(np.asarray(array.transpose(axes), order="C"))
    at = len(arrays) - 1
    return at if axes == sorted(axes) else [at, axes]


def _taken(place: Any, arrays: list[np.ndarray]) -> np.ndarray:
    if isinstance(place, int):
        return arrays[place]
    at, axes = place
    return arrays[at].transpose([int(axis) for axis in np.argsort(axes)])


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")  # where it is not loaded there are no tensors
    return torch is not None and isinstance(value, torch.Tensor)


def _tensor(array: np.ndarray, device: str) -> Any:
    import torch

    # Copied into memory that torch aligned: vector code may treat the ends of other memory apart.
    return torch.from_numpy(array).clone().to(device)


def _type_name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _type(name: str) -> Any:
    module, _, qualname = name.partition(":")
    if not module.startswith("reel2sim."):
        raise ValueError(f"type {name!r} is not one of this project")
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    if not (
        isinstance(found, type) and (dataclasses.is_dataclass(found) or issubclass(found, Enum))
    ):
        raise ValueError(f"type {name!r} is not a dataclass")
    return found
