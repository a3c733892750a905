"""The store of operations and their events, as clients use it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reel2sim.scene.errors import CancelledError, ConflictError, ExhaustedError, NotFoundError
from reel2sim.server.leases import Leases
from reel2sim.server.records import Backlog, EventRecord, Input, OperationRecord, Resources, State
from reel2sim.server.rows import OPEN, change, ended, event_of, record_of, require
from reel2sim.server.store.database import Transaction


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An operation to be created.

    Attributes:
        kind: which job.
        request: serialised request, without its request_id.
        request_id: of the client; "" assigns one.
        references: digest and wanted filename (or "") of each input, by request field.
        principal: who asks for it.
        priority: lower ones are started first.
        needs: what a worker must have free to start it.
        max_open: operations that this principal may have unfinished; None for no limit.
        trace: W3C traceparent of the call, or "".
    """

    kind: str
    request: bytes
    request_id: str
    references: Mapping[str, tuple[str, str]]
    principal: str = ""
    priority: int = 0
    needs: Resources = field(default_factory=Resources)
    max_open: int | None = None
    trace: str = ""


class Operations(Leases):
    """Operations in a database. Every change is committed before it is told to anyone."""

    async def create(self, draft: Draft) -> OperationRecord:
        """Create an operation, or return the one that was created with the same request_id.

        Raises:
            ConflictError: if the request_id was used for something else.
            NotFoundError: if an input is not in the store.
            ExhaustedError: if too many operations are unfinished.
        """
        # Chosen here, so that work that is done twice creates one operation.
        name, request_id = uuid.uuid4().hex, draft.request_id or uuid.uuid4().hex
        return await self._database.call(
            lambda tx: self._create(tx, draft, f"operations/{name}", request_id)
        )

    async def get(self, name: str, *, principal: str | None = None) -> OperationRecord:
        """The operation called ``name``, if ``principal`` may see it; None may see all.

        Raises:
            NotFoundError: if there is none.
        """
        return await self._database.call(lambda tx: require(tx, name, principal=principal))

    async def page(
        self,
        *,
        where: str,
        values: tuple[Any, ...],
        after: int,
        limit: int,
        principal: str | None = None,
    ) -> list[OperationRecord]:
        """Up to ``limit`` operations after row ``after`` that meet the SQL condition ``where``."""
        query = f"SELECT * FROM operations WHERE seq > ? AND ({where}) "
        if principal is not None:
            query, values = query + "AND principal = ? ", (*values, principal)
        query += "ORDER BY seq LIMIT ?"
        return await self._database.call(
            lambda tx: [record_of(row) for row in tx.execute(query, (after, *values, limit))]
        )

    async def backlog(self) -> list[Backlog]:
        """Unfinished operations by kind and state; what has none is left out."""
        query = (
            "SELECT kind, state, count(*) AS number, min(created_us) AS oldest_us "
            f"FROM operations WHERE {OPEN} GROUP BY kind, state"
        )
        return await self._database.call(
            lambda tx: [
                Backlog(row["kind"], State(row["state"]), row["number"], row["oldest_us"])
                for row in tx.execute(query)
            ]
        )

    async def events(self, name: str, *, after: int, limit: int = 256) -> list[EventRecord]:
        """Up to ``limit`` events with a sequence number above ``after``, in order."""
        query = "SELECT * FROM events WHERE operation = ? AND sequence > ? ORDER BY sequence LIMIT "

        def work(tx: Transaction) -> list[EventRecord]:
            rows = tx.execute(query + "?", (require(tx, name).seq, after, limit))
            return [event_of(row) for row in rows]

        return await self._database.call(work)

    async def cancel(self, name: str, *, principal: str | None = None) -> None:
        """Ask an operation to stop: at once if it is queued, soon if it runs, else no effect."""

        def work(tx: Transaction) -> None:
            record = require(tx, name, principal=principal, locked=True)
            if record.state == State.QUEUED:
                change(tx, record, **ended(tx, CancelledError("the operation was cancelled")))
            elif record.state == State.RUNNING and not record.cancel_requested:
                change(tx, record, cancel_requested=1, message="cancelling")

        await self._database.call(work)

    async def delete(self, name: str, *, principal: str | None = None) -> None:
        """Forget a finished operation; ConflictError if it is not finished."""

        def work(tx: Transaction) -> None:
            record = require(tx, name, principal=principal, locked=True)
            if not record.state.final:
                raise ConflictError("is not finished", source=name, remedy="cancel it first")
            tx.execute("DELETE FROM operations WHERE seq = ?", (record.seq,))
            tx.notify(name)

        await self._database.call(work)

    async def expire(self, age_s: float) -> int:
        """Forget operations that ended more than ``age_s`` ago; how many there were."""
        condition = f"NOT ({OPEN}) AND ended_us < ?"

        def work(tx: Transaction) -> int:
            before = tx.now_us - int(1e6 * age_s)
            query = f"SELECT count(*) AS number FROM operations WHERE {condition}"
            number = tx.execute(query, (before,))[0]["number"]
            tx.execute(f"DELETE FROM operations WHERE {condition}", (before,))
            return number

        return await self._database.call(work)

    def _create(self, tx: Transaction, draft: Draft, name: str, request_id: str) -> OperationRecord:
        payload = hashlib.sha256(draft.kind.encode() + b"\0" + draft.request).hexdigest()
        # One at a time: the limit would not hold, and a page could miss an earlier row.
        tx.alone("create")
        query = "SELECT * FROM operations WHERE principal = ? AND request_id = ?"
        if rows := tx.execute(query, (draft.principal, request_id)):
            if rows[0]["payload"] != payload:
                raise ConflictError(
                    f"{request_id!r} was used for another request",
                    field="request_id",
                    remedy="use a new request_id for a new request",
                )
            return record_of(rows[0])
        self._check_room(tx, draft)
        inputs = {
            field: _input(tx, field, draft.principal, digest, filename)
            for field, (digest, filename) in draft.references.items()
        }
        columns = {
            "name": name,
            "principal": draft.principal,
            "kind": draft.kind,
            "request": draft.request,
            "payload": payload,
            "request_id": request_id,
            "inputs": json.dumps({field: asdict(one) for field, one in inputs.items()}),
            "priority": draft.priority,
            **asdict(draft.needs),
            "state": State.QUEUED,
            "created_us": tx.now_us,
            "trace": draft.trace,
        }
        marks = ", ".join("?" * len(columns))
        tx.execute(
            f"INSERT INTO operations ({', '.join(columns)}) VALUES ({marks})",
            tuple(columns.values()),
        )
        record = require(tx, name)
        for digest in {one.digest for one in inputs.values()}:
            tx.execute("INSERT INTO uses VALUES (?, ?)", (record.seq, digest))
        change(tx, record, message="queued")
        return require(tx, name)

    def _check_room(self, tx: Transaction, draft: Draft) -> None:
        count = f"SELECT count(*) AS number FROM operations WHERE {OPEN}"
        if tx.execute(count)[0]["number"] >= self._max_queued:
            raise ExhaustedError("the queue is full", remedy="try again later")
        if draft.max_open is None:
            return
        mine = tx.execute(f"{count} AND principal = ?", (draft.principal,))[0]["number"]
        if mine >= draft.max_open:
            raise ExhaustedError(
                f"{draft.max_open} operations of {draft.principal!r} are unfinished",
                remedy="wait until one has ended, or ask for a larger quota",
            )


def _input(tx: Transaction, field: str, principal: str, digest: str, filename: str) -> Input:
    query = "SELECT format, filename FROM artifacts WHERE principal = ? AND digest = ?"
    rows = tx.execute(query, (principal, digest))
    if not rows:
        raise NotFoundError("is not in the store", field=f"{field}.digest", source=digest)
    tx.execute(
        "UPDATE artifacts SET used_us = ? WHERE principal = ? AND digest = ?",
        (tx.now_us, principal, digest),
    )
    return Input(digest, rows[0]["format"], filename or rows[0]["filename"])
