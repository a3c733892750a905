"""``reel2sim dataset show``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from rich.table import Table

    from reel2sim.cli.console import Console
    from reel2sim.dataset import SampleRow

_FAULTS = 10


@dataclass(frozen=True, kw_only=True)
class Show:
    """Count what is in a dataset that `make` made, also while it is being made.

    Examples:
      reel2sim dataset show data
      reel2sim dataset show data --json
    """

    folder: Annotated[tyro.conf.Positional[Path], shown("DIR")]
    """Folder of the dataset."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Show counts by family, split and type of joint, and the first faults."""
        from reel2sim.cli.tables import table
        from reel2sim.dataset.made import rows_so_far

        record, rows = rows_so_far(self.folder)
        counted = tallies(rows)
        whole = bool(record.get("complete"))
        said = {"dataset": str(self.folder), "complete": whole, **record, **counted}
        families = [(name, *cells.values()) for name, cells in counted["families"].items()]
        parts: list[Any] = [
            table("samples that passed, by family of their objects", ("family", *SPLITS), families),
            table("joints", ("type", "count"), list(counted["joint_types"].items())),
            *fault_tables(rows),
        ]
        verdicts = ", ".join(f"{n} {name}" for name, n in counted["verdicts"].items())
        splits = ", ".join(f"{n} {name}" for name, n in counted["splits"].items() if n)
        state = "" if whole else f" (of {record.get('count')} that are asked for)"
        line = f"{len(rows)} samples{state}: {verdicts}; of those that passed {splits}"
        console.result(said, *parts, line)
        return 0


SPLITS = ("train", "val", "test", "unseen")


def tallies(rows: Sequence[SampleRow]) -> dict[str, Any]:
    """Counts by verdict; of what passed by split, family and split, and type of joint."""
    passed = [row for row in rows if row.verdict == "passed"]
    families: dict[str, Counter[str]] = {}
    joints: Counter[str] = Counter()
    for row in passed:
        joints.update(row.joint_types)
        for name in set(row.families):
            families.setdefault(name, Counter())[row.split] += 1
    return {
        "samples": len(rows),
        "verdicts": dict(Counter(row.verdict for row in rows)),
        "splits": {name: sum(row.split == name for row in passed) for name in SPLITS},
        "families": {
            name: {split: families[name][split] for split in SPLITS} for name in sorted(families)
        },
        "joint_types": dict(joints),
        "faults": [
            {"sample": row.id, "why": row.why, "prompt": row.prompt}
            for row in rows
            if row.verdict != "passed"
        ],
    }


def fault_tables(rows: Sequence[SampleRow]) -> list[Table]:
    """The first of those that were rejected, and of those that failed."""
    from reel2sim.cli.tables import table

    found: list[Table] = []
    for verdict in ("rejected", "failed"):
        lines = [(row.id, row.why, row.prompt) for row in rows if row.verdict == verdict]
        if lines:
            title = f"{len(lines)} {verdict}"
            title += f", the first {_FAULTS}" if len(lines) > _FAULTS else ""
            found.append(table(title, ("sample", "why", "prompt"), lines[:_FAULTS]))
    return found
