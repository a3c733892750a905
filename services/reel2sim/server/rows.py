"""Operations and events as rows: reading, and the one way to change them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reel2sim.scene.errors import CancelledError, NotFoundError, Reel2SimError
from reel2sim.server.records import EventRecord, Input, OperationRecord, Resources, State
from reel2sim.server.store.database import Row, Transaction
from reel2sim.transport.status import status_of

QUEUE = "queue"
"""What the hub calls the operations that may be started."""
OPEN = f"state IN ({State.QUEUED:d}, {State.RUNNING:d})"
"""The condition of operations that are not finished."""


def require(
    tx: Transaction, name: str, *, principal: str | None = None, locked: bool = False
) -> OperationRecord:
    """The operation called ``name``.

    Args:
        tx: a transaction.
        name: of the operation.
        principal: who asks; None may see all.
        locked: keep others from changing it until the transaction ends.

    Raises:
        NotFoundError: if there is none, or none of this principal's.
    """
    query = "SELECT * FROM operations WHERE name = ?" + (tx.locking if locked else "")
    rows = tx.execute(query, (name,))
    if not rows or (principal is not None and rows[0]["principal"] != principal):
        raise NotFoundError("no such operation", source=name)
    return record_of(rows[0])


def change(
    tx: Transaction,
    record: OperationRecord,
    metrics: Mapping[str, float] | None = None,
    **columns: Any,
) -> None:
    """Change columns of an operation and add the event that tells it."""
    columns["last_sequence"] = record.last_sequence + 1
    names = ", ".join(f"{column} = ?" for column in columns)
    tx.execute(f"UPDATE operations SET {names} WHERE seq = ?", (*columns.values(), record.seq))
    state = columns.get("state", record.state)
    event = (
        record.seq,
        columns["last_sequence"],
        tx.now_us,
        state,
        columns.get("stage", record.stage),
        columns.get("fraction", record.fraction),
        columns.get("message", record.message),
        json.dumps(dict(metrics or {})),
    )
    tx.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", event)
    tx.notify(record.name)
    if state == State.QUEUED:
        tx.notify(QUEUE)


def ended(tx: Transaction, error: Reel2SimError) -> dict[str, Any]:
    """Columns of an operation that ends with ``error``."""
    return {
        "state": State.CANCELLED if isinstance(error, CancelledError) else State.FAILED,
        "error": status_of(error).SerializeToString(),
        "ended_us": tx.now_us,
        "message": "",
    }


def record_of(row: Row) -> OperationRecord:
    """A row of ``operations`` as a value."""
    columns = {key: value for key, value in row.items() if key != "payload"}
    needs = Resources(*(columns.pop(name) for name in ("cpus", "gpus", "memory_mib")))
    columns["state"] = State(columns["state"])
    columns["cancel_requested"] = bool(columns["cancel_requested"])
    columns["inputs"] = {k: Input(**v) for k, v in json.loads(columns["inputs"]).items()}
    return OperationRecord(needs=needs, **columns)


def event_of(row: Row) -> EventRecord:
    """A row of ``events`` as a value."""
    return EventRecord(
        row["sequence"],
        row["time_us"],
        State(row["state"]),
        row["stage"],
        row["fraction"],
        row["message"],
        json.loads(row["metrics"]),
    )
