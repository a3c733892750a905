"""Runs captures whose truth is known, each in its own process, and scores what comes out."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.cli.measure_process import Children
from reel2sim.cli.tables import table
from reel2sim.generation.truth import load_truth
from reel2sim.pipeline.evaluation import RigScore, nothing_found, score
from reel2sim.pipeline.publish import ASSET_FILE
from reel2sim.scene.store import load_asset

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Measured:
    """One capture.

    Attributes:
        name: of the capture folder.
        score: against the truth; of a failed run, that of an object that never moves.
        seconds: wall time of the process.
        peak_memory_mb: largest resident memory of the process, MiB.
        failure: what went wrong, or "".
    """

    name: str
    score: RigScore
    seconds: float
    peak_memory_mb: float
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "seconds": self.seconds,
            "peak_memory_mb": self.peak_memory_mb,
            "failure": self.failure,
            "score": self.score.to_dict(),
        }


def measure_rig(capture: Path, options: Sequence[str]) -> Measured:
    """Run ``reel2sim run`` on ``capture`` in a child process and score the asset it made."""
    truth = load_truth(capture)
    with tempfile.TemporaryDirectory(prefix="reel2sim-bench-") as folder:
        out = Path(folder) / "bundle"
        program = [sys.executable, "-m", "reel2sim.cli.main", "run", str(capture)]
        program += ["--out", str(out), "--json", "--quiet", "--no-cache", *options]
        ended = Children().run(program)
        failed = bool(ended.failure)
        made = nothing_found(truth) if failed else score(load_asset(out / ASSET_FILE), truth)
    return Measured(capture.name, made, ended.seconds, ended.peak_memory_mb, ended.failure)


def summary(rows: Sequence[Measured]) -> dict[str, float]:
    """Means over all true joints of all captures, and totals."""
    joints = [joint for row in rows for joint in row.score.joints]

    def mean(field: str) -> float:
        return float(np.mean([getattr(joint, field) for joint in joints] or [0.0]))

    return {
        "captures": len(rows),
        "failed": sum(bool(row.failure) for row in rows),
        "correct": sum(row.score.correct for row in rows),
        "true_joints": len(joints),
        "recovered": sum(row.score.recovered for row in rows),
        "spurious": sum(row.score.spurious for row in rows),
        "axis_deg": mean("axis_deg"),
        "pivot_frac": mean("pivot_frac"),
        "state_frac": mean("state_frac"),
        "part_iou": mean("part_iou"),
        "replay_error": float(np.mean([row.score.replay_error for row in rows] or [0.0])),
        "seconds": sum(row.seconds for row in rows),
        "peak_memory_mb": max((row.peak_memory_mb for row in rows), default=0.0),
    }


def rig_table(rows: Sequence[Measured]) -> Table:
    """One line a capture and one for all."""
    lines: list[tuple[object, ...]] = []
    for row in rows:
        found = row.score
        lines.append(
            (
                row.name,
                f"{found.found}/{len(found.joints)}",
                f"{found.recovered}/{len(found.joints)}",
                *_figures({name: found.mean(name) for name in _MEANS}, found.replay_error),
                f"{row.seconds:.1f}",
                f"{row.peak_memory_mb:.0f}",
                row.failure,
            )
        )
    total = summary(rows)
    lines.append(
        (
            "all",
            "",
            f"{total['recovered']}/{total['true_joints']}",
            *_figures(total, total["replay_error"]),
            f"{total['seconds']:.1f}",
            f"{total['peak_memory_mb']:.0f}",
            f"{total['failed']} failed" if total["failed"] else "",
        )
    )
    columns = ("capture", "found/true", "right type", "axis °", "pivot %", "state %", "part IoU")
    return table("rig", (*columns, "replay", "seconds", "peak MiB", "failure"), lines)


_MEANS = ("axis_deg", "pivot_frac", "state_frac", "part_iou")


def _figures(means: dict[str, float], replay: float) -> tuple[str, ...]:
    return (
        f"{means['axis_deg']:.2f}",
        f"{100 * means['pivot_frac']:.2f}",
        f"{100 * means['state_frac']:.1f}",
        f"{means['part_iou']:.2f}",
        f"{replay:.3f}",
    )
