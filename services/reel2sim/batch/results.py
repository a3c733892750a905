"""What became of the jobs: one row each, appended as they finish."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

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
        facts: what the runner told of the bundle, each a column of the table.
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
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


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
    """Write the rows as a Parquet table too; returns False where pyarrow is not installed.

    Columns have the types of :class:`ResultRow`, whatever the rows hold, and each fact of any row
    is one more, named ``fact_…``: truths, whole numbers, numbers or text.
    """
    if importlib.util.find_spec("pyarrow") is None:
        return False
    import pyarrow
    import pyarrow.parquet

    kinds = {"str": pyarrow.string(), "int": pyarrow.int64(), "float": pyarrow.float64()}
    plain = [f for f in dataclasses.fields(ResultRow) if f.name != "facts"]
    schema = [(f.name, kinds.get(str(f.type), pyarrow.string())) for f in plain]
    names = sorted({name for row in rows for name in row.facts})
    for name in names:
        values = [row.facts[name] for row in rows if row.facts.get(name) is not None]
        schema.append((f"fact_{name}", _column_type(values, pyarrow)))
    records = [
        {f.name: getattr(row, f.name) for f in plain}
        | {f"fact_{name}": _cell(row.facts.get(name)) for name in names}
        for row in rows
    ]
    for record in records:
        for column, kind in schema[len(plain) :]:
            if kind == pyarrow.string() and record[column] is not None:
                record[column] = str(record[column])
    made = pyarrow.Table.from_pylist(records, schema=pyarrow.schema(schema))
    write_atomically(path, lambda aside: pyarrow.parquet.write_table(made, aside))
    return True


def _column_type(values: Sequence[Any], pyarrow: Any) -> Any:
    """The narrowest type that holds all ``values``."""
    if all(isinstance(x, bool) for x in values):
        return pyarrow.bool_()
    if all(isinstance(x, int) and not isinstance(x, bool) for x in values):
        return pyarrow.int64()
    if all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in values):
        return pyarrow.float64()
    return pyarrow.string()


def _cell(value: Any) -> Any:
    """A fact as a cell; what is no scalar as JSON."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return json.dumps(value, sort_keys=True)


def _line(row: ResultRow) -> str:
    return json.dumps(dataclasses.asdict(row), sort_keys=True) + "\n"
