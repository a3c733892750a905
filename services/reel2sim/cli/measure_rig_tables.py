"""Figures of rigs as tables, for people and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from reel2sim.cli.measure_results import by_name
from reel2sim.cli.measure_rig import RigRun
from reel2sim.cli.measure_rig_sums import (
    AGAINST,
    CHAIN_TARGETS,
    CONTROL_TARGET,
    ERRORS,
    FEW_JOINTS,
    RATIOS,
    TARGETS,
    Figures,
    by_protocol,
    calibration,
    control_met,
    figures,
    has_joints,
    is_chain,
    ratios,
    sure_joints,
)
from reel2sim.cli.measure_tables import markdown_table
from reel2sim.cli.measure_targets import MARKS, Shown, Target
from reel2sim.cli.tables import table
from reel2sim.pipeline.joint_matching import RIGHT_AXIS_DEG
from reel2sim.scene.rig import JointType

if TYPE_CHECKING:
    from rich.table import Table

_CAPTURES = (
    "capture", "found/true", "right type", "invented", "axis °", "pivot %", "state %",
    "part IoU", "replay", "seconds", "peak MiB", "failure",
)  # fmt: skip
_KINDS = (
    "of", "joints", "recall", "type right", "axis ° median", "mean", "pivot %", "state",
    "state % of range", "part IoU",
)  # fmt: skip
_ABOUT = f"""Misses and failed runs count: a joint that was missed is 90° and one diagonal off, of
the wrong type, its state off by its whole range. ✓ reaches what must be, ✓✓ also what is aimed
at, ✗ neither. Type is of all true joints; replay is the distance of the replayed surface from the
true one over that of doing nothing. A found joint is right if it is matched, of the right type
and within {RIGHT_AXIS_DEG:g}° of the true axis."""


def rig_line(run: RigRun) -> str:
    """A run in one line, and one for each of its joints."""
    sure = {v.matched: f" confidence {v.confidence:.2f}" for v in run.score.verdicts}
    lines = [
        f"{run.capture} {run.name} {joint.name}:"
        f" {'ok' if joint.type_ok else 'wrong type' if joint.matched else 'MISSED'}"
        f" axis {joint.axis_deg:.2f}° pivot {100 * joint.pivot_frac:.2f}%"
        f" state {100 * joint.state_frac:.1f}% IoU {joint.part_iou:.2f}"
        f" unexplained {joint.replay_error:.3f}{sure.get(joint.name, '')}"
        for joint in run.score.joints
    ]
    lines += [
        f"{run.capture} {run.name} {joint.name}: invented, confidence {joint.confidence:.2f}"
        f"{'' if joint.observed else ', flagged'}"
        for joint in run.score.verdicts
        if not joint.matched
    ]
    stages = ", ".join(
        f"{name.removesuffix('_s')} {run.metrics[name]:.1f} s"
        for name in ("media_s", "reconstruct_s", "rig_s")
        if name in run.metrics
    )
    last = f"{run.capture} {run.name}: {stages or f'{run.seconds:.1f} s'} {run.failure}".strip()
    return "\n".join([*lines, last])


def rig_tables(runs: Sequence[RigRun]) -> list[Table]:
    """All tables of all variants."""
    return [
        table(f"{name}: {shown.title}", shown.columns, shown.rows)
        for name, group in by_name(runs).items()
        for shown in tables_of(group)
    ]


def rig_markdown(runs: Sequence[RigRun], options: Mapping[str, Any]) -> str:
    """The same as a Markdown document."""
    about = ", ".join(f"{key} {value}" for key, value in options.items())
    parts = [f"# Rigs: {about}", _ABOUT]
    for name, group in by_name(runs).items():
        changed = ", ".join(f"{k}={v}" for k, v in group[0].overrides.items())
        parts.append(f"## {name}" + (f" ({changed})" if changed else ""))
        for shown in tables_of(group):
            parts += [f"### {shown.title}", markdown_table(shown.columns, shown.rows)]
    return "\n\n".join(parts) + "\n"


def tables_of(runs: Sequence[RigRun]) -> list[Shown]:
    """Tables of one variant; those that would be empty are left out."""
    jointed = [run for run in runs if has_joints(run)]
    few = [run for run in jointed if not is_chain(run)]
    chains = [run for run in jointed if is_chain(run)]
    made = [
        _targets(f"objects with up to {FEW_JOINTS} joints", few, TARGETS),
        _targets(f"chains: more than {FEW_JOINTS} joints", chains, CHAIN_TARGETS),
        _ratios(runs),
        _kinds(jointed),
        _controls([run for run in runs if not has_joints(run)]),
        _confidence(runs),
        Shown("captures", _CAPTURES, [_capture(run) for run in runs]),
    ]
    return [shown for shown in made if shown.rows]


def _targets(title: str, runs: Sequence[RigRun], targets: Sequence[Target]) -> Shown:
    """Must, aim and what was measured under each protocol."""
    groups = by_protocol(runs)
    if len(groups) > 1:
        groups["all"] = list(runs)
    each = [figures(group) for group in groups.values()]
    rows = [
        (
            target.title,
            target.bound,
            target.shown(target.aim),
            *(target.marked(f[target.figure]) for f in each),
        )
        for target in targets
    ]
    counted = [(f"{len(group)} × {name or 'captures'}") for name, group in groups.items()]
    return Shown(title, ("figure", "must", "aim", *counted), rows if each else [])


def _ratios(runs: Sequence[RigRun]) -> Shown:
    found = ratios(runs)
    titles = {target.figure: target.title for target in TARGETS}
    rows = []
    for protocol, errors in found.items():
        must = Target("ratio", protocol, RATIOS[protocol])
        for name in ERRORS:
            value = errors[name]
            title = f"{protocol}: {titles[name]}"
            rows.append((title, must.bound, must.marked(value)))
    about = f"errors as a multiple of those under {AGAINST}, same objects"
    return Shown(about, ("figure", "must", "measured"), rows)


def _kinds(runs: Sequence[RigRun]) -> Shown:
    groups = by_protocol(runs)
    if len(groups) > 1:
        groups["all"] = list(runs)
    words = {JointType.REVOLUTE: "hinges", JointType.PRISMATIC: "slides"}
    rows = []
    for name, group in groups.items():
        for kind, word in words.items():
            f = figures(group, kind=kind)
            if f["true_joints"]:
                rows.append((f"{name} {word}".strip(), *_kind_cells(f, kind)))
    return Shown("hinges and slides", _KINDS, rows)


def _kind_cells(f: Figures, kind: JointType) -> tuple[str, ...]:
    turns = kind is JointType.REVOLUTE
    state = "state_rad_median" if turns else "state_diagonals_median"
    target = next(target for target in TARGETS if target.figure == state)
    return (
        f"{f['true_joints']:.0f}",
        f"{f['recall']:.2f}",
        f"{f['type_share']:.2f}",
        f"{f['axis_deg_median']:.2f}",
        f"{f['axis_deg_mean']:.2f}",
        f"{100 * (f['pivot_frac_median'] or 0):.2f}" if turns else "–",
        f"{target.shown(f[state])}{'°' if turns else ' % of diagonal'}",
        f"{100 * (f['state_frac_median'] or 0):.2f}",
        f"{f['part_iou_mean']:.2f}",
    )


def _controls(runs: Sequence[RigRun]) -> Shown:
    """What was found where nothing was to be found."""
    rows = []
    for run in runs:
        found = sorted(run.score.verdicts, key=lambda joint: -joint.confidence)
        told = ", ".join(f"{j.type.value} {j.confidence:.2f}" for j in found)
        base = "–" if run.failure else "fixed" if run.fixed_base else "moves"
        last = run.failure or "; ".join(run.notes)
        rows.append(
            (
                run.capture,
                CONTROL_TARGET.bound,
                f"{len(sure_joints(run))}{MARKS[control_met(run)]}",
                told or "none",
                base,
                shorten(last, 160, placeholder=" …"),
            )
        )
    columns = ("capture", "must", CONTROL_TARGET.title, "all found", "base", "says")
    return Shown("bodies without a joint", columns, rows)


def _confidence(runs: Sequence[RigRun]) -> Shown:
    """Expected calibration error, of each protocol and of all."""
    groups = {**by_protocol(runs), "all": list(runs)}
    rows = []
    for name, group in groups.items():
        told = calibration(group)
        for which in ("all", "observed"):
            part = told[which]
            error = part["expected_calibration_error"]
            if error is not None:
                whose = "all joints" if which == "all" else "observed joints"
                right = f"{part['right']}/{part['joints']}"
                rows.append((f"{name}: {whose}", right, f"{error:.3f}"))
    columns = ("found joints", "right", "expected calibration error")
    return Shown("confidence", columns, rows if any(run.score.verdicts for run in runs) else [])


def _capture(run: RigRun) -> tuple[str, ...]:
    made = run.score
    hinges = [j.pivot_frac for j in made.joints if j.type is JointType.REVOLUTE]
    return (
        run.capture,
        f"{made.found}/{len(made.joints)}",
        f"{made.recovered}/{len(made.joints)}",
        f"{made.spurious}",
        f"{made.mean('axis_deg'):.2f}" if made.joints else "–",
        f"{100 * sum(hinges) / len(hinges):.2f}" if hinges else "–",
        f"{100 * made.mean('state_frac'):.1f}" if made.joints else "–",
        f"{made.mean('part_iou'):.2f}" if made.joints else "–",
        f"{made.replay_error:.3f}" if made.joints else "–",
        f"{run.seconds:.1f}",
        f"{run.peak_memory_mb:.0f}",
        shorten(run.failure, 60, placeholder=" …"),
    )
