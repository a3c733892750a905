"""The page of many bundles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reel2sim.exporters.manifest import project_version
from reel2sim.exporters.report.doubts import grade, in_words, percent
from reel2sim.exporters.report.environment import write_page
from reel2sim.exporters.report.pictures import small_uri
from reel2sim.exporters.report.set_rows import SetRow

_COLUMNS = (
    ("name", "text"),
    ("state", "text"),
    ("joints", "number"),
    ("least sure joint", "number"),
    ("seconds", "number"),
)
"""Headings after that of the picture, and how each is sorted."""


def write_set_report(rows: Sequence[SetRow], path: Path, *, title: str) -> None:
    """Write the page of a set of bundles, one file without outside references, to ``path``.

    Its links to the reports of the bundles are relative to it. A row takes about 4 kB, most of it
    the picture.

    Args:
        rows: the bundles, in the order in which they are shown first.
        path: file to write.
        title: name of the set.
    """
    values = {
        "title": title,
        "version": project_version(),
        "headline": _headline(rows),
        "columns": _COLUMNS,
        "rows": [_row(row, path.parent) for row in rows],
    }
    write_page("set.html.j2", path, values)


def _headline(rows: Sequence[SetRow]) -> str:
    """One sentence on how many there are, and how many joints nobody saw."""
    states = Counter(row.state for row in rows)
    good = states.pop("ok", 0)
    faults = "".join(f", {count:,} {state}" for state, count in sorted(states.items()))
    bundles = f"{good:,} bundle{'' if good == 1 else 's'}{faults}"
    joints = [joint for row in rows for joint in row.joints]
    if not joints:
        return f"{bundles}; no moving joints."
    unseen = sum(not joint.observed for joint in joints)
    moving = f"{len(joints):,} moving joint{'' if len(joints) == 1 else 's'}"
    return f"{bundles}; {moving}, {f'{unseen:,} of them not' if unseen else 'all'} observed."


def _row(row: SetRow, beside: Path) -> dict[str, Any]:
    least = row.least_sure
    unseen = sum(not joint.observed for joint in row.joints)
    good = row.state == "ok"
    return {
        "name": row.name,
        "source": row.source,
        "report": _link(row, beside),
        "thumbnail": small_uri(row.thumbnail),
        "state": row.state,
        "reason": row.reason,
        "joints": len(row.joints) if good else None,
        "unseen": f"{unseen} not observed" if unseen else "",
        "least": least and {
            "name": least.name,
            "key": least.confidence - (not least.observed),
            "words": in_words(least.confidence, observed=least.observed),
            "percent": percent(least.confidence),
            "grade": grade(least.confidence, observed=least.observed),
        },
        "seconds": row.seconds,
        "stages": ", ".join(f"{name} {_brief(s)}" for name, s in row.stages.items()),
    }  # fmt: skip


def _link(row: SetRow, beside: Path) -> str | None:
    """Address of the bundle's report as seen from the page; None if there is none."""
    if row.folder is None or not (row.folder / "report.html").is_file():
        return None
    report = (row.folder / "report.html").absolute()
    return quote(report.relative_to(beside.absolute()).as_posix())


def _brief(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"
