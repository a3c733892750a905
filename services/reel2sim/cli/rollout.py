"""Plays policies in an environment and writes down how they fared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Policy = Callable[[Any], Any]
"""From an observation to an action."""


@dataclass(frozen=True)
class Rollout:
    """How one policy fared.

    Attributes:
        policy: its name.
        steps: environment steps taken.
        returns: sum of rewards of every episode, the last one perhaps unfinished.
        terminated: episodes that ended by themselves.
        truncated: episodes that ran out of time.
        successes: episodes that were a success when they ended.
        steps_per_s: speed, rendering included.
    """

    policy: str
    steps: int
    returns: tuple[float, ...]
    terminated: int
    truncated: int
    successes: int
    steps_per_s: float

    @property
    def mean_return(self) -> float:
        """Mean of ``returns``."""
        return float(np.mean(self.returns)) if self.returns else 0.0


def rollout(
    env: Any,
    name: str,
    policy: Policy,
    *,
    steps: int,
    seed: int,
    picture: Callable[[Any], None] | None = None,
) -> Rollout:
    """Play ``policy`` for ``steps`` steps, starting a new episode whenever one ends.

    Args:
        env: a Gymnasium environment.
        name: of the policy.
        policy: what to do.
        steps: how long.
        seed: of the first episode; later ones go on from there.
        picture: given what ``env.render()`` returns after each step, if not None.
    """
    observation, _ = env.reset(seed=seed)
    returns, total = [], 0.0
    terminated = truncated = successes = 0
    began = time.perf_counter()
    for step in range(steps):
        observation, reward, ended, cut, info = env.step(policy(observation))
        total += float(reward)
        if picture is not None:
            picture(env.render())
        if ended or cut or step == steps - 1:
            returns.append(total)
            total = 0.0
            terminated += bool(ended)
            truncated += bool(cut) and not ended
            successes += bool(info.get("is_success", False))
            if step < steps - 1:
                observation, _ = env.reset()
    seconds = time.perf_counter() - began
    speed = steps / seconds if seconds > 0 else float("inf")
    return Rollout(name, steps, tuple(returns), terminated, truncated, successes, speed)
