"""What it costs to act on a server instead of here.

Steps a second of one environment and of batches, through gRPC on this machine and in this process,
in turns. Episodes do not end, so that resets do not count.

Example::

    python benchmarks/remote_env.py bundle --counts 1 8 32 --report remote.json
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from reel2sim.client import RemoteVectorEnv


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        bundle: bundle folder.
        task: which task.
        counts: numbers of environments.
        turns: how often each is measured.
        steps: of a turn.
        report: also write the figures to this file (JSON).
    """

    bundle: tyro.conf.Positional[Path]
    task: str = "OpenJoint"
    counts: tuple[int, ...] = (1, 8, 32)
    turns: int = 7
    steps: int = 100
    report: Path | None = None


@dataclass(frozen=True)
class Speed:
    """Figures for one number of environments.

    Attributes:
        count: environments.
        here: steps a second of all together in this process, median of the turns.
        there: through the server.
        share: of the second in the first, median of the turns.
        message_us: what a step of all takes longer there, microseconds, median of the turns.
    """

    count: int
    here: float
    there: float
    share: float
    message_us: float


def turn(envs: Any, steps: int) -> float:
    """Seconds of a step of all environments."""
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, *envs.action_space.shape))
    actions = actions.astype(np.float32)
    envs.reset(seed=0)
    start = time.perf_counter()
    for action in actions:
        envs.step(action)
    return (time.perf_counter() - start) / steps


def measure(address: str, count: int, options: Options) -> Speed:
    id, bundle = f"reel2sim.envs:Reel2Sim/{options.task}-v0", str(options.bundle)
    here = gymnasium.make_vec(id, num_envs=count, processes=1, bundle=bundle, episode_s=1e4)
    there = RemoteVectorEnv(address, id, count, bundle=bundle, episode_s=1e4)
    for envs in (here, there):
        turn(envs, 5)
    found = [(turn(here, options.steps), turn(there, options.steps)) for _ in range(options.turns)]
    here.close()
    there.close()
    near, far = np.array(found).T
    return Speed(
        count,
        float(count / np.median(near)),
        float(count / np.median(far)),
        float(np.median(near / far)),
        float(np.median(far - near) * 1e6),
    )


def main(options: Options) -> None:
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "reel2sim.cli.main", "serve", "--data-dir", data]
        server = subprocess.Popen(
            [*command, "--address", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            found = [measure(address, count, options) for count in options.counts]
        finally:
            server.terminate()
            server.wait()
    table = Table("environments", "steps/s here", "on a server", "share", "a message, µs")
    for x in found:
        table.add_row(
            str(x.count),
            f"{x.here:,.0f}",
            f"{x.there:,.0f}",
            f"{x.share:.0%}",
            f"{x.message_us:,.0f}",
        )
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(x) for x in found], indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
