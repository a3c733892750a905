"""One SQLite file, one connection, one thread that uses it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from reel2sim.scene.errors import ExhaustedError, UnavailableError
from reel2sim.server.hub import Hub
from reel2sim.server.store.database import Row
from reel2sim.server.store.schema import prepare

T = TypeVar("T")
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC")


class SqliteTransaction:
    """See :class:`~reel2sim.server.store.database.Transaction`. There is never a second one."""

    locking = ""
    skipping = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.keys: set[str] = set()

    @property
    def now_us(self) -> int:
        """See :class:`Transaction`."""
        return time.time_ns() // 1000

    def execute(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """See :class:`Transaction`."""
        return [dict(row) for row in self._connection.execute(query, values)]

    def alone(self, name: str) -> None:
        """See :class:`Transaction`."""

    def notify(self, key: str) -> None:
        """See :class:`Transaction`."""
        self.keys.add(key)


class SqliteDatabase:
    """Runs functions on the connection, one at a time, each in a transaction of its own.

    The journal is a write-ahead log with ``synchronous=FULL``: what a call has answered survives
    a kill of the process and a loss of power.

    Args:
        path: of the file, or ``:memory:``.
        hub: woken by committed transactions.
    """

    def __init__(self, path: str, hub: Hub) -> None:
        self._hub = hub
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._connection = self._thread.submit(_open, path).result()

    async def call(self, work: Callable[[SqliteTransaction], T]) -> T:
        """The result of ``work`` once its transaction is committed; rolled back if it raises."""
        loop = asyncio.get_running_loop()
        result, keys = await loop.run_in_executor(self._thread, self._transact, work)
        for key in keys:
            self._hub.notify(key)
        return result

    def close(self) -> None:
        """Finish what was begun and close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _transact(self, work: Callable[[SqliteTransaction], T]) -> tuple[T, set[str]]:
        try:
            return _transact(self._connection, work)
        except sqlite3.OperationalError as cause:
            if getattr(cause, "sqlite_errorname", "") in _FULL:
                raise ExhaustedError("no room for the database", remedy="free space") from cause
            raise UnavailableError("the database cannot be used now") from cause


def _transact(
    connection: sqlite3.Connection, work: Callable[[SqliteTransaction], T]
) -> tuple[T, set[str]]:
    tx = SqliteTransaction(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(tx)
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has ended some transactions already, and left others open at the commit.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result, tx.keys


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
    serial = "INTEGER PRIMARY KEY AUTOINCREMENT"
    try:
        _transact(
            connection,
            lambda tx: prepare(tx, tables=tables, serial=serial, binary="BLOB", where=path),
        )
    except BaseException:
        connection.close()
        raise
    return connection
