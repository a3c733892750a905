"""How fast many environments step at once: ours in one and more processes, and Gymnasium's.

Steps a second of all environments together, as multiples of Gymnasium's SyncVectorEnv and of one
process of ours. All take turns, so that a busy machine slows all; where it has no core to spare for
each process, look at ``cpu``, the processor time of the busiest process: what a step would take if
nobody was in the way. Or let other work wait during turns: ``--alone`` takes them at real-time
priority and rests as long after each. Episodes do not end, so that resets do not count.

Example::

    python benchmarks/vector.py bundle --counts 8 32 --processes 2 4 --report vector.json
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import tyro
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        bundle: bundle folder.
        task: which task.
        counts: numbers of environments.
        processes: numbers of processes of ours.
        turns: how often each is measured.
        steps: of a turn.
        alone: take turns at real-time priority; for who may, on Linux.
        gymnasium_async: also measure Gymnasium's AsyncVectorEnv, a process for each environment.
        report: also write the figures to this file (JSON).
    """

    bundle: tyro.conf.Positional[Path]
    task: str = "OpenJoint"
    counts: tuple[int, ...] = (8, 32)
    processes: tuple[int, ...] = (1, 2)
    turns: int = 7
    steps: int = 100
    alone: bool = False
    gymnasium_async: bool = True
    report: Path | None = None


@dataclass(frozen=True)
class Speed:
    """Figures of one kind.

    Attributes:
        kind: ours with its processes, or Gymnasium's.
        count: environments.
        rate: steps a second of all together, median of the turns.
        ratio: of that to SyncVectorEnv's of the same turn, median.
        over_one: of that to one process's of ours of the same turn, median; NaN if not measured.
        cpu_us: processor time of the busiest process for a step of all, median, microseconds.
        cpu_ratio: how many times SyncVectorEnv's that is less, median.
    """

    kind: str
    count: int
    rate: float
    ratio: float
    over_one: float
    cpu_us: float
    cpu_ratio: float


def busiest(processes: list[psutil.Process], before: list[float]) -> float:
    return max(now - then for now, then in zip(spent(processes), before, strict=True))


def spent(processes: list[psutil.Process]) -> list[float]:
    return [sum(process.cpu_times()[:2]) for process in processes]


@contextmanager
def hurried(processes: list[psutil.Process]) -> Iterator[None]:
    """Real-time priority for a while, then as much time for others."""

    def set_all(policy: int, priority: int) -> None:
        for process in processes:
            for thread in process.threads():
                os.sched_setscheduler(thread.id, policy, os.sched_param(priority))

    start = time.perf_counter()
    set_all(os.SCHED_RR, 1)
    try:
        yield
    finally:
        set_all(os.SCHED_OTHER, 0)
        time.sleep(time.perf_counter() - start)


def turn(envs: Any, steps: int, *, alone: bool) -> tuple[float, float]:
    """Wall and processor seconds of a step of all."""
    inner = envs.unwrapped
    ids = inner._crew.pids if hasattr(inner, "_crew") else ()
    processes = [psutil.Process(), *(psutil.Process(id) for id in ids)]
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, *envs.action_space.shape))
    actions = actions.astype(np.float32)
    envs.reset(seed=0)
    with hurried(processes) if alone else nullcontext():
        before, start = spent(processes), time.perf_counter()
        for action in actions:
            envs.step(action)
        wall = time.perf_counter() - start
        return wall / steps, busiest(processes, before) / steps


def measure(count: int, options: Options) -> list[Speed]:
    def make(**how: Any) -> Any:
        id = f"reel2sim.envs:Reel2Sim/{options.task}-v0"
        bundle = str(options.bundle)
        long = {"disable_env_checker": True, "episode_s": 1e4}
        return gymnasium.make_vec(id, num_envs=count, bundle=bundle, **long, **how)

    kinds = {"sync": make(vectorization_mode="sync")}
    if options.gymnasium_async:
        kinds["async"] = make(vectorization_mode="async")
    kinds |= {f"ours, {n}": make(processes=n) for n in options.processes if n <= count}
    try:
        for envs in kinds.values():
            turn(envs, 5, alone=False)
        found = [
            {
                name: turn(envs, options.steps, alone=options.alone and name != "async")
                for name, envs in kinds.items()
            }
            for _ in range(options.turns)
        ]
    finally:
        for envs in kinds.values():
            envs.close()

    def median(values: Any) -> float:
        return float(np.median(list(values)))

    return [
        Speed(
            name,
            count,
            median(count / x[name][0] for x in found),
            median(x["sync"][0] / x[name][0] for x in found),
            median(x["ours, 1"][0] / x[name][0] if "ours, 1" in x else np.nan for x in found),
            median(1e6 * x[name][1] for x in found),
            median(x["sync"][1] / max(x[name][1], 1e-9) for x in found),
        )
        for name in kinds
    ]


def main(options: Options) -> None:
    found = [speed for count in options.counts for speed in measure(count, options)]
    table = Table("environments", "kind", "steps/s", "× sync", "× one", "cpu µs", "× sync")
    for x in found:
        # Gymnasium's processes are not looked into.
        cpu = ("–", "–") if x.kind == "async" else (f"{x.cpu_us:,.0f}", f"{x.cpu_ratio:.2f}")
        table.add_row(
            str(x.count), x.kind, f"{x.rate:,.0f}", f"{x.ratio:.2f}", f"{x.over_one:.2f}", *cpu
        )
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(x) for x in found], indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
