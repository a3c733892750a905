"""``reel2sim env``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.cli.rollout import Rollout

_ID = "Reel2Sim/TrackMotion-v0"


@dataclass(frozen=True, kw_only=True)
class Env:
    """Try a bundle's Gymnasium environment: the reference motion against chance.

    Examples:
      reel2sim env bundle
      reel2sim env bundle --steps 1000 --seed 1 --json
      reel2sim env bundle --render reference.mp4
    """

    bundle: Annotated[tyro.conf.Positional[Path], shown("BUNDLE")]
    """Bundle folder."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 300
    """Steps for each policy."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the environment and of the random policy."""
    render: Annotated[Path | None, shown("FILE")] = None
    """Also film the reference policy (.mp4)."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Play both policies and show how they fared."""
        import gymnasium

        import reel2sim.envs  # noqa: F401 - registers the environments
        from reel2sim.cli.rollout import rollout
        from reel2sim.cli.tables import table
        from reel2sim.scene.errors import UsageError

        if self.steps < 1:
            raise UsageError("must be at least 1", field="steps")
        mode = "rgb_array" if self.render is not None else None
        env: Any = gymnasium.make(_ID, bundle=str(self.bundle), render_mode=mode)

        def by_reference(observation: Any) -> Any:
            return env.unwrapped.reference_action()

        def by_chance(observation: Any) -> Any:
            return env.action_space.sample()

        try:
            with ExitStack() as stack:
                film = self._film(stack, env)
                played = [
                    rollout(
                        env,
                        "reference",
                        by_reference,
                        steps=self.steps,
                        seed=self.seed,
                        picture=film,
                    )
                ]
            env.action_space.seed(self.seed)
            played.append(rollout(env, "random", by_chance, steps=self.steps, seed=self.seed))
            spaces = (str(env.observation_space), str(env.action_space))
        finally:
            env.close()
        rows = [_row(result) for result in played]
        columns = ("policy", "steps", "episodes", "mean return", "successes", "steps/s")
        record = {
            "id": _ID,
            "bundle": str(self.bundle),
            "observation_space": spaces[0],
            "action_space": spaces[1],
            "policies": [{**asdict(x), "mean_return": x.mean_return} for x in played],
        }
        console.result(
            record,
            f"observation  {spaces[0]}",
            f"action       {spaces[1]}",
            table(_ID, columns, rows),
        )
        return 0

    def _film(self, stack: ExitStack, env: Any) -> Any:
        """Where pictures go, or None without ``--render``."""
        if self.render is None:
            return None
        from reel2sim.media import VideoWriter

        fps = float(env.metadata.get("render_fps", 30))
        return stack.enter_context(VideoWriter(self.render, fps)).write


def _row(result: Rollout) -> tuple[object, ...]:
    return (
        result.policy,
        result.steps,
        len(result.returns),
        result.mean_return,
        result.successes,
        round(result.steps_per_s),
    )
