"""Episodes leave nothing behind; a control that does is seen to."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("env_leak")
    sys.modules.pop("env_leak", None)


@pytest.mark.parametrize("kind", ["arm", "thrown"])
def test_memory_does_not_grow_with_episodes(bundles, tmp_path: Path, kind: str) -> None:
    """Of worlds that are put back and of such as are built anew.

    In a process of its own: a heap that others have left full of holes hides a small leak. The
    control keeps more than the holes that 250 episodes themselves leave: those took up two thirds
    of 8 KiB an episode on one machine.
    """
    report = tmp_path / "leak.json"
    options = ["--tasks", "TrackMotion", "--episodes", "250", "--steps", "2", "--samples", "25"]
    command = [sys.executable, str(ROOT / "benchmarks" / "env_leak.py"), str(bundles[kind])]
    done = subprocess.run(
        [*command, *options, "--kept-bytes", "65536", "--report", str(report)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    task, control = json.loads(report.read_text())
    assert not task["leaks"]
    assert control["leaks"]


def test_a_slope_is_not_fooled_by_jumps(study) -> None:
    rng = np.random.default_rng(0)
    episodes = np.arange(0, 10_000, 50.0)
    noise = 1e8 + 20_000 * rng.normal(size=len(episodes))
    jump = np.where(episodes > 9_000, 5e6, 0.0)
    assert not study.slope_of(np.stack([episodes, noise + jump], axis=1), "steady", 4096).leaks
    grows = study.slope_of(np.stack([episodes, noise + 1000 * episodes], axis=1), "grows", 4096)
    assert grows.leaks
    assert grows.bytes_per_episode == pytest.approx(1000, rel=0.01)
