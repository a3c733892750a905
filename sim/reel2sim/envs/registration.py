"""Making Gymnasium know the environments."""

from __future__ import annotations

import gymnasium

TRACK_MOTION = "Reel2Sim/TrackMotion-v0"
"""Id of the environment; its version rises with any change of dynamics or reward."""


def register_envs() -> None:
    """Register the environments; more calls do nothing."""
    if TRACK_MOTION not in gymnasium.registry:
        gymnasium.register(TRACK_MOTION, entry_point="reel2sim.envs.track_motion:TrackMotionEnv")
