"""``reel2sim view`` from outside."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from reel2sim.cli.main import main
from reel2sim.scene.errors import UsageError
from reel2sim.viewing.browser import BROWSER_VARIABLE
from reel2sim.viewing.panels.edits import edit_of


def test_a_folder_that_is_no_bundle(tmp_path: Path, capfd) -> None:
    assert main(["view", str(tmp_path), "--no-open"]) == 19
    assert "name a folder that `reel2sim run`" in capfd.readouterr().err


def test_no_viser(bundle: Path, capfd, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    assert main(["view", str(bundle), "--no-open"]) == 30
    assert "pip install 'reel2sim[view]'" in capfd.readouterr().err


def test_no_browser_for_a_screenshot(bundle: Path, tmp_path: Path, capfd, monkeypatch) -> None:
    monkeypatch.setenv(BROWSER_VARIABLE, "no-such-browser")
    out = tmp_path / "picture.png"
    assert main(["view", str(bundle), "--screenshot", str(out)]) == 30
    assert BROWSER_VARIABLE in capfd.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--joint", "nobody=1"], 40, "chest/joint0"),
        (["--joint", "joint0=far"], 2, "joint=position"),
        (["--port", "70000"], 2, "port"),
        (["--size", "1", "1"], 2, "size"),
        (["--layers", "wallpaper"], 2, "collision"),
    ],
)
def test_options_that_cannot_be(bundle: Path, capfd, options, code, said) -> None:
    pytest.importorskip("viser", reason="needs the extra [view]")
    assert main(["view", str(bundle), "--no-open", "--port", "0", *options]) == code
    assert said in capfd.readouterr().err


def test_it_serves_until_it_is_interrupted(bundle: Path) -> None:
    pytest.importorskip("viser", reason="needs the extra [view]")
    command = [sys.executable, "-m", "reel2sim.cli.main", "view", str(bundle)]
    viewer = subprocess.Popen(
        [*command, "--no-open", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and so what they start, ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert viewer.stdout is not None
        lines = [""]
        while lines[-1] != "}\n":
            lines.append(viewer.stdout.readline())
            assert lines[-1], viewer.communicate()[1]
        told = json.loads("".join(lines))
        with urllib.request.urlopen(told["address"]) as page:
            assert page.status == 200
        viewer.send_signal(signal.SIGINT)
        _, said = viewer.communicate(timeout=30)
    finally:
        viewer.kill()
    assert viewer.returncode == 0
    assert "Traceback" not in said
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", told["port"])) != 0


def test_edits_are_typed_as_records() -> None:
    assert edit_of('{"op": "density", "target": "chest", "density": 300}').op == "density"
    for wrong in ("", "{", "[1]", '{"op": "explode"}'):
        with pytest.raises(UsageError):
            edit_of(wrong)
