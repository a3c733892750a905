"""Figures and tables of many clips: what is counted, and against which targets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel2sim.cli.measure_clip_sums import GROUPS, by_group, figures, sums, targets, unsure
from reel2sim.cli.measure_clip_tables import clip_line, clip_markdown, tables_of
from reel2sim.cli.measure_clips import SURE, ClipRun, GivenJoint
from reel2sim.pipeline.rig_score import JointScore, RigScore
from reel2sim.scene import JointType

HINGE, SLIDE, SPIN = JointType.REVOLUTE, JointType.PRISMATIC, JointType.CONTINUOUS
KINDS = st.lists(st.sampled_from([HINGE, SLIDE, JointType.SCREW]), max_size=4)


def given_joint(kind: JointType, confidence: float = 0.8, *, observed: bool = True) -> GivenJoint:
    return GivenJoint("joint_1", kind, confidence, observed)


def run_of(
    capture: str, wanted=(HINGE,), found=(), *, axis: float | None = None, **more
) -> ClipRun:
    """A run; with ``axis``, of a rendered clip with one joint that is off by so much, or missed."""
    if axis is not None:
        hit = axis < 90
        name = "joint_1" if hit else ""
        score = JointScore("lid", HINGE, name, hit, axis, 0.0, 0.1, 0.1, 0.9, 0.2)
        more["score"] = RigScore((score,), 1, 0, more.pop("replay", 0.2), 0.1, 1.0)
    kind = capture.partition("/")[0]
    return ClipRun(
        capture, "d", kind, "ours", tuple(wanted), tuple(found),
        seconds=more.pop("seconds", 60.0), peak_memory_mb=500.0, **more,
    )  # fmt: skip


@given(KINDS, st.randoms())
def test_what_was_wanted_is_right_in_any_order(kinds, random) -> None:
    found = [given_joint(kind) for kind in kinds]
    random.shuffle(found)
    assert run_of("static/a", kinds, found).right()
    assert not run_of("static/a", [*kinds, HINGE], found).right()
    assert not run_of("static/a", kinds, [*found, given_joint(SLIDE)]).right()
    assert not run_of("static/a", kinds, found, failure="exit 1").right()


def test_joints_count_that_are_observed_and_sure() -> None:
    sure, bare = given_joint(HINGE, SURE + 0.01), given_joint(SLIDE, SURE)
    flagged = given_joint(SLIDE, 0.9, observed=False)
    run = run_of("static/a", [HINGE], [sure, bare, flagged])
    assert run.right()
    assert not run.right(unsure=True)
    assert run.confidence == 0.9
    assert run_of("static/a", [SPIN], [sure]).right(), "continuous counts as revolute"


def test_figures_count_failures_and_leave_out_what_was_skipped() -> None:
    runs = [
        run_of("static/a", found=[given_joint(HINGE)], axis=2.0, seconds=100.0),
        run_of("static/b", found=[given_joint(SLIDE, 0.2)], axis=90.0, replay=0.9),
        run_of("static/c", axis=90.0, replay=1.0, failure="exit 1"),
        run_of("static/d", skipped="not read"),
    ]
    found = figures(runs)
    assert (found["clips"], found["skipped"], found["failed"]) == (4, 1, 1)
    assert found["count_type"] == pytest.approx(1 / 3)
    assert found["recall"] == pytest.approx(1 / 3)
    assert found["axis_deg_mean"] == pytest.approx((2 + 90 + 90) / 3)
    assert found["replay_error_mean"] == pytest.approx((0.2 + 0.9 + 1.0) / 3)
    assert (found["seconds_max"], found["confidence_max"]) == (100, 0.8)
    assert figures(runs[3:])["count_type"] is None


def test_a_control_may_be_refused_and_not_break_down() -> None:
    runs = {
        "control/quiet": run_of("control/quiet", (), [given_joint(HINGE, SURE)]),
        "still/refused": run_of("still/refused", (), refused="nothing moves"),
        "camera/sure": run_of("camera/sure", (), [given_joint(HINGE, 0.4, observed=False)]),
        "still/broken": run_of("still/broken", (), failure="exit 1"),
    }
    told = {name: unsure(run) for name, run in runs.items()}
    assert told == {
        "control/quiet": True,
        "still/refused": True,
        "camera/sure": False,
        "still/broken": False,
    }
    assert list(by_group(runs.values())) == ["control"]
    found = figures(list(runs.values()))
    assert (found["unsure"], found["refused"], found["failed"]) == (0.5, 1, 1)
    assert found["count_type"] is None


@pytest.mark.parametrize(
    ("group", "figure", "good", "bad"),
    [
        ("static", "count_type", 0.85, 0.84),
        ("static", "axis_deg_mean", 10.0, 10.1),
        ("static", "replay_error_mean", 0.25, 0.26),
        ("hand", "count_type", 0.70, 0.69),
        ("moving", "count_type", 0.65, 0.64),
        ("twostep", "count_type", 0.95, 0.94),
        ("twostep", "axis_deg_mean", 3.0, 3.1),
        ("real", "count_type", 0.75, 0.74),
        ("real", "seconds_max", 900, 901),
        ("real", "peak_memory_mb_max", 6144, 6145),
        ("control", "unsure", 1.0, 0.99),
    ],
)
def test_kinds_have_targets(group: str, figure: str, good: float, bad: float) -> None:
    (target,) = (t for t in targets(group) if t.figure == figure)
    assert (target.met(good), target.met(bad), target.met(None)) == ("must", "missed", "")


def test_every_figure_that_is_shown_is_there() -> None:
    for group in GROUPS:
        assert {target.figure for target in targets(group)} <= set(figures([]))


RUNS = (
    run_of("static/a", found=[given_joint(HINGE)], axis=2.0),
    run_of("hand/b", [HINGE, HINGE, SLIDE], [given_joint(SLIDE, 0.1)], failure="exit 1: no memory"),
    run_of("twostep/c", skipped="not read yet"),
    run_of("real/d", found=[given_joint(HINGE)]),
    run_of("animal/e", (), [given_joint(SLIDE, 0.6)]),
    run_of("control/f", (), [given_joint(HINGE, 0.5)], notes=("one view",)),
    run_of("still/g", (), refused="nothing moves"),
)


def test_tables_have_a_row_for_each_kind_and_clip() -> None:
    kinds, clips, controls = tables_of(RUNS)
    assert [row[0] for row in kinds.rows] == [
        "static", "hand", "twostep", "real", "animal", "control",
    ]  # fmt: skip
    assert [row[0] for row in clips.rows] == [
        "static/a", "hand/b", "twostep/c", "real/d", "animal/e",
    ]  # fmt: skip
    assert [row[:2] for row in controls.rows] == [("control/f", "✗"), ("still/g", "✓")]
    for shown in (kinds, clips, controls):
        assert all(len(row) == len(shown.columns) for row in shown.rows)
    assert [shown.title for shown in tables_of(RUNS[:1])] == ["kinds of clips", "clips"]


def test_a_document_tells_what_must_be_and_what_was_found() -> None:
    text = clip_markdown(RUNS, {"preset": "draft"})
    for words in (
        "| static | 1 | 100 ✓ (≥ 85) | 100 | 100 | 2.0 ✓ (≤ 10.0) | 0.20 ✓ (≤ 0.25) |",
        "| twostep | 1, 1 skipped | – (≥ 95) |",
        "| control | 2, 1 refused | – | – | – | – | – | 50 ✗ (≥ 100) |",
        "| hand/b | prismatic, 2 revolute | none | ✗ | prismatic | ✗ | – |",
        "skipped: not read yet |",
        "| animal/e | – | prismatic | – |",
        "| control/f | ✗ | joint_1 revolute 0.50 | 60 | 500 | one view |",
    ):
        assert words in text, words


def test_a_line_tells_of_every_joint() -> None:
    lines = [clip_line(run).splitlines() for run in RUNS]
    assert lines[0] == [
        "static/a joint_1 revolute 0.80: lid, axis 2.0° off",
        "static/a: wanted revolute ✓ 60 s, 500 MiB",
    ]
    assert lines[1][-1] == (
        "hand/b: wanted prismatic, 2 revolute ✗ 60 s, 500 MiB exit 1: no memory"
    )
    assert lines[2] == ["twostep/c: wanted revolute skipped: not read yet"]
    assert lines[6] == ["still/g: 60 s, 500 MiB nothing moves"]


def test_the_record_is_plain() -> None:
    record = sums(RUNS)
    assert json.loads(json.dumps(record)) == record
    assert record["sure"] == SURE
    assert record["summary"]["static"]["met"] == {
        "count_type": "must",
        "axis_deg_mean": "must",
        "replay_error_mean": "must",
    }
