"""A training run from its configuration to its best policy."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import gymnasium

from reel2sim.scene.errors import ConflictError
from reel2sim.scene.files import write_json
from reel2sim.scene.progress import Progress, silent
from reel2sim.training.config import (
    CONFIG_FILE,
    TrainConfig,
    check_resumable,
    read_config,
    record_of,
)
from reel2sim.training.evaluation import Evaluation, baselines, evaluate
from reel2sim.training.journal import Mark, read_journal
from reel2sim.training.needs import require_training
from reel2sim.training.policy import load_policy
from reel2sim.training.presets import settings
from reel2sim.training.tasks import maker, task_of

VIDEO_FILE = "policy.mp4"
_FILMED = 3
"""Episodes in the video."""


class Film(Protocol):
    """Makes a writer of frames, such as ``reel2sim.media.VideoWriter``."""

    def __call__(self, path: Path, fps: float) -> AbstractContextManager[Any]:
        """A context manager whose ``write`` takes frames ``(h, w, 3)`` uint8."""
        ...


@dataclass(frozen=True)
class TrainResult:
    """What came out of a run.

    Attributes:
        out: its folder.
        steps: control steps that were trained on, over all sessions.
        wall_s: seconds, evaluations and demonstrations included, likewise.
        cpu_s: processor seconds of the training process alone, likewise.
        best: the best evaluation, that of the policy that was kept.
        last: the last one.
        baselines: evaluations of ``random``, ``nothing`` and perhaps ``reference``.
        marks: all evaluations.
    """

    out: Path
    steps: int
    wall_s: float
    cpu_s: float
    best: Evaluation
    last: Evaluation
    baselines: dict[str, Evaluation]
    marks: tuple[Mark, ...]

    def record(self) -> dict[str, Any]:
        """The result as plain values, without all evaluations."""
        record = asdict(self)
        del record["marks"]
        return {**record, "out": str(self.out)}


def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    progress: Progress = silent,
    film: Film | None = None,
) -> TrainResult:
    """Train a policy; the folder then holds, see ``docs/learning.md``, everything about it.

    A run that was killed at any time goes on from its last checkpoint with ``resume``.

    Args:
        config: what to do.
        resume: go on with the run in ``config.out``; begin one if there is none.
        progress: told of how far it is.
        film: makes writers of video; None films nothing.

    Raises:
        UsageError: if an option is not allowed, or what training needs is not installed.
        BundleError: if the bundle, or the run to go on with, cannot be used.
        ConflictError: if there is a run already.
    """
    require_training()
    task = task_of(config)
    chosen = settings(config)
    begun = (config.out / CONFIG_FILE).exists()
    if begun and not resume:
        raise ConflictError(
            "holds a run already", source=config.out, remedy="pass --resume, or another folder"
        )
    if begun:
        check_resumable(config, read_config(config.out))
    with ExitStack() as stack:
        env = stack.enter_context(closing(maker(config, training=False)()))
        write_json(config.out / CONFIG_FILE, _described(config, chosen, env))
        result = _learn(config, chosen, env, config.episodes or task.episodes, stack, progress)
    if film is not None:
        _film(config, film, progress)
    return result


def _learn(
    config: TrainConfig,
    chosen: dict[str, Any],
    env: gymnasium.Env[Any, Any],
    episodes: int,
    stack: ExitStack,
    progress: Progress,
) -> TrainResult:
    from stable_baselines3.common.logger import configure

    from reel2sim.training import checkpoint
    from reel2sim.training.learner import make_learner, make_venv
    from reel2sim.training.watch import CHECKPOINT_FILE, POLICY_FILE, Clock, Watch

    out = config.out
    found = (out / CHECKPOINT_FILE).is_file()
    state = checkpoint.load(out / CHECKPOINT_FILE) if found else None
    clock = Clock(state["wall_s"], state["cpu_s"]) if state else Clock()
    venv = stack.enter_context(closing(make_venv(config, chosen)))
    learner = make_learner(config, chosen, venv)
    learner.set_logger(configure(str(out / "tensorboard"), ["tensorboard"]))
    stack.callback(learner.logger.close)
    marks, references = read_journal(out) if state else ([], {})
    references = references or baselines(env, episodes=episodes)
    best = None
    if state is None:
        (out / POLICY_FILE).unlink(missing_ok=True)
        if config.demonstrations:
            _clone(config, learner, progress)
    else:
        checkpoint.restore(learner, state)
        # Evaluations after the last checkpoint are of steps that will be taken again; the best
        # policy stays the best.
        marks = [mark for mark in marks if mark.steps <= state["steps"]]
        if (out / POLICY_FILE).is_file():
            best = Evaluation(**checkpoint.load(out / POLICY_FILE)["evaluation"])
        _reseed(config, learner, state["steps"])
        _refill(config, chosen, learner, progress)
    watch = Watch(
        config,
        env,
        episodes=episodes,
        references=references,
        marks=marks,
        best=best,
        clock=clock,
        progress=progress,
    )
    left = config.steps - learner.num_timesteps
    watch.init_callback(learner)
    if left > 0:
        interval = 1 if config.algo == "ppo" else 4  # PPO counts updates, SAC episodes
        learner.learn(left, callback=watch, reset_num_timesteps=False, log_interval=interval)
    if not watch.marks or watch.marks[-1].steps < learner.num_timesteps:
        watch.judge()
    watch.write(curve=True)
    watch.save()
    progress("training", 1.0, steps=float(learner.num_timesteps))
    assert watch.best is not None, "the last evaluation is the best if it is the only one"
    return TrainResult(
        out,
        learner.num_timesteps,
        clock.wall_s,
        clock.cpu_s,
        watch.best,
        watch.marks[-1].evaluation,
        references,
        tuple(watch.marks),
    )


def _clone(config: TrainConfig, learner: Any, progress: Progress) -> None:
    from reel2sim.training.cloning import NOISE, demonstrator, imitate, play

    shown = play(
        learner,
        demonstrator(learner.get_env()),
        episodes=config.demonstrations,
        noise=NOISE,
        seed=config.seed,
        keep=True,
        progress=progress,
    )
    assert shown is not None
    imitate(learner, shown, progress=progress)


def _refill(config: TrainConfig, chosen: dict[str, Any], learner: Any, progress: Progress) -> None:
    """Give SAC a replay buffer to learn from: the one that was kept, or a new one."""
    if config.algo != "sac":
        return
    from reel2sim.training.checkpoint import load, put_replay
    from reel2sim.training.cloning import play
    from reel2sim.training.learner import actor_of
    from reel2sim.training.watch import REPLAY_FILE

    kept = config.out / REPLAY_FILE
    if kept.is_file() and put_replay(learner, load(kept)):
        return
    # An episode of each environment, too: hindsight needs whole ones.
    count = learner.get_env().num_envs if config.her else 0
    play(
        learner,
        actor_of(learner),
        episodes=count,
        steps=chosen["learning_starts"],
        progress=progress,
    )


def _reseed(config: TrainConfig, learner: Any, steps: int) -> None:
    """Let environments go on with episodes they have not seen; the same at every resume."""
    import numpy as np

    drawn = np.random.SeedSequence([config.seed, steps]).generate_state(1)[0]
    seed = int(drawn) % 2**31
    learner.get_env().seed(seed)
    learner.action_space.seed(seed)


def _film(config: TrainConfig, film: Film, progress: Progress) -> None:
    """Film the best policy."""
    make = maker(config, training=False)
    with closing(make(render_mode="rgb_array")) as env:
        fps = float(env.metadata.get("render_fps", 30))
        policy = load_policy(config.out, env)
        with film(config.out / VIDEO_FILE, fps) as writer:
            evaluate(env, policy, episodes=_FILMED, picture=writer.write)
    progress("filming", 1.0)


def _described(
    config: TrainConfig, chosen: dict[str, Any], env: gymnasium.Env[Any, Any]
) -> dict[str, Any]:
    packages = ("reel2sim", "stable-baselines3", "torch", "gymnasium", "pybullet")
    return {
        "train": record_of(config),
        "settings": chosen,
        "environment": {
            "id": task_of(config).id,
            "observation_space": str(env.observation_space),
            "action_space": str(env.action_space),
            "joints": list(getattr(env.unwrapped, "joint_names", ())),
        },
        "versions": {name: version(name) for name in packages},
    }
