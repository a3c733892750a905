"""The content-addressed store: a folder of files named by their digest, and a row for each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

from reel2sim.scene.errors import ConflictError, ExhaustedError, NotFoundError
from reel2sim.server.database import Database, now_us
from reel2sim.server.records import ArtifactRecord, State


class Artifacts:
    """Artifacts in ``folder``, listed in ``database``.

    A file is written aside and synced by whoever makes it. :meth:`adopt` renames it into place,
    syncs the directory and only then adds the row: a row always has its whole file, and a file
    without a row is rubbish that :meth:`sweep` removes.
    """

    def __init__(self, database: Database, folder: Path, *, max_bytes: int | None = None) -> None:
        self._database = database
        self._folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the bytes of ``digest`` are or would be."""
        return self._folder / digest[:2] / digest

    async def get(self, digest: str) -> ArtifactRecord:
        """The artifact with that digest; NotFoundError if there is none."""

        def work(db: sqlite3.Connection) -> ArtifactRecord | None:
            row = db.execute("SELECT * FROM artifacts WHERE digest = ?", (digest,)).fetchone()
            return None if row is None else ArtifactRecord(**row)

        record = await self._database.call(work)
        if record is None or not self.path(digest).is_file():
            raise NotFoundError("is not in the store", source=digest, remedy="upload it first")
        return record

    async def adopt(self, file: Path, *, digest: str, format: int, filename: str) -> ArtifactRecord:
        """Take over a synced ``file`` whose sha256 is ``digest``.

        Adopting bytes that are already there replaces only their format and filename.

        Raises:
            ExhaustedError: if the store would grow beyond its limit.
        """
        record = ArtifactRecord(digest, file.stat().st_size, format, filename, now_us())

        def work(db: sqlite3.Connection) -> ArtifactRecord:
            known = db.execute("SELECT 1 FROM artifacts WHERE digest = ?", (digest,)).fetchone()
            used = db.execute("SELECT coalesce(sum(size), 0) FROM artifacts").fetchone()[0]
            limit = self._max_bytes
            if known is None and limit is not None and used + record.size > limit:
                raise ExhaustedError(
                    f"the store is limited to {limit} bytes, {used} are used",
                    remedy="delete artifacts that are not needed",
                )
            self._place(file, self.path(digest))
            db.execute(
                "INSERT INTO artifacts VALUES (:digest, :size, :format, :filename, :created_us) "
                "ON CONFLICT (digest) DO UPDATE SET format = :format, filename = :filename",
                vars(record),
            )
            row = db.execute("SELECT * FROM artifacts WHERE digest = ?", (digest,)).fetchone()
            return ArtifactRecord(**row)

        try:
            return await self._database.call(work)
        except BaseException:
            # The disk was full after the rename, say: without its row the file is rubbish.
            with contextlib.suppress(OSError, sqlite3.Error):
                await self.sweep(digest)
            raise

    async def usage(self) -> tuple[int, int]:
        """How many artifacts there are, and their bytes."""

        def work(db: sqlite3.Connection) -> tuple[int, int]:
            query = "SELECT count(*), coalesce(sum(size), 0) FROM artifacts"
            return tuple(db.execute(query).fetchone())

        return await self._database.call(work)

    async def delete(self, digest: str) -> None:
        """Remove an artifact; ConflictError while an unfinished operation reads it."""
        await self.get(digest)

        def work(db: sqlite3.Connection) -> None:
            reader = db.execute(
                "SELECT name FROM operations WHERE state < ? AND inputs LIKE ?",
                (State.SUCCEEDED, f"%{digest}%"),
            ).fetchone()
            if reader is not None:
                raise ConflictError("is in use", source=digest, field=reader["name"])
            db.execute("DELETE FROM artifacts WHERE digest = ?", (digest,))

        await self._database.call(work)
        await self.sweep(digest)

    async def sweep(self, digest: str | None = None) -> None:
        """Remove files without a row: that of ``digest``, or all of them."""

        def work(db: sqlite3.Connection) -> None:
            files = [self.path(digest)] if digest else list(self._folder.glob("*/*"))
            rows = db.execute("SELECT digest FROM artifacts")
            known = {row["digest"] for row in rows}
            for file in files:
                if file.name not in known:
                    file.unlink(missing_ok=True)

        # In the database's thread, so that no file is between its rename and its row.
        await self._database.call(work)

    def _place(self, file: Path, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        file.replace(target)
        # Jobs see it through a link: an accidental write must not change what the digest says.
        # Not before the rename: if that fails, the upload is to go on.
        target.chmod(0o444)
        sync_folder(target.parent)
        sync_folder(self._folder)


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


async def read_chunk(file: int, offset: int, size: int) -> bytes:
    """Up to ``size`` bytes of an open file descriptor at ``offset``."""
    return await asyncio.to_thread(os.pread, file, size, offset)
