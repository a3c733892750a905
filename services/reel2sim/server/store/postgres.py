"""PostgreSQL, shared by any number of servers."""

from __future__ import annotations

import asyncio
import enum
import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from reel2sim.scene.errors import ExhaustedError, MissingDependencyError, UnavailableError
from reel2sim.server.hub import Hub
from reel2sim.server.store.database import Row
from reel2sim.server.store.schema import prepare

try:
    import psycopg
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool, PoolTimeout
except ImportError as _cause:
    raise MissingDependencyError(
        "PostgreSQL needs psycopg", remedy="install reel2sim[postgres]"
    ) from _cause

T = TypeVar("T")
_log = logging.getLogger(__name__)
_CHANNEL = "reel2sim"
_THREADS = 8
_PATIENCE_S = 10.0
"""How long a call tries to reach a database that is away before it says so."""
_LISTEN_S = 1.0
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
_LOST_RACE = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
_FULL = (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory)


class PostgresTransaction:
    """See :class:`~reel2sim.server.store.database.Transaction`."""

    locking = " FOR UPDATE"
    skipping = " FOR UPDATE SKIP LOCKED"

    def __init__(self, cursor: psycopg.Cursor[Row]) -> None:
        self._cursor = cursor
        self.keys: set[str] = set()

    @property
    def now_us(self) -> int:
        """See :class:`Transaction`."""
        query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us"
        return self.execute(query)[0]["now_us"]

    def execute(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """See :class:`Transaction`."""
        # psycopg would send an enumeration by its name.
        plain = [int(value) if isinstance(value, enum.IntEnum) else value for value in values]
        self._cursor.execute(cast("Any", query.replace("?", "%s")), plain)
        return [] if self._cursor.description is None else self._cursor.fetchall()

    def alone(self, name: str) -> None:
        """See :class:`Transaction`."""
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        self._cursor.execute("SELECT pg_advisory_xact_lock(%s)", (key,))

    def notify(self, key: str) -> None:
        """See :class:`Transaction`."""
        self.keys.add(key)


class PostgresDatabase:
    """Runs functions in transactions of a pool of connections.

    A call that loses its connection begins again, for some seconds. Whether the lost one was
    committed is not known, so all work here may be done twice: a request is found again by its
    request_id, an end by its state.

    Args:
        url: as libpq reads it.
        hub: woken by the committed transactions of every server.
    """

    def __init__(self, url: str, hub: Hub) -> None:
        self._url = url
        self._hub = hub
        self._loop: asyncio.AbstractEventLoop | None = None
        self._where = f"postgresql://{urlsplit(url).hostname or ''}{urlsplit(url).path}"
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="database")
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=_THREADS,
            open=False,
            timeout=2.0,
            reconnect_timeout=5.0,
            kwargs={"row_factory": dict_row, "connect_timeout": 5},
            check=ConnectionPool.check_connection,
        )
        self._pool.open()
        self._closing = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="listen", daemon=True)
        try:
            self._patiently(self._prepare)
        except BaseException:
            self._pool.close()
            raise

    async def call(self, work: Callable[[PostgresTransaction], T]) -> T:
        """See :class:`~reel2sim.server.store.database.Database`."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._listener.start()
        result, keys = await self._loop.run_in_executor(self._threads, self._patiently, work)
        for key in keys:
            self._hub.notify(key)
        return result

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._closing.set()
        self._threads.shutdown()
        self._pool.close()
        if self._listener.is_alive():
            self._listener.join()

    def _patiently(self, work: Callable[[PostgresTransaction], T]) -> tuple[T, set[str]]:
        deadline, pause = time.monotonic() + _PATIENCE_S, 0.05
        while True:
            try:
                return self._transact(work)
            except _LOST_RACE:
                pass
            except _FULL as cause:
                raise ExhaustedError("no room for the database", remedy="free space") from cause
            except _AWAY as cause:
                if time.monotonic() > deadline or self._closing.is_set():
                    raise UnavailableError(
                        "the database cannot be reached", source=self._where
                    ) from cause
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, 1.0)

    def _transact(self, work: Callable[[PostgresTransaction], T]) -> tuple[T, set[str]]:
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as c:
            tx = PostgresTransaction(cast("Any", c))
            result = work(tx)
            for key in sorted(tx.keys):
                c.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, key))
        return result, tx.keys

    def _prepare(self, tx: PostgresTransaction) -> None:
        tx.alone("schema")
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = "
        tables = {row["table_name"] for row in tx.execute(query + "current_schema()")}
        serial = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        prepare(tx, tables=tables, serial=serial, binary="BYTEA", where=self._where)

    def _listen(self) -> None:
        """Pass on what other servers notify. After a gap everybody looks again."""
        assert self._loop is not None
        while not self._closing.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    self._wake(None)
                    while not self._closing.is_set():
                        for notice in connection.notifies(timeout=_LISTEN_S):
                            self._wake(notice.payload)
            except psycopg.Error as error:
                _log.warning("no notifications from %s: %s", self._where, type(error).__name__)
                self._closing.wait(_LISTEN_S)

    def _wake(self, key: str | None) -> None:
        assert self._loop is not None
        if self._loop.is_closed():
            return
        if key is None:
            self._loop.call_soon_threadsafe(self._hub.notify_all)
        else:
            self._loop.call_soon_threadsafe(self._hub.notify, key)
