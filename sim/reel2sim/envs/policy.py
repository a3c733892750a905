"""A baseline for learned policies: follow the recovered motion."""

from __future__ import annotations

from typing import Any

import gymnasium

from reel2sim.envs.track_motion import TrackMotionEnv
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError


class ReferencePolicy:
    """Follows the recovered motion; see :class:`reel2sim.envs.following.Follower`.

    It looks at the environment, not at observations: ``policy(observation)`` ignores its argument.

    Args:
        env: the environment, wrapped or not.

    Raises:
        UsageError: if it is not ``Reel2Sim/TrackMotion-v0``.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        found = env.unwrapped
        if not isinstance(found, TrackMotionEnv):
            raise UsageError(
                f"is a {type(found).__name__}",
                source="env",
                remedy="give an environment made as Reel2Sim/TrackMotion-v0",
            )
        self._env = found

    def __call__(self, observation: Array | None = None) -> Array:
        """The action ``(m,)`` for the environment's present state."""
        return self._env.reference_action()


def reference_policy(env: gymnasium.Env[Any, Any]) -> Array:
    """The action that follows the recovered motion from the environment's present state."""
    return ReferencePolicy(env)()
