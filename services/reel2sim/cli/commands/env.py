"""``reel2sim env``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.cli.rollout import Rollout

Task = Literal["track-motion", "open-joint", "manipulate", "locomote", "scene"]

_IDS: dict[Task, str] = {
    "track-motion": "Reel2Sim/TrackMotion-v0",
    "open-joint": "Reel2Sim/OpenJoint-v0",
    "manipulate": "Reel2Sim/Manipulate-v0",
    "locomote": "Reel2Sim/Locomote-v0",
    "scene": "Reel2Sim/Scene-v0",
}


@dataclass(frozen=True, kw_only=True)
class Env:
    """Try a bundle's Gymnasium environments: a reference, or doing nothing, against chance.

    Tasks are track-motion (move as the reel showed), open-joint (bring a joint to a goal),
    manipulate (a robot arm opens a joint; the reference is a scripted expert), locomote (go
    forward, for what has a free base) and scene (no reward, for tasks of your own).

    Examples:
      reel2sim env bundle
      reel2sim env bundle --task open-joint
      reel2sim env bundle --task manipulate --render arm.mp4
      reel2sim env bundle --steps 1000 --seed 1 --json
      reel2sim env bundle --render reference.mp4
      reel2sim env bundle --policy runs/open --render trained.mp4
      reel2sim env bundle --engines
    """

    bundle: Annotated[tyro.conf.Positional[Path], shown("BUNDLE")]
    """Bundle folder, of an object or a scene."""
    task: Task = "track-motion"
    """What is to be done."""
    asset: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Object of a scene that acts; the first with a joint if not given."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 300
    """Steps for each policy."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the environment and of the random policy."""
    render: Annotated[Path | None, shown("FILE")] = None
    """Also film the first of the policies (.mp4)."""
    policy: Annotated[Path | None, shown("DIR")] = None
    """Also play the policy that `reel2sim train` left in DIR, at the task it was trained on. Only
    weights are read from DIR; nothing there can run."""
    engines: bool = False
    """Instead drive the object in PyBullet along its motion, in MuJoCo by the same torques, for a
    second each, and show how far both part."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Play policies and show how they fared, or compare engines."""
        return self._compared(console) if self.engines else self._played(console)

    def _compared(self, console: Console) -> int:
        from reel2sim.cli.tables import table
        from reel2sim.envs.engines import compare_engines

        gap = compare_engines(self.bundle)
        record = {
            "bundle": str(self.bundle),
            "seconds": float(gap.times_s[-1]),
            "joints": [
                {
                    "name": name,
                    "range": float(gap.ranges[n]),
                    "largest_gap": float(gap.shares[:, n].max()),
                    "last_gap": float(gap.shares[-1, n]),
                    "damping_kept": float(gap.damping_kept[n]),
                }
                for n, name in enumerate(gap.joints)
            ],
        }
        rows = [
            (j["name"], *(f"{j[k]:.2%}" for k in ("largest_gap", "last_gap", "damping_kept")))
            for j in record["joints"]
        ]
        columns = ("joint", "largest gap", "at the end", "damping kept")
        console.result(
            record,
            table("PyBullet against MuJoCo, same torques", columns, rows),
            "gaps are shares of what the joint moves by",
        )
        return 0

    def _played(self, console: Console) -> int:
        import gymnasium

        import reel2sim.envs  # noqa: F401 - registers the environments
        from reel2sim.cli.rollout import rollout
        from reel2sim.cli.tables import table
        from reel2sim.scene.errors import UsageError

        if self.steps < 1:
            raise UsageError("must be at least 1", field="steps")
        mode = "rgb_array" if self.render is not None else None
        name, options = self._trained() if self.policy is not None else (_IDS[self.task], {})
        env: Any = gymnasium.make(
            name, bundle=str(self.bundle), asset=self.asset, render_mode=mode, **options
        )
        try:
            policies = _policies(env)
            if self.policy is not None:
                from reel2sim.training import load_policy

                policies = {"trained": load_policy(self.policy, env), **policies}
            played: list[Rollout] = []
            for title, policy in policies.items():
                env.action_space.seed(self.seed)
                with ExitStack() as stack:
                    film = None if played else self._film(stack, env)
                    made = rollout(
                        env, title, policy, steps=self.steps, seed=self.seed, picture=film
                    )
                played.append(made)
            spaces = (str(env.observation_space), str(env.action_space))
        finally:
            env.close()
        rows = [_row(result) for result in played]
        columns = ("policy", "steps", "episodes", "mean return", "successes", "steps/s")
        record = {
            "id": name,
            "bundle": str(self.bundle),
            "observation_space": spaces[0],
            "action_space": spaces[1],
            "policies": [{**asdict(x), "mean_return": x.mean_return} for x in played],
        }
        console.result(
            record,
            f"observation  {spaces[0]}",
            f"action       {spaces[1]}",
            table(name, columns, rows),
        )
        return 0

    def _trained(self) -> tuple[str, dict[str, Any]]:
        """Id and options of the environment that the policy was trained in."""
        from reel2sim.training import environment_of

        assert self.policy is not None
        return environment_of(self.policy)

    def _film(self, stack: ExitStack, env: Any) -> Any:
        """Where pictures go, or None without ``--render``."""
        if self.render is None:
            return None
        from reel2sim.media import VideoWriter

        fps = float(env.metadata.get("render_fps", 30))
        return stack.enter_context(VideoWriter(self.render, fps)).write


def _policies(env: Any) -> dict[str, Any]:
    """What an environment is tried with, by name: its own policy, or doing nothing, and chance."""
    found = env.unwrapped

    def by_chance(observation: Any) -> Any:
        return env.action_space.sample()

    def by_reference(observation: Any) -> Any:
        return found.reference_action()

    def at_rest(observation: Any) -> Any:
        return 0.0 * env.action_space.high

    own = hasattr(found, "reference_action")
    first = {"reference": by_reference} if own else {"at rest": at_rest}
    return {**first, "random": by_chance}


def _row(result: Rollout) -> tuple[object, ...]:
    return (
        result.policy,
        result.steps,
        len(result.returns),
        result.mean_return,
        result.successes,
        round(result.steps_per_s),
    )
