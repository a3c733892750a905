"""Artifacts: who has which blobs, and the blobs that nobody has any more."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from reel2sim.scene.errors import (
    ConflictError,
    ExhaustedError,
    NotFoundError,
    Reel2SimError,
)
from reel2sim.server.records import ArtifactRecord
from reel2sim.server.rows import OPEN
from reel2sim.server.store.blobs import Blobs
from reel2sim.server.store.database import Database, Transaction


class Artifacts:
    """Artifacts listed in ``database``, their bytes in ``blobs``.

    A blob is put before its row is committed, and both change under a lock of the blob's name: a
    row always has its whole blob, and a blob without a row is rubbish that :meth:`sweep` removes.
    Each principal sees its own artifacts only; equal bytes are kept once.

    Args:
        database: where rows live.
        blobs: where bytes live.
        max_bytes: limit of the blobs together; None for none.
    """

    def __init__(self, database: Database, blobs: Blobs, *, max_bytes: int | None = None) -> None:
        self._database = database
        self._blobs = blobs
        self._max_bytes = max_bytes

    async def local(self, digest: str) -> Path:
        """A read-only file with the bytes of ``digest``, valid for at least an hour.

        Raises:
            NotFoundError: if they are not in the store.
            UnavailableError: if the blob store cannot be reached.
        """
        return await asyncio.to_thread(self._blobs.local, digest)

    async def get(self, digest: str, *, principal: str | None = None) -> ArtifactRecord:
        """The artifact of ``principal`` with that digest; of anybody's for None.

        Raises:
            NotFoundError: if there is none.
        """

        def work(tx: Transaction) -> ArtifactRecord:
            record = _found(tx, digest, principal)
            if record is None:
                raise NotFoundError("is not in the store", source=digest, remedy="upload it first")
            query = "UPDATE artifacts SET used_us = ? WHERE principal = ? AND digest = ?"
            tx.execute(query, (tx.now_us, record.principal, digest))
            return record

        return await self._database.call(work)

    async def usage(self) -> tuple[int, int]:
        """How many blobs there are, and their bytes."""

        def work(tx: Transaction) -> tuple[int, int]:
            row = tx.execute(
                "SELECT count(*) AS number, coalesce(sum(size), 0) AS bytes "
                "FROM (SELECT DISTINCT digest, size FROM artifacts) AS blobs"
            )[0]
            return row["number"], int(row["bytes"])

        return await self._database.call(work)

    async def adopt(
        self,
        file: Path,
        *,
        digest: str,
        format: int,
        filename: str,
        principal: str = "",
        max_bytes: int | None = None,
    ) -> ArtifactRecord:
        """Take over a synced ``file`` whose sha256 is ``digest``; it is removed.

        Adopting bytes that the principal has already replaces only their format and filename.

        Args:
            file: to take over.
            digest: its sha256.
            format: number of ``reel2sim.v1.ArtifactFormat``.
            filename: name without directories.
            principal: who has it.
            max_bytes: limit of this principal's artifacts together; None for none.

        Raises:
            ExhaustedError: if the store or the principal's share would grow beyond its limit.
            UnavailableError: if the blob store cannot be reached.
        """
        size = file.stat().st_size

        def check(tx: Transaction) -> None:
            self._check_room(tx, digest, size, principal, max_bytes)

        def work(tx: Transaction) -> ArtifactRecord:
            tx.alone("artifacts")
            tx.alone(digest)
            check(tx)
            # Gone again only if it was swept since.
            self._blobs.put(digest, file)
            now = tx.now_us
            tx.execute(
                "INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
                "(principal, digest) DO UPDATE SET format = excluded.format, "
                "filename = excluded.filename, used_us = excluded.used_us",
                (principal, digest, size, format, filename, now, now),
            )
            found = _found(tx, digest, principal)
            assert found is not None
            return found

        # Refused before bytes are moved; and moved before anybody has to wait for it.
        await self._database.call(check)
        try:
            await asyncio.to_thread(self._blobs.put, digest, file)
            record = await self._database.call(work)
        except BaseException:
            # The disk was full after the rename, say: without its row the blob is rubbish.
            with contextlib.suppress(OSError, Reel2SimError):
                await self.sweep(digest)
            raise
        file.unlink(missing_ok=True)
        return record

    async def delete(self, digest: str, *, principal: str | None = None) -> None:
        """Remove the artifact of ``principal``; of all who have it for None.

        Raises:
            NotFoundError: if there is none.
            ConflictError: while an unfinished operation of theirs reads it.
        """
        query = (
            "SELECT name FROM operations JOIN uses ON uses.operation = operations.seq "
            f"WHERE uses.digest = ? AND {OPEN}"
        )
        remove = "DELETE FROM artifacts WHERE digest = ?"
        values = [digest]
        if principal is not None:
            query, remove = f"{query} AND operations.principal = ?", f"{remove} AND principal = ?"
            values.append(principal)

        def work(tx: Transaction) -> None:
            tx.alone("create")
            if _found(tx, digest, principal) is None:
                raise NotFoundError("is not in the store", source=digest)
            if readers := tx.execute(query, values):
                raise ConflictError("is in use", source=digest, field=readers[0]["name"])
            tx.execute(remove, values)

        await self._database.call(work)
        await self.sweep(digest)

    async def expire(self, age_s: float) -> int:
        """Remove what no operation uses and nobody asked for in ``age_s``; how many there were."""

        def work(tx: Transaction) -> list[str]:
            condition = "used_us < ? AND digest NOT IN (SELECT digest FROM uses)"
            before = tx.now_us - int(1e6 * age_s)
            tx.alone("create")
            rows = tx.execute(f"SELECT digest FROM artifacts WHERE {condition}", (before,))
            tx.execute(f"DELETE FROM artifacts WHERE {condition}", (before,))
            return [row["digest"] for row in rows]

        gone = await self._database.call(work)
        for digest in sorted(set(gone)):
            await self.sweep(digest)
        return len(gone)

    async def sweep(self, digest: str | None = None) -> None:
        """Remove blobs without a row: that of ``digest``, or all of them."""
        if digest is not None:
            await self._database.call(lambda tx: self._sweep(tx, digest))
            return
        there = await asyncio.to_thread(lambda: set(self._blobs.digests()))
        query = "SELECT DISTINCT digest FROM artifacts"
        known = await self._database.call(lambda tx: {row["digest"] for row in tx.execute(query)})
        for orphan in sorted(there - known):
            await self.sweep(orphan)

    def _sweep(self, tx: Transaction, digest: str) -> None:
        tx.alone(digest)
        if _found(tx, digest, None) is None:
            self._blobs.delete(digest)

    def _check_room(
        self, tx: Transaction, digest: str, size: int, principal: str, max_bytes: int | None
    ) -> None:
        blobs = "SELECT DISTINCT digest, size FROM artifacts WHERE digest <> ?"
        for limit, query, values, whose in (
            (self._max_bytes, blobs, (digest,), "the store"),
            (max_bytes, blobs + " AND principal = ?", (digest, principal), f"{principal!r}"),
        ):
            if limit is None:
                continue
            total = f"SELECT coalesce(sum(size), 0) AS used FROM ({query}) AS blobs"
            used = int(tx.execute(total, values)[0]["used"])
            if used + size > limit:
                raise ExhaustedError(
                    f"{whose} is limited to {limit} bytes, {used} are used",
                    remedy="delete artifacts that are not needed",
                )


def _found(tx: Transaction, digest: str, principal: str | None) -> ArtifactRecord | None:
    query, values = "SELECT * FROM artifacts WHERE digest = ?", [digest]
    if principal is not None:
        query, values = f"{query} AND principal = ?", [digest, principal]
    rows = tx.execute(f"{query} ORDER BY principal LIMIT 1", values)
    return ArtifactRecord(**rows[0]) if rows else None
