"""What happens while a learner learns: progress, evaluations, checkpoints and the end of time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from reel2sim.scene.progress import Progress
from reel2sim.training import checkpoint
from reel2sim.training.config import TrainConfig
from reel2sim.training.evaluation import Evaluation, evaluate
from reel2sim.training.journal import Mark, write_journal
from reel2sim.training.learner import Learner, actor_of

CHECKPOINT_FILE = "checkpoint.pt"
REPLAY_FILE = "replay.pt"
POLICY_FILE = "policy.pt"

_TELL_S, _DRAW_S = 0.25, 15.0
"""Seconds between reports, and between pictures of the curve."""


@dataclass
class Clock:
    """Seconds of a run over all its sessions.

    Attributes:
        wall_before: spent in earlier sessions.
        cpu_before: likewise, by the training process.
    """

    wall_before: float = 0.0
    cpu_before: float = 0.0
    _wall: float = field(default_factory=time.monotonic)
    _cpu: float = field(default_factory=time.process_time)

    @property
    def session_s(self) -> float:
        """Seconds of this session."""
        return time.monotonic() - self._wall

    @property
    def wall_s(self) -> float:
        """Seconds of all sessions."""
        return self.wall_before + self.session_s

    @property
    def cpu_s(self) -> float:
        """Processor seconds of all sessions."""
        return self.cpu_before + time.process_time() - self._cpu


class Watch(BaseCallback):
    """Evaluates, saves and reports between updates, where the learner's state is whole.

    Args:
        config: the run.
        env: for evaluations.
        episodes: of each evaluation.
        references: evaluations of baselines.
        marks: earlier evaluations.
        best: the best of those.
        clock: how long it has taken.
        progress: told of how far it is.
    """

    def __init__(
        self,
        config: TrainConfig,
        env: gymnasium.Env[Any, Any],
        *,
        episodes: int,
        references: Mapping[str, Evaluation],
        marks: Sequence[Mark],
        best: Evaluation | None,
        clock: Clock,
        progress: Progress,
    ) -> None:
        super().__init__()
        self._config, self._env, self._episodes = config, env, episodes
        self._references, self._clock, self._report = references, clock, progress
        self.marks, self.best = list(marks), best
        self._evaluated = self._saved = -1
        self._told = 0.0
        self._drawn = 0.0

    @property
    def learner(self) -> Learner:
        """What learns."""
        return self.model  # pyright: ignore[reportReturnType]

    def _on_training_start(self) -> None:
        self._saved = self.num_timesteps
        self._evaluated = self.marks[-1].steps if self.marks else -1

    def _on_rollout_start(self) -> None:
        if self._evaluated < 0 or self._due(self._evaluated, self._config.evaluation_steps):
            self.judge()
        if self._due(self._saved, self._config.checkpoint_every):
            self.save()

    def _on_step(self) -> bool:
        minutes, now = self._config.minutes, self._clock.session_s
        if now - self._told > _TELL_S:
            self._told = now
            self._tell()
        return minutes is None or now < 60 * minutes

    def _due(self, last: int, every: int) -> bool:
        return self.learner.num_timesteps // every > last // every

    def _tell(self) -> None:
        """How far it is by steps or minutes, whichever is further; with recent episodes' sums."""
        config, learner = self._config, self.learner
        share = self.num_timesteps / config.steps
        if config.minutes is not None:
            share = max(share, self._clock.session_s / (60 * config.minutes))
        figures: dict[str, Any] = {"steps": float(self.num_timesteps)}
        recent = [episode["r"] for episode in learner.ep_info_buffer or ()]
        if recent:
            figures["return"] = float(np.mean(recent))
        if learner.ep_success_buffer:
            figures["success"] = float(np.mean(learner.ep_success_buffer))
        if self.best is not None:
            shown = self.best.success
            figures["best"] = self.best.mean_return if shown is None else shown
        self._report("training", min(share, 0.999), **figures)

    def judge(self) -> None:
        """Evaluate the policy, keep it if it is the best, and write everything down."""
        learner, folder = self.learner, self._config.out
        found = evaluate(self._env, actor_of(learner), episodes=self._episodes)
        self._evaluated = learner.num_timesteps
        times = (self._clock.wall_s, self._clock.cpu_s)
        self.marks.append(Mark(learner.num_timesteps, *times, found))
        if self.best is None or found.rank > self.best.rank:
            self.best = found
            normalizer = learner.get_vec_normalize_env()
            checkpoint.save(
                folder / POLICY_FILE,
                {
                    "parameters": learner.policy.state_dict(),
                    "scales": checkpoint.scales_of(normalizer),
                    "evaluation": asdict(found),
                },
            )
        self.write(curve=times[0] - self._drawn > _DRAW_S)
        logger = learner.logger
        logger.record("eval/mean_return", found.mean_return)
        if found.success is not None:
            logger.record("eval/success", found.success)
        logger.dump(learner.num_timesteps)

    def write(self, *, curve: bool) -> None:
        """Write the journal."""
        write_journal(self._config.out, self.marks, self._references, curve=curve)
        self._drawn = self._clock.wall_s if curve else self._drawn

    def save(self) -> None:
        """Write a checkpoint, after which a run that is killed goes on from here."""
        learner, folder = self.learner, self._config.out
        if self._config.keep_replay and self._config.algo == "sac":
            checkpoint.save(folder / REPLAY_FILE, checkpoint.replay_state(learner))
        checkpoint.save(
            folder / CHECKPOINT_FILE,
            {
                **checkpoint.learner_state(learner),
                "wall_s": self._clock.wall_s,
                "cpu_s": self._clock.cpu_s,
            },
        )
        self._saved = learner.num_timesteps
