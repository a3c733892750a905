"""How well policies do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

Policy = Callable[[Any], Any]
"""From an observation to an action."""

_FIRST_SEED = 1_000_000
"""Far from the seeds that people give to training."""


@dataclass(frozen=True)
class Evaluation:
    """How a policy did in some episodes.

    Attributes:
        success: share of the episodes that ended in success; None if the task does not say.
        mean_return: mean sum of rewards.
        deviation: standard deviation of the sums.
        length: mean number of control steps.
        episodes: how many.
    """

    success: float | None
    mean_return: float
    deviation: float
    length: float
    episodes: int

    @property
    def rank(self) -> tuple[float, float]:
        """Orders evaluations of a task: successes first, then returns."""
        return (self.success or 0.0, self.mean_return)


def evaluate(
    env: gymnasium.Env[Any, Any],
    policy: Policy,
    *,
    episodes: int,
    picture: Callable[[Any], object] | None = None,
) -> Evaluation:
    """Play a policy in episodes that are the same for every policy.

    Args:
        env: the environment.
        policy: what to do.
        episodes: how many.
        picture: given what ``env.render()`` returns after each step, if not None.
    """
    returns, lengths, successes = [], [], []
    for episode in range(episodes):
        observation, info = env.reset(seed=_FIRST_SEED + episode)
        total, steps, done = 0.0, 0, False
        while not done:
            observation, reward, terminated, truncated, info = env.step(policy(observation))
            total, steps = total + float(reward), steps + 1
            done = terminated or truncated
            if picture is not None:
                picture(env.render())
        returns.append(total)
        lengths.append(steps)
        if "is_success" in info:
            successes.append(bool(info["is_success"]))
    return Evaluation(
        success=float(np.mean(successes)) if successes else None,
        mean_return=float(np.mean(returns)),
        deviation=float(np.std(returns)),
        length=float(np.mean(lengths)),
        episodes=episodes,
    )


def baselines(env: gymnasium.Env[Any, Any], *, episodes: int) -> dict[str, Evaluation]:
    """How chance, doing nothing and the recovered motion or the task's expert do.

    ``nothing`` is an action of zeros, ``reference`` the environment's own policy where it has one.
    """
    rng = np.random.default_rng(0)
    shape = env.action_space.shape or ()

    def random(observation: Any) -> Any:
        return rng.uniform(-1.0, 1.0, shape).astype(np.float32)

    def nothing(observation: Any) -> Any:
        return np.zeros(shape, np.float32)

    policies: dict[str, Policy] = {"random": random, "nothing": nothing}
    reference = reference_of(env)
    if reference is not None:
        policies["reference"] = reference
    # Chance is uneven even where the task is not.
    least = {"random": max(episodes, 5)}
    return {
        name: evaluate(env, policy, episodes=least.get(name, episodes))
        for name, policy in policies.items()
    }


def reference_of(env: gymnasium.Env[Any, Any]) -> Policy | None:
    """The policy an environment brings along as ``reference_action()``; None without one."""
    found: Any = env.unwrapped
    if not hasattr(found, "reference_action"):
        return None
    return lambda observation: found.reference_action()
