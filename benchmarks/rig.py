"""Score the chain up to the rig, with the seconds of each stage and no bundle written.

Every capture runs in a process of its own; one that fails has missed all of its joints.
``reel2sim bench rig`` measures whole runs; this is for work on the stages.

Example::

    python benchmarks/rig.py captures/* --preset draft --report scores.json
"""

from __future__ import annotations

import json
import multiprocessing
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from reel2sim.cli.measure import Measured, rig_table, summary
from reel2sim.generation.truth import load_truth
from reel2sim.pipeline.evaluation import RigScore, nothing_found, score
from reel2sim.pipeline.memory import lifetime_peak_mb
from reel2sim.scene.store import load_sequence, save_asset


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        captures: capture folders with truth.json.
        preset: effort.
        seed: of every random draw.
        report: also write all figures to this file (JSON).
        surfels: folder of reconstructions CAPTURE.npz, such as `reel2sim bench reconstruct --out`
            keeps; given this, the rig alone is measured.
        keep: also save the rigged assets into this folder.
    """

    captures: tyro.conf.Positional[tuple[Path, ...]]
    preset: Literal["draft", "standard", "high"] = "standard"
    seed: int = 0
    report: Path | None = None
    surfels: Path | None = None
    keep: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What a child process sends back; ``score`` is None if it failed."""

    score: RigScore | None
    stages_s: dict[str, float]
    peak_memory_mb: float
    failure: str = ""


@contextmanager
def timed(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Note the wall time of a block under ``name``, also if it fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = time.perf_counter() - began


def rig_capture(capture: Path, options: Options, seconds: dict[str, float]) -> RigScore:
    """Run media, reconstruction and rigging on ``capture`` and score what comes out."""
    from reel2sim.media import load_reel
    from reel2sim.reconstruction import ReconstructionConfig, reconstruct
    from reel2sim.rigging import RiggingConfig, rig

    rebuild = ReconstructionConfig.preset(options.preset, seed=options.seed)
    with timed("media", seconds):
        reel = load_reel(capture)
    with timed("reconstruct", seconds):
        if options.surfels is not None:
            sequence = load_sequence(options.surfels / f"{capture.name}.npz")
        else:
            sequence = reconstruct(reel, config=rebuild)
    with timed("rig", seconds):
        asset = rig(reel, sequence, config=RiggingConfig.preset(options.preset, seed=options.seed))
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        save_asset(options.keep / f"{capture.name}.npz", asset)
    return score(asset, load_truth(capture))


def child(capture: Path, options: Options, answer: Connection) -> None:
    """Entry of the child process."""
    seconds: dict[str, float] = {}
    result, failure = None, ""
    try:
        result = rig_capture(capture, options, seconds)
    except Exception as error:  # whatever goes wrong is this capture's result
        traceback.print_exc()
        failure = f"{type(error).__name__}: {error}"
    answer.send(Outcome(result, seconds, lifetime_peak_mb(), failure))


def measure(capture: Path, options: Options) -> tuple[Measured, dict[str, float]]:
    """Score one capture in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    began = time.perf_counter()
    process = spawn.Process(target=child, args=(capture, options, sender))
    process.start()
    sender.close()
    try:
        outcome = receiver.recv()
    except EOFError:
        outcome = Outcome(None, {}, 0.0, "the process died")
    process.join()
    result = outcome.score or nothing_found(load_truth(capture))
    took = time.perf_counter() - began
    row = Measured(capture.name, result, took, outcome.peak_memory_mb, outcome.failure)
    return row, outcome.stages_s


def main(options: Options) -> None:
    """Measure all captures and show them, one line each as it is done and a table at the end."""
    rows: list[Measured] = []
    records: list[dict[str, object]] = []
    for capture in options.captures:
        row, stages_s = measure(capture, options)
        rows.append(row)
        records.append({**row.to_dict(), "stages_s": stages_s})
        for joint in row.score.joints:
            print(
                f"{row.name} {joint.name}: {'ok' if joint.type_ok else 'MISSED'}"
                f" axis {joint.axis_deg:.2f}° pivot {100 * joint.pivot_frac:.2f}%"
                f" state {100 * joint.state_frac:.1f}% IoU {joint.part_iou:.2f}"
                f" unexplained {joint.replay_error:.3f}",
                flush=True,
            )
        took = ", ".join(f"{name} {spent:.1f} s" for name, spent in stages_s.items())
        print(f"{row.name}: {took} {row.failure}", flush=True)
    Console(width=150).print(rig_table(rows))
    if options.report is not None:
        record = {
            "preset": options.preset,
            "seed": options.seed,
            "summary": summary(rows),
            "captures": records,
        }
        options.report.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
