"""What the server asks of a database.

The SQL is written once, in what SQLite and PostgreSQL share: ``?`` stands for a value, and the
few words in which they differ are members of :class:`Transaction`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from reel2sim.scene.errors import UsageError
from reel2sim.server.hub import Hub

T = TypeVar("T")
Row = Mapping[str, Any]


class Transaction(Protocol):
    """One transaction, used from one thread; committed when the work that has it returns."""

    @property
    def now_us(self) -> int:
        """Microseconds since the epoch by the one clock that all users of the database share."""
        ...

    @property
    def locking(self) -> str:
        """Clause after a SELECT whose rows will be changed."""
        ...

    @property
    def skipping(self) -> str:
        """Clause after a SELECT that passes over rows which others are changing."""
        ...

    def execute(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; the rows it gives, none if it gives none."""
        ...

    def alone(self, name: str) -> None:
        """Wait until no other transaction has called this with ``name``, and keep others out."""
        ...

    def notify(self, key: str) -> None:
        """Wake listeners of ``key`` in the hubs of all servers once this is committed."""
        ...


class Database(Protocol):
    """Runs functions in transactions. Work may run twice: it must have no effect but its rows."""

    async def call(self, work: Callable[[Transaction], T]) -> T:
        """The result of ``work`` once its transaction is durable; rolled back if it raises.

        Raises:
            UnavailableError: if the database cannot be reached.
            ExhaustedError: if there is no room to write.
        """
        ...

    def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...


def open_database(url: str, hub: Hub) -> Database:
    """The database that ``url`` names.

    Args:
        url: ``sqlite:///PATH`` for a file, ``sqlite:///:memory:`` for one that is not kept, or
            ``postgresql://…`` as libpq reads it.
        hub: woken by committed transactions.

    Raises:
        UsageError: if the URL is of another kind.
        MissingDependencyError: if PostgreSQL is asked for and the extra is not installed.
        ConflictError: if the database was written by another version.
        UnavailableError: if it cannot be reached.
    """
    if url.startswith("sqlite:///"):
        from reel2sim.server.store.sqlite import SqliteDatabase

        return SqliteDatabase(url.removeprefix("sqlite:///"), hub)
    if url.startswith(("postgresql://", "postgres://")):
        from reel2sim.server.store.postgres import PostgresDatabase

        return PostgresDatabase(url, hub)
    scheme = url.partition(":")[0]
    raise UsageError(
        f"{scheme!r} is no kind of database",
        field="database",
        remedy="write sqlite:///PATH or postgresql://USER@HOST/NAME",
    )
