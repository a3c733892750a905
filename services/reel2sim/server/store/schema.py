"""The tables, in what SQLite and PostgreSQL share."""

from __future__ import annotations

from reel2sim.scene.errors import ConflictError
from reel2sim.server.store.database import Transaction

VERSION = 2
"""Raised with every change of the tables. Version 1 knew neither owners nor leases."""

_TABLES = (
    "CREATE TABLE meta (version BIGINT NOT NULL)",
    """
    CREATE TABLE operations (
        seq {serial},
        name TEXT NOT NULL UNIQUE,
        principal TEXT NOT NULL,
        kind TEXT NOT NULL,
        request {bytes} NOT NULL,
        payload TEXT NOT NULL,
        request_id TEXT NOT NULL,
        inputs TEXT NOT NULL,
        priority BIGINT NOT NULL,
        cpus DOUBLE PRECISION NOT NULL,
        gpus DOUBLE PRECISION NOT NULL,
        memory_mib BIGINT NOT NULL,
        state BIGINT NOT NULL,
        stage TEXT NOT NULL DEFAULT '',
        fraction DOUBLE PRECISION NOT NULL DEFAULT 0,
        message TEXT NOT NULL DEFAULT '',
        attempts BIGINT NOT NULL DEFAULT 0,
        crashes BIGINT NOT NULL DEFAULT 0,
        cancel_requested BIGINT NOT NULL DEFAULT 0,
        last_sequence BIGINT NOT NULL DEFAULT 0,
        created_us BIGINT NOT NULL,
        started_us BIGINT NOT NULL DEFAULT 0,
        ended_us BIGINT NOT NULL DEFAULT 0,
        not_before_us BIGINT NOT NULL DEFAULT 0,
        owner TEXT NOT NULL DEFAULT '',
        lease_until_us BIGINT NOT NULL DEFAULT 0,
        output TEXT NOT NULL DEFAULT '',
        log TEXT NOT NULL DEFAULT '',
        trace TEXT NOT NULL DEFAULT '',
        response {bytes},
        error {bytes},
        UNIQUE (principal, request_id)
    )
    """,
    "CREATE INDEX operations_by_state ON operations (state, priority, seq)",
    "CREATE INDEX operations_by_principal ON operations (principal, seq)",
    """
    CREATE TABLE events (
        operation BIGINT NOT NULL REFERENCES operations (seq) ON DELETE CASCADE,
        sequence BIGINT NOT NULL,
        time_us BIGINT NOT NULL,
        state BIGINT NOT NULL,
        stage TEXT NOT NULL,
        fraction DOUBLE PRECISION NOT NULL,
        message TEXT NOT NULL,
        metrics TEXT NOT NULL,
        PRIMARY KEY (operation, sequence)
    )
    """,
    """
    CREATE TABLE artifacts (
        principal TEXT NOT NULL,
        digest TEXT NOT NULL,
        size BIGINT NOT NULL,
        format BIGINT NOT NULL,
        filename TEXT NOT NULL,
        created_us BIGINT NOT NULL,
        used_us BIGINT NOT NULL,
        PRIMARY KEY (principal, digest)
    )
    """,
    "CREATE INDEX artifacts_by_digest ON artifacts (digest)",
    """
    CREATE TABLE uses (
        operation BIGINT NOT NULL REFERENCES operations (seq) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        PRIMARY KEY (operation, digest)
    )
    """,
    "CREATE INDEX uses_by_digest ON uses (digest)",
)


def prepare(tx: Transaction, *, tables: set[str], serial: str, binary: str, where: str) -> None:
    """Make the tables, or see that those that are there are of this version.

    Args:
        tx: a transaction.
        tables: names of the tables that are there.
        serial: type of a primary key that counts up.
        binary: type of bytes.
        where: the database, as errors call it.

    Raises:
        ConflictError: if the tables are of another version.
    """
    if not tables & {"operations", "meta"}:
        for table in _TABLES:
            tx.execute(table.replace("{serial}", serial).replace("{bytes}", binary))
        tx.execute("INSERT INTO meta (version) VALUES (?)", (VERSION,))
        return
    found = tx.execute("SELECT version FROM meta")[0]["version"] if "meta" in tables else 1
    if found != VERSION:
        raise ConflictError(
            f"was written by another version of the server ({found}, not {VERSION})",
            source=where,
            remedy="choose another data folder or database, or run that version",
        )
