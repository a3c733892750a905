"""Help, version, doctor, progress and what signals do."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reel2sim.cli.main import COMMANDS, main
from reel2sim.cli.progress import plain_lines

PROGRAM = [sys.executable, "-m", "reel2sim.cli.main"]


def help_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([command, "--help"], capsys)
    assert f"reel2sim {command}" in text.split("Examples:")[1]
    assert "--json" in text
    assert "--debug" in text


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(["--help"], capsys)
    for command in COMMANDS:
        assert f"• {command}" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("reel2sim ")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["run", "x", "--out", "o", "--fly"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "help" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from reel2sim.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numba', 'numpy', 'scipy', 'ray', 'pxr', 'mujoco', 'cv2', 'av'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_doctor_answers_in_json(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    record = json.loads(capfd.readouterr().out)
    found = {finding["name"]: finding for finding in record["findings"]}
    needed = (
        "python cores memory cache torch cuda gsplat numba video pybullet mujoco usd ray weights"
    )
    assert set(needed.split()) <= set(found)
    assert all(f["status"] in ("ok", "warn", "fail") for f in found.values())
    assert all(f["fix"] for f in found.values() if f["status"] != "ok")
    assert record["ok"] == all(f["status"] != "fail" for f in found.values())
    assert code == (0 if record["ok"] else 1)


def test_lines_are_throttled_but_ends_are_told() -> None:
    now = 0.0
    stream = io.StringIO()
    report = plain_lines(stream, every_s=2.0, clock=lambda: now)
    for i in range(101):
        now = 0.1 * i
        report("fit", i / 100, "working", loss=1.0 - i / 100)
    report("next", 0.0, "starting")
    report("fit", 1.0, "again")
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("fit")
    assert lines[-2].split()[:2] == ["fit", "100%"]
    assert lines[-1].split()[:2] == ["next", "0%"]
    assert 5 <= len(lines) <= 8
    assert any("left" in line for line in lines)


SLEEPER = """
import sys, time
from pathlib import Path
from reel2sim.cli.options import Common
from reel2sim.cli import main as entry
from reel2sim.exporters.staging import staged_folder

class Sleeper:
    common = Common()
    def __call__(self, console):
        with staged_folder(Path(sys.argv[1]) / "out") as folder:
            (folder / "half").write_text("half")
            print("ready", flush=True)
            time.sleep(600)
        return 0

sys.exit(entry.run_command(Sleeper()))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_cleanly(number: signal.Signals, code: int, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and so the tests run as one, start with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "ready"
    assert list(tmp_path.iterdir())
    child.send_signal(number)
    _, err = child.communicate(timeout=240)
    assert child.returncode == code
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_is_no_error() -> None:
    read, write = os.pipe()
    child = subprocess.Popen([*PROGRAM, "doctor"], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    os.close(read)
    _, err = child.communicate(timeout=240)
    assert "Traceback" not in err
    assert "Exception" not in err
