"""Settings of the algorithms that worked over many objects; see ``docs/learning.md``.

Names are those of Stable-Baselines3 but for

- ``rollout_steps``: control steps of all environments together between updates of PPO,
- ``envs``: environments that one process steps in turn,
- ``net``: widths of the hidden layers of actor and critic,
- ``log_std_init``: logarithm of the first standard deviation of actions, PPO only,
- ``clone_log_std``: the same after demonstrations were imitated,
- ``normalize``: whether observations are scaled by their running mean and deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reel2sim.scene.errors import UsageError
from reel2sim.training.config import TrainConfig

_PPO: dict[str, Any] = {
    "envs": 4,
    "rollout_steps": 1024,
    "batch_size": 256,
    "n_epochs": 10,
    "learning_rate": 1e-3,
    "gamma": 0.97,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "ent_coef": 0.0,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
    "net": (64, 64),
    "log_std_init": -0.5,
    "clone_log_std": -2.0,
    "normalize": False,
}

_SAC: dict[str, Any] = {
    "envs": 4,
    "buffer_size": 200_000,
    "batch_size": 256,
    "learning_starts": 2_000,
    "learning_rate": 1e-3,
    "gamma": 0.97,
    "tau": 0.01,
    "train_freq": 1,
    "gradient_steps": 1,
    "net": (64, 64),
    "normalize": False,
}

_CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("track-motion", "ppo"): {"gamma": 0.9, "log_std_init": -1.0},
    ("track-motion", "sac"): {"gamma": 0.9},
    ("locomote", "ppo"): {"gamma": 0.99, "rollout_steps": 2048, "normalize": True},
    ("locomote", "sac"): {"gamma": 0.99, "normalize": True},
    ("manipulate", "ppo"): {"gamma": 0.98, "rollout_steps": 4096, "net": (128, 128)},
    ("manipulate", "sac"): {"gamma": 0.98, "net": (128, 128)},
}


def settings(config: TrainConfig) -> dict[str, Any]:
    """All settings of a run: the algorithm's, the task's changes, then the configuration's.

    Raises:
        UsageError: if the configuration changes what the algorithm does not have.
    """
    chosen = dict(_PPO if config.algo == "ppo" else _SAC)
    chosen.update(_CHANGES.get((config.task, config.algo), {}))
    _check(config.hyper, chosen)
    return {**chosen, **config.hyper}


def _check(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name not in known:
            raise UsageError(
                "is not a setting of the algorithm",
                source="TrainConfig",
                field=f"hyper.{name}",
                remedy=f"use one of {', '.join(known)}",
            )
        usual = known[name]
        fits = (
            isinstance(value, (list, tuple))
            if name == "net"
            else isinstance(value, bool)
            if isinstance(usual, bool)
            else isinstance(value, (int, float)) and not isinstance(value, bool)
        )
        if not fits:
            raise UsageError(
                f"is {value!r}, expected something like {usual!r}",
                source="TrainConfig",
                field=f"hyper.{name}",
            )
