"""Figures of clips as tables, for people and for Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from reel2sim.cli.measure_clip import CONTROL
from reel2sim.cli.measure_clip_sums import ALL, UNSURE, by_group, figures, targets, unsure
from reel2sim.cli.measure_clips import SURE, ClipRun, GivenJoint
from reel2sim.cli.measure_tables import markdown_table
from reel2sim.cli.measure_targets import Shown
from reel2sim.cli.tables import table
from reel2sim.pipeline.joint_matching import kind_of
from reel2sim.pipeline.rig_score import RigScore
from reel2sim.scene.rig import JointType

if TYPE_CHECKING:
    from rich.table import Table

_CLIPS = (
    "clip", "wanted", "found", "right", "all found", "right", "matched", "axis °", "replay",
    "confidence", "seconds", "peak MiB", "reason",
)  # fmt: skip
_CONTROLS = ("clip", UNSURE.title, "all found", "seconds", "peak MiB", "says")
_ABOUT = f"""A joint counts as found if it is observed and surer than {SURE:g}; count and type are
right if number and kinds of what was found are those wanted; *all found* leaves the bar out. Missed
joints and failed runs count: 90° off, and an object that never moves. Replay is the distance of
replayed points from the true ones over that of doing nothing, in the picture that the first camera
has of them; axes are compared in that camera's frame. What real clips show is known by eye, so they
are scored by count and type alone. ✓ reaches what must be, ✗ does not."""
_YES, _NO = "✓", "✗"


def clip_line(run: ClipRun) -> str:
    """A run in one line, and one for each of its joints."""
    scores = {} if run.score is None else {j.matched: j for j in run.score.joints if j.matched}
    lines = [f"{run.capture} {_joint(joint)}" for joint in run.given]
    for i, joint in enumerate(run.given):
        if joint.name in scores:
            lines[i] += f": {scores[joint.name].name}, axis {scores[joint.name].axis_deg:.1f}° off"
    spent = "" if run.skipped else f" {run.seconds:.0f} s, {run.peak_memory_mb:.0f} MiB"
    verdict = "" if run.skipped or not run.wanted else f" {_YES if run.right() else _NO}"
    wanted = f" wanted {_kinds(run.wanted)}" if run.wanted else ""
    last = f"{run.capture}:{wanted}{verdict}{spent} {_skipped(run)}{run.reason}".strip()
    return "\n".join([*lines, last])


def clip_tables(runs: Sequence[ClipRun]) -> list[Table]:
    """All tables."""
    return [table(shown.title, shown.columns, shown.rows) for shown in tables_of(runs)]


def clip_markdown(runs: Sequence[ClipRun], options: Mapping[str, Any]) -> str:
    """The same as a Markdown document."""
    about = ", ".join(f"{key} {value}" for key, value in options.items())
    parts = [f"# Clips: {about}", _ABOUT]
    for shown in tables_of(runs):
        parts += [f"## {shown.title}", markdown_table(shown.columns, shown.rows)]
    return "\n\n".join(parts) + "\n"


def tables_of(runs: Sequence[ClipRun]) -> list[Shown]:
    """Kinds beside their targets, clips with joints, and clips without; none that is empty."""
    groups = by_group(runs)
    rest = [run for group, own in groups.items() if group != CONTROL for run in own]
    made = [
        _groups(groups),
        Shown("clips", _CLIPS, [_clip(run) for run in rest]),
        Shown("nothing to be found", _CONTROLS, list(map(_control, groups.get(CONTROL, ())))),
    ]
    return [shown for shown in made if shown.rows]


def _groups(groups: Mapping[str, Sequence[ClipRun]]) -> Shown:
    """Each kind's figures, with what must be behind them."""
    rows: list[tuple[str, ...]] = []
    for group, own in groups.items():
        found = figures(own)
        counts = [f"{found['clips']}"]
        counts += [f"{found[n]} {n}" for n in ("skipped", "refused", "failed") if found[n]]
        cells = [
            t.marked(found[t.figure]) + ("" if t.must is None else f" ({t.bound})")
            for t in targets(group)
        ]
        rows.append((group, ", ".join(counts), *cells))
    titles = [f"{t.title} %" if t.scale == 100 else t.title for t in ALL]
    return Shown("kinds of clips", ("kind", "clips", *titles), rows)


def _clip(run: ClipRun) -> tuple[str, ...]:
    ran = not run.skipped
    return (
        run.capture,
        _kinds(run.wanted) or "–",
        _kinds(j.type for j in run.given if j.sure) or ("none" if ran else "–"),
        _right(run),
        _kinds(j.type for j in run.given) or ("none" if ran else "–"),
        _right(run, unsure=True),
        *_scored(run.score),
        f"{run.confidence:.2f}" if run.given else "–",
        f"{run.seconds:.0f}" if ran else "–",
        f"{run.peak_memory_mb:.0f}" if ran else "–",
        shorten(_skipped(run) + run.reason, 160, placeholder=" …"),
    )


def _scored(score: RigScore | None) -> tuple[str, str, str]:
    """Joints matched, error of the axes and replay."""
    if score is None:
        return "–", "–", "–"
    matched = sum(bool(joint.matched) for joint in score.joints)
    axis = f"{score.mean('axis_deg'):.1f}"
    return f"{matched}/{len(score.joints)}", axis, f"{score.replay_error:.2f}"


def _control(run: ClipRun) -> tuple[str, ...]:
    surest = sorted(run.given, key=lambda joint: -joint.confidence)
    said = run.reason or " ".join(run.notes)
    return (
        run.capture,
        _YES if unsure(run) else _NO,
        ", ".join(map(_joint, surest)) or "none",
        f"{run.seconds:.0f}",
        f"{run.peak_memory_mb:.0f}",
        shorten(said, 160, placeholder=" …"),
    )


def _skipped(run: ClipRun) -> str:
    return "skipped: " if run.skipped else ""


def _right(run: ClipRun, *, unsure: bool = False) -> str:
    if run.skipped or not run.wanted:
        return "–"
    return _YES if run.right(unsure=unsure) else _NO


def _kinds(types: Iterable[JointType]) -> str:
    """Such as ``2 revolute, prismatic``."""
    counts = Counter(kind_of(kind).value for kind in types)
    return ", ".join(f"{n} {kind}" if n > 1 else kind for kind, n in sorted(counts.items()))


def _joint(joint: GivenJoint) -> str:
    flag = "" if joint.observed else " (not observed)"
    return f"{joint.name} {joint.type.value} {joint.confidence:.2f}{flag}"
