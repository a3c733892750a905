"""The store of operations and their events."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from reel2sim.scene.errors import (
    CancelledError,
    ConflictError,
    ExhaustedError,
    NotFoundError,
    StageError,
)
from reel2sim.server.database import Database, now_us
from reel2sim.server.hub import Hub
from reel2sim.server.records import Backlog, EventRecord, Input, OperationRecord, State
from reel2sim.transport.status import status_of

T = TypeVar("T")
QUEUE = "queue"
_OPEN = f"state IN ({State.QUEUED:d}, {State.RUNNING:d})"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An operation to be created.

    Attributes:
        kind: which job.
        request: serialised request, without its request_id.
        request_id: of the client; "" assigns one.
        references: digest and wanted filename (or "") of each input, by request field.
        trace: W3C traceparent of the call, or "".
    """

    kind: str
    request: bytes
    request_id: str
    references: Mapping[str, tuple[str, str]]
    trace: str = ""


class Operations:
    """Operations in a database. Every change is committed before it is told to anyone.

    Args:
        database: where rows live.
        hub: told of each change under the operation's name, and of new work under ``QUEUE``.
        max_queued: unfinished operations allowed.
        max_crashes: worker deaths an operation survives.
        max_attempts: times an operation is taken up in all.
    """

    def __init__(
        self, database: Database, hub: Hub, *, max_queued: int, max_crashes: int, max_attempts: int
    ) -> None:
        self._database = database
        self._hub = hub
        self._max_queued = max_queued
        self._max_crashes = max_crashes
        self._max_attempts = max_attempts

    async def create(self, draft: Draft) -> OperationRecord:
        """Create an operation, or return the one that was created with the same request_id.

        Raises:
            ConflictError: if the request_id was used for something else.
            NotFoundError: if an input is not in the store.
            ExhaustedError: if too many operations are unfinished.
        """
        record = await self._database.call(lambda db: self._create(db, draft))
        self._hub.notify(QUEUE)
        return record

    async def get(self, name: str) -> OperationRecord:
        """The operation called ``name``; NotFoundError if there is none."""
        return await self._database.call(lambda db: _require(db, name))

    async def page(
        self, *, where: str, values: tuple[Any, ...], after: int, limit: int
    ) -> list[OperationRecord]:
        """Up to ``limit`` operations after row ``after`` that meet the SQL condition ``where``."""
        query = f"SELECT * FROM operations WHERE seq > ? AND ({where}) ORDER BY seq LIMIT ?"

        def work(db: sqlite3.Connection) -> list[OperationRecord]:
            return [_record(row) for row in db.execute(query, (after, *values, limit))]

        return await self._database.call(work)

    async def backlog(self) -> list[Backlog]:
        """Unfinished operations by kind and state; what has none is left out."""
        query = (
            "SELECT kind, state, count(*) AS number, min(created_us) AS oldest_us "
            f"FROM operations WHERE {_OPEN} GROUP BY kind, state"
        )

        def work(db: sqlite3.Connection) -> list[Backlog]:
            return [
                Backlog(row["kind"], State(row["state"]), row["number"], row["oldest_us"])
                for row in db.execute(query)
            ]

        return await self._database.call(work)

    async def events(self, name: str, *, after: int, limit: int = 256) -> list[EventRecord]:
        """Up to ``limit`` events with a sequence number above ``after``, in order."""

        def work(db: sqlite3.Connection) -> list[EventRecord]:
            rows = db.execute(
                "SELECT * FROM events WHERE operation = ? AND sequence > ? "
                "ORDER BY sequence LIMIT ?",
                (_require(db, name).seq, after, limit),
            )
            return [_event(row) for row in rows]

        return await self._database.call(work)

    async def lease(self) -> OperationRecord | None:
        """Start the oldest queued operation, or None if there is none."""
        record = await self._database.call(self._lease)
        if record is not None:
            self._hub.notify(record.name)
        return record

    async def progress(self, name: str, event: EventRecord) -> None:
        """Add an event that a running job reported; ``event.sequence`` is assigned here."""

        def work(db: sqlite3.Connection, record: OperationRecord) -> None:
            if record.state == State.RUNNING:
                _update(
                    db, record, event.metrics,
                    stage=event.stage, fraction=event.fraction, message=event.message,
                )  # fmt: skip

        await self._change(name, work)

    async def succeed(self, name: str, response: bytes) -> None:
        """End an operation with the serialised ``Any`` of its response."""

        def work(db: sqlite3.Connection, record: OperationRecord) -> None:
            if not record.state.final:
                _update(
                    db, record, state=State.SUCCEEDED, fraction=1.0, message="",
                    response=response, ended_us=now_us(),
                )  # fmt: skip

        await self._change(name, work)

    async def fail(self, name: str, error: bytes, *, cancelled: bool) -> None:
        """End an operation with a serialised ``google.rpc.Status``."""

        def work(db: sqlite3.Connection, record: OperationRecord) -> None:
            if not record.state.final:
                state = State.CANCELLED if cancelled else State.FAILED
                _update(db, record, state=state, error=error, ended_us=now_us(), message="")

        await self._change(name, work)

    async def cancel(self, name: str) -> None:
        """Ask an operation to stop: at once if it is queued, soon if it runs, else no effect."""

        def work(db: sqlite3.Connection, record: OperationRecord) -> None:
            if record.state == State.QUEUED:
                _update(db, record, **_cancelled())
            elif record.state == State.RUNNING and not record.cancel_requested:
                _update(db, record, cancel_requested=1, message="cancelling")

        await self._change(name, work)

    async def worker_died(self, name: str, how: str) -> None:
        """Queue a running operation again after its worker died, or fail it after too many."""

        def work(db: sqlite3.Connection, record: OperationRecord) -> None:
            if record.state != State.RUNNING:
                return
            if record.cancel_requested:
                _update(db, record, **_cancelled())
                return
            crashes = record.crashes + 1
            if crashes <= self._max_crashes:
                message = f"the worker died ({how}), trying again"
                _update(db, record, state=State.QUEUED, crashes=crashes, message=message)
                return
            error = StageError(
                f"the worker died {crashes} times ({how})",
                source=record.stage or record.kind,
                remedy="choose a smaller preset, or a server with more memory",
            )
            _update(db, record, crashes=crashes, **_failed(error))

        await self._change(name, work)
        self._hub.notify(QUEUE)

    async def recover(self) -> int:
        """Queue again what was running when the server stopped; how many there were."""

        def work(db: sqlite3.Connection) -> list[str]:
            query = "SELECT * FROM operations WHERE state = ? ORDER BY seq"
            records = [_record(row) for row in db.execute(query, (State.RUNNING,))]
            for record in records:
                if record.cancel_requested:
                    _update(db, record, **_cancelled())
                else:
                    _update(db, record, state=State.QUEUED, message="the server restarted")
            return [record.name for record in records]

        names = await self._database.call(work)
        for name in names:
            self._hub.notify(name)
        return len(names)

    async def delete(self, name: str) -> None:
        """Forget a finished operation; ConflictError if it is not finished."""

        def work(db: sqlite3.Connection) -> None:
            record = _require(db, name)
            if not record.state.final:
                raise ConflictError("is not finished", source=name, remedy="cancel it first")
            db.execute("DELETE FROM operations WHERE seq = ?", (record.seq,))

        await self._database.call(work)
        self._hub.notify(name)

    async def _change(
        self, name: str, work: Callable[[sqlite3.Connection, OperationRecord], None]
    ) -> None:
        await self._database.call(lambda db: work(db, _require(db, name)))
        self._hub.notify(name)

    def _create(self, db: sqlite3.Connection, draft: Draft) -> OperationRecord:
        payload = hashlib.sha256(draft.kind.encode() + b"\0" + draft.request).hexdigest()
        request_id = draft.request_id or uuid.uuid4().hex
        row = db.execute("SELECT * FROM operations WHERE request_id = ?", (request_id,)).fetchone()
        if row is not None:
            if row["payload"] != payload:
                raise ConflictError(
                    f"{request_id!r} was used for another request",
                    field="request_id",
                    remedy="use a new request_id for a new request",
                )
            return _record(row)
        if db.execute(f"SELECT count(*) FROM operations WHERE {_OPEN}").fetchone()[0] >= (
            self._max_queued
        ):
            raise ExhaustedError("the queue is full", remedy="try again later")
        inputs = {
            field: asdict(_input(db, field, digest, filename))
            for field, (digest, filename) in draft.references.items()
        }
        name = f"operations/{uuid.uuid4().hex}"
        db.execute(
            "INSERT INTO operations (name, kind, request, payload, request_id, inputs, state, "
            "created_us, trace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (name, draft.kind, draft.request, payload, request_id, json.dumps(inputs),
             State.QUEUED, now_us(), draft.trace),
        )  # fmt: skip
        _update(db, _require(db, name), message="queued")
        return _require(db, name)

    def _lease(self, db: sqlite3.Connection) -> OperationRecord | None:
        query = "SELECT * FROM operations WHERE state = ? ORDER BY seq LIMIT 1"
        while (row := db.execute(query, (State.QUEUED,)).fetchone()) is not None:
            record = _record(row)
            if record.attempts >= self._max_attempts:
                _update(db, record, **_failed(StageError(f"gave up after {record.attempts} tries")))
                continue
            _update(
                db, record, state=State.RUNNING, attempts=record.attempts + 1, message="started",
                started_us=record.started_us or now_us(),
            )  # fmt: skip
            return _require(db, record.name)
        return None


def _cancelled() -> dict[str, Any]:
    """Columns of an operation that was cancelled."""
    error = status_of(CancelledError("the operation was cancelled")).SerializeToString()
    return {"state": State.CANCELLED, "error": error, "ended_us": now_us(), "message": ""}


def _failed(error: StageError) -> dict[str, Any]:
    """Columns of an operation that failed."""
    status = status_of(error).SerializeToString()
    return {"state": State.FAILED, "error": status, "ended_us": now_us(), "message": ""}


def _input(db: sqlite3.Connection, field: str, digest: str, filename: str) -> Input:
    row = db.execute("SELECT * FROM artifacts WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        raise NotFoundError("is not in the store", field=f"{field}.digest", source=digest)
    return Input(digest, row["format"], filename or row["filename"])


def _require(db: sqlite3.Connection, name: str) -> OperationRecord:
    row = db.execute("SELECT * FROM operations WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFoundError("no such operation", source=name)
    return _record(row)


def _update(
    db: sqlite3.Connection,
    record: OperationRecord,
    metrics: Mapping[str, float] | None = None,
    **columns: Any,
) -> None:
    """Change columns of an operation and add the event that tells it."""
    sequence = record.last_sequence + 1
    columns["last_sequence"] = sequence
    names = ", ".join(f"{column} = ?" for column in columns)
    db.execute(f"UPDATE operations SET {names} WHERE seq = ?", (*columns.values(), record.seq))
    db.execute(
        "INSERT INTO events SELECT seq, last_sequence, ?, state, stage, fraction, message, ? "
        "FROM operations WHERE seq = ?",
        (now_us(), json.dumps(dict(metrics or {})), record.seq),
    )


def _record(row: sqlite3.Row) -> OperationRecord:
    columns = {key: row[key] for key in row.keys() if key != "payload"}  # noqa: SIM118
    columns["state"] = State(columns["state"])
    columns["cancel_requested"] = bool(columns["cancel_requested"])
    columns["inputs"] = {k: Input(**v) for k, v in json.loads(columns["inputs"]).items()}
    return OperationRecord(**columns)


def _event(row: sqlite3.Row) -> EventRecord:
    return EventRecord(
        row["sequence"],
        row["time_us"],
        State(row["state"]),
        row["stage"],
        row["fraction"],
        row["message"],
        json.loads(row["metrics"]),
    )
