"""What many rigs come to: figures of groups of runs, and the targets they are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from reel2sim.cli.measure_results import by_name
from reel2sim.cli.measure_rig import RigRun
from reel2sim.cli.measure_targets import Target
from reel2sim.pipeline.calibration import expected_calibration_error, reliability
from reel2sim.pipeline.rig_score import FoundJoint, JointScore
from reel2sim.scene.rig import JointType

FEW_JOINTS = 4
"""An object with more moving joints is a chain and has targets of its own."""

_DEG = np.pi / 180

SURE = 0.3
"""A body without joints must give no hinge or slide that is surer than this."""

Figures = dict[str, float | None]


TARGETS = (
    Target("recall", "recall of moving joints", 0.90, 1.0, most=True),
    Target("spurious_per_joint", "invented per true joint", 0.10, 0.0),
    Target("type_share", "type right, of all", 0.90, 1.0, most=True),
    Target("axis_deg_median", "axis °, median", 0.7, 0.2),
    Target("axis_deg_mean", "axis °, mean", 9.0, 1.0),
    Target("pivot_frac_median", "pivot of hinges %, median", 0.01, 0.002, 100),
    Target("state_rad_median", "state of hinges °, median", _DEG * 2, _DEG * 0.3, 1 / _DEG),
    Target("state_diagonals_median", "state of slides % of diagonal, median", 0.01, None, 100),
    Target("state_frac_median", "state % of range, median", scale=100),
    Target("part_iou_mean", "part IoU, mean", 0.80, 0.95, most=True),
    Target("replay_error_median", "replay % of doing nothing, median", scale=100, digits=1),
    Target("replay_error_mean", "replay % of doing nothing, mean", 0.12, 0.02, 100, 1),
    Target("seconds_mean", "seconds, mean", digits=0),
    Target("peak_memory_mb_max", "peak MiB, largest", digits=0),
)  # fmt: skip
"""Of objects with up to :data:`FEW_JOINTS` moving joints."""

_CHAIN_MUST = {"recall": 0.6, "type_share_found": 0.9}
_TYPE_FOUND = Target("type_share_found", "type right, of the recalled", most=True)

CHAIN_TARGETS = tuple(
    replace(target, must=_CHAIN_MUST.get(target.figure), aim=None)
    for target in (*TARGETS[:2], _TYPE_FOUND, *TARGETS[3:])
)
"""Of objects with more."""

CONTROL_TARGET = Target("sure_joints", f"joints surer than {SURE:g}", 0, digits=0)
"""Of a body without joints."""

ERRORS = (
    "axis_deg_median", "axis_deg_mean", "pivot_frac_median", "state_rad_median",
    "state_diagonals_median", "replay_error_mean",
)  # fmt: skip
"""Figures that are compared between protocols."""

AGAINST = "orbit"
RATIOS = {"front": 1.5, "multiview": 1.2}
"""How many times the errors of :data:`AGAINST` a protocol may have on the same objects."""


def has_joints(run: RigRun) -> bool:
    """Whether anything was to be found; else the capture is a control."""
    return bool(run.score.joints)


def is_chain(run: RigRun) -> bool:
    """Whether the object has many moving joints."""
    return len(run.score.joints) > FEW_JOINTS


def by_protocol(runs: Iterable[RigRun]) -> dict[str, list[RigRun]]:
    """Runs by the folder of their captures, in the order they first came."""
    found: dict[str, list[RigRun]] = {}
    for run in runs:
        found.setdefault(run.protocol, []).append(run)
    return found


def figures(runs: Sequence[RigRun], *, kind: JointType | None = None) -> Figures:
    """Figures over all true joints of ``runs``, misses and failures counted.

    ``kind`` leaves joints of that kind alone; what is of whole captures is left out then. None
    where there is nothing to take a mean of.
    """
    runs = [run for run in runs if has_joints(run)]
    pairs = [(run, j) for run in runs for j in run.score.joints if kind in (None, j.type)]
    joints = [joint for _, joint in pairs]
    found = [joint for joint in joints if joint.matched]
    hinges = [joint for joint in joints if joint.type is JointType.REVOLUTE]
    slides = [(r, j) for r, j in pairs if j.type is JointType.PRISMATIC]
    made: Figures = {
        "captures": len(runs),
        "failed": sum(bool(run.failure) for run in runs),
        "true_joints": len(joints),
        "recall": _mean(bool(joint.matched) for joint in joints),
        "type_share": _mean(joint.type_ok for joint in joints),
        "type_share_found": _mean(joint.type_ok for joint in found),
        **_spread(joints, "axis_deg"),
        **_spread(hinges, "pivot_frac"),
        "state_rad_median": _median(joint.state_error for joint in hinges),
        "state_diagonals_median": _median(j.state_error / r.score.diagonal_m for r, j in slides),
        **_spread(joints, "state_frac"),
        **_spread(joints, "part_iou"),
    }
    if kind is not None:
        return made
    spurious = sum(run.score.spurious for run in runs)
    return made | {
        "spurious": spurious,
        "spurious_per_joint": spurious / len(joints) if joints else None,
        "correct": sum(run.score.correct for run in runs),
        "replay_error_median": _median(run.score.replay_error for run in runs),
        "replay_error_mean": _mean(run.score.replay_error for run in runs),
        "seconds_mean": _mean(run.seconds for run in runs),
        "peak_memory_mb_max": max((run.peak_memory_mb for run in runs), default=None),
    }


def calibration(runs: Iterable[RigRun]) -> dict[str, Any]:
    """Expected calibration error and its bins, over all joints found and over observed ones."""
    joints = [joint for run in runs for joint in run.score.verdicts]

    def told(chosen: Sequence[FoundJoint]) -> dict[str, Any]:
        return {
            "joints": len(chosen),
            "right": sum(joint.right for joint in chosen),
            "expected_calibration_error": expected_calibration_error(chosen),
            "bins": [asdict(b) for b in reliability(chosen)],
        }

    return {"all": told(joints), "observed": told([j for j in joints if j.observed])}


def sure_joints(run: RigRun) -> list[FoundJoint]:
    """Joints of one degree of freedom that are surer than :data:`SURE`."""
    return [j for j in run.score.verdicts if j.type.dof == 1 and j.confidence > SURE]


def control_met(run: RigRun) -> str:
    """Whether a body without joints was given none; "" if nothing came out at all."""
    return "" if run.failure else CONTROL_TARGET.met(len(sure_joints(run)))


def ratios(runs: Sequence[RigRun]) -> dict[str, dict[str, float | None]]:
    """Errors of each protocol in :data:`RATIOS` over those of :data:`AGAINST`.

    Over the objects that both have; a protocol is left out if there is none. None where the
    error to compare with is 0 or there is none.
    """
    groups = by_protocol(run for run in runs if has_joints(run) and not is_chain(run))
    base = groups.get(AGAINST, [])
    found: dict[str, dict[str, float | None]] = {}
    for protocol in RATIOS:
        other = groups.get(protocol, [])
        both = {run.subject for run in base} & {run.subject for run in other}
        if both:
            a = figures([run for run in base if run.subject in both])
            b = figures([run for run in other if run.subject in both])
            found[protocol] = {name: _ratio(b[name], a[name]) for name in ERRORS}
    return found


def sums(runs: Sequence[RigRun]) -> dict[str, Any]:
    """All of it as plain values, by variant; ``summary`` in ``results.json``."""
    return {"summary": {name: _summary(group) for name, group in by_name(runs).items()}}


def _summary(runs: Sequence[RigRun]) -> dict[str, Any]:
    def part(chosen: Callable[[RigRun], bool], targets: Sequence[Target]) -> dict[str, Any]:
        own = [run for run in runs if has_joints(run) and chosen(run)]
        groups = {**by_protocol(own), "all": own} if own else {}
        return {
            name: {"figures": (f := figures(group)), "met": _met(f, targets)}
            for name, group in groups.items()
        }

    kinds = (JointType.REVOLUTE, JointType.PRISMATIC)
    return {
        "few_joints": part(lambda run: not is_chain(run), TARGETS),
        "chains": part(is_chain, CHAIN_TARGETS),
        "kinds": {
            name: {kind.value: figures(group, kind=kind) for kind in kinds}
            for name, group in {**by_protocol(runs), "all": list(runs)}.items()
        },
        "ratios": ratios(runs),
        "controls": {
            run.capture: {"sure_joints": len(sure_joints(run)), "met": control_met(run)}
            for run in runs
            if not has_joints(run)
        },
        "calibration": calibration(runs),
    }


def _met(values: Figures, targets: Sequence[Target]) -> Mapping[str, str]:
    return {t.figure: t.met(values[t.figure]) for t in targets if t.must is not None}


def _spread(joints: Sequence[JointScore], field: str) -> Figures:
    values = [float(getattr(joint, field)) for joint in joints]
    return {f"{field}_median": _median(values), f"{field}_mean": _mean(values)}


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return float(np.mean(known)) if known else None


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return float(np.median(known)) if known else None


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None
