"""Progress for people: live bars on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as RichProgress,
)

from reel2sim.scene.progress import Progress


@contextmanager
def live_bars(console: Console) -> Generator[Progress]:
    """One bar a stage, with its latest figures and the time that is left."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<15}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", style="dim", markup=False),
    )
    with RichProgress(*columns, console=console, redirect_stdout=False) as bars:
        tasks: dict[str, TaskID] = {}
        figures: dict[str, dict[str, float]] = {}

        def report(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0, detail="")
            known = figures.setdefault(stage, {})
            known.update(metrics)
            detail = " ".join(part for part in (message, figure_text(known)) if part)
            bars.update(tasks[stage], completed=min(max(fraction, 0.0), 1.0), detail=detail)

        yield report


def plain_lines(
    stream: TextIO,
    *,
    every_s: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """A line when a stage begins or ends, and at most one every ``every_s`` in between."""
    began: dict[str, tuple[float, float]] = {}
    spoke: dict[str, float] = {}
    finished: set[str] = set()

    def report(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        now = clock()
        done = fraction >= 1.0
        if stage in finished or (not done and now - spoke.get(stage, -every_s) < every_s):
            return
        start, share = began.setdefault(stage, (now, fraction))
        spoke[stage] = now
        if done:
            finished.add(stage)
        parts = [f"{stage:<15} {100 * fraction:3.0f}%", message, figure_text(metrics)]
        # What was done before it began took none of this time.
        if fraction < 1.0 and fraction - share > 0.02 * (1 - share):
            left = (now - start) * (1 - fraction) / (fraction - share)
            parts.append(f"about {left:.0f} s left")
        print("  ".join(part for part in parts if part), file=stream, flush=True)

    return report


def figure_text(metrics: Mapping[str, float], *, most: int = 4) -> str:
    """The first few figures as ``name=value``."""
    return " ".join(f"{name}={value:.4g}" for name, value in list(metrics.items())[:most])
