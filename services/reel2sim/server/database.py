"""One SQLite file, one connection, one thread that uses it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    request BLOB NOT NULL,
    payload TEXT NOT NULL,
    request_id TEXT NOT NULL UNIQUE,
    inputs TEXT NOT NULL,
    state INTEGER NOT NULL,
    stage TEXT NOT NULL DEFAULT '',
    fraction REAL NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    last_sequence INTEGER NOT NULL DEFAULT 0,
    trace TEXT NOT NULL DEFAULT '',
    created_us INTEGER NOT NULL,
    started_us INTEGER NOT NULL DEFAULT 0,
    ended_us INTEGER NOT NULL DEFAULT 0,
    response BLOB,
    error BLOB
);
CREATE INDEX IF NOT EXISTS operations_by_state ON operations (state, seq);
CREATE TABLE IF NOT EXISTS events (
    operation INTEGER NOT NULL REFERENCES operations (seq) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    state INTEGER NOT NULL,
    stage TEXT NOT NULL,
    fraction REAL NOT NULL,
    message TEXT NOT NULL,
    metrics TEXT NOT NULL,
    PRIMARY KEY (operation, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS artifacts (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    format INTEGER NOT NULL,
    filename TEXT NOT NULL,
    created_us INTEGER NOT NULL
) WITHOUT ROWID;
"""
_COLUMNS = "SELECT name FROM pragma_table_info('operations')"


class Database:
    """Runs functions on the connection, one at a time, each in a transaction of its own.

    The journal is a write-ahead log with ``synchronous=FULL``: what a call has answered survives
    a kill of the process and a loss of power.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._connection = self._thread.submit(_open, path).result()

    async def call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of ``work`` once its transaction is committed; rolled back if it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._transact, work)

    def close(self) -> None:
        """Finish what was begun and close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk has ended some transactions already, and left others open at the commit.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return result


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")
    connection.executescript(_SCHEMA)
    # Databases of before there were traces lack the column.
    if "trace" not in {row["name"] for row in connection.execute(_COLUMNS)}:
        connection.execute("ALTER TABLE operations ADD COLUMN trace TEXT NOT NULL DEFAULT ''")
    return connection
