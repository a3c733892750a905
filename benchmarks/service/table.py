"""What the server promises, tried on a real one over loopback.

    python benchmarks/service/table.py                    all rows but the long ones
    python benchmarks/service/table.py --long             these too
    python benchmarks/service/table.py gigabyte stop      some rows
    python benchmarks/service/table.py --out report.json

Exits with 1 if a target is missed. Run it on a machine that does nothing else: the figures of
speed are those of the whole machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import calls
import kills
import transfer
from harness import Row
from rich.console import Console
from rich.table import Table

ROWS: dict[str, Callable[[Path], Row]] = {
    "gigabyte": transfer.gigabyte,
    "killed_clients": transfer.killed_clients,
    "full_disk": transfer.full_disk,
    "malformed": calls.malformed,
    "one_request": calls.one_request,
    "stalls": calls.stalls,
    "stop": calls.stop,
    "latency": calls.latency,
    "kills": kills.kills,
    "soak": kills.soak,
    "outages": kills.outages,
}
LONG = ("killed_clients", "malformed", "kills", "soak")


def measure(name: str, folder: Path) -> Row:
    """One row; what goes wrong on the way is a missed target, not the end of the table."""
    folder.mkdir(parents=True)
    began = time.perf_counter()
    try:
        row = ROWS[name](folder)
    except Exception as error:
        row = Row(name, "", f"{type(error).__name__}: {error}"[:300], False)
    row.details["seconds"] = round(time.perf_counter() - began, 1)
    return row


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--long", action="store_true", help="rows that take minutes, too")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--folder", type=Path, help="where servers keep their data")
    options = parser.parse_args()
    if unknown := set(options.rows) - ROWS.keys():
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    names = options.rows or [name for name in ROWS if options.long or name not in LONG]
    found: dict[str, Row] = {}
    table = Table("test", "target", "figure", "", title="Service")
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            row = found[name] = measure(name, Path(scratch) / name)
            table.add_row(row.test, row.target, row.figure, "ok" if row.passed else "MISSED")
    Console(width=150).print(table)
    if options.out is not None:
        report = {name: asdict(row) for name, row in found.items()}
        options.out.write_text(json.dumps(report, indent=2), encoding="utf-8")
    return 0 if all(row.passed for row in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
