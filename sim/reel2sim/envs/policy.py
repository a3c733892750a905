"""A baseline for learned policies: the recovered motion, or a scripted expert."""

from __future__ import annotations

from typing import Any

import gymnasium

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError


class ReferencePolicy:
    """Follows the recovered motion, or takes the part along its joint's way.

    See :class:`reel2sim.envs.tasks.following.Follower` and
    :class:`reel2sim.envs.robot.expert.Hand`.

    It looks at the environment, not at observations: ``policy(observation)`` ignores its argument.

    Args:
        env: the environment, wrapped or not.

    Raises:
        UsageError: if its task has no reference.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        found: Any = env.unwrapped
        if not hasattr(found, "reference_action"):
            raise UsageError(
                f"is a {type(found).__name__}",
                source="env",
                remedy="make it as Reel2Sim/TrackMotion-v0 or Reel2Sim/Manipulate-v0",
            )
        self._env = found

    def __call__(self, observation: Array | None = None) -> Array:
        """The action ``(m,)`` for the environment's present state."""
        return self._env.reference_action()


def reference_policy(env: gymnasium.Env[Any, Any]) -> Array:
    """The reference's action in the environment's present state."""
    return ReferencePolicy(env)()
