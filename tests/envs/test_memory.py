"""Episodes leave nothing behind; a control that does is seen to."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import gymnasium
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("env_leak")
    sys.modules.pop("env_leak", None)


@pytest.mark.parametrize("kind", ["arm", "thrown"])
def test_memory_does_not_grow_with_episodes(study, bundles, kind: str) -> None:
    """Of worlds that are put back and of such as are built anew."""
    options = study.Options(bundles[kind], episodes=200, steps=2, samples=25)

    def slope(*, hoards: bool):
        env = gymnasium.make("Reel2Sim/TrackMotion-v0", bundle=str(bundles[kind]))
        watched = study.Hoarder(env, 8192) if hoards else env
        found = study.slope_of(study.memory_of(watched, options, kind), kind)
        env.close()
        return found

    assert slope(hoards=True).leaks
    assert not slope(hoards=False).leaks


def test_a_slope_is_not_fooled_by_jumps(study) -> None:
    rng = np.random.default_rng(0)
    episodes = np.arange(0, 10_000, 50.0)
    noise = 1e8 + 20_000 * rng.normal(size=len(episodes))
    jump = np.where(episodes > 9_000, 5e6, 0.0)
    assert not study.slope_of(np.stack([episodes, noise + jump], axis=1), "steady").leaks
    grows = study.slope_of(np.stack([episodes, noise + 1000 * episodes], axis=1), "grows")
    assert grows.leaks
    assert grows.bytes_per_episode == pytest.approx(1000, rel=0.01)
