"""What validators said, and a table of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Finding:
    """Something a validator objects to.

    Attributes:
        where: file, prim, link or joint.
        message: what it says, in one line.
    """

    where: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """One check of one subject.

    Attributes:
        check: its name.
        findings: without repetitions.
        notes: figures, and what the validator itself cannot do.
        seconds: it took.
    """

    check: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def cell(self) -> str:
        """Its place in the table."""
        return str(len(self.findings)) if self.findings else "ok"


@dataclass(frozen=True)
class Row:
    """All checks of one subject.

    Attributes:
        subject: its name.
        outcomes: in the order of the checks.
    """

    subject: str
    outcomes: tuple[Outcome, ...]

    @property
    def count(self) -> int:
        """How many findings there are."""
        return sum(len(outcome.findings) for outcome in self.outcomes)


def unique(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each finding once, in order: validators visit a prim once for every variant."""
    return tuple(dict.fromkeys(findings))


def table(rows: Sequence[Row]) -> Table:
    """Rows are subjects, columns are checks, cells are ``ok`` or the number of findings."""
    names = [outcome.check for outcome in rows[0].outcomes] if rows else []
    shown = Table("bundle", *names)
    for row in rows:
        cells = [x.cell if x.cell == "ok" else f"[red]{x.cell}[/red]" for x in row.outcomes]
        shown.add_row(row.subject, *cells)
    return shown


def lines(rows: Sequence[Row], *, most: int) -> list[str]:
    """The findings in words, at most ``most`` of each check of each subject."""
    said = []
    for row in rows:
        for outcome in row.outcomes:
            for finding in outcome.findings[:most]:
                said.append(f"{row.subject} · {outcome.check} · {finding.where}: {finding.message}")
            if len(outcome.findings) > most:
                rest = len(outcome.findings) - most
                said.append(f"{row.subject} · {outcome.check} · … and {rest} more")
    return said


def record(rows: Sequence[Row], versions: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "findings": sum(row.count for row in rows),
        "versions": versions,
        "bundles": [{**asdict(row), "findings": row.count} for row in rows],
    }
