"""From a configuration to Stable-Baselines3's algorithm and environments."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecMonitor,
    VecNormalize,
)

from reel2sim.training.config import TrainConfig
from reel2sim.training.tasks import maker

Learner = PPO | SAC

_OURS = ("envs", "rollout_steps", "net", "log_std_init", "normalize")


def make_venv(config: TrainConfig, settings: dict[str, Any]) -> VecEnv:
    """The training environments, in this process or in others, with sums of their episodes."""
    make: Callable[[], Any] = maker(config, training=True)
    if config.processes > 1:
        venv: VecEnv = SubprocVecEnv([make] * config.processes, start_method="spawn")
    else:
        venv = DummyVecEnv([make] * int(settings["envs"]))
    venv = VecMonitor(venv)
    if settings["normalize"]:
        keys = ["observation"] if hasattr(venv.observation_space, "spaces") else None
        venv = VecNormalize(venv, norm_reward=False, norm_obs_keys=keys)
    return venv


def make_learner(config: TrainConfig, settings: dict[str, Any], venv: VecEnv) -> Learner:
    """A new learner with random weights.

    PyTorch is kept to one thread: networks are small, and results would depend on the machine.
    """
    torch.set_num_threads(1)
    algorithm = PPO if config.algo == "ppo" else SAC
    options = {name: value for name, value in settings.items() if name not in _OURS}
    if config.algo == "ppo":
        options["n_steps"] = max(2, settings["rollout_steps"] // venv.num_envs)
        # A rollout may be smaller than what was asked for, never a batch larger than it.
        options["batch_size"] = min(settings["batch_size"], options["n_steps"] * venv.num_envs)
    elif config.her:
        options["replay_buffer_class"] = HerReplayBuffer
    network: dict[str, Any] = {"net_arch": list(settings["net"])}
    if "log_std_init" in settings:
        network["log_std_init"] = settings["log_std_init"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*n_steps.*mini-batch.*")
        return algorithm(
            policy_name(venv),
            venv,
            seed=config.seed,
            device="cpu",
            policy_kwargs=network,
            **options,
        )


def policy_name(env: Any) -> str:
    """Stable-Baselines3's name of the network that reads the observations of ``env``."""
    return "MultiInputPolicy" if hasattr(env.observation_space, "spaces") else "MlpPolicy"


def actor_of(learner: Learner) -> Callable[[Any], Any]:
    """What the learner would do now, without exploring: observations to actions."""
    normalizer = learner.get_vec_normalize_env()
    return partial(_act, learner.policy, normalizer)


def _act(policy: Any, normalizer: VecNormalize | None, observation: Any) -> Any:
    seen = observation if normalizer is None else normalizer.normalize_obs(observation)
    return policy.predict(seen, deterministic=True)[0]
