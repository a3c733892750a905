"""What became of the jobs: one row each, appended as they finish."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reel2sim.pipeline.atomic import write_atomically


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """The end of one job.

    Attributes:
        id: of the job.
        status: whether there is a bundle.
        job_digest: of what was asked for.
        seconds: wall time of the last attempt.
        attempts: how often it was tried.
        joints: joints in the bundle.
        peak_memory_mb: largest resident memory of the last attempt, MiB.
        digest: of the bundle folder; "" without one.
        reason: class of the failure in UPPER_SNAKE; "" if there is a bundle.
        message: what went wrong; "" if there is a bundle.
        exit_code: what the command line would have exited with; 0 if there is a bundle.
    """

    id: str
    status: Literal["ok", "failed"]
    job_digest: str = ""
    seconds: float = 0.0
    attempts: int = 1
    joints: int = 0
    peak_memory_mb: float = 0.0
    digest: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int = 0


def read_rows(path: Path) -> dict[str, ResultRow]:
    """The latest row of every job; a line that a kill cut short is skipped."""
    rows: dict[str, ResultRow] = {}
    fields = {f.name for f in dataclasses.fields(ResultRow)}
    if not path.exists():
        return rows
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
            row = ResultRow(**{k: v for k, v in record.items() if k in fields})
        except (ValueError, TypeError, AttributeError):
            continue
        rows[row.id] = row
    return rows


def append_row(path: Path, row: ResultRow) -> None:
    """Add a row and have the disk hold it before the next job is counted as done."""
    with path.open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            # A kill may have cut the last line short: start a line of our own.
            torn = stream.read(1) != b"\n"
            stream.write(b"\n" if torn else b"")
        stream.write(_line(row).encode())
        stream.flush()
        os.fsync(stream.fileno())


def write_rows(path: Path, rows: Iterable[ResultRow]) -> None:
    """Replace the file by exactly ``rows``."""
    text = "".join(_line(row) for row in rows)
    write_atomically(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_parquet(path: Path, rows: Sequence[ResultRow]) -> bool:
    """Write the rows as Parquet too; returns False where pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        return False
    import pyarrow  # pyright: ignore[reportMissingImports]
    import pyarrow.parquet  # pyright: ignore[reportMissingImports]

    made = pyarrow.Table.from_pylist([dataclasses.asdict(row) for row in rows])
    write_atomically(path, lambda aside: pyarrow.parquet.write_table(made, aside))
    return True


def _line(row: ResultRow) -> str:
    return json.dumps(dataclasses.asdict(row), sort_keys=True) + "\n"
