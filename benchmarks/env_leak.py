"""Whether environments leak: memory over thousands of short episodes of random agents.

The slope of resident memory is that of the median of many lines (Theil–Sen), after a warm-up, with
its 95% interval. Beside it runs a control: the same with an environment that keeps some kilobytes
of each episode, which the study has to see or it proves nothing.

Example::

    python benchmarks/env_leak.py bundles/drawer --episodes 10000 --report leak.json
"""

from __future__ import annotations

import gc
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import theilslopes

import reel2sim.envs

_WARM = 0.2
"""Share of the episodes before memory counts: caches fill, allocators settle."""
_NOTHING = 1 / 8
"""Share of what the control keeps that counts as none."""


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        bundle: bundle folder.
        tasks: names of tasks, such as OpenJoint.
        episodes: of each.
        steps: of each episode.
        samples: how often memory is looked at, after everything that is garbage was collected.
        kept_bytes: what the control keeps of each episode.
        report: also write the figures to this file (JSON).
    """

    bundle: tyro.conf.Positional[Path]
    tasks: tuple[str, ...] = ("OpenJoint", "TrackMotion", "Scene")
    episodes: int = 10_000
    steps: int = 5
    samples: int = 200
    kept_bytes: int = 4096
    report: Path | None = None


@dataclass(frozen=True)
class Slope:
    """Growth of one run.

    Attributes:
        name: of the task.
        episodes: how many were played.
        bytes_per_episode: slope of the resident memory.
        low: lower end of its 95% interval.
        high: upper end.
        grown_mb: last memory less that after the warm-up.
        leaks: whether the slope is more than nothing.
    """

    name: str
    episodes: int
    bytes_per_episode: float
    low: float
    high: float
    grown_mb: float
    leaks: bool


class Hoarder(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps some bytes of each episode: the leak the study must see."""

    def __init__(self, env: gymnasium.Env[Any, Any], kept_bytes: int) -> None:
        super().__init__(env)
        self._hoard: list[bytes] = []
        self._kept_bytes = kept_bytes

    def reset(self, **options: Any) -> Any:
        """Begin an episode and keep something of it."""
        # Bytes that are really there: an untouched page costs nothing.
        self._hoard.append(np.random.default_rng(len(self._hoard)).bytes(self._kept_bytes))
        return self.env.reset(**options)


def memory_of(env: gymnasium.Env[Any, Any], options: Options, name: str) -> np.ndarray:
    """Episodes played and bytes resident ``(s, 2)``."""
    process, found = psutil.Process(), []
    env.action_space.seed(0)
    every = max(1, options.episodes // options.samples)
    for episode in track(range(options.episodes), description=name):
        env.reset(seed=episode)
        for _ in range(options.steps):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                break
        if episode % every == 0 or episode == options.episodes - 1:
            gc.collect()
            found.append((episode, process.memory_info().rss))
    return np.array(found, dtype=np.float64)


def slope_of(memory: np.ndarray, name: str, kept_bytes: int) -> Slope:
    """What memory grew by after the warm-up, beside a control that keeps so much an episode."""
    kept = memory[int(_WARM * len(memory)) :]
    slope, _, low, high = theilslopes(kept[:, 1], kept[:, 0])
    return Slope(
        name=name,
        episodes=int(memory[-1, 0]) + 1,
        bytes_per_episode=float(slope),
        low=float(low),
        high=float(high),
        grown_mb=float(kept[-1, 1] - kept[0, 1]) / 2**20,
        leaks=bool(low > 0 and slope > _NOTHING * kept_bytes),
    )


def study(options: Options) -> list[Slope]:
    """Every task, and the control of the first."""
    found: list[Slope] = []
    for name in options.tasks:
        env = gymnasium.make(f"Reel2Sim/{name}-v0", bundle=str(options.bundle))
        found.append(slope_of(memory_of(env, options, name), name, options.kept_bytes))
        env.close()
    name = f"control: {options.kept_bytes} B kept"
    env = gymnasium.make(f"Reel2Sim/{options.tasks[0]}-v0", bundle=str(options.bundle))
    hoarder = Hoarder(env, options.kept_bytes)
    found.append(slope_of(memory_of(hoarder, options, name), name, options.kept_bytes))
    env.close()
    return found


def main(options: Options) -> None:
    """Run the study; exits with 1 if a task leaks or the control is not seen to."""
    found = study(options)
    table = Table("task", "episodes", "bytes an episode", "95%", "grown MB", "leaks")
    for x in found:
        table.add_row(
            x.name,
            f"{x.episodes:,}",
            f"{x.bytes_per_episode:.0f}",
            f"{x.low:.0f} … {x.high:.0f}",
            f"{x.grown_mb:.1f}",
            "yes" if x.leaks else "no",
        )
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(x) for x in found], indent=1) + "\n")
    *tasks, control = found
    raise SystemExit(any(x.leaks for x in tasks) or not control.leaks)


if __name__ == "__main__":
    assert reel2sim.envs  # importing it registers the tasks
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
