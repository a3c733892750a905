"""The store of operations as those who run them use it: leases, progress, ends.

A server that starts an operation owns it until its lease runs out, and renews the lease while it
lives. Another server may then take the operation up; what the first one still says of it is
refused, told by the number of the attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from reel2sim.scene.errors import CancelledError, StageError
from reel2sim.server.records import EventRecord, OperationRecord, Resources, State
from reel2sim.server.rows import change, ended, record_of, require
from reel2sim.server.store.database import Database, Transaction

_PATIENCE_US = 60_000_000
"""How long smaller jobs may pass one for which there is no room."""


class LeaseLostError(Exception):
    """Another server has taken the operation up, or it has ended. Never leaves the server."""


class Leases:
    """The part of :class:`~reel2sim.server.operations.Operations` that runs them.

    Args:
        database: where rows live.
        owner: name of this server, the same after a restart.
        kinds: jobs it runs.
        max_queued: unfinished operations allowed.
        max_crashes: worker deaths an operation survives.
        max_attempts: times an operation is taken up in all.
        lease_s: how long a server may be silent before others take up what it ran.
        backoff_s: pause before an operation is tried again after its worker died; it doubles.
    """

    def __init__(
        self,
        database: Database,
        *,
        owner: str,
        kinds: Collection[str],
        max_queued: int,
        max_crashes: int,
        max_attempts: int,
        lease_s: float = 30.0,
        backoff_s: float = 1.0,
    ) -> None:
        self._database = database
        self._owner = owner
        self._kinds = tuple(kinds)
        self._max_queued = max_queued
        self._max_crashes = max_crashes
        self._max_attempts = max_attempts
        self._lease_us = int(1e6 * lease_s)
        self._backoff_us = int(1e6 * backoff_s)

    async def lease(self, *, free: Resources, total: Resources) -> OperationRecord | None:
        """Start the first queued operation for which there is room, or None if there is none.

        First is what has the lowest priority number, then what is oldest. What needs more than
        ``total`` is left to other servers. What fits ``total`` but not ``free`` is passed by
        smaller ones for a minute, then waited for.
        """
        return await self._database.call(lambda tx: self._lease(tx, free, total))

    async def renew(self) -> None:
        """Say that this server lives."""

        def work(tx: Transaction) -> None:
            query = "UPDATE operations SET lease_until_us = ? WHERE state = ? AND owner = ?"
            tx.execute(query, (tx.now_us + self._lease_us, State.RUNNING, self._owner))

        await self._database.call(work)

    async def progress(self, name: str, event: EventRecord, *, attempt: int) -> None:
        """Add an event that a running job reported; ``event.sequence`` is assigned here.

        Raises:
            LeaseLostError: if the attempt is not the running one any more.
        """

        def work(tx: Transaction, record: OperationRecord) -> None:
            change(
                tx, record, event.metrics,
                stage=event.stage, fraction=event.fraction, message=event.message,
            )  # fmt: skip

        await self._attempted(name, attempt, work)

    async def succeed(self, name: str, response: bytes, *, attempt: int, output: str) -> None:
        """End an operation with the serialised ``Any`` of its response.

        Args:
            name: of the operation.
            response: serialised.
            attempt: number of the attempt that ends.
            output: digest of the artifact it made, kept as long as the operation is.

        Raises:
            LeaseLostError: if the attempt is not the running one any more.
        """

        def work(tx: Transaction, record: OperationRecord) -> None:
            change(
                tx, record, state=State.SUCCEEDED, fraction=1.0, message="",
                response=response, ended_us=tx.now_us, output=output,
            )  # fmt: skip
            use = "INSERT INTO uses VALUES (?, ?) ON CONFLICT DO NOTHING"
            tx.execute(use, (record.seq, output))

        await self._attempted(name, attempt, work)

    async def fail(self, name: str, error: bytes, *, attempt: int, cancelled: bool) -> None:
        """End an operation with a serialised ``google.rpc.Status``.

        Raises:
            LeaseLostError: if the attempt is not the running one any more.
        """

        def work(tx: Transaction, record: OperationRecord) -> None:
            state = State.CANCELLED if cancelled else State.FAILED
            change(tx, record, state=state, error=error, ended_us=tx.now_us, message="")

        await self._attempted(name, attempt, work)

    async def worker_died(
        self, name: str, how: str, *, attempt: int, log: str = "", blamed: bool = True
    ) -> None:
        """Queue a running operation again after its worker died, or park it after too many.

        Args:
            name: of the operation.
            how: it died.
            attempt: number of the attempt that ends.
            log: digest of what the worker wrote last, kept with an operation that is parked.
            blamed: whether the job may be why; else it is only queued again.

        Raises:
            LeaseLostError: if the attempt is not the running one any more.
        """

        def work(tx: Transaction, record: OperationRecord) -> None:
            if record.cancel_requested:
                change(tx, record, **ended(tx, CancelledError("the operation was cancelled")))
                return
            crashes = record.crashes + blamed
            if crashes <= self._max_crashes:
                change(
                    tx, record, state=State.QUEUED, crashes=crashes,
                    message=f"the worker died ({how}), trying again",
                    not_before_us=tx.now_us + self._backoff_us * 2 ** max(crashes - 1, 0),
                )  # fmt: skip
                return
            error = StageError(
                f"the worker died {crashes} times ({how})",
                source=record.stage or record.kind,
                remedy="choose a smaller preset, or a server with more memory"
                + (f"; artifact {log} has the last lines of its worker" if log else ""),
            )
            change(tx, record, crashes=crashes, log=log, **ended(tx, error))
            if log:
                use = "INSERT INTO uses VALUES (?, ?) ON CONFLICT DO NOTHING"
                tx.execute(use, (record.seq, log))

        await self._attempted(name, attempt, work)

    async def recover(self) -> int:
        """Queue again what this server ran when it stopped; how many there were.

        Call it before anything is leased.
        """
        return await self._requeue("owner = ?", lambda tx: self._owner, "the server restarted")

    async def reap(self) -> int:
        """Queue again what ran on servers that fell silent; how many there were."""
        return await self._requeue(
            "lease_until_us < ?", lambda tx: tx.now_us, "its server fell silent"
        )

    async def next_start_s(self) -> float | None:
        """Seconds until the first operation that was put off may be started; None if none is."""

        def work(tx: Transaction) -> float | None:
            query = "SELECT min(not_before_us) AS first FROM operations WHERE state = ? AND "
            rows = tx.execute(query + "not_before_us > ?", (State.QUEUED, tx.now_us))
            first = rows[0]["first"]
            return None if first is None else max(first - tx.now_us, 0) / 1e6

        return await self._database.call(work)

    async def _requeue(
        self, condition: str, value: Callable[[Transaction], Any], message: str
    ) -> int:
        query = f"SELECT * FROM operations WHERE state = ? AND {condition} ORDER BY seq"

        def work(tx: Transaction) -> int:
            rows = tx.execute(query + tx.skipping, (State.RUNNING, value(tx)))
            for record in map(record_of, rows):
                if record.cancel_requested:
                    change(tx, record, **ended(tx, CancelledError("the operation was cancelled")))
                else:
                    change(tx, record, state=State.QUEUED, message=message)
            return len(rows)

        return await self._database.call(work)

    async def _attempted(
        self, name: str, attempt: int, work: Callable[[Transaction, OperationRecord], None]
    ) -> None:
        """Do ``work`` if ``attempt`` is the one that runs, and runs here."""

        def checked(tx: Transaction) -> None:
            record = require(tx, name, locked=True)
            mine = (record.attempts, record.owner) == (attempt, self._owner)
            if not mine or record.state is State.QUEUED:
                raise LeaseLostError(name)
            # Ended already: this is said again because the first answer was lost.
            if record.state is State.RUNNING:
                work(tx, record)

        await self._database.call(checked)

    def _lease(self, tx: Transaction, free: Resources, total: Resources) -> OperationRecord | None:
        while (record := self._next(tx, free, total)) is not None:
            if record.attempts >= self._max_attempts:
                error = StageError(f"gave up after {record.attempts} tries")
                change(tx, record, **ended(tx, error))
                continue
            now = tx.now_us
            change(
                tx, record, state=State.RUNNING, attempts=record.attempts + 1, message="started",
                started_us=record.started_us or now, owner=self._owner,
                lease_until_us=now + self._lease_us,
            )  # fmt: skip
            return require(tx, record.name)
        return None

    def _next(self, tx: Transaction, free: Resources, total: Resources) -> OperationRecord | None:
        now = tx.now_us
        marks = ", ".join("?" * len(self._kinds))
        query = (
            f"SELECT * FROM operations WHERE state = ? AND not_before_us <= ? AND kind IN ({marks})"
            " AND cpus <= ? AND gpus <= ? AND memory_mib <= ? ORDER BY priority, seq LIMIT 1"
        )

        def first(room: Resources, clause: str) -> OperationRecord | None:
            values = (State.QUEUED, now, *self._kinds, room.cpus, room.gpus, room.memory_mib)
            rows = tx.execute(query + clause, values)
            return record_of(rows[0]) if rows else None

        found = first(free, tx.skipping)
        head = first(total, "")
        if found is None or head is None or head.seq == found.seq:
            return found
        waited_us = now - max(head.created_us, head.not_before_us)
        passed = (head.priority, head.seq) < (found.priority, found.seq)
        blocked = passed and not head.needs.within(free)
        return None if blocked and waited_us > _PATIENCE_US else found
