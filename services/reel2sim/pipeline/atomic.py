"""Files that are there whole or not at all, whatever kills the process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from reel2sim.scene.digest import digest_file


def write_atomically(path: Path, write: Callable[[Path], object]) -> str:
    """Have ``write`` fill a file beside ``path``, flush it to disk and rename it to ``path``.

    Returns:
        sha256 of what was written.
    """
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        write(aside)
        with aside.open("rb") as stream:
            os.fsync(stream.fileno())
        digest = digest_file(aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return digest
