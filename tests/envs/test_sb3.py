"""Stable-Baselines3 finds no fault with the environments."""

from __future__ import annotations

import warnings

import gymnasium
import pytest
from stable_baselines3.common.env_checker import check_env

from reel2sim.envs.registration import LOCOMOTE, OPEN_JOINT, SCENE, TRACK_MOTION

KINDS = ("drawer", "laptop", "arm", "thrown", "gripper")
CASES = [
    *((task, kind) for task in (SCENE, TRACK_MOTION, OPEN_JOINT) for kind in KINDS),
    (LOCOMOTE, "thrown"),
]


@pytest.mark.parametrize("control", ["position", "velocity", "torque"])
@pytest.mark.parametrize(("task", "kind"), CASES)
def test_it_warns_of_nothing(bundles, task: str, kind: str, control: str) -> None:
    env = gymnasium.make(f"reel2sim.envs:{task}", bundle=str(bundles[kind]), control=control)
    with env, warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
