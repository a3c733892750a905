"""Files that are there whole or not at all, whatever kills the process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from reel2sim.scene.digest import digest_file

_PREFIX = ".writing-"
_FRESH_S = 10.0
"""Longest time from the birth of a file to its lock."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> str:
    """Have ``write`` fill a file beside ``path``, flush it to disk and rename it to ``path``.

    The file is locked meanwhile, which tells :func:`remove_leftovers` that somebody writes it.

    Returns:
        sha256 of what was written.
    """
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=path.suffix, dir=path.parent)
    aside = Path(name)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write(aside)
        with aside.open("rb") as stream:
            os.fsync(stream.fileno())
        digest = digest_file(aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return digest


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes have left half written in ``folder``.

    What a process that lives is writing is kept, on whichever machine it runs, and so is all where
    the file system has no locks.
    """
    for path in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), path.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - path.stat().st_mtime > _FRESH_S:
                path.unlink()
