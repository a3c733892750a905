"""Behaviour cloning: imitate a policy that the environment brings along, before learning by reward.

In every second environment demonstrations are played with noise on their actions while the clean
ones are noted, as DART does (Laskey et al. 2017), so that the imitator also sees how to come back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import Progress, silent
from reel2sim.training.learner import Learner

NOISE = 0.2
"""Standard deviation of the noise on demonstrated actions, whose range is −1..1."""

_UPDATES = 2_000
_BATCH = 256
_RATE = 2e-3
"""Of the first update; it falls evenly to nothing."""

Choose = Callable[[Any], Any]
"""From observations of all environments to their actions ``(n, m)``."""


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """What a demonstrator saw, did and got.

    Attributes:
        observations: rows, or rows by key, as the environment gives them.
        actions: clean ``(k, m)``.
        returns: discounted sums of the rewards that followed ``(k,)``.
    """

    observations: Any
    actions: np.ndarray
    returns: np.ndarray


def demonstrator(venv: VecEnv) -> Choose:
    """The policy that the environments bring along as ``reference_action()``.

    Raises:
        UsageError: if they have none.
    """
    if not venv.has_attr("reference_action"):
        raise UsageError(
            "has no recovered motion or expert to imitate",
            source="TrainConfig",
            field="demonstrations",
            remedy="use track-motion, or leave it 0",
        )
    return lambda observations: np.stack(venv.env_method("reference_action"))


def play(
    learner: Learner,
    choose: Choose,
    *,
    episodes: int = 0,
    steps: int = 0,
    noise: float = 0.0,
    seed: int = 0,
    keep: bool = False,
    progress: Progress = silent,
) -> Demonstrations | None:
    """Let ``choose`` act in the learner's environments, and fill its replay buffer if it has one.

    Args:
        learner: whose environments are reset and played.
        choose: what to do.
        episodes: play until so many have ended,
        steps: and until so many control steps were taken.
        noise: standard deviation of noise on the actions of the odd environments.
        seed: of the noise.
        keep: whether to return what was seen.
        progress: told of how far it is.
    """
    venv = learner.get_env()
    assert venv is not None, "a learner has environments"
    rng = np.random.default_rng([seed, 1])
    observed: list[Any] = []
    clean: list[np.ndarray] = []
    rewards: list[np.ndarray] = []
    ends: list[np.ndarray] = []
    observation: Any = venv.reset()
    learner._last_obs = observation
    scaled = learner.get_vec_normalize_env()
    original = observation if scaled is None else scaled.get_original_obs()
    learner._last_original_obs = original  # pyright: ignore[reportAttributeAccessIssue]
    uneven = (np.arange(venv.num_envs) % 2 == 1)[:, None]
    ended = taken = 0
    while ended < episodes or taken < steps:
        wanted = np.asarray(choose(observation), np.float32)
        shaken = wanted + noise * uneven * rng.standard_normal(wanted.shape)
        acted = np.clip(shaken, -1.0, 1.0).astype(np.float32)
        if keep:
            observed.append(original)
            clean.append(wanted)
        moved: tuple[Any, ...] = venv.step(acted)
        following, reward, done, infos = moved
        if isinstance(learner, SAC):
            assert learner.replay_buffer is not None
            learner._store_transition(learner.replay_buffer, acted, following, reward, done, infos)
        observation = learner._last_obs = following
        original = observation if scaled is None else scaled.get_original_obs()
        rewards.append(reward)
        ends.append(done)
        ended, taken = ended + int(done.sum()), taken + venv.num_envs
        progress("demonstrations", min(1.0, max(ended / max(episodes, 1), taken / max(steps, 1))))
    if not keep:
        return None
    sums = _discounted(np.array(rewards), np.array(ends), learner.gamma)
    return Demonstrations(_rows(observed), np.concatenate(clean), sums.reshape(-1))


def imitate(learner: Learner, shown: Demonstrations, *, progress: Progress = silent) -> float:
    """Fit the actor to demonstrations, and PPO's critic to what they were worth.

    Args:
        learner: what learns.
        shown: what to imitate.
        progress: told of how far it is.

    Returns:
        Mean squared distance of the actor's actions from the demonstrated ones, at the end.
    """
    policy: Any = learner.policy
    seen = _normalized(shown.observations, learner.get_vec_normalize_env())
    inputs = policy.obs_to_tensor(seen)[0]
    wanted, worth = torch.as_tensor(shown.actions), torch.as_tensor(shown.returns).float()
    fitted = list(policy.parameters() if isinstance(learner, PPO) else policy.actor.parameters())
    optimizer = torch.optim.Adam(fitted, lr=_RATE)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, _UPDATES)
    policy.set_training_mode(True)
    for update in range(_UPDATES):
        rows = torch.randint(len(wanted), (_BATCH,))
        action, value = _opinion(learner, _take(inputs, rows))
        loss = torch.nn.functional.mse_loss(action, wanted[rows])
        total = loss
        if value is not None:
            # Sums of rewards are of the order of the horizon; the loss is not to be.
            total = loss + 1e-3 * torch.nn.functional.mse_loss(value, worth[rows])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        falling.step()
        if update % 50 == 49:
            progress("imitation", (update + 1) / _UPDATES, error=float(loss.detach()))
    policy.set_training_mode(False)
    with torch.no_grad():
        return float(torch.nn.functional.mse_loss(_opinion(learner, inputs)[0], wanted))


def _opinion(learner: Learner, inputs: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Actions without exploration and, of PPO, values."""
    policy: Any = learner.policy
    if isinstance(learner, PPO):
        mean = policy.get_distribution(inputs).distribution.mean
        return mean, policy.predict_values(inputs)[:, 0]
    return policy.actor(inputs, deterministic=True), None


def _normalized(observations: Any, normalizer: VecNormalize | None) -> Any:
    return observations if normalizer is None else normalizer.normalize_obs(observations)


def _rows(observed: list[Any]) -> Any:
    if isinstance(observed[0], dict):
        return {key: np.concatenate([one[key] for one in observed]) for key in observed[0]}
    return np.concatenate(observed)


def _take(inputs: Any, rows: torch.Tensor) -> Any:
    if isinstance(inputs, dict):
        return {key: value[rows] for key, value in inputs.items()}
    return inputs[rows]


def _discounted(rewards: np.ndarray, ends: np.ndarray, gamma: float) -> np.ndarray:
    """Discounted sums ``(k, n)`` of the rewards up to each episode's end."""
    sums = np.zeros_like(rewards)
    following = np.zeros(rewards.shape[1])
    for k in reversed(range(len(rewards))):
        following = rewards[k] + gamma * np.where(ends[k], 0.0, following)
        sums[k] = following
    return sums
