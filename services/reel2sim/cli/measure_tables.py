"""Figures of reconstructions as tables, for people and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from reel2sim.cli.measure_results import FIGURES, Run, by_folder, by_name, means
from reel2sim.cli.tables import table

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = (
    "PSNR dB", "PSNR all dB", "SSIM", "SSIM all", "FLIP",
    "Chamfer %", "normals °", "tracks %", "still %", "seconds", "peak MiB", "failure",
)  # fmt: skip
_ABOUT = """PSNR, SSIM and FLIP over the pixels that either picture covers, *all*: over the whole
picture; on black. Chamfer distance and tracks in % of the object's diagonal; *still* is the track
error of an object that never moves. Failed runs count as black pictures that never move. All
figures are of cameras and times the fit was never given."""


def run_line(run: Run) -> str:
    """A run in one line."""
    score = run.score
    parts = [f"{run.capture} {run.name}: PSNR {score.psnr_db:.2f} dB", f"FLIP {score.flip:.3f}"]
    if score.track_frac is not None:
        floor = 100 * score.track_floor_frac
        parts.append(f"tracks {100 * score.track_frac:.2f} % of {floor:.2f} %")
    if run.seconds is not None:
        parts.append(f"{run.seconds:.0f} s")
    return "  ".join(part for part in (*parts, run.failure) if part)


def run_tables(runs: Sequence[Run]) -> list[Table]:
    """A table per variant or peer, and one of all means."""
    groups = by_name(runs)
    shown = [
        table(name, ("capture", *_COLUMNS), [*map(_run_row, group), *_mean_rows("mean", group)])
        for name, group in groups.items()
    ]
    rows = [row for name, group in groups.items() for row in _mean_rows(name, group)]
    return [*shown, table("means", ("of", *_COLUMNS), rows)]


def markdown(runs: Sequence[Run], options: dict[str, Any]) -> str:
    """The same as a Markdown document."""
    groups = by_name(runs)
    about = ", ".join(f"{key} {value}" for key, value in options.items())
    parts = [f"# Reconstruction: {about}", _ABOUT]
    rows = [row for name, group in groups.items() for row in _mean_rows(name, group)]
    parts.append(markdown_table(("of", *_COLUMNS), rows))
    for name, group in groups.items():
        changed = ", ".join(f"{k}={v}" for k, v in group[0].overrides.items())
        parts.append(f"## {name}" + (f" ({changed})" if changed else ""))
        notes = sorted({run.note for run in group if run.note})
        parts += notes
        rows = [*map(_run_row, group), *_mean_rows("mean", group)]
        parts.append(markdown_table(("capture", *_COLUMNS), rows))
    return "\n\n".join(parts) + "\n"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text as a Markdown table, the first and the last column set to the left."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 2), "---"], *rows]
    return "\n".join("| " + " | ".join(_escaped(x) for x in line) + " |" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _run_row(run: Run) -> tuple[str, ...]:
    values = {name: getattr(run.score, name) for name in FIGURES}
    values |= {"seconds": run.seconds, "peak_memory_mb": run.peak_memory_mb}
    return (run.capture, *_cells(values), shorten(run.failure, 60, placeholder=" …"))


def _mean_rows(title: str, runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """Means of each folder of captures, if there are several, and of all."""
    parts = [_mean_row(f"{title} of {name}", part) for name, part in by_folder(runs).items()]
    return [*parts, _mean_row(title, runs)]


def _mean_row(title: str, runs: Sequence[Run]) -> tuple[str, ...]:
    found = means(runs)
    failed = int(found["failed"] or 0)
    return (title, *_cells(found), f"{failed} of {len(runs)} failed" if failed else "")


def _cells(values: dict[str, float | None]) -> list[str]:
    """Figures in the order of the columns; a dash for what is not known."""

    def cell(name: str, digits: int, factor: float = 1.0) -> str:
        value = values[name]
        return "–" if value is None else f"{factor * value:.{digits}f}"

    return [
        cell("psnr_db", 2),
        cell("psnr_full_db", 2),
        cell("ssim", 3),
        cell("ssim_full", 3),
        cell("flip", 3),
        cell("chamfer_frac", 2, 100),
        cell("normal_deg", 1),
        cell("track_frac", 2, 100),
        cell("track_floor_frac", 2, 100),
        cell("seconds", 1),
        cell("peak_memory_mb", 0),
    ]
