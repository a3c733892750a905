"""Uploads: bytes that arrive in pieces and become an artifact when they are whole."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import (
    ConflictError,
    ExhaustedError,
    IntegrityError,
    MediaLimitError,
    UsageError,
)
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.records import ArtifactRecord
from reel2sim.server.room import Room
from reel2sim.server.store.blobs import sync_file
from reel2sim.transport.archive import ArchiveLimits, check_archive

MAX_CHUNK = 1 << 20
MAX_PENDING = 256
FORMAT_FILE = 1


@dataclass
class _Session:
    """The one stream that may write to an upload now."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    owner: object = None


class Uploads:
    """Unfinished uploads as files in ``folder``.

    Args:
        folder: where they are.
        artifacts: what they become.
        room: counts their bytes.
        max_bytes: limit of each.
    """

    def __init__(self, folder: Path, artifacts: Artifacts, room: Room, *, max_bytes: int) -> None:
        self._folder = folder
        self._artifacts = artifacts
        self._room = room
        self._max_bytes = max_bytes
        self._sessions: dict[str, _Session] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            room.recount(path)

    def size(self, upload_id: str) -> int:
        """Bytes kept for an upload; 0 for one that is not known."""
        try:
            return self._path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def expire(self, age_s: float) -> None:
        """Drop uploads that nobody has written to for ``age_s``."""
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - age_s and path.name not in self._sessions:
                    path.unlink()
                    self._room.recount(path)

    def open(self, upload_id: str) -> UploadStream:
        """A stream that may write to the upload until another one is opened for it."""
        known = self._path(upload_id).exists()
        if not known and sum(1 for _ in self._folder.iterdir()) >= MAX_PENDING:
            raise ExhaustedError(f"{MAX_PENDING} uploads are unfinished already")
        self._path(upload_id).touch()
        path = self._path(upload_id)
        if upload_id not in self._sessions:  # else a piece may be on its way
            self._room.recount(path)
        session = self._sessions.setdefault(upload_id, _Session())
        stream = UploadStream(
            upload_id, path, session, self._artifacts, self._room, self._max_bytes
        )
        session.owner = stream
        return stream

    def close(self, stream: UploadStream) -> None:
        """The stream has ended."""
        session = self._sessions.get(stream.upload_id)
        if session is not None and session.owner is stream:
            del self._sessions[stream.upload_id]
            self._room.recount(self._path(stream.upload_id))

    def _path(self, upload_id: str) -> Path:
        return self._folder / upload_id


class UploadStream:
    """Writes the pieces of one upload and hashes them on the way."""

    def __init__(
        self,
        upload_id: str,
        path: Path,
        session: _Session,
        artifacts: Artifacts,
        room: Room,
        max_bytes: int,
    ) -> None:
        self.upload_id = upload_id
        self.size = path.stat().st_size
        self._path = path
        self._session = session
        self._artifacts = artifacts
        self._room = room
        self._max_bytes = max_bytes
        # The running hash covers the file only if this stream wrote all of it.
        self._hash = hashlib.sha256() if self.size == 0 else None

    async def append(self, offset: int, data: bytes) -> None:
        """Add ``data`` at ``offset``, which must be the number of bytes that are there.

        Raises:
            UsageError: if the offset is another one or the piece is too large.
            MediaLimitError: if the upload grows too large.
            ExhaustedError: if there is no room for it in the store.
            ConflictError: if another stream has taken over.
        """
        if len(data) > MAX_CHUNK:
            raise UsageError(f"holds over {MAX_CHUNK} bytes", source="UploadRequest", field="data")
        async with self._session.lock:
            self._check_owner()
            if offset != self.size:
                raise UsageError(
                    f"is {offset}, but {self.size} bytes are persisted",
                    source="UploadRequest",
                    field="offset",
                    remedy="ask GetUpload where to go on",
                )
            if self.size + len(data) > self._max_bytes:
                raise MediaLimitError(
                    f"an artifact may hold {self._max_bytes} bytes",
                    source="UploadRequest",
                    field="data",
                )
            await self._room.take(self._path, len(data))
            self._check_owner()
            await asyncio.to_thread(self._write, data)
            self.size += len(data)

    async def finish(
        self,
        *,
        size: int,
        sha256: str,
        format: int,
        filename: str,
        principal: str = "",
        max_bytes: int | None = None,
    ) -> ArtifactRecord:
        """Commit the upload if it has this size and digest.

        Args:
            size: number of bytes.
            sha256: of the bytes, hex.
            format: number of ``reel2sim.v1.ArtifactFormat``.
            filename: name without directories.
            principal: who has the artifact.
            max_bytes: limit of this principal's artifacts together; None for none.

        Raises:
            UsageError: if bytes are missing; they can still be sent.
            IntegrityError: if the digest differs; the upload is dropped.
            InputError: if it is declared an archive and is not one that can be unpacked safely.
        """
        async with self._session.lock:
            self._check_owner()
            if size != self.size:
                raise UsageError(
                    f"is {size}, but {self.size} bytes are persisted",
                    source="UploadRequest",
                    field="finish.size_bytes",
                )
            await asyncio.to_thread(self._verify, sha256, format)
            return await self._artifacts.adopt(
                self._path,
                digest=sha256,
                format=format,
                filename=filename,
                principal=principal,
                max_bytes=max_bytes,
            )

    def _check_owner(self) -> None:
        if self._session.owner is not self:
            raise ConflictError("another stream has taken over this upload", source=self.upload_id)

    def _write(self, data: bytes) -> None:
        try:
            with self._path.open("r+b") as file:
                file.seek(self.size)
                file.write(data)
        except FileNotFoundError as cause:
            raise ConflictError("was committed by another stream", source=self.upload_id) from cause
        if self._hash is not None:
            self._hash.update(data)

    def _verify(self, sha256: str, format: int) -> None:
        # A write that outlived its cancelled stream may have added a tail.
        os.truncate(self._path, self.size)
        actual = digest_file(self._path) if self._hash is None else self._hash.hexdigest()
        if actual != sha256:
            self._path.unlink()
            raise IntegrityError(
                f"the bytes that arrived have sha256 {actual}, not {sha256}",
                source=self.upload_id,
                remedy="upload again",
            )
        if format != FORMAT_FILE:
            try:
                check_archive(self._path, limits=ArchiveLimits(max_bytes=4 * self._max_bytes))
            except Exception:
                self._path.unlink()
                raise
        sync_file(self._path)
