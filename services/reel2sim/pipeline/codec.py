"""Any stage result as one ``.npz``: frozen dataclasses of numpy arrays, the same bytes each time.

Used for results that have no layout of their own in :mod:`reel2sim.scene.store`, such as reels
with estimated cameras. Loading never unpickles: only dataclasses and enumerations of this
project are rebuilt, through their own constructors, so that their checks run again.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

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
    arrays: list[np.ndarray] = []
    tree = _encode(value, arrays)
    header = json.dumps({"kind": _KIND, "version": _VERSION, "value": tree}, sort_keys=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("header.json", _EPOCH), header)
        for i, array in enumerate(arrays):
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{i:05d}.npy", _EPOCH)
            archive.writestr(info, buffer.getvalue(), zipfile.ZIP_DEFLATED, 1)


def load_value(path: Path) -> Any:
    """Read what :func:`save_value` wrote.

    Raises:
        InputError: if the file is not one, is damaged, or holds values that fail their checks.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read("header.json"))
            if not isinstance(header, dict) or header.get("kind") != _KIND:
                raise InputError("is not a stage result", source=path)
            if header.get("version") != _VERSION:
                raise InputError(f"has layout version {header.get('version')}", source=path)
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
    ) as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause


def _encode(value: object, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, Enum):
        return {"enum": _type_name(type(value)), "value": value.value}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
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
        return arrays[tree["array"]]
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
