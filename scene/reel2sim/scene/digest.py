"""Content digests of files, folders and configurations."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any


def digest_bytes(data: bytes) -> str:
    """sha256 of ``data``, lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes, lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_tree(folder: Path) -> str:
    """sha256 over the sorted relative paths and digests of all files under ``folder``."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    lines = [f"{digest_file(p)}  {p.relative_to(folder).as_posix()}\n" for p in files]
    return digest_bytes("".join(lines).encode())


def digest_config(*parts: Any) -> str:
    """sha256 of configuration values: dataclasses, dictionaries, strings, numbers, None."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {type(value).__name__: dataclasses.asdict(value)}
        raise TypeError(f"cannot digest {type(value).__name__}")

    return digest_bytes(json.dumps(parts, sort_keys=True, default=plain).encode())
