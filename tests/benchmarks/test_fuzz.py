"""The fuzzer sees what it looks for, mutates alike by seed, and finds nothing in a short run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPY = """
import ctypes, os, socket, subprocess, sys
from pathlib import Path
from fuzz.watch import Watch
root = Path(sys.argv[1])
for name in ("in", "out"):
    (root / name).mkdir()
    (root / name / "file.txt").write_text("x")
watch = Watch(root / "out", [root / "in"])
deeds = {
    "inside": lambda: (root / "in/file.txt").read_text(),
    "python": lambda: Path("/etc/hostname").exists() and open("/etc/hosts").close(),
    "up": lambda: open(root / "in/../other.txt", "w").close(),
    "listed": lambda: os.listdir("/"),
    "native": lambda: ctypes.CDLL(None).fopen(bytes(root / "out/file.txt"), b"r"),
    "child": lambda: os.system(f"cat {root}/out/file.txt"),
    "host": lambda: socket.getaddrinfo("localhost", 9),
}
found = {}
for name, deed in deeds.items():
    watch.begin()
    deed()
    found[name] = watch.end()
sys.stderr.write(__import__("json").dumps(found))
"""


@pytest.fixture
def fuzz(monkeypatch):
    if not sys.platform.startswith("linux"):
        pytest.skip("inotify is of Linux")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [n for n in sys.modules if n.split(".")[0] == "fuzz"]:
        del sys.modules[name]


def test_what_is_opened_outside_is_seen(fuzz, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SPY, str(tmp_path)],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stderr)
    assert found.pop("inside") == []
    assert all(found.values()), found
    assert found["native"] == ["opened file.txt outside"]
    assert "opened file.txt outside" in found["child"]


def test_mutations_follow_from_their_seed_and_change_something(fuzz):
    from fuzz.mutate import MUTATIONS, mutated

    text = b'<robot name="r"><link name="a"/><link name="b"/></robot>'
    for kind in MUTATIONS:
        ways = [
            [
                mutated(f"x.{kind}", text, np.random.default_rng(seed), ["../x"])
                for seed in range(40)
            ]
            for _ in range(2)
        ]
        assert ways[0] == ways[1]
        assert len(set(ways[0])) > 20


@pytest.mark.slow
def test_a_short_run_finds_no_fault(fuzz):
    done = subprocess.run(
        [sys.executable, "fuzz_importers.py", "--count", "60", "--jobs", "1", "--seed", "5"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| all | 60 |" in done.stdout
