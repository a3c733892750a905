"""What the validators' table makes of answers, without any of their environments."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reel2sim.scene.errors import BundleError, MissingDependencyError, UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    names = ("bundles", "checks", "environments", "results")
    found = {name: importlib.import_module(f"validators_study.{name}") for name in names}
    found["command"] = importlib.import_module("validators")
    yield SimpleNamespace(**found)
    for name in [n for n in sys.modules if n.split(".")[0] in ("validators_study", "validators")]:
        del sys.modules[name]


@pytest.fixture
def bundle(tmp_path):
    """The files that make a folder a bundle, empty."""
    return made_bundle(tmp_path / "cabinet")


def made_bundle(folder: Path) -> Path:
    (folder / "usd" / "scene").mkdir(parents=True)
    for name in ("usd/scene/scene.usda", "scene.usdz", "scene.urdf", "asset.glb"):
        (folder / name).write_text("", encoding="utf-8")
    return folder


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def check(study, name: str, *findings: str):
    """A check that finds these."""
    answer = study.checks.Answer([study.results.Finding("here", text) for text in findings])
    return study.checks.Check(name, study.environments.SYSTEM, lambda subject, folder: answer)


# --- Subjects


def test_a_bundle_is_its_own_part(study, bundle):
    subject = study.bundles.Subject.of(bundle)
    assert subject.parts == (bundle,)
    assert subject.label(bundle) == ""


def test_a_scene_has_its_assets_as_parts(study, tmp_path):
    scene = made_bundle(tmp_path / "room")
    (scene / "scene.urdf").unlink()
    parts = [made_bundle(scene / "assets" / name) for name in ("table", "arm")]
    subject = study.bundles.Subject.of(scene)
    assert subject.parts == tuple(sorted(parts))
    assert [subject.label(part) for part in subject.parts] == ["arm", "table"]


def test_other_folders_are_refused(study, tmp_path, capsys):
    with pytest.raises(BundleError, match=r"has no usd/scene/scene\.usda"):
        study.bundles.Subject.of(tmp_path)
    code = study.command.main(study.command.Options((tmp_path,), venvs=tmp_path / "venvs"))
    assert code == BundleError.exit_code
    assert "has no" in capsys.readouterr().err
    assert not (tmp_path / "venvs").exists()


# --- The table


@pytest.mark.parametrize(("found", "cell"), [((), "ok"), (("a",), "1"), (("a", "b"), "2")])
def test_cells_are_ok_or_counts(study, found, cell):
    findings = tuple(study.results.Finding("here", text) for text in found)
    assert study.results.Outcome("Pixar", findings).cell == cell


def test_rows_are_bundles_and_columns_are_checks(study, bundle, tmp_path):
    other = made_bundle(tmp_path / "drawer")
    subjects = [study.bundles.Subject.of(folder) for folder in (bundle, other)]
    checks = [check(study, "fine"), check(study, "picky", "x", "y", "x")]
    said: list[str] = []
    rows = study.command.examine(subjects, checks, under=tmp_path, jobs=3, say=said.append)
    assert [row.subject for row in rows] == ["cabinet", "drawer"]
    assert [[x.cell for x in row.outcomes] for row in rows] == [["ok", "2"]] * 2
    assert len(said) == 4
    shown = study.results.table(rows)
    assert [column.header for column in shown.columns] == ["bundle", "fine", "picky"]
    assert shown.row_count == 2
    assert study.results.record(rows, {})["findings"] == 4
    listed = study.results.lines(rows, most=1)
    assert listed[:2] == ["cabinet · picky · here: x", "cabinet · picky · … and 1 more"]


@pytest.mark.parametrize(("found", "code"), [((), 0), (("broken",), 1)])
def test_exit_code_and_report(study, bundle, tmp_path, monkeypatch, capsys, found, code):
    monkeypatch.setattr(study.command, "CHECKS", (check(study, "one", *found),))
    report = tmp_path / "report.json"
    options = study.command.Options((bundle,), venvs=tmp_path, json=True, report=report)
    assert study.command.main(options) == code
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(report.read_text(encoding="utf-8"))
    assert told["findings"] == len(found)
    assert told["bundles"][0]["subject"] == "cabinet"
    assert [x["message"] for x in told["bundles"][0]["outcomes"][0]["findings"]] == list(found)


def test_checks_are_chosen_by_name(study):
    assert [c.name for c in study.command.chosen(["gltf", "Pixar"])] == ["Pixar", "glTF"]
    assert study.command.chosen([]) == list(study.checks.CHECKS)
    with pytest.raises(UsageError, match="'khronos' is no check"):
        study.command.chosen(["khronos"])


def test_what_is_not_there_crashes_or_hangs_is_a_finding(study, bundle, tmp_path, monkeypatch):
    subject = study.bundles.Subject.of(bundle)
    (outcome,) = (c.run(subject, tmp_path) for c in study.checks.CHECKS if c.name == "SimReady")
    assert [x.message for x in outcome.findings] == ["is not there"]
    monkeypatch.setattr(study.checks, "LIMIT_S", 0.2)
    slow = program(tmp_path / "bin", "slow", "import time; time.sleep(600)")
    needs = study.environments.SYSTEM
    hangs = study.checks.Check("slow", needs, lambda *_: study.checks.call([slow]))
    assert "did not end" in hangs.run(subject, tmp_path).findings[0].message


# --- Answers of the validators


def test_scripts_answer_by_a_report(study, tmp_path):
    given = tmp_path / "scene.urdf"
    given.write_text("", encoding="utf-8")
    told = {"findings": [{"where": "link", "message": "is wrong"}], "notes": ["a figure"]}
    good = program(
        tmp_path, "good", f"import sys; open(sys.argv[1], 'w').write({json.dumps(told)!r})"
    )
    answer = study.checks.reported([good], "arm", given)
    assert answer.findings == [study.results.Finding("arm link", "is wrong")]
    assert answer.notes == ["arm a figure"]
    bad = program(tmp_path, "bad", "raise SystemExit('no such joint')")
    (finding,) = study.checks.reported([bad], "", given).findings
    assert finding.message == "stopped with 1: no such joint"
    silent = program(tmp_path, "silent", "")
    assert "stopped with 0" in study.checks.reported([silent], "", given).findings[0].message
    (missing,) = study.checks.reported([good], "", tmp_path / "asset.glb").findings
    assert missing == study.results.Finding("asset.glb", "is not there")


def test_validators_do_not_see_our_packages(study, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    told = study.checks.call([sys.executable, "-c", "import os; print(dict(os.environ))"], A="b")
    assert "PYTHONPATH" not in told.stdout
    assert "'A': 'b'" in told.stdout


def test_nvidia_issues_of_all_severities_count_once(study, tmp_path):
    issue = {"message": "co-located", "severity": "WARNING", "at": {"path": "/a/visual"}}
    rule = {"rule": {"name": "WeldChecker"}, "issues": [issue, issue]}
    other = {"rule": {"name": "KindChecker"}, "issues": [{**issue, "at": None}]}
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"status": "FAIL", "rules": [rule, other]}), encoding="utf-8")
    found = study.results.unique(study.checks.read_nvidia(report, "").findings)
    assert [(x.where, x.message) for x in found] == [
        ("/a/visual", "warning WeldChecker: co-located"),
        ("scene.usda", "warning KindChecker: co-located"),
    ]
    report.write_text('{"status": "PASS", "rules": []}', encoding="utf-8")
    assert study.checks.read_nvidia(report, "").findings == []
    report.write_text('{"status": "FAIL", "rules": []}', encoding="utf-8")
    assert len(study.checks.read_nvidia(report, "").findings) == 1
    (stopped,) = study.checks.read_nvidia(tmp_path / "none.json", "no such option").findings
    assert "no such option" in stopped.message


SIMREADY_FAILED = """
Asset: scene/usd/scene.usda
  [FAILED] Robotics-Prop v4.0.0
           FET_004_NEWTON: optional feature, unmet requirements: ['com.x.NEWTON.COL.001']
           FET_000_MUJOCO: failing requirements: ['com.x.NP.005']
           FET_000_STANDARD: failing requirements: ['com.x.NP.005', 'com.x.AA.001']

Validation issues summary:

 - Issue 0
      Rule: <class 'simready.naming.AssetFolderStructureChecker'>
      Severity: IssueSeverity.FAILURE
      Message: Main asset file must reside elsewhere
      At: StageId
"""


def test_simready_counts_failing_requirements_and_no_optional_ones(study):
    found = study.checks.read_simready(1, SIMREADY_FAILED, "").findings
    assert [x.message for x in found] == [
        "fails com.x.AA.001",
        "fails com.x.NP.005",
        "Main asset file must reside elsewhere",
    ]
    passed = "  [PASSED] Robotics-Prop v4.0.0\n  FET_1: optional feature, unmet requirements: ['a']"
    answer = study.checks.read_simready(0, passed, "WARNING: old")
    assert answer.findings == []
    assert answer.notes == ["Robotics-Prop v4.0.0"]
    assert len(study.checks.read_simready(0, "", "").findings) == 1  # neither passed nor failed
    assert "no profile" in study.checks.read_simready(2, "", "no profile").findings[0].message


def test_check_urdf_must_succeed_in_silence(study):
    def read(*told):
        return [x.message for x in study.checks.read_check_urdf(*told, "arm").findings]

    good = "robot name is: arm\n---- Successfully Parsed XML ----\nroot Link: base"
    assert read(0, good, "") == []
    assert read(0, good, "Warning: link0 has no inertia\n") == ["Warning: link0 has no inertia"]
    assert read(1, "Error: no root link\n", "") == ["Error: no root link"]
    assert read(1, "", "") == ["stopped with 1: without a word"]
    assert read(0, "something else", "") == ["stopped with 0: something else"]


# --- Environments


def test_an_environment_is_told_apart_by_what_it_holds(study, tmp_path):
    make = study.environments.Environment
    one = make("a", ("x==1", "y")).folder(tmp_path)
    assert one == make("a", ("y", "x==1")).folder(tmp_path)
    assert one != make("a", ("x==2", "y")).folder(tmp_path)
    assert one != make("a", ("x==1", "y"), "node").folder(tmp_path)


def test_an_environment_is_made_once_and_whole(study, tmp_path, monkeypatch):
    made = program(
        tmp_path / "bin",
        "npm",
        "import json, pathlib, sys\n"
        "root = pathlib.Path(sys.argv[sys.argv.index('--prefix') + 1]) / 'node_modules' / 'v'\n"
        "root.mkdir(parents=True)\n"
        "(root / 'package.json').write_text(json.dumps({'version': '2.0'}))",
    )
    monkeypatch.setenv("PATH", str(made.parent), prepend=":")
    needs = study.environments.Environment("js", ("v",), "node", ("v",))
    said: list[str] = []
    folder = study.environments.prepare(needs, tmp_path, said.append)
    assert said[0] == "making js: v"
    assert study.environments.installed(needs, folder) == {"v": "2.0"}
    study.environments.prepare(needs, tmp_path, said.append)
    assert len(said) == 2
    (folder / "ready").unlink()
    (folder / "half").write_text("", encoding="utf-8")
    study.environments.prepare(needs, tmp_path, said.append)
    assert not (folder / "half").exists()


def test_an_environment_that_cannot_be_made_says_why(study, tmp_path, monkeypatch):
    npm = program(tmp_path / "bin", "npm", "raise SystemExit('no network')")
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")
    needs = study.environments.Environment("js", ("v",), "node", ("v",))
    with pytest.raises(MissingDependencyError, match="no network") as caught:
        study.environments.prepare(needs, tmp_path, lambda _: None)
    assert "npm install" in str(caught.value)
    assert study.environments.installed(needs, needs.folder(tmp_path)) == {}
