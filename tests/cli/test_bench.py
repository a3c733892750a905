"""``bench rig``: each capture in its own process, failures that count, resumption."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reel2sim.cli.console import Console
from reel2sim.cli.main import main
from reel2sim.cli.measure_captures import Capture
from reel2sim.cli.measure_results import Results
from reel2sim.cli.measure_rig import RIG_NEEDS, RigRun, find_surfels
from reel2sim.cli.measure_rig_sums import sums
from reel2sim.cli.measure_rig_tables import rig_tables
from reel2sim.cli.measure_variants import parse_variants
from reel2sim.generation.truth import load_truth
from reel2sim.pipeline.evaluation import nothing_found
from reel2sim.rigging import RiggingConfig
from reel2sim.scene.errors import UsageError

DRAWER = Path(__file__).parents[2] / "examples" / "drawer"
OPTIONS = {"preset": "draft", "seed": 0, "device": "cpu"}


def test_a_run_that_fails_has_missed_every_joint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capture, report = tmp_path / "front" / "broken", tmp_path / "scores.json"
    out = tmp_path / "out"
    capture.mkdir(parents=True)
    for file in RIG_NEEDS:
        shutil.copy(DRAWER / file, capture / file)
    arguments = ["bench", "rig", str(capture), "--report", str(report), "--json", "--quiet"]
    arguments += ["--out", str(out)]
    assert main(arguments) == 1
    record = json.loads(capfd.readouterr().out)
    assert (
        record == json.loads(report.read_text()) == json.loads((out / "results.json").read_text())
    )
    (run,) = record["runs"]
    assert run["capture"] == "front/broken"
    assert run["failure"].startswith("exit 13: error: ")
    assert (
        run["failure"].removeprefix("exit 13: ")
        in (out / "rigs" / "full" / "front" / "broken.log").read_text()
    )
    assert 20 < run["peak_memory_mb"] < 4000
    assert run["seconds"] > 0
    assert run["score"]["found"] == 0
    assert all(joint["axis_deg"] == 90 for joint in run["score"]["joints"])
    part = record["summary"]["full"]["few_joints"]["front"]
    total = part["figures"]
    assert (total["captures"], total["failed"], total["recall"]) == (1, 1, 0)
    assert (total["axis_deg_mean"], total["replay_error_mean"]) == (90, 1)
    assert part["met"]["recall"] == part["met"]["axis_deg_median"] == "missed"
    assert "| front/broken | 0/1 | 0/1 |" in (out / "table.md").read_text()
    assert main(arguments) == UsageError.exit_code, "results are not overwritten unasked"


def run_of(capture: str, name: str = "full", **more) -> RigRun:
    return RigRun(capture, "d", name, nothing_found(load_truth(DRAWER)), **more)


def results_in(folder: Path) -> Results[RigRun]:
    return Results.open(folder, OPTIONS, resume=True, read=RigRun.from_dict, sums=sums)


def test_what_went_well_is_not_run_again(tmp_path: Path) -> None:
    results = results_in(tmp_path)
    good = run_of("a/b", overrides={"rounds": 1}, surfels="s", notes=("x",), seconds=3.0)
    results.add(good)
    results.add(run_of("a/c", failure="exit 1"))
    again = results_in(tmp_path)
    assert not again.recall(("a/b", "d", "full", {"rounds": 1}, "other surfels"))
    assert not again.recall(("a/b", "d", "full", {}, "s"))
    assert not again.recall(run_of("a/c").asked), "failures are tried again"
    assert again.recall(good.asked)
    assert again.runs == [good]
    again.save()
    kept = json.loads((tmp_path / "results.json").read_text())["runs"]
    assert [run["capture"] for run in kept] == ["a/b", "a/c"], "nothing is lost before its turn"


def test_a_resumed_bench_takes_over_what_it_has(tmp_path: Path, capfd) -> None:
    """The finished capture's pictures are gone, so that running it again could only fail."""
    capture, out = tmp_path / "orbit" / "drawer", tmp_path / "out"
    capture.mkdir(parents=True)
    for file in RIG_NEEDS:
        shutil.copy(DRAWER / file, capture / file)
    arguments = ["bench", "rig", str(capture), "--out", str(out), "--preset", "draft", "--json"]
    assert main([*arguments, "--quiet"]) == 1
    record = json.loads((out / "results.json").read_text())
    record["runs"][0] |= {"failure": "", "seconds": 12.5}
    (out / "results.json").write_text(json.dumps(record))
    capfd.readouterr()
    assert main([*arguments, "--quiet", "--resume"]) == 0
    assert json.loads(capfd.readouterr().out)["runs"] == record["runs"]


def test_the_tables_have_a_line_a_capture_and_one_for_all(capfd) -> None:
    rows = [
        run_of("orbit/drawer", seconds=10.0, peak_memory_mb=300.0),
        run_of("front/drawer", seconds=20.0, peak_memory_mb=200.0, failure="exit 1"),
    ]
    Console().result({}, *rig_tables(rows))
    lines = capfd.readouterr().out.splitlines()
    for words in (
        ("found/true", "axis", "pivot", "replay", "seconds", "peak MiB"),
        ("must", "aim", "1 × orbit", "1 × front", "2 × all"),
        ("axis °, mean", "≤ 9.00", "90.00 ✗"),
        ("seconds, mean", "10", "20", "15"),
        ("peak MiB, largest", "300", "200"),
        ("orbit/drawer", "0/1"),
        ("front/drawer", "exit 1"),
        ("front: axis °, mean", "≤ 1.50", "1.00 ✓"),
    ):
        assert any(all(word in line for word in words) for line in lines), words


def test_surfels_are_those_of_the_captures_protocol(tmp_path: Path) -> None:
    def capture(name: str) -> Capture:
        return Capture(name, tmp_path / "captures" / name, "")

    def file(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    whole, bare = file("s/orbit/drawer.npz"), file("t/kuka.npz")
    folders = [tmp_path / "s", tmp_path / "t"]
    orbit, front = capture("orbit/drawer"), capture("front/drawer")
    kuka = capture("orbit/kuka")
    assert find_surfels([orbit, kuka], folders) == {"orbit/drawer": whole, "orbit/kuka": bare}
    assert find_surfels([front], []) == {"front/drawer": None}
    file("t/drawer.npz")
    with pytest.raises(UsageError, match="no surfels of front/drawer"):
        find_surfels([orbit, front], folders)


def test_variants_are_settings_of_the_rigging() -> None:
    plain, few = parse_variants(["full", "few:max_times=6,min_travel=0.1"], stage="rigging")
    assert plain.config(OPTIONS) == RiggingConfig.preset("draft")
    assert (few.config(OPTIONS).max_times, few.config(OPTIONS).min_travel) == (6, 0.1)
    assert parse_variants([], stage="rigging")[0].config(OPTIONS) == plain.config(OPTIONS)
    with pytest.raises(UsageError, match="the rigging has no setting 'surfels'"):
        parse_variants(["a:surfels=3"], stage="rigging")


def test_captures_without_truth_are_refused(tmp_path: Path, capfd) -> None:
    (tmp_path / "c").mkdir()
    assert main(["bench", "rig", str(tmp_path / "c")]) == UsageError.exit_code
    assert "has no truth.json" in capfd.readouterr().err
    assert main(["bench", "rig", str(DRAWER), "--resume"]) == UsageError.exit_code
    assert "--resume: goes on with what is in --out" in capfd.readouterr().err
