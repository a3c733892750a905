"""The checks: how each validator is called, and how its answer is read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from validators_study import environments
from validators_study.bundles import GLB, PACKAGE, STAGE, URDF, Subject
from validators_study.environments import Environment
from validators_study.results import Finding, Outcome, unique

LIMIT_S = 900.0
"""A validator that takes longer is stopped; that is a finding."""
_SCRIPTS = Path(__file__).parents[1] / "outside"


@dataclass(frozen=True)
class Answer:
    """What one run of a validator says."""

    findings: list[Finding] = field(default_factory=list[Finding])
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Check:
    """A validator.

    Attributes:
        name: column of the table.
        needs: where it runs.
        ask: runs it on a subject; given the folder of its environment.
    """

    name: str
    needs: Environment
    ask: Callable[[Subject, Path], Answer]

    def run(self, subject: Subject, under: Path) -> Outcome:
        """Run it, environments being kept ``under`` a folder.

        A validator that is not there, crashes or does not end has found something.
        """
        start = time.monotonic()
        try:
            answer = self.ask(subject, self.needs.folder(under))
        except FileNotFoundError as cause:
            answer = Answer([Finding(str(cause.filename), "is not there")])
        except subprocess.TimeoutExpired:
            answer = Answer([Finding(subject.name, f"did not end within {LIMIT_S:.0f} s")])
        seconds = round(time.monotonic() - start, 1)
        return Outcome(self.name, unique(answer.findings), tuple(answer.notes), seconds)


def call(command: Sequence[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a validator; its own Python and modules, not ours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
        check=False,
        env={**kept, **environment},
    )


def reported(command: Sequence[str | Path], where: str, *paths: Path, **environment: str) -> Answer:
    """Answer of one of our scripts, which are given a report to write and ``paths`` to read."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        return Answer([Finding(path.name, "is not there") for path in missing])
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        done = call([*command, report, *paths], **environment)
        return read_report(report, done.returncode, done.stderr, where)


def read_report(report: Path, code: int, errors: str, where: str) -> Answer:
    """What a script wrote; that it wrote nothing is a finding."""
    if code or not report.is_file():
        return Answer([Finding(where or "itself", f"stopped with {code}: {last_words(errors)}")])
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    prefix = f"{where} " if where else ""
    found = [Finding(f"{prefix}{x['where']}", x["message"]) for x in told["findings"]]
    return Answer(found, [f"{prefix}{note}" for note in told["notes"]])


def last_words(text: str) -> str:
    """The end of what a program wrote, in one line."""
    return " ".join(text.split())[-400:] or "without a word"


def each(subject: Subject, ask: Callable[[Path, str], Answer]) -> Answer:
    """The answers for all parts of a subject, together."""
    answers = [ask(part, subject.label(part)) for part in subject.parts]
    findings = [finding for answer in answers for finding in answer.findings]
    return Answer(findings, [note for answer in answers for note in answer.notes])


def pixar(subject: Subject, venv: Path) -> Answer:
    command = [venv / "bin" / "python", _SCRIPTS / "pixar.py"]
    return reported(command, "", subject.root / STAGE, subject.root / PACKAGE)


def nvidia(subject: Subject, venv: Path, *options: str) -> Answer:
    """It sets every variant by itself."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        program = venv / "bin" / "nvidia_usd_validate"
        done = call([program, *options, "--json-output", report, subject.root / STAGE])
        return read_nvidia(report, done.stderr or done.stdout)


def read_nvidia(report: Path, errors: str) -> Answer:
    """Issues of all severities."""
    if not report.is_file():
        return Answer([Finding("itself", f"stopped: {last_words(errors)}")])
    told = json.loads(report.read_text(encoding="utf-8"))
    found = [
        Finding(
            str((issue.get("at") or {}).get("path") or STAGE.name),
            f"{issue['severity'].lower()} {rule['rule']['name']}: {issue['message']}",
        )
        for rule in told["rules"]
        for issue in rule["issues"]
    ]
    if told["status"] != "PASS" and not found:
        found.append(Finding(STAGE.name, f"status {told['status']} without an issue"))
    return Answer(found)


def simready(subject: Subject, venv: Path) -> Answer:
    """Rule NP.005 wants NAME/ANY/NAME.usda, so the stage's folder is laid out as scene/usd."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "scene" / "usd"
        shutil.copytree((subject.root / STAGE).parent, copy)
        program = venv / "bin" / "simready-validate"
        done = call([program, "--profile", "Robotics-Prop", "-v", copy / STAGE.name])
    return read_simready(done.returncode, done.stdout, done.stderr)


_FAILED = re.compile(r"(FET_\w+): failing requirements: \[(.*)\]")
_ISSUE = re.compile(r"Rule: <class '[\w.]*?(\w+)'>\s*Severity: \S+\s*Message: (.*)")


def read_simready(code: int, output: str, errors: str) -> Answer:
    """Requirements that fail, and the issues behind them; optional features are none."""
    features = _FAILED.findall(output)
    required = sorted({x for _, names in features for x in re.findall(r"[\w.]+", names)})
    findings = [Finding(STAGE.name, f"fails {name}") for name in required]
    if findings:
        findings += [Finding(rule, message) for rule, message in _ISSUE.findall(output)]
    passed = re.search(r"\[PASSED\] (.*)", output)
    if code or not passed:
        words = last_words(errors or output)
        findings = findings or [Finding("itself", f"stopped with {code}: {words}")]
    return Answer(findings, [passed[1]] if passed else [])


def newton(subject: Subject, venv: Path) -> Answer:
    """The whole stage; of a scene also each asset's own with its URDF."""
    command = [venv / "bin" / "python", _SCRIPTS / "newton_agrees.py"]

    def part(folder: Path, label: str) -> Answer:
        return reported(command, label, folder / STAGE, folder / URDF)

    inner = each(subject, part)
    if subject.root in subject.parts:
        return inner
    whole = reported(command, "", subject.root / STAGE)
    return Answer(whole.findings + inner.findings, whole.notes + inner.notes)


def kinematics(subject: Subject, venv: Path) -> Answer:
    command = [venv / "bin" / "python", _SCRIPTS / "kinematics.py"]
    return each(subject, lambda part, label: reported(command, label, part / URDF))


def converter(subject: Subject, venv: Path) -> Answer:
    command = [venv / "bin" / "python", _SCRIPTS / "converter.py"]
    return each(subject, lambda part, label: reported(command, label, part / URDF, part / STAGE))


def check_urdf(subject: Subject, venv: Path) -> Answer:
    def part(folder: Path, label: str) -> Answer:
        done = call(["check_urdf", folder / URDF])
        return read_check_urdf(done.returncode, done.stdout, done.stderr, label or URDF)

    return each(subject, part)


_SUCCESS = "Successfully Parsed XML"
_OBJECTION = re.compile(r"^\s*(error|warning)\b", re.IGNORECASE)


def read_check_urdf(code: int, output: str, errors: str, where: str) -> Answer:
    """It must end well, and neither complain on the way."""
    said = [line.strip() for line in errors.splitlines() if line.strip()]
    said += [line.strip() for line in output.splitlines() if _OBJECTION.match(line)]
    if (code or _SUCCESS not in output) and not said:
        said = [f"stopped with {code}: {last_words(output)}"]
    return Answer([Finding(where, line) for line in said])


def gltf(subject: Subject, folder: Path) -> Answer:
    modules = str(folder / "node_modules")
    return reported(["node", _SCRIPTS / "gltf.cjs"], "", subject.root / GLB, NODE_PATH=modules)


CHECKS = (
    Check("Pixar", environments.STAGE, pixar),
    Check("NVIDIA", environments.STAGE, nvidia),
    Check(
        "VG.035",
        environments.STAGE,
        lambda subject, venv: nvidia(subject, venv, "--requirement", "com.nvidia.usd.VG.035"),
    ),
    Check("SimReady", environments.SIMREADY, simready),
    Check("check_urdf", environments.SYSTEM, check_urdf),
    Check("Newton", environments.NEWTON, newton),
    Check("kinematics", environments.KINEMATICS, kinematics),
    Check("converter", environments.CONVERTER, converter),
    Check("glTF", environments.GLTF, gltf),
)
"""All checks, in the order of the table's columns."""
