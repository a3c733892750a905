"""How fast environments step, next to the physics they contain.

For each bundle: control steps a second of PyBullet alone doing the same physics steps with the same
drives, and, as shares of that, of each task; the first task in processes of their own; how long a
reset takes, and a rendered frame. Shares are of processor time in runs that take turns, so that a
busy machine slows both.

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

from reel2sim.envs import OpenJointEnv, SceneEnv, TrackMotionEnv

TASKS: dict[str, type[SceneEnv]] = {
    "Scene": SceneEnv,
    "OpenJoint": OpenJointEnv,
    "TrackMotion": TrackMotionEnv,
}
_TURNS = 40
"""Turns that the environment and bare physics take."""


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        bundles: bundle folders.
        seconds: how long to measure each figure.
        processes: for the parallel figure.
        frame_skip: physics steps for each action.
        report: also write the figures to this file (JSON).
    """

    bundles: tyro.conf.Positional[tuple[Path, ...]]
    seconds: float = 2.0
    processes: int = 2
    frame_skip: int = 8
    report: Path | None = None


@dataclass(frozen=True)
class Speed:
    """Figures of one bundle.

    Attributes:
        bundle: its folder.
        joints: driven joints.
        physics: control steps a second of PyBullet alone, with the same drives.
        shares: of each task's steps in that, drives, observation, reward and info included.
        parallel: steps a second of all processes together, as a multiple of one.
        reset_ms: milliseconds of a reset, which loads the object anew.
        frame_ms: milliseconds of a rendered frame of 320 × 240.
    """

    bundle: str
    joints: int
    physics: float
    shares: dict[str, float]
    parallel: float
    reset_ms: float
    frame_ms: float


def rate(
    work: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Calls of ``work`` a second."""
    for _ in range(3):
        work()
    calls, start = 0, clock()
    while (spent := clock() - start) < seconds:
        work()
        calls += 1
    return calls / spent


def env_rate(
    env: SceneEnv, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Steps a second with random actions; resets between episodes are not counted."""
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (256, *(env.action_space.shape or ()))).astype(np.float32)
    env.reset(seed=0)
    spent, steps = 0.0, 0
    while spent < seconds:
        start = clock()
        _, _, terminated, truncated, _ = env.step(actions[steps % 256])
        spent += clock() - start
        steps += 1
        if terminated or truncated:
            env.reset()
    return steps / spent


def bare_rate(env: SceneEnv, seconds: float, clock: Callable[[], float]) -> float:
    """Control steps a second of the engine alone; the drives of the last action stay on."""
    import pybullet

    client, skip, step = env.world.client, env.config.frame_skip, pybullet.stepSimulation

    def work() -> None:
        for _ in range(skip):
            step(client)

    return rate(work, seconds, clock)


def share(task: type[SceneEnv], bundle: Path, options: Options) -> tuple[float, float]:
    """Steps of a task as a share of bare physics, by the median of turns, and those of physics."""
    env = task(bundle, frame_skip=options.frame_skip)
    env.reset(seed=0)
    turn = options.seconds / _TURNS
    clock = time.process_time
    found = [(env_rate(env, turn, clock), bare_rate(env, turn, clock)) for _ in range(_TURNS)]
    env.close()
    ratios, bare = zip(*((own / engine, engine) for own, engine in found), strict=True)
    return float(np.median(ratios)), float(np.median(bare))


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
    joints = len(env.joint_names)
    env.close()
    found = {name: share(task, bundle, options) for name, task in TASKS.items()}
    alone = TrackMotionEnv(bundle)
    one = env_rate(alone, options.seconds)
    alone.close()
    parallel = parallel_rate(bundle, options) / one
    shares = {name: ratio for name, (ratio, _) in found.items()}
    physics = found["TrackMotion"][1]
    return Speed(str(bundle), joints, physics, shares, parallel, reset_ms, frame_ms)


def main(options: Options) -> None:
    found = [measure(bundle, options) for bundle in options.bundles]
    columns = ("bundle", "joints", "physics /s", *TASKS, f"{options.processes} proc.")
    table = Table(*columns, "reset ms", "frame ms")
    for x in found:
        table.add_row(
            Path(x.bundle).name,
            str(x.joints),
            f"{x.physics:,.0f}",
            *(f"{x.shares[name]:.0%}" for name in TASKS),
            f"{x.parallel:.2f}×",
            f"{x.reset_ms:.1f}",
            f"{x.frame_ms:.1f}",
        )
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(x) for x in found], indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
