"""Making Gymnasium know the environments."""

from __future__ import annotations

import gymnasium

SCENE = "Reel2Sim/Scene-v0"
TRACK_MOTION = "Reel2Sim/TrackMotion-v0"
OPEN_JOINT = "Reel2Sim/OpenJoint-v0"
LOCOMOTE = "Reel2Sim/Locomote-v0"
MANIPULATE = "Reel2Sim/Manipulate-v0"
PACK = "Reel2Sim/Pack-v0"
"""Ids of the environments; a version rises with any change of dynamics or reward."""

_ENTRIES = {
    SCENE: "reel2sim.envs.scene_env:SceneEnv",
    TRACK_MOTION: "reel2sim.envs.tasks.track_motion:TrackMotionEnv",
    OPEN_JOINT: "reel2sim.envs.tasks.open_joint:OpenJointEnv",
    LOCOMOTE: "reel2sim.envs.tasks.locomote:LocomoteEnv",
    MANIPULATE: "reel2sim.envs.tasks.manipulate:ManipulateEnv",
    PACK: "reel2sim.envs.pack:PackEnv",
}


def task_id(name: str) -> str:
    """The id of a task that is called by its short name, such as ``"OpenJoint"``, or by its id."""
    return name if "/" in name else f"Reel2Sim/{name}-v0"


def register_envs() -> None:
    """Register the environments; more calls do nothing."""
    for name, entry_point in _ENTRIES.items():
        if name not in gymnasium.registry:
            many = f"reel2sim.envs.vector:{name.removeprefix('Reel2Sim/').replace('-', '_')}"
            gymnasium.register(name, entry_point=entry_point, vector_entry_point=many)
