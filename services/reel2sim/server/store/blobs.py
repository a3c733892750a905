"""Bytes by their digest: what the server asks of a blob store, in a folder or in memory."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from reel2sim.scene.errors import NotFoundError, UsageError

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}


class Blobs(Protocol):
    """Blobs named by their sha256, each whole or absent. Methods block; call them in threads."""

    def put(self, digest: str, file: Path) -> None:
        """Keep a copy of the synced ``file`` durably; nothing if the digest is there.

        Raises:
            ExhaustedError: if there is no room.
            UnavailableError: if the store cannot be reached.
        """
        ...

    def has(self, digest: str) -> bool:
        """Whether the whole blob is there."""
        ...

    def local(self, digest: str) -> Path:
        """A read-only file with the blob, valid for at least an hour.

        Raises:
            NotFoundError: if it is not there.
            IntegrityError: if what is there is something else.
            UnavailableError: if the store cannot be reached.
        """
        ...

    def delete(self, digest: str) -> None:
        """Remove a blob, if it is there."""
        ...

    def digests(self) -> Iterator[str]:
        """All blobs that are there, in any order."""
        ...


class FolderBlobs:
    """Blobs as files ``ab/abcd…`` of a folder: a blob is renamed into place after it is synced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, digest: str, file: Path) -> None:
        """See :class:`Blobs`."""
        target = self._path(digest)
        if target.is_file():
            return
        target.parent.mkdir(exist_ok=True)
        link_or_copy(file, target)
        sync_folder(target.parent)
        sync_folder(self._folder)
        # Jobs see it through a link: an accidental write must not change what the digest says.
        # Not before it is there: if that fails, the upload is to go on.
        target.chmod(0o444)

    def has(self, digest: str) -> bool:
        """See :class:`Blobs`."""
        return self._path(digest).is_file()

    def local(self, digest: str) -> Path:
        """See :class:`Blobs`."""
        path = self._path(digest)
        if not path.is_file():
            raise NotFoundError("is not in the store", source=digest, remedy="upload it first")
        return path

    def delete(self, digest: str) -> None:
        """See :class:`Blobs`."""
        self._path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """See :class:`Blobs`."""
        for path in self._folder.glob("??/*"):
            if path.suffix:
                # Left by a copy that was cut off.
                path.unlink(missing_ok=True)
            else:
                yield path.name

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


class MemoryBlobs:
    """Blobs that are not kept, for tests; ``folder`` holds those that were asked for as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs: dict[str, bytes] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, digest: str, file: Path) -> None:
        """See :class:`Blobs`."""
        self._blobs.setdefault(digest, file.read_bytes())

    def has(self, digest: str) -> bool:
        """See :class:`Blobs`."""
        return digest in self._blobs

    def local(self, digest: str) -> Path:
        """See :class:`Blobs`."""
        if digest not in self._blobs:
            raise NotFoundError("is not in the store", source=digest, remedy="upload it first")
        path = self._folder / digest
        path.write_bytes(self._blobs[digest])
        return path

    def delete(self, digest: str) -> None:
        """See :class:`Blobs`."""
        self._blobs.pop(digest, None)

    def digests(self) -> Iterator[str]:
        """See :class:`Blobs`."""
        yield from list(self._blobs)


def open_blobs(url: str, folder: Path) -> Blobs:
    """The blob store that ``url`` names.

    Args:
        url: "" for files in ``folder``; ``s3://BUCKET/PREFIX``, with ``?endpoint=URL`` for other
            stores than Amazon's and ``&region=NAME``, with credentials where boto3 finds them;
            or ``memory:``.
        folder: where files live that the store has or lends.

    Raises:
        UsageError: if the URL is of another kind.
        MissingDependencyError: if S3 is asked for and the extra is not installed.
    """
    if not url:
        return FolderBlobs(folder)
    if url == "memory:":
        return MemoryBlobs(folder)
    if url.startswith("s3://"):
        from reel2sim.server.store.s3 import S3Blobs

        return S3Blobs.at(url, folder)
    raise UsageError(
        f"{url.partition(':')[0]!r} is no kind of blob store",
        field="artifact_store",
        remedy="write s3://BUCKET/PREFIX?endpoint=URL",
    )


def link_or_copy(source: Path, target: Path) -> None:
    """Another name for ``source`` that is there whole or not at all; a copy on other disks."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        with contextlib.ExitStack() as undo:
            undo.callback(part.unlink, missing_ok=True)
            shutil.copyfile(source, part)
            sync_file(part)
            part.replace(target)


def sync_file(path: Path) -> None:
    """Make the bytes of ``path`` survive a loss of power."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Make renames inside ``path`` survive a loss of power."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
