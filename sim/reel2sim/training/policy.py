"""Trained policies to play: weights alone are read, nothing in their files can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from reel2sim.scene.errors import UsageError
from reel2sim.training.config import read_config
from reel2sim.training.evaluation import Policy
from reel2sim.training.needs import require_training
from reel2sim.training.presets import settings


def load_policy(folder: str | Path, env: gymnasium.Env[Any, Any]) -> Policy:
    """The best policy of a run, to act in ``env``.

    The network is built from ``config.json`` and the spaces of ``env``; only numbers come from the
    file with the weights. So it plays in any environment of the same spaces, whatever its bundle.

    Args:
        folder: that ``reel2sim train`` wrote.
        env: where it is to act.

    Raises:
        BundleError: if the folder holds no policy.
        UsageError: if the policy does not fit the environment, or what training needs is missing.
    """
    require_training()
    import torch
    from stable_baselines3.ppo import MlpPolicy, MultiInputPolicy
    from stable_baselines3.sac import MlpPolicy as SacPolicy
    from stable_baselines3.sac import MultiInputPolicy as SacMultiInputPolicy

    from reel2sim.training.checkpoint import load
    from reel2sim.training.watch import POLICY_FILE

    folder = Path(folder)
    config = read_config(folder)
    chosen = settings(config)
    kinds: dict[tuple[str, bool], Any] = {
        ("ppo", False): MlpPolicy,
        ("ppo", True): MultiInputPolicy,
        ("sac", False): SacPolicy,
        ("sac", True): SacMultiInputPolicy,
    }
    kind = kinds[config.algo, hasattr(env.observation_space, "spaces")]
    torch.set_num_threads(1)
    network: Any = kind(
        env.observation_space,
        env.action_space,
        lambda _: 0.0,
        net_arch=list(chosen["net"]),
    )
    state = load(folder / POLICY_FILE)
    try:
        network.load_state_dict(state["parameters"])
    except (RuntimeError, KeyError):
        raise UsageError(
            f"was trained on {config.bundle} for other observations or actions than "
            f"{env.observation_space} and {env.action_space}",
            source=folder / POLICY_FILE,
            remedy="play the task it was trained on, on an object with as many joints",
        ) from None
    network.set_training_mode(False)
    scales = {
        key: (scale["mean"].numpy(), np.sqrt(scale["var"].numpy() + _EPSILON))
        for key, scale in state["scales"].items()
    }

    def act(observation: Any) -> Any:
        return network.predict(_scaled(observation, scales), deterministic=True)[0]

    return act


_EPSILON, _CLIP = 1e-8, 10.0
"""Those of Stable-Baselines3's VecNormalize, which scaled observations in training."""


def _scaled(observation: Any, scales: dict[str, tuple[Any, Any]]) -> Any:
    if not scales:
        return observation
    if "" in scales:
        return _one(observation, scales[""])
    return {
        key: _one(value, scales[key]) if key in scales else value
        for key, value in observation.items()
    }


def _one(values: Any, scale: tuple[Any, Any]) -> Any:
    mean, deviation = scale
    return np.clip((values - mean) / deviation, -_CLIP, _CLIP).astype(np.float32)
