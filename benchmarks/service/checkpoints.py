"""What a kill -9 costs: the chain, killed at random moments, must end in the same bytes.

The chain runs in a process of its own, first undisturbed without a cache, then with one until it
is done however often it is killed. Every call of its progress is noted with the processor time
spent so far, that of its own children included. So after a kill it is known how much of the work
was done, and how much more processor time it takes to get there again; starting Python and
reading the reel, which any restart costs, is counted apart.

Example::

    python benchmarks/service/checkpoints.py examples/drawer --kills 12 --report kills.json
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import tyro
from rich.console import Console
from rich.table import Table

_TARGET_S = 30.0
_LOOK_S = 0.1
_ORDER = ("media", "reconstruction", "rigging", "export")


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        source: capture folder or video.
        preset: how much work to do.
        kills: how many at most.
        least_s: least processor time between a start and its kill, seconds.
        most_s: most.
        seed: of the moments.
        report: also write the figures to this file (JSON).
    """

    source: tyro.conf.Positional[Path]
    preset: str = "draft"
    kills: int = 12
    least_s: float = 8.0
    most_s: float = 40.0
    seed: int = 0
    report: Path | None = None


@dataclass(frozen=True)
class Mark:
    """A call of the progress.

    Attributes:
        stage: which.
        fraction: of the stage that is done.
        wall_s: on the clock.
        cpu_s: processor time of the process and its children so far.
    """

    stage: str
    fraction: float
    wall_s: float
    cpu_s: float

    @property
    def place(self) -> tuple[int, float]:
        """How far the chain is; later is larger."""
        return _ORDER.index(self.stage), self.fraction


@dataclass(frozen=True)
class Attempt:
    """One process.

    Attributes:
        marks: its progress.
        killed_cpu_s: processor time when it was killed; None if it ended by itself.
        wall_s: how long it lived.
        cpu_s: what it spent.
    """

    marks: tuple[Mark, ...]
    killed_cpu_s: float | None
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Kill:
    """What a kill cost.

    Attributes:
        stage: that was at work.
        fraction: of it that was done.
        restart_cpu_s: processor time until the next process was at its first stage with work.
        repeated_cpu_s: processor time of work that was done twice.
    """

    stage: str
    fraction: float
    restart_cpu_s: float
    repeated_cpu_s: float


def main(options: Options) -> bool:
    """Run the study; True if it met its target."""
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory(prefix="reel2sim-kills-") as folder:
        work = Path(folder)
        whole = _attempt(options, work / "whole", None, None)
        attempts: list[Attempt] = []
        while not attempts or attempts[-1].killed_cpu_s is not None:
            after = rng.uniform(options.least_s, options.most_s)
            last = len(attempts) >= options.kills
            cache, out = work / "cache", work / "killed"
            attempts.append(_attempt(options, out, cache, None if last else float(after)))
        same = _contents(work / "whole") == _contents(work / "killed")
    kills = [
        Kill(a.marks[-1].stage, a.marks[-1].fraction, *_cost(a, b))
        for a, b in pairwise(attempts)
        if a.marks and a.killed_cpu_s is not None
    ]
    figures = _figures(whole, attempts, kills, same)
    Console().print(_table(kills, figures))
    if options.report is not None:
        record = {**figures, "kills": [asdict(kill) for kill in kills]}
        options.report.write_text(json.dumps(record, indent=1) + "\n")
    return same and figures["worst_repeated_cpu_s"] <= _TARGET_S


def _attempt(
    options: Options, out: Path, cache: Path | None, kill_after_s: float | None
) -> Attempt:
    """Run the chain in a process of its own, killed after so many seconds of processor time."""
    log = out.parent / "progress.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--child", str(options.source), str(out), options.preset]
    began = time.perf_counter()
    child = subprocess.Popen([*command, str(log), str(cache or "")], start_new_session=True)
    killed: float | None = None
    while child.poll() is None:
        time.sleep(_LOOK_S)
        spent = _processor_s(child.pid)
        if kill_after_s is not None and killed is None and spent >= kill_after_s:
            killed = spent
            os.killpg(child.pid, signal.SIGKILL)
    if killed is None and child.returncode != 0:
        raise SystemExit(f"the chain failed with status {child.returncode}")
    marks = tuple(_marks(log))
    spent = marks[-1].cpu_s if marks else 0.0
    wall = time.perf_counter() - began
    return Attempt(marks, killed, wall, spent if killed is None else killed)


def _processor_s(pid: int) -> float:
    """Processor time of a process and all below it, the ended ones included."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                total += times.user + times.system
                total += times.children_user + times.children_system
    return total


def _marks(log: Path) -> Iterator[Mark]:
    lines = log.read_text().splitlines() if log.exists() else []
    for line in lines:
        stage, fraction, wall, cpu = line.split()
        yield Mark(stage, float(fraction), float(wall), float(cpu))


def _cost(before: Attempt, after: Attempt) -> tuple[float, float]:
    """Processor time of the restart, and of work done again, of the kill of ``before``."""
    begun = next((m for m in after.marks if m.stage != "media"), None)
    if begun is None:  # killed again before there was any work: nothing to tell apart
        return after.cpu_s, 0.0
    reached = next((m for m in after.marks if m.place >= before.marks[-1].place), None)
    again = (after.cpu_s if reached is None else reached.cpu_s) - begun.cpu_s
    # What was done since the last call of the progress is lost as well.
    since = (before.killed_cpu_s or 0.0) - before.marks[-1].cpu_s
    return begun.cpu_s, max(again, 0.0) + max(since, 0.0)


def _figures(
    whole: Attempt, attempts: list[Attempt], kills: list[Kill], same: bool
) -> dict[str, Any]:
    total = sum(attempt.cpu_s for attempt in attempts)
    restarts = sum(kill.restart_cpu_s for kill in kills)
    repeated = [kill.repeated_cpu_s for kill in kills]
    return {
        "killed": len(kills),
        "same_bytes": same,
        "worst_repeated_cpu_s": round(max(repeated, default=0.0), 2),
        "mean_repeated_cpu_s": round(float(np.mean(repeated)) if repeated else 0.0, 2),
        "undisturbed_cpu_s": round(whole.cpu_s, 1),
        "undisturbed_wall_s": round(whole.wall_s, 1),
        "killed_cpu_s": round(total, 1),
        "restarts_cpu_s": round(restarts, 1),
        # Positive: what checkpoints cost and kills repeat; the undisturbed run keeps nothing.
        "overhead": round((total - restarts) / whole.cpu_s - 1.0, 3),
    }


def _contents(bundle: Path) -> dict[str, Any]:
    """Of every file its bytes, of the manifest all but how long it took."""
    found: dict[str, Any] = {
        path.relative_to(bundle).as_posix(): path.read_bytes()
        for path in sorted(bundle.rglob("*"))
        if path.is_file()
    }
    manifest = json.loads(found["manifest.json"])
    manifest.pop("timings")
    return {**found, "manifest.json": manifest}


def _table(kills: list[Kill], figures: dict[str, Any]) -> Table:
    table = Table("killed in", "done", "restart, CPU s", "done again, CPU s", title="kill -9")
    for kill in kills:
        row = (f"{kill.fraction:.1%}", f"{kill.restart_cpu_s:.1f}", f"{kill.repeated_cpu_s:.1f}")
        table.add_row(kill.stage, *row)
    said = [f"{name} {value}" for name, value in figures.items()]
    table.caption = "\n".join(said)
    return table


def _child(source: str, out: str, preset: str, log: str, cache: str) -> None:
    """The chain, noting its progress."""
    from reel2sim.pipeline import Cache, PipelineConfig, run

    with Path(log).open("w", buffering=1) as stream:

        def note(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
            cpu = sum(os.times()[:4])
            stream.write(f"{stage} {fraction:.6f} {time.perf_counter():.3f} {cpu:.3f}\n")

        run(
            Path(source),
            Path(out),
            config=PipelineConfig(preset=preset),  # type: ignore[arg-type]
            progress=note,
            cache=Cache(Path(cache)) if cache else None,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:])
    else:
        sys.exit(0 if main(tyro.cli(Options, description=__doc__)) else 1)
