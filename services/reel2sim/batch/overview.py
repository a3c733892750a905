"""``index.html``: the page of all bundles of a folder, for people."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from reel2sim.batch.results import ResultRow, read_rows
from reel2sim.exporters.manifest import MANIFEST
from reel2sim.exporters.report import SetRow, bundles_in, read_row, write_set_report
from reel2sim.scene.errors import InputError, NotFoundError, UsageError

INDEX = "index.html"
RESULTS, BUNDLES = "results.jsonl", "bundles"


def write_overview(folder: Path) -> tuple[SetRow, ...]:
    """Write ``index.html`` into ``folder``: all bundles in one table, with their pictures.

    Of the results of a batch the jobs that failed are in it too, each with its reason; in any
    other folder all bundles are, however deep they lie. A bundle that cannot be read has a row
    that says why.

    Args:
        folder: the ``out`` of a batch, whole or not, or any folder with bundles in it.

    Returns:
        The rows of the table.

    Raises:
        NotFoundError: if there is no such folder.
        UsageError: if it is a bundle itself.
        InputError: if there is nothing to show.
    """
    if not folder.is_dir():
        raise NotFoundError("is not a folder", source=folder)
    if (folder / MANIFEST).is_file():
        raise UsageError(
            "is a bundle itself",
            source=folder,
            remedy="open its report.html, or give the folder that it is in",
        )
    rows = _result_rows(folder) or _found_rows(folder)
    if not rows:
        raise InputError("holds no bundles", source=folder)
    ordered = tuple(sorted(rows, key=lambda row: _as_counted(row.name)))
    title = folder.resolve().name or str(folder)
    # Whole or not at all, and for others to read, unlike what write_atomically makes.
    aside = folder / f".{INDEX}.writing"
    write_set_report(ordered, aside, title=title)
    aside.replace(folder / INDEX)
    return ordered


def _as_counted(name: str) -> list[tuple[int, int, str]]:
    """Sorts names as the page does: ``clip2`` before ``clip10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _result_rows(folder: Path) -> list[SetRow]:
    """What became of each job of a batch; none if there was no batch here."""
    results = read_rows(folder / RESULTS)
    return [_result_row(result, folder / BUNDLES / result.id) for result in results.values()]


def _result_row(result: ResultRow, bundle: Path) -> SetRow:
    if result.status != "ok":
        # What an earlier job may have left there is not what this one was asked for.
        reason = ": ".join(filter(None, (result.reason, result.message)))
        return SetRow(
            name=result.id, folder=None, state="failed", reason=reason, seconds=result.seconds
        )
    return replace(read_row(bundle, name=result.id), seconds=result.seconds)


def _found_rows(folder: Path) -> list[SetRow]:
    found = bundles_in(folder)
    return [read_row(place, name=place.relative_to(folder).as_posix()) for place in found]
