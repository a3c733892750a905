"""Policies are played for as long as asked, over as many episodes as that takes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from reel2sim.cli.rollout import rollout


class Corridor(gymnasium.Env):
    """Walk 5 steps to the right to succeed; the reward is where you are."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(-100, 100, (1,), np.float64)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.seeds: list[int | None] = []

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> Any:
        self.seeds.append(seed)
        self.place = 0
        return np.zeros(1), {}

    def step(self, action: Any) -> Any:
        self.place += 1 if action else -1
        won = self.place == 5
        return np.full(1, self.place), float(self.place), won, self.place == -3, {"is_success": won}

    def render(self) -> Any:
        return self.place


def test_a_good_policy_succeeds_and_a_bad_one_runs_out() -> None:
    env = Corridor()
    good = rollout(env, "good", lambda observation: 1, steps=12, seed=3)
    assert good.returns == (15.0, 15.0, 3.0)
    assert (good.steps, good.terminated, good.truncated, good.successes) == (12, 2, 0, 2)
    assert env.seeds == [3, None, None]
    bad = rollout(env, "bad", lambda observation: 0, steps=6, seed=3)
    assert bad.returns == (-6.0, -6.0)
    assert (bad.terminated, bad.truncated, bad.successes) == (0, 2, 0)
    assert good.mean_return == pytest.approx(11.0)
    assert good.steps_per_s > 0


def test_every_step_is_filmed_and_seen() -> None:
    seen, film = [], []

    def policy(observation: np.ndarray) -> int:
        seen.append(int(observation[0]))
        return 1

    rollout(Corridor(), "x", policy, steps=7, seed=0, picture=film.append)
    assert film == [1, 2, 3, 4, 5, 1, 2]
    assert seen == [0, 1, 2, 3, 4, 0, 1]
