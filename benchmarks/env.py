"""How fast an environment steps, next to the physics it contains.

For each bundle: control steps a second of the environment, of PyBullet alone doing the same physics
steps with the same drives, and of several environments in processes of their own. Also how long a
reset takes, and a rendered frame.

Example::

    python benchmarks/env.py bundles/* --seconds 3 --processes 4 --report env.json
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from reel2sim.envs import TrackMotionEnv


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        bundles: bundle folders.
        seconds: how long to measure each figure.
        processes: for the parallel figure.
        report: also write the figures to this file (JSON).
    """

    bundles: tyro.conf.Positional[tuple[Path, ...]]
    seconds: float = 2.0
    processes: int = 2
    report: Path | None = None


@dataclass(frozen=True)
class Speed:
    """Figures of one bundle.

    Attributes:
        bundle: its folder.
        joints: driven joints.
        env: control steps a second, drives, observation, reward and info included.
        physics: what PyBullet alone does with the same drives at rest.
        parallel: control steps a second of all processes together.
        reset_ms: milliseconds of a reset, which loads the object anew.
        frame_ms: milliseconds of a rendered frame of 320 × 240.
    """

    bundle: str
    joints: int
    env: float
    physics: float
    parallel: float
    reset_ms: float
    frame_ms: float


def rate(work: Callable[[], object], seconds: float) -> float:
    """Calls of ``work`` a second."""
    for _ in range(3):
        work()
    calls, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        work()
        calls += 1
    return calls / spent


def env_rate(env: TrackMotionEnv, seconds: float) -> float:
    """Steps a second with random actions; resets between episodes are not counted."""
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (256, *env.action_space.shape)).astype(np.float32)
    env.reset(seed=0)
    spent, steps = 0.0, 0
    while spent < seconds:
        start = time.perf_counter()
        _, _, terminated, truncated, _ = env.step(actions[steps % 256])
        spent += time.perf_counter() - start
        steps += 1
        if terminated or truncated:
            env.reset()
    return steps / spent


def child(bundle: Path, seconds: float, ready: Barrier, rates: Queue[float]) -> None:
    env = TrackMotionEnv(bundle)
    env.reset(seed=0)
    ready.wait()
    rates.put(env_rate(env, seconds))
    env.close()


def parallel_rate(bundle: Path, options: Options) -> float:
    """Sum of the rates of environments that run at the same time."""
    context = multiprocessing.get_context("spawn")
    ready, rates = context.Barrier(options.processes), context.Queue()
    children = [
        context.Process(target=child, args=(bundle, options.seconds, ready, rates))
        for _ in range(options.processes)
    ]
    for process in children:
        process.start()
    total = sum(rates.get(timeout=120) for _ in children)
    for process in children:
        process.join()
    return total


def measure(bundle: Path, options: Options) -> Speed:
    env = TrackMotionEnv(bundle, render_mode="rgb_array")
    env.reset(seed=0)
    frame_ms = 1e3 / rate(env.render, options.seconds / 4)
    reset_ms = 1e3 / rate(env.reset, options.seconds / 4)
    env.close()
    env = TrackMotionEnv(bundle)
    steps = env_rate(env, options.seconds)
    # The drives of the last action stay on, so the solver has the same work to do.
    physics = rate(lambda: env.world.step(env.config.frame_skip), options.seconds)
    joints = len(env.joint_names)
    env.close()
    parallel = parallel_rate(bundle, options)
    return Speed(str(bundle), joints, steps, physics, parallel, reset_ms, frame_ms)


def main(options: Options) -> None:
    found = [measure(bundle, options) for bundle in options.bundles]
    columns = ("bundle", "joints", "env /s", "physics /s", "overhead", f"{options.processes} proc.")
    table = Table(*columns, "reset ms", "frame ms")
    for x in found:
        table.add_row(
            Path(x.bundle).name,
            str(x.joints),
            f"{x.env:,.0f}",
            f"{x.physics:,.0f}",
            f"{x.physics / x.env:.1f}×",
            f"{x.parallel:,.0f} ({x.parallel / x.env:.2f}×)",
            f"{x.reset_ms:.1f}",
            f"{x.frame_ms:.1f}",
        )
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(x) for x in found], indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
