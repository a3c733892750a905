"""A folder that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from reel2sim.scene.errors import ConflictError, ExhaustedError, ExportError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def staged_folder(out: Path, *, overwrite: bool = False) -> Generator[Path]:
    """Yield an empty folder beside ``out`` that becomes ``out`` when the block ends well.

    The folder is a sibling, so that the last step is a rename. If the block raises, it is removed
    and ``out`` is as it was.

    Args:
        out: folder to make; may exist if empty.
        overwrite: replace ``out`` if it holds something. The old one goes only after the new one
            is whole.

    Raises:
        ConflictError: if ``out`` is a file, or is not empty and ``overwrite`` is not set.
        ExhaustedError: if the disk is full.
        ExportError: if the file system refuses for another reason.
    """
    out = Path.cwd() / out
    _refuse_taken(out, overwrite)
    with _explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = _sibling(out)
    try:
        try:
            yield partial
        except OSError as cause:
            if cause.errno not in _FULL:
                raise
            raise _disk_full(out, cause) from cause
        with _explained(out):
            _sync_tree(partial)
            # Someone may have written there while we worked.
            _refuse_taken(out, overwrite)
            _swap_in(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sibling(out: Path) -> Path:
    """A new empty folder beside ``out``, with the rights that mkdir gives."""
    folder = out.with_name(f".{out.name}.partial-{secrets.token_hex(4)}")
    folder.mkdir()
    return folder


def _refuse_taken(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise ConflictError("is a file", source=out, remedy="choose another output folder")
    if out.is_dir() and not overwrite and any(out.iterdir()):
        raise ConflictError(
            "is not empty", source=out, remedy="choose another folder, or allow overwriting it"
        )


def _swap_in(partial: Path, out: Path) -> None:
    if not out.exists():
        partial.rename(out)
        _sync(out.parent)
        return
    # A full folder cannot be renamed over, so the old one steps aside and returns on failure.
    aside = _sibling(out)
    old = aside / "old"
    try:
        out.rename(old)
        try:
            partial.rename(out)
        except OSError:
            old.rename(out)
            raise
        _sync(out.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _explained(out: Path) -> Generator[None]:
    """Turn what the file system says into errors of ours."""
    try:
        yield
    except OSError as cause:
        if cause.errno in _FULL:
            raise _disk_full(out, cause) from cause
        raise ExportError(f"cannot be written: {cause}", source=out) from cause


def _disk_full(out: Path, cause: OSError) -> ExhaustedError:
    return ExhaustedError(f"disk is full: {cause.strerror}", source=out, remedy="free some space")


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    """Ask the disk to hold ``path``, so that a crash after the rename loses nothing."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
