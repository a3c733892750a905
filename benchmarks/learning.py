"""How fast policies are learned, next to chance, doing nothing and the recovered motion.

Each task is trained on each bundle with several seeds, on one processor core and one PyTorch
thread. Written are a table, ``learning.json`` and a picture for each task and bundle: the mean
over seeds, with a band from the worst to the best. Runs that were stopped go on where they were.

A target is 95 % success where the task tells success, else, and with ``track-motion`` always, 90 %
of the return of the recovered motion. Seconds to a target count everything: baselines,
demonstrations and evaluations.

Examples::

    python benchmarks/learning.py bundles/drawer bundles/laptop --tasks open-joint --out learning
    python benchmarks/learning.py bundles/* --tasks track-motion --demonstrations 0 20 \\
        --steps 60000 --out learning
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from reel2sim.training import TrainConfig, TrainResult, train
from reel2sim.training.journal import Mark, draw

SUCCESS = 0.95
SHARE = 0.9


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        bundles: bundle folders.
        out: folder for all runs, ``learning.json`` and the pictures.
        tasks: to train.
        algo: with which algorithm.
        seeds: how many.
        steps: control steps of each run.
        demonstrations: episodes to imitate first; several numbers are compared.
    """

    bundles: tyro.conf.Positional[tuple[Path, ...]]
    out: Path
    tasks: tuple[str, ...] = ("open-joint", "track-motion")
    algo: str = "ppo"
    seeds: int = 3
    steps: int = 60_000
    demonstrations: tuple[int, ...] = (0,)


def reached(mark: Mark, task: str, result: TrainResult) -> bool:
    """Whether an evaluation meets the task's target."""
    found = mark.evaluation
    if task == "track-motion":
        return found.mean_return >= SHARE * result.baselines["reference"].mean_return
    return found.success is not None and found.success >= SUCCESS


def figures(task: str, result: TrainResult) -> dict[str, Any]:
    """What is reported of one run."""
    first = next((mark for mark in result.marks if reached(mark, task, result)), None)
    return {
        "best": asdict(result.best),
        "last": asdict(result.last),
        "first": asdict(result.marks[0].evaluation),
        "reached": None
        if first is None
        else {"steps": first.steps, "cpu_s": first.cpu_s, "wall_s": first.wall_s},
        "steps": result.steps,
        "cpu_s": result.cpu_s,
        "wall_s": result.wall_s,
        "marks": [asdict(mark) for mark in result.marks],
    }


def measure(
    task: str, bundle: Path, demonstrations: int, options: Options
) -> tuple[dict[str, Any], list[TrainResult]]:
    """All seeds of one task on one bundle."""
    results: list[TrainResult] = []
    start = f"cloned{demonstrations}" if demonstrations else "scratch"
    for seed in range(options.seeds):
        config = TrainConfig(
            bundle=bundle,
            out=options.out / task / bundle.name / start / str(seed),
            task=task,
            algo=options.algo,  # pyright: ignore[reportArgumentType]
            steps=options.steps,
            seed=seed,
            demonstrations=demonstrations,
        )
        results.append(train(config, resume=True))
    return {
        "task": task,
        "bundle": str(bundle),
        "demonstrations": demonstrations,
        "baselines": {name: asdict(x) for name, x in results[0].baselines.items()},
        "seeds": [figures(task, result) for result in results],
    }, results


def row(record: dict[str, Any]) -> list[str]:
    """A line of the table, of the worst seed."""
    seeds = record["seeds"]
    reference = record["baselines"].get("reference")
    met = [seed["reached"] for seed in seeds]

    def shown(evaluation: dict[str, Any]) -> str:
        success = evaluation["success"]
        text = "" if success is None else f"{success:.0%} "
        return f"{text}({evaluation['mean_return']:.1f})"

    def worst(name: str) -> str:
        return shown(
            min((s[name] for s in seeds), key=lambda e: (e["success"] or 0, e["mean_return"]))
        )

    keys = ("steps", "cpu_s", "wall_s")
    times = [f"{max(m[key] for m in met):.0f}" for key in keys] if all(met) else ["-"]
    return [
        f"{record['task']}, {Path(record['bundle']).name}",
        str(record["demonstrations"] or "-"),
        *(shown(record["baselines"][name]) for name in ("random", "nothing")),
        shown(reference) if reference else "-",
        worst("first"),
        worst("best"),
        f"{sum(m is not None for m in met)} of {len(met)}",
        " / ".join(times),
    ]


def main(options: Options) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "learning.json"
    records: list[dict[str, Any]] = []
    for task in options.tasks:
        for bundle in options.bundles:
            runs: dict[str, Any] = {}
            baselines: dict[str, Any] = {}
            for count in options.demonstrations:
                record, results = measure(task, bundle, count, options)
                records.append(record)
                runs[f"after {count} demonstrations" if count else "from scratch"] = [
                    result.marks for result in results
                ]
                baselines = results[0].baselines
                path.write_text(json.dumps(records, indent=1) + "\n")
                print(*row(record), sep="  ", flush=True)
            draw(options.out / f"{task}_{bundle.name}.png", runs, baselines,
                 title=f"{task}, {bundle.name}")  # fmt: skip
    table = Table("task, bundle", "demos", "random", "nothing", "reference", "first (worst)",
                  "best (worst seed)", "targets met", "steps / CPU s / wall s (worst)")  # fmt: skip
    for record in records:
        table.add_row(*row(record))
    Console(width=180).print(table)


if __name__ == "__main__":
    main(tyro.cli(Options))
