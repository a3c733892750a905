"""Figures of many rigs: groups, targets, ratios and bodies that have no joint."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from reel2sim.cli.measure_rig import RigRun
from reel2sim.cli.measure_rig_plots import draw_rig_charts
from reel2sim.cli.measure_rig_sums import (
    CHAIN_TARGETS,
    TARGETS,
    by_protocol,
    figures,
    ratios,
    sums,
    sure_joints,
)
from reel2sim.cli.measure_rig_tables import rig_line, rig_markdown
from reel2sim.cli.measure_targets import Target
from reel2sim.pipeline.rig_score import FoundJoint, JointScore, RigScore
from reel2sim.scene import JointType

HINGE, SLIDE = JointType.REVOLUTE, JointType.PRISMATIC


def true_joint(
    kind: JointType = HINGE, *, axis: float = 1.0, state: float = 0.02, found: bool = True
) -> JointScore:
    pivot = 0.004 if kind is HINGE else 0.0
    if not found:
        return JointScore("j", kind, "", False, 90.0, 1.0, 1.0, 1.0, 0.0, 1.0)
    return JointScore("j", kind, "k", True, axis, pivot, state, state, 0.9, 0.1)


def run_of(capture: str, *joints: JointScore, verdicts=(), replay=0.1, spurious=0) -> RigRun:
    score = RigScore(joints, len(verdicts), spurious, replay, 0.01, 2.0, tuple(verdicts))
    return RigRun(capture, "d", "full", score, seconds=10.0, peak_memory_mb=100.0)


def invented(confidence: float, kind: JointType = HINGE, *, observed: bool = True) -> FoundJoint:
    return FoundJoint("i", kind, confidence, observed, "", right=False)


def test_runs_are_grouped_by_the_folder_of_their_captures() -> None:
    runs = [run_of(name, true_joint()) for name in ("orbit/a", "front/a", "orbit/b")]
    groups = by_protocol(runs)
    assert {name: [run.subject for run in group] for name, group in groups.items()} == {
        "orbit": ["a", "b"],
        "front": ["a"],
    }
    record = sums(runs)["summary"]["full"]["few_joints"]
    assert {name: part["figures"]["captures"] for name, part in record.items()} == {
        "orbit": 2,
        "front": 1,
        "all": 3,
    }


def test_figures_count_misses_and_keep_units_apart() -> None:
    runs = [
        run_of("o/a", true_joint(axis=0.2, state=np.radians(1)), true_joint(found=False)),
        run_of("o/b", true_joint(SLIDE, axis=0.4, state=0.1), spurious=1, replay=0.5),
    ]
    found = figures(runs)
    assert found["recall"] == found["type_share"] == pytest.approx(2 / 3)
    assert found["type_share_found"] == 1
    assert found["spurious_per_joint"] == pytest.approx(1 / 3)
    assert found["axis_deg_median"] == 0.4
    assert found["axis_deg_mean"] == pytest.approx((0.2 + 0.4 + 90) / 3)
    assert found["pivot_frac_median"] == pytest.approx((0.004 + 1) / 2), "slides have no pivot"
    assert found["state_rad_median"] == pytest.approx((np.radians(1) + 1) / 2)
    assert found["state_diagonals_median"] == pytest.approx(0.1 / 2.0)
    assert (found["replay_error_mean"], found["seconds_mean"]) == (pytest.approx(0.3), 10)
    hinges = figures(runs, kind=HINGE)
    assert (hinges["true_joints"], hinges["recall"]) == (2, 0.5)
    assert hinges["state_diagonals_median"] is None
    assert figures([])["recall"] is None


def test_chains_have_targets_of_their_own() -> None:
    joints = [true_joint() for _ in range(4)] + [true_joint(found=False)]
    record = sums([run_of("orbit/arm", *joints), run_of("orbit/box", true_joint())])
    summary = record["summary"]["full"]
    chain = summary["chains"]["orbit"]
    assert chain["figures"]["true_joints"] == 5
    assert chain["met"] == {"recall": "must", "type_share_found": "must"}
    assert summary["few_joints"]["orbit"]["met"]["recall"] == "aim"
    assert {target.figure for target in (*TARGETS, *CHAIN_TARGETS)} <= set(figures([]))


@pytest.mark.parametrize(
    ("value", "most", "word"),
    [
        (0.05, False, "aim"),
        (0.1, False, "aim"),
        (0.2, False, "must"),
        (0.5, False, "must"),
        (0.51, False, "missed"),
        (0.05, True, "missed"),
        (None, False, ""),
    ],
)
def test_targets_are_met_or_missed(value: float | None, most: bool, word: str) -> None:
    target = Target("f", "f", 0.5, 0.1) if not most else Target("f", "f", 0.5, 0.9, most=True)
    assert target.met(value) == word


def test_protocols_are_compared_on_the_objects_they_share() -> None:
    runs = [
        run_of("orbit/a", true_joint(axis=1.0)),
        run_of("orbit/only_here", true_joint(axis=50.0)),
        run_of("front/a", true_joint(axis=1.4), replay=0.3),
        run_of("mono/a", true_joint(axis=3.0)),
    ]
    found = ratios(runs)
    assert set(found) == {"front"}
    assert found["front"]["axis_deg_mean"] == pytest.approx(1.4)
    assert found["front"]["replay_error_mean"] == pytest.approx(3.0)
    assert found["front"]["state_diagonals_median"] is None


def test_what_is_found_in_a_body_without_joints_counts_against_calibration_alone() -> None:
    """It is no part of the figures of joints, which it does not have."""
    sure, unsure, ball = invented(0.8, SLIDE), invented(0.1), invented(0.9, JointType.SPHERICAL)
    control = run_of("controls/ball", verdicts=(sure, unsure, ball), spurious=3, replay=9.0)
    assert sure_joints(control) == [sure]
    runs = [run_of("orbit/a", true_joint()), control]
    assert figures(runs) == figures(runs[:1])
    summary = sums(runs)["summary"]["full"]
    assert summary["controls"]["controls/ball"]["sure_joints"] == 1
    told = summary["calibration"]["all"]
    assert (told["joints"], told["right"]) == (3, 0)
    assert told["expected_calibration_error"] == pytest.approx((0.8 + 0.1 + 0.9) / 3)
    assert "controls" not in summary["few_joints"]
    text = rig_markdown(runs, {"preset": "draft"})
    assert "| controls/ball | ≤ 0 | 1 ✗ | spherical 0.90, prismatic 0.80, revolute 0.10 |" in text


def test_flagged_joints_are_calibrated_apart() -> None:
    right = FoundJoint("k", HINGE, 0.7, True, "j", right=True)
    run = run_of("orbit/a", true_joint(), verdicts=(right, invented(0.2, observed=False)))
    told = sums([run])["summary"]["full"]["calibration"]
    assert told["all"]["expected_calibration_error"] == pytest.approx((0.3 + 0.2) / 2)
    assert told["observed"]["expected_calibration_error"] == pytest.approx(0.3)


def test_a_line_tells_of_every_joint() -> None:
    right = FoundJoint("k", HINGE, 0.7, True, "j", right=True)
    lines = rig_line(run_of("orbit/a", true_joint(), verdicts=(right, invented(0.2)))).splitlines()
    assert lines[0].startswith("orbit/a full j: ok axis 1.00°")
    assert lines[0].endswith("confidence 0.70")
    assert lines[1:] == ["orbit/a full i: invented, confidence 0.20", "orbit/a full: 10.0 s"]


def test_charts_and_record_can_be_written(tmp_path) -> None:
    verdicts = (FoundJoint("k", HINGE, 0.7, True, "j", right=True), invented(0.2))
    runs = [run_of("orbit/a", true_joint(), verdicts=verdicts), run_of("controls/ball")]
    paths = draw_rig_charts(runs, tmp_path)
    assert {path.name for path in paths} == {"reliability_full.png", "axis_full.png"}
    for path in paths:
        with Image.open(path) as chart:
            assert np.asarray(chart.convert("L")).std() > 10, path.name
    assert draw_rig_charts(runs[1:], tmp_path) == []
    assert json.loads(json.dumps(sums(runs))) == sums(runs)
