"""Benchmarks: each capture in its own process, and failures count."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reel2sim.cli.console import Console
from reel2sim.cli.main import main
from reel2sim.cli.measure import Measured, rig_table, summary
from reel2sim.generation.truth import load_truth
from reel2sim.pipeline.evaluation import nothing_found

DRAWER = Path(__file__).parents[2] / "examples" / "drawer"


def test_a_run_that_fails_has_missed_every_joint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capture, report = tmp_path / "broken", tmp_path / "scores.json"
    capture.mkdir()
    for file in ("truth.json", "truth_points.npz"):
        shutil.copy(DRAWER / file, capture / file)
    arguments = ["bench", "rig", str(capture), "--report", str(report), "--json", "--quiet"]
    assert main(arguments) == 1
    record = json.loads(capfd.readouterr().out)
    assert record == json.loads(report.read_text())
    (row,) = record["captures"]
    assert row["name"] == "broken"
    assert row["failure"].startswith("exit 13: error: ")
    assert 20 < row["peak_memory_mb"] < 4000
    assert row["seconds"] > 0
    assert row["score"]["found"] == 0
    assert all(joint["axis_deg"] == 90 for joint in row["score"]["joints"])
    total = record["summary"]
    assert (total["captures"], total["failed"], total["recovered"]) == (1, 1, 0)
    assert (total["axis_deg"], total["pivot_frac"], total["replay_error"]) == (90, 1, 1)


def test_the_table_has_a_line_a_capture_and_one_for_all(capfd) -> None:
    missed = nothing_found(load_truth(DRAWER))
    rows = [Measured("one", missed, 10.0, 300.0), Measured("two", missed, 20.0, 200.0, "exit 1")]
    total = summary(rows)
    assert (total["seconds"], total["peak_memory_mb"], total["failed"]) == (30.0, 300.0, 1)
    Console().result({}, rig_table(rows))
    lines = capfd.readouterr().out.splitlines()
    for word in ("found/true", "axis", "pivot", "replay", "seconds", "peak MiB"):
        assert any(word in line for line in lines)
    for name, word in (("one", "0/1"), ("two", "exit 1"), ("all", "1 failed")):
        assert any(name in line and word in line for line in lines)
