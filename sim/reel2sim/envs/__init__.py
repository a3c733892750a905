"""Gymnasium environments over PyBullet, made from a bundle.

Importing this package registers them::

    import gymnasium

    env = gymnasium.make("reel2sim.envs:Reel2Sim/TrackMotion-v0", bundle="bundle")

It needs only numpy, scipy, Gymnasium and PyBullet.
"""

from reel2sim.envs.bundle import BundleJoint, LoadedBundle, load_bundle
from reel2sim.envs.config import RewardConfig, TrackMotionConfig
from reel2sim.envs.policy import ReferencePolicy, reference_policy
from reel2sim.envs.registration import TRACK_MOTION, register_envs
from reel2sim.envs.track_motion import TrackMotionEnv

__all__ = [
    "TRACK_MOTION",
    "BundleJoint",
    "LoadedBundle",
    "ReferencePolicy",
    "RewardConfig",
    "TrackMotionConfig",
    "TrackMotionEnv",
    "load_bundle",
    "reference_policy",
    "register_envs",
]

register_envs()
