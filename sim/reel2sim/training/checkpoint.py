"""The state of a run in files that hold tensors and plain values alone.

Stable-Baselines3's own archives are pickles, which can run any code when they are loaded. These are
read with ``torch.load(weights_only=True)``, which cannot.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize

from reel2sim.scene.errors import BundleError
from reel2sim.scene.files import whole
from reel2sim.training.learner import Learner

_BUFFER_ARRAYS = (
    "observations", "next_observations", "actions", "rewards", "dones", "timeouts", "ep_start",
    "ep_length", "_current_ep_start",
)  # fmt: skip


def save(path: Path, record: dict[str, Any]) -> None:
    """Write tensors and plain values, all or nothing."""
    with whole(path) as part:
        torch.save(record, part)


def load(path: Path) -> dict[str, Any]:
    """Read tensors and plain values; nothing in the file can run.

    Raises:
        BundleError: if it is missing or is anything else.
    """
    if not path.is_file():
        raise BundleError(
            "is missing", source=path, remedy="train until the first checkpoint, or name another"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as fault:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise BundleError(f"cannot be read: {reason}", source=path, remedy="train again") from None


def learner_state(learner: Learner) -> dict[str, Any]:
    """Weights, optimisers, scales of observations and random generators."""
    _, tensors = learner._get_torch_save_params()
    kind, keys, *rest = cast(tuple[Any, ...], np.random.get_state(legacy=True))
    return {
        "steps": learner.num_timesteps,
        "updates": learner._n_updates,
        "parameters": learner.get_parameters(),
        "tensors": {name: getattr(learner, name).detach().clone() for name in tensors},
        "scales": scales_of(learner.get_vec_normalize_env()),
        "torch_rng": torch.get_rng_state(),
        "numpy_rng": [kind, torch.from_numpy(keys.astype(np.int64)), *rest],
    }


def restore(learner: Learner, state: dict[str, Any]) -> None:
    """Put :func:`learner_state` back."""
    learner.set_parameters(state["parameters"])
    for name, tensor in state["tensors"].items():
        getattr(learner, name).data.copy_(tensor)
    learner.num_timesteps = state["steps"]
    learner._n_updates = state["updates"]
    put_scales(learner.get_vec_normalize_env(), state["scales"])
    torch.set_rng_state(state["torch_rng"])
    kind, keys, *rest = state["numpy_rng"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))


def scales_of(normalizer: VecNormalize | None) -> dict[str, Any]:
    """Running means and deviations of observations, by key; ``""`` if they have none."""
    if normalizer is None:
        return {}
    found = normalizer.obs_rms
    every = found if isinstance(found, dict) else {"": found}
    return {
        key: {
            "mean": torch.from_numpy(np.array(rms.mean)),
            "var": torch.from_numpy(np.array(rms.var)),
            "count": float(rms.count),
        }
        for key, rms in every.items()
    }


def put_scales(normalizer: VecNormalize | None, scales: dict[str, Any]) -> None:
    """Put :func:`scales_of` back."""
    if normalizer is None:
        return
    found = normalizer.obs_rms
    every = found if isinstance(found, dict) else {"": found}
    for key, rms in every.items():
        rms.mean, rms.var = scales[key]["mean"].numpy().copy(), scales[key]["var"].numpy().copy()
        rms.count = scales[key]["count"]


def replay_state(learner: Learner) -> dict[str, Any]:
    """What the replay buffer holds; only its filled part."""
    buffer: Any = learner.replay_buffer  # pyright: ignore[reportAttributeAccessIssue]
    count = buffer.buffer_size if buffer.full else buffer.pos
    arrays: dict[str, Any] = {}
    for name in _BUFFER_ARRAYS:
        value = getattr(buffer, name, None)
        if isinstance(value, dict):
            arrays[name] = {key: torch.from_numpy(v[:count].copy()) for key, v in value.items()}
        elif value is not None:
            kept = value if name == "_current_ep_start" else value[:count]
            arrays[name] = torch.from_numpy(kept.copy())
    return {"pos": buffer.pos, "full": buffer.full, "arrays": arrays}


def put_replay(learner: Learner, state: dict[str, Any]) -> bool:
    """Put :func:`replay_state` back; False, and nothing is done, if it does not fit.

    It does not if another number of environments filled it.
    """
    buffer: Any = learner.replay_buffer  # pyright: ignore[reportAttributeAccessIssue]
    if state["arrays"]["rewards"].shape[1:] != buffer.rewards.shape[1:]:
        return False
    for name, value in state["arrays"].items():
        target = getattr(buffer, name)
        if isinstance(target, dict):
            for key, tensor in value.items():
                target[key][: len(tensor)] = tensor.numpy()
        else:
            target[: len(value)] = value.numpy()
    buffer.pos, buffer.full = state["pos"], state["full"]
    if isinstance(buffer, HerReplayBuffer):
        with warnings.catch_warnings():  # that it does what it is told
            warnings.simplefilter("ignore")
            buffer.truncate_last_trajectory()  # the episode ended with the process
    return True
