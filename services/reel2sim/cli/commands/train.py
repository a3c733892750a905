"""``reel2sim train``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from reel2sim.cli.options import Common, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.training import Evaluation, TrainResult


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a policy in a bundle's environment; needs pip install 'reel2sim[train]'.

    Tasks are open-joint (bring a joint to a goal), track-motion (move as the reel showed),
    locomote (go forward, for what has a free base), manipulate (an arm opens the object) and the
    id of any environment that takes a bundle. A folder with a pack.json (`reel2sim pack`) is
    trained on by its training split and judged by its test split.

    DIR then holds policy.pt (the best policy: weights only, nothing in it can run), config.json,
    progress.json and .csv, curve.png, policy.mp4, checkpoint.pt and logs for TensorBoard. A run
    that was stopped, or killed, goes on from its last checkpoint with --resume. Judged are whole
    episodes without exploration, the same each time, beside random actions, doing nothing and
    the recovered motion or the task's expert where there is one.

    Examples:
      reel2sim train bundle --out runs/open
      reel2sim train bundle --out runs/track --task track-motion --minutes 10
      reel2sim train bundle --out runs/cloned --task track-motion --demonstrations 20
      reel2sim train bundle --out runs/her --algo sac --her --steps 40000
      reel2sim train many --out runs/many --processes 4 --steps 500000
      reel2sim train bundle --out runs/open --resume --steps 200000
      reel2sim train bundle --out runs/torque --task track-motion --set control=torque
      reel2sim env bundle --task open-joint --policy runs/open
      tensorboard --logdir runs
    """

    bundle: Annotated[tyro.conf.Positional[Path], shown("BUNDLE")]
    """Folder of a bundle, a scene or a pack of bundles."""
    out: Annotated[Path, shown("DIR")]
    """Folder for what the run writes."""
    task: Annotated[str, tyro.conf.arg(metavar="TASK")] = "open-joint"
    """What is to be learned."""
    algo: Literal["ppo", "sac"] = "ppo"
    """PPO, or SAC: slower by the step, often fewer steps."""
    her: Flag = False
    """With SAC and tasks with goals: sparse rewards, and learn from goals reached by accident."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 100_000
    """Control steps, those before a resume included."""
    minutes: Annotated[float | None, shown("M")] = None
    """Stop after so long, whatever --steps says."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of all that is random: the same bundle, options and seed give the same policy."""
    processes: Annotated[int, tyro.conf.arg(metavar="P")] = 1
    """Processes that step environments."""
    demonstrations: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """First imitate N episodes of the recovered motion, or of the task's expert."""
    resume: Flag = False
    """Go on with the run in DIR from its last checkpoint; begin if there is none."""
    evaluate_every: Annotated[int | None, shown("N")] = None
    """Control steps between evaluations; default: a tenth of --steps."""
    checkpoint_every: Annotated[int, tyro.conf.arg(metavar="N")] = 10_000
    """Control steps between checkpoints; a killed run loses no more."""
    episodes: Annotated[int | None, shown("N")] = None
    """Episodes of each evaluation; default: the task's."""
    keep_replay: Flag = False
    """With SAC: keep the replay buffer with checkpoints."""
    asset: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Object of a scene that acts; the first with a joint if not given."""
    set: Annotated[tuple[str, ...], shown("OPTION=VALUE ...")] = ()
    """Options of the environment, values as JSON or plain words: control=velocity goals=[0.8,1]."""
    hyper: Annotated[tuple[str, ...], shown("NAME=VALUE ...")] = ()
    """Settings of the algorithm, likewise: learning_rate=3e-4 net=[128,128]. config.json has
    them all."""
    no_video: Flag = False
    """Do not film the best policy."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Train and say how it went."""
        from reel2sim.media import VideoWriter
        from reel2sim.training import TrainConfig, train

        config = TrainConfig(
            bundle=self.bundle,
            out=self.out,
            task=self.task,
            algo=self.algo,
            her=self.her,
            steps=self.steps,
            minutes=self.minutes,
            seed=self.seed,
            processes=self.processes,
            demonstrations=self.demonstrations,
            evaluate_every=self.evaluate_every,
            checkpoint_every=self.checkpoint_every,
            episodes=self.episodes,
            keep_replay=self.keep_replay,
            asset=self.asset,
            env=_values("--set", self.set),
            hyper=_values("--hyper", self.hyper),
        )
        with console.progress() as report:
            film = None if self.no_video else VideoWriter
            result = train(config, resume=self.resume, progress=report, film=film)
        _show(console, config.task, result)
        return 0


def _values(option: str, given: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` texts as values: JSON where it is, else the text itself."""
    from reel2sim.scene.errors import UsageError

    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"{text!r} is not NAME=VALUE", field=option)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _show(console: Console, task: str, result: TrainResult) -> None:
    from reel2sim.cli.tables import table

    rows = [
        _row("trained", result.best),
        *(_row(name, evaluation) for name, evaluation in result.baselines.items()),
    ]
    columns = ("policy", "success", "mean return", "±", "episodes")
    console.result(
        result.record(),
        table(f"{task}, {result.steps} steps", columns, rows),
        f"{result.wall_s:.0f} s, {result.cpu_s:.0f} s of them on the processor",
        f"everything is in {result.out}",
    )


def _row(name: str, evaluation: Evaluation) -> tuple[object, ...]:
    success = "-" if evaluation.success is None else f"{evaluation.success:.0%}"
    figures = (evaluation.mean_return, evaluation.deviation, evaluation.episodes)
    return (name, success, *figures)
