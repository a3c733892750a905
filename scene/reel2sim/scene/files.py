"""Files that are whole or absent, whenever the process is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: Path) -> Generator[Path]:
    """A path to write to, which becomes ``path`` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, record: Any) -> None:
    """Write plain values."""
    with whole(path) as part:
        part.write_text(json.dumps(record, indent=1, default=list) + "\n", encoding="utf-8")
