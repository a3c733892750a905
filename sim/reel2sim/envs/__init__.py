"""Gymnasium environments over PyBullet, made from a bundle.

Importing this package registers them::

    import gymnasium

    env = gymnasium.make("reel2sim.envs:Reel2Sim/TrackMotion-v0", bundle="bundle")

It needs only numpy, scipy, numba, Gymnasium and PyBullet.
"""

from reel2sim.envs.bundle import BundleJoint, LoadedBundle, load_bundle
from reel2sim.envs.config import (
    EnvConfig,
    LocomoteConfig,
    ManipulateConfig,
    OpenJointConfig,
    RewardConfig,
    TrackMotionConfig,
)
from reel2sim.envs.loading import LoadedScene, load_scene
from reel2sim.envs.pack import Pack, PackEnv, load_pack, make_pack, save_pack
from reel2sim.envs.policy import ReferencePolicy, reference_policy
from reel2sim.envs.randomisation import RandomisationConfig
from reel2sim.envs.registration import (
    LOCOMOTE,
    MANIPULATE,
    OPEN_JOINT,
    PACK,
    SCENE,
    TRACK_MOTION,
    register_envs,
)
from reel2sim.envs.robot.stand import ArmStand
from reel2sim.envs.scene_env import SceneEnv, State
from reel2sim.envs.sensors import (
    CameraSensor,
    LookAt,
    Pinhole,
    PointCloudSensor,
    SplatSensor,
)
from reel2sim.envs.tasks.locomote import LocomoteEnv
from reel2sim.envs.tasks.manipulate import ManipulateEnv
from reel2sim.envs.tasks.open_joint import OpenJointEnv
from reel2sim.envs.tasks.track_motion import TrackMotionEnv

__all__ = [
    "LOCOMOTE",
    "MANIPULATE",
    "OPEN_JOINT",
    "PACK",
    "SCENE",
    "TRACK_MOTION",
    "ArmStand",
    "BundleJoint",
    "CameraSensor",
    "EnvConfig",
    "LoadedBundle",
    "LoadedScene",
    "LocomoteConfig",
    "LocomoteEnv",
    "LookAt",
    "ManipulateConfig",
    "ManipulateEnv",
    "OpenJointConfig",
    "OpenJointEnv",
    "Pack",
    "PackEnv",
    "Pinhole",
    "PointCloudSensor",
    "RandomisationConfig",
    "ReferencePolicy",
    "RewardConfig",
    "SceneEnv",
    "SplatSensor",
    "State",
    "TrackMotionConfig",
    "TrackMotionEnv",
    "load_bundle",
    "load_pack",
    "load_scene",
    "make_pack",
    "reference_policy",
    "register_envs",
    "save_pack",
]

register_envs()
