"""What is known of each task: its environment, and how it is best trained and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium

import reel2sim.envs  # noqa: F401 - registers the environments
from reel2sim.envs.pack import PACK_FILE
from reel2sim.envs.registration import PACK
from reel2sim.scene.errors import UsageError
from reel2sim.training.config import TrainConfig, read_config


@dataclass(frozen=True)
class Task:
    """A task as training sees it.

    Attributes:
        id: of the environment.
        training: options that only the training environments get, not those that judge.
        hindsight: options with hindsight experience replay.
        episodes: of an evaluation; tasks without chance need but one.
    """

    id: str
    training: Mapping[str, Any] = field(default_factory=dict)
    hindsight: Mapping[str, Any] = field(default_factory=dict)
    episodes: int = 20


TASKS: dict[str, Task] = {
    "open-joint": Task("Reel2Sim/OpenJoint-v0", hindsight={"sparse": True}),
    "track-motion": Task("Reel2Sim/TrackMotion-v0", training={"reference_start": True}, episodes=1),
    "manipulate": Task("Reel2Sim/Manipulate-v0", hindsight={"sparse": True}),
    "locomote": Task("Reel2Sim/Locomote-v0", episodes=5),
}
"""Tasks by the name the command line gives them."""


def task_of(config: TrainConfig) -> Task:
    """The task of a configuration: a known one, or an environment's id.

    Raises:
        UsageError: if there is no such environment.
    """
    task = TASKS.get(config.task, Task(config.task))
    try:
        known = gymnasium.spec(task.id)
    except (gymnasium.error.Error, ModuleNotFoundError, ValueError):
        known = None
    if known is None or task.id == PACK:
        raise UsageError(
            f"is {config.task!r}, which is no task",
            source="TrainConfig",
            field="task",
            remedy=f"use {', '.join(TASKS)} or the id of an environment",
        )
    return task


def maker(config: TrainConfig, *, training: bool) -> Callable[..., gymnasium.Env[Any, Any]]:
    """A function, which can travel to other processes, that makes an environment.

    Args:
        config: the run.
        training: for training; otherwise for evaluation.
    """
    task = task_of(config)
    options = {**(task.training if training else {}), **_options(config)}
    if config.asset is not None:
        options["asset"] = config.asset
    split = ("train" if training else "test") if is_pack(config.bundle) else None
    return _Maker(task.id, config.bundle, split, options)


def environment_of(folder: str | Path) -> tuple[str, dict[str, Any]]:
    """Id and options of the environment in which the policy of a run was trained and judged.

    Args:
        folder: that ``reel2sim train`` wrote.

    Raises:
        BundleError: if it holds no run.
    """
    config = read_config(Path(folder))
    return task_of(config).id, _options(config)


def is_pack(folder: Path) -> bool:
    """Whether a folder is a pack of bundles."""
    return (folder / PACK_FILE).is_file()


def _options(config: TrainConfig) -> dict[str, Any]:
    return {**(task_of(config).hindsight if config.her else {}), **config.env}


@dataclass(frozen=True)
class _Maker:
    id: str
    bundle: Path
    split: str | None
    options: dict[str, Any]

    def __call__(self, **more: Any) -> gymnasium.Env[Any, Any]:
        options: dict[str, Any] = {**self.options, **more, "disable_env_checker": True}
        if self.split is None:
            return gymnasium.make(self.id, bundle=str(self.bundle), **options)
        return gymnasium.make(
            PACK, pack=str(self.bundle), split=self.split, task=self.id, **options
        )
