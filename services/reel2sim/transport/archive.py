"""Folders as single files and back, safely.

A folder travels as an **uncompressed tar** (POSIX pax headers only where a name needs one) of its
regular files in sorted order, with time, owner and group zeroed and mode 0644: the same folder
gives the same bytes. Zips are understood as well. Unpacking trusts nothing: only regular files and
folders with plain relative names, no duplicates, and no more files or bytes than the limits.
"""

from __future__ import annotations

import io
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reel2sim.scene.errors import InputError, MediaLimitError
from reel2sim.transport.names import relative_path_fault

_CHUNK = 1 << 20
_MAX_HEADER = 16 << 20


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """How much an archive may hold.

    Attributes:
        max_files: entries, folders included.
        max_bytes: sum of their sizes.
        max_ratio: how many times the archive's own size that sum may be, where it is over
            ``free_bytes``. Deflate reaches 1000, media and arrays seldom 10.
        free_bytes: see ``max_ratio``.
    """

    max_files: int = 100_000
    max_bytes: int = 16 << 30
    max_ratio: float = 100.0
    free_bytes: int = 256 << 20


@dataclass(frozen=True)
class _Member:
    """An entry of an archive; ``fault`` says why it is refused."""

    path: str
    size: int
    key: tarfile.TarInfo | zipfile.ZipInfo
    is_folder: bool
    fault: str | None


def pack_folder(folder: Path, archive: Path) -> None:
    """Write ``folder`` as a deterministic tar.

    Raises:
        InputError: if the folder holds a link or special file, or a name that cannot travel.
    """
    if not folder.is_dir():
        raise InputError("is not a folder", source=folder)
    with tarfile.open(archive, "w:", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*"), key=lambda p: p.relative_to(folder).parts):
            name = path.relative_to(folder).as_posix()
            if path.is_dir() and not path.is_symlink():
                continue
            if path.is_symlink() or not path.is_file():
                raise InputError("is not a regular file", source=folder, field=name)
            if fault := relative_path_fault(name):
                raise InputError(fault, source=folder, field=name)
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            with path.open("rb") as stream:
                tar.addfile(info, stream)


def check_archive(archive: Path, *, limits: ArchiveLimits | None = None) -> None:
    """Refuse an archive that :func:`unpack` would refuse by its table of contents.

    Raises:
        InputError: if it is neither tar nor zip, or holds an entry that is not allowed.
        MediaLimitError: if it holds more than ``limits``.
    """
    with _opened(archive) as opened:
        _members(archive, opened, limits or ArchiveLimits())


def unpack(archive: Path, folder: Path, *, limits: ArchiveLimits | None = None) -> None:
    """Extract ``archive`` into the new or empty ``folder``; what was written is removed on failure.

    Raises:
        InputError: if it is neither tar nor zip, damaged, or holds an entry that is not allowed.
        MediaLimitError: if it holds more than ``limits``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError("is not empty", source=folder)
    try:
        with _opened(archive) as opened:
            for member in _members(archive, opened, limits or ArchiveLimits()):
                target = folder / member.path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as sink:
                    _copy(archive, opened, member, sink)
    except BaseException as cause:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(cause, FileExistsError | NotADirectoryError):
            raise InputError("uses one path as file and folder", source=archive.name) from cause
        raise


class _Guarded(io.FileIO):
    """A file that refuses single reads beyond ``_MAX_HEADER``.

    ``tarfile`` and ``zipfile`` read a pax header or a central directory whole, however large it
    says it is; file contents they read in pieces.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_HEADER:
            raise tarfile.ReadError(f"a header declares {size} bytes")
        return super().read(-1 if size is None else size) or b""


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile | zipfile.ZipFile]:
    """The archive, opened; faults of its bytes become :class:`InputError`."""
    with _Guarded(archive, "rb") as stream:
        is_zip = stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
        stream.seek(0)
        try:
            if is_zip:
                with zipfile.ZipFile(stream) as opened:
                    yield opened
            else:
                with tarfile.open(fileobj=stream, mode="r:") as opened:
                    yield opened
        # RuntimeError: an encrypted zip. NotImplementedError: an unknown compression.
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            zlib.error,
            struct.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
            OverflowError,
        ) as cause:
            raise InputError(
                f"is not a readable tar or zip: {cause}",
                source=archive.name,
                remedy="pack the folder as an uncompressed tar or as a zip",
            ) from cause


def _members(
    archive: Path, opened: tarfile.TarFile | zipfile.ZipFile, limits: ArchiveLimits
) -> list[_Member]:
    """The regular files of an archive, all of them checked."""
    found: list[_Member] = []
    seen: set[str] = set()
    total, packed = 0, archive.stat().st_size
    most = min(limits.max_bytes, max(limits.free_bytes, int(limits.max_ratio * packed)))
    for count, member in enumerate(_entries(opened), start=1):
        if count > limits.max_files:
            raise MediaLimitError(f"holds over {limits.max_files} entries", source=archive.name)
        if member.fault:
            raise InputError(member.fault, source=archive.name, field=member.path[:200])
        if member.is_folder:
            continue
        if fault := relative_path_fault(member.path):
            raise InputError(fault, source=archive.name, field=member.path[:200])
        if member.path in seen:
            raise InputError("appears twice", source=archive.name, field=member.path)
        seen.add(member.path)
        total += member.size
        if total > most:
            raise MediaLimitError(
                f"unpacks to over {most} bytes, too much for its {packed}", source=archive.name
            )
        found.append(member)
    return found


def _entries(opened: tarfile.TarFile | zipfile.ZipFile) -> Iterator[_Member]:
    if isinstance(opened, tarfile.TarFile):
        for info in opened:
            odd = not (info.isdir() or info.isreg()) or info.issparse()
            yield _Member(
                info.name.removeprefix("./"),
                info.size,
                info,
                is_folder=info.isdir(),
                fault="is not a regular file" if odd else None,
            )
        return
    for info in opened.infolist():
        # The upper half of external_attr is a Unix mode; 0 where the writer had none.
        odd = (info.external_attr >> 28) & 0xF not in (0, 0o4, 0o10)
        packed = info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        yield _Member(
            info.filename,
            info.file_size,
            info,
            is_folder=info.is_dir(),
            fault="is not a regular file"
            if odd
            else "is neither stored nor deflated"
            if packed
            else None,
        )


def _copy(
    archive: Path,
    opened: tarfile.TarFile | zipfile.ZipFile,
    member: _Member,
    sink: IO[bytes],
) -> None:
    """Copy one file out and insist on the size it declares."""
    if isinstance(opened, zipfile.ZipFile):
        assert isinstance(member.key, zipfile.ZipInfo)
        stream = opened.open(member.key)
    else:
        assert isinstance(member.key, tarfile.TarInfo)
        stream = opened.extractfile(member.key)
        assert stream is not None
    with stream:
        left = member.size
        while left and (chunk := stream.read(min(_CHUNK, left))):
            left -= len(chunk)
            sink.write(chunk)
    if left:
        raise InputError("is cut off", source=archive.name, field=member.path)
