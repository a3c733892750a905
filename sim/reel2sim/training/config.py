"""What to train, on what, and for how long."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from reel2sim.scene.errors import BundleError, UsageError

Algorithm = Literal["ppo", "sac"]

CONFIG_FILE = "config.json"
_MAY_CHANGE = ("out", "steps", "minutes", "processes", "keep_replay")
"""What a run that goes on may do otherwise than before."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run; the same one gives the same policy, unless ``minutes`` cuts it short.

    Attributes:
        bundle: folder of a bundle, a scene or a pack; of a pack its training split is trained on
            and its test split evaluated.
        out: folder for everything that the run writes.
        task: one of :data:`reel2sim.training.tasks.TASKS`, or an environment's id.
        algo: ``"ppo"`` (Schulman et al. 2017) or ``"sac"`` (Haarnoja et al. 2018).
        her: hindsight experience replay (Andrychowicz et al. 2017), with SAC and goals; rewards
            are then sparse unless ``env`` says otherwise.
        steps: control steps altogether, those before a resume included.
        minutes: stop after so long, whatever ``steps`` says; of this session, if it resumes.
        seed: of everything that is random.
        processes: that step environments; 1 steps them in this one.
        demonstrations: episodes of the recovered motion, or of the task's expert, to imitate
            before reinforcement learning begins.
        evaluate_every: control steps between evaluations; None is a tenth of ``steps``.
        checkpoint_every: control steps between checkpoints; a killed run loses no more.
        episodes: of each evaluation; None is the task's own number.
        keep_replay: with SAC, keep the replay buffer with checkpoints; without, a resumed run
            fills a new one by its policy first.
        asset: the object of a scene that acts; None is the first with a joint to drive.
        env: options of the environment.
        hyper: changes to the algorithm's settings, see :mod:`reel2sim.training.presets`.
    """

    bundle: Path
    out: Path
    task: str = "open-joint"
    algo: Algorithm = "ppo"
    her: bool = False
    steps: int = 100_000
    minutes: float | None = None
    seed: int = 0
    processes: int = 1
    demonstrations: int = 0
    evaluate_every: int | None = None
    checkpoint_every: int = 10_000
    episodes: int | None = None
    keep_replay: bool = False
    asset: str | None = None
    env: Mapping[str, Any] = field(default_factory=dict)
    hyper: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("bundle", "out"):
            object.__setattr__(self, name, Path(getattr(self, name)))
        _require(self.algo in get_args(Algorithm), "algo", self, "'ppo' or 'sac'")
        _require(not self.her or self.algo == "sac", "her", self, "False unless algo is 'sac'")
        counts = ["steps", "processes", "checkpoint_every"]
        counts += [n for n in ("evaluate_every", "episodes") if getattr(self, n) is not None]
        for name in counts:
            _require(_whole(getattr(self, name)) >= 1, name, self, "a whole number, at least 1")
        for name in ("seed", "demonstrations"):
            _require(_whole(getattr(self, name)) >= 0, name, self, "a whole number, at least 0")
        minutes = self.minutes
        _require(minutes is None or 0 < minutes < math.inf, "minutes", self, "positive or None")

    @property
    def evaluation_steps(self) -> int:
        """Control steps between evaluations."""
        return self.evaluate_every or max(1, self.steps // 10)


def record_of(config: TrainConfig) -> dict[str, Any]:
    """The configuration as plain values."""
    record = dataclasses.asdict(config)
    return {**record, "bundle": str(config.bundle.resolve()), "out": str(config.out.resolve())}


def read_config(folder: Path) -> TrainConfig:
    """The configuration of the run in ``folder``.

    Raises:
        BundleError: if there is none that this version understands.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise BundleError(
            "is missing", source=path, remedy="name a folder that `reel2sim train` wrote"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))["train"]
        return TrainConfig(**{**record, "out": folder})
    except (ValueError, KeyError, TypeError) as fault:
        raise BundleError(
            f"is not a training configuration: {fault}", source=path, remedy="train again"
        ) from None


def check_resumable(config: TrainConfig, before: TrainConfig) -> None:
    """Refuse to go on as something else.

    Raises:
        UsageError: naming the first option that differs from the run's and may not.
    """
    new, old = record_of(config), record_of(before)
    for name, value in new.items():
        if name not in _MAY_CHANGE and value != old[name]:
            raise UsageError(
                f"is {value!r}, the run in {config.out} has {old[name]!r}",
                source="TrainConfig",
                field=name,
                remedy="resume with the same, or write to another folder",
            )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _require(holds: bool, name: str, config: TrainConfig, wanted: str) -> None:
    if not holds:
        raise UsageError(
            f"is {getattr(config, name)!r}, expected {wanted}", source="TrainConfig", field=name
        )
