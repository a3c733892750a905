"""Settings of the algorithms that worked over many objects; see ``docs/learning.md``.

Names are those of Stable-Baselines3 but for

- ``rollout_steps``: control steps of all environments together between updates of PPO,
- ``envs``: environments that one process steps in turn,
- ``net``: widths of the hidden layers of actor and critic,
- ``log_std_init``: logarithm of the first standard deviation of actions, PPO only,
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
    "batch_size": 64,
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
    "target_kl": None,
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
    "ent_coef": "auto",
    "net": (64, 64),
    "normalize": False,
}

_CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("open-joint", "ppo"): {"gamma": 0.9},
    ("track-motion", "ppo"): {"gamma": 0.8, "log_std_init": -1.0},
    ("track-motion", "sac"): {"gamma": 0.9},
    ("locomote", "ppo"): {
        "gamma": 0.99,
        "rollout_steps": 2048,
        "batch_size": 256,
        "normalize": True,
    },
    ("locomote", "sac"): {"gamma": 0.99, "normalize": True},
    ("manipulate", "ppo"): {
        "gamma": 0.98,
        "rollout_steps": 4096,
        "batch_size": 256,
        "net": (128, 128),
    },
    # An arm costs milliseconds a step: fewer environments, and so more updates for each step.
    ("manipulate", "sac"): {
        "envs": 2,
        "learning_starts": 1_000,
        "learning_rate": 5e-4,
        "tau": 0.005,
        "ent_coef": "auto_0.1",
        "net": (128, 128),
    },
}

_CLONED: dict[str, dict[str, Any]] = {
    "ppo": {"learning_rate": 1e-4, "n_epochs": 4, "target_kl": 0.02, "log_std_init": -2.5},
    "sac": {"learning_rate": 3e-4},
}
"""Changes after imitation: long strides would undo it before the critic knows its worth."""


def settings(config: TrainConfig) -> dict[str, Any]:
    """All settings of a run: the algorithm's, changed by the task, imitation and configuration.

    Raises:
        UsageError: if the configuration changes what the algorithm does not have.
    """
    chosen = dict(_PPO if config.algo == "ppo" else _SAC)
    chosen.update(_CHANGES.get((config.task, config.algo), {}))
    chosen.update(_CLONED[config.algo] if config.demonstrations else {})
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
        if name == "net":
            fits = isinstance(value, (list, tuple))
        elif isinstance(usual, str):
            fits = isinstance(value, (str, int, float))
        elif isinstance(usual, bool):
            fits = isinstance(value, bool)
        else:
            fits = isinstance(value, (int, float)) and not isinstance(value, bool)
            fits = fits or (usual is None and value is None)
        if not fits:
            raise UsageError(
                f"is {value!r}, expected something like {usual!r}",
                source="TrainConfig",
                field=f"hyper.{name}",
            )
