"""What the runs of many clips come to: figures of each kind, and the targets they are held to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reel2sim.cli.measure_clip import ANIMAL, CONTROL, REAL
from reel2sim.cli.measure_clips import SURE, ClipRun
from reel2sim.cli.measure_targets import Target

Figures = dict[str, float | None]

GROUPS = ("static", "hand", "moving", "twostep", REAL, ANIMAL, CONTROL)
"""Kinds of clips that are summed, in the order of tables; clips without a joint are controls."""

_NO_JOINT = ("still", "camera", CONTROL)

COUNT = Target("count_type", "count and type", scale=100, digits=0, most=True)
COUNT_ALL = Target("count_type_all", "over all found", scale=100, digits=0, most=True)
RECALL = Target("recall", "matched", scale=100, digits=0, most=True)
AXIS = Target("axis_deg_mean", "axis °", digits=1)
REPLAY = Target("replay_error_mean", "replay")
UNSURE = Target("unsure", f"no joint surer than {SURE:g}", scale=100, digits=0, most=True)
SUREST = Target("confidence_max", "highest confidence")
SECONDS = Target("seconds_max", "seconds", digits=0)
MEMORY = Target("peak_memory_mb_max", "peak MiB", digits=0)
ALL = (COUNT, COUNT_ALL, RECALL, AXIS, REPLAY, UNSURE, SUREST, SECONDS, MEMORY)
"""Every figure that tables show; those in percent have a scale of 100."""

_MUST: Mapping[str, Mapping[str, float]] = {
    "static": {"count_type": 0.85, "axis_deg_mean": 10.0, "replay_error_mean": 0.25},
    "hand": {"count_type": 0.70},
    "moving": {"count_type": 0.65},
    "twostep": {"count_type": 0.95, "axis_deg_mean": 3.0},
    REAL: {"count_type": 0.75, "seconds_max": 15 * 60, "peak_memory_mb_max": 6 * 1024},
    ANIMAL: {"seconds_max": 15 * 60, "peak_memory_mb_max": 6 * 1024},
    CONTROL: {"unsure": 1.0},
}


def group_of(run: ClipRun) -> str:
    """The kind that a run is summed under."""
    return CONTROL if run.kind in _NO_JOINT else run.kind


def by_group(runs: Iterable[ClipRun]) -> dict[str, list[ClipRun]]:
    """Runs of each kind, in the order of :data:`GROUPS`."""
    found: dict[str, list[ClipRun]] = {group: [] for group in GROUPS}
    for run in runs:
        found[group_of(run)].append(run)
    return {group: own for group, own in found.items() if own}


def targets(group: str) -> tuple[Target, ...]:
    """All figures, with what those of a kind must be."""
    must = _MUST[group]
    return tuple(
        Target(t.figure, t.title, must.get(t.figure), None, t.scale, t.digits, t.most) for t in ALL
    )


def unsure(run: ClipRun) -> bool:
    """Whether a run gave nothing that is surer than :data:`SURE`, and did not break down."""
    return not run.failure and run.confidence <= SURE


def figures(runs: Sequence[ClipRun]) -> Figures:
    """Figures of runs of one kind, failures counted and what was skipped left out.

    None where there is nothing to take a mean of, or nothing to compare with.
    """
    ran = [run for run in runs if not run.skipped]
    jointed = [run for run in ran if run.wanted]
    scored = [run.score for run in jointed if run.score is not None]
    joints = [joint for score in scored for joint in score.joints]
    return {
        "clips": len(runs),
        "skipped": len(runs) - len(ran),
        "refused": sum(bool(run.refused) for run in ran),
        "failed": sum(bool(run.failure) for run in ran),
        "count_type": _mean(run.right() for run in jointed),
        "count_type_all": _mean(run.right(unsure=True) for run in jointed),
        "true_joints": len(joints),
        "recall": _mean(bool(joint.matched) for joint in joints),
        "axis_deg_mean": _mean(joint.axis_deg for joint in joints),
        "replay_error_mean": _mean(score.replay_error for score in scored),
        "unsure": _mean(unsure(run) for run in ran if group_of(run) == CONTROL),
        "confidence_max": max((run.confidence for run in ran), default=None),
        "seconds_mean": _mean(run.seconds for run in ran),
        "seconds_max": max((run.seconds for run in ran), default=None),
        "peak_memory_mb_max": max((run.peak_memory_mb for run in ran), default=None),
    }


def sums(runs: Sequence[ClipRun]) -> dict[str, Any]:
    """All of it as plain values; ``summary`` in ``results.json``."""
    summary: dict[str, Any] = {}
    for group, own in by_group(runs).items():
        found = figures(own)
        met = {t.figure: t.met(found[t.figure]) for t in targets(group) if t.must is not None}
        summary[group] = {"figures": found, "met": met}
    return {"sure": SURE, "summary": summary}


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return float(np.mean(known)) if known else None
