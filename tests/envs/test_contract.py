"""Gymnasium's contract: spaces, determinism, vectorisation, rendering, closing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.scene.errors import BundleError

ID = "reel2sim.envs:Reel2Sim/TrackMotion-v0"
KINDS = ("drawer", "laptop", "arm", "thrown", "gripper")
CONTROLS = ("position", "velocity", "torque")
relaxed = settings(max_examples=8, deadline=None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("control", CONTROLS)
def test_gymnasium_finds_no_fault(make_env, kind: str, control: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make_env(kind, control=control, render_size=(32, 24)).unwrapped)


def rollout(env, seed: int, actions: np.ndarray) -> list[bytes]:
    observation, _ = env.reset(seed=seed)
    seen = [observation.tobytes()]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        seen.append(observation.tobytes() + np.float64(reward).tobytes())
        if terminated or truncated:
            break
    return seen


@relaxed
@given(
    kind=st.sampled_from(KINDS),
    control=st.sampled_from(CONTROLS),
    seed=st.integers(0, 2**31),
    draw=st.integers(0, 2**31),
)
def test_a_seed_and_actions_repeat_bit_by_bit(make_env, kind, control, seed, draw) -> None:
    env = make_env(kind, control=control, reference_start=True)
    actions = np.random.default_rng(draw).uniform(-1, 1, (25, *env.action_space.shape))
    first = rollout(env, seed, actions)
    rollout(env, seed + 1, -actions)
    assert rollout(env, seed, actions) == first
    fresh = make_env(kind, control=control, reference_start=True, render_mode="rgb_array")
    assert rollout(fresh, seed, actions) == first
    for one in (env, fresh):
        one.close()


@pytest.mark.parametrize("control", ["position", "velocity", "torque"])
@pytest.mark.parametrize("kind", ["drawer", "laptop", "arm", "gripper", "thrown"])
def test_a_world_that_is_put_back_is_a_new_one(make_env, kind, control) -> None:
    env = make_env(kind, control=control, reference_start=True)
    width = env.action_space.shape[0]
    wild = np.sign(np.random.default_rng(1).normal(size=(40, width)))
    actions = np.random.default_rng(0).uniform(-1, 1, (25, width))
    rollout(env, 3, wild)
    put_back = rollout(env, 7, actions)
    rollout(env, 4, wild)
    env.unwrapped.world.renew()
    assert rollout(env, 7, actions) == put_back
    env.reset(seed=0)
    env.unwrapped.body.place(np.full(len(env.unwrapped.bundle.joints), np.nan))
    env.step(actions[0])
    assert rollout(env, 7, actions) == put_back, "after a simulation that blew up"


def test_what_is_put_into_a_world_is_gone_at_the_next_reset(make_env) -> None:
    import pybullet

    env = make_env("drawer").unwrapped
    env.reset(seed=0)
    ball = pybullet.createCollisionShape(
        pybullet.GEOM_SPHERE, radius=0.05, physicsClientId=env.world.client
    )
    pybullet.createMultiBody(1.0, ball, -1, [0, 0, 5], physicsClientId=env.world.client)
    env.reset(seed=0)
    assert pybullet.getNumBodies(physicsClientId=env.world.client) == 1


SCRIPT = """
import hashlib, json, sys
import gymnasium, numpy as np
env = gymnasium.make("reel2sim.envs:Reel2Sim/TrackMotion-v0", bundle=sys.argv[1], control="torque",
                     reference_start=True)
digest = hashlib.sha256(env.reset(seed=5)[0].tobytes())
actions = np.random.default_rng(1).uniform(-1, 1, (20, *env.action_space.shape))
for action in actions:
    observation, reward, *_ = env.step(action)
    digest.update(observation.tobytes() + np.float64(reward).tobytes())
print(json.dumps([digest.hexdigest(), [m for m in ("torch", "ray", "pxr") if m in sys.modules]]))
"""


def test_other_processes_compute_the_same_bits(bundles, make_env) -> None:
    env = make_env("thrown", control="torque", reference_start=True)
    digest = hashlib.sha256(env.reset(seed=5)[0].tobytes())
    for action in np.random.default_rng(1).uniform(-1, 1, (20, *env.action_space.shape)):
        observation, reward, *_ = env.step(action)
        digest.update(observation.tobytes() + np.float64(reward).tobytes())
    command = [sys.executable, "-c", SCRIPT, str(bundles["thrown"])]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [digest.hexdigest(), []]
    assert run.stderr == "", "PyBullet's greeting must not be heard"


def test_environments_do_not_touch_each_other(make_env) -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (15, 1))
    alone = rollout(make_env("drawer"), 0, actions)
    a, b = make_env("drawer"), make_env("thrown", control="torque")
    seen = [a.reset(seed=0)[0].tobytes()]
    b.reset(seed=0)
    for action in actions:
        observation, reward, *_ = a.step(action)
        seen.append(observation.tobytes() + np.float64(reward).tobytes())
        b.step(-action)
    assert seen == alone


@relaxed
@given(kind=st.sampled_from(KINDS), control=st.sampled_from(CONTROLS), draw=st.integers(0, 999))
def test_what_comes_back_is_in_its_space(make_env, kind, control, draw) -> None:
    env = make_env(kind, control=control, reference_start=True, episode_s=0.5, gravity=(0, 9, -30))
    rng = np.random.default_rng(draw)
    observation, _ = env.reset(seed=draw)
    done = False
    while not done:
        assert env.observation_space.contains(observation)
        extreme = rng.choice([-1.0, 1.0], env.action_space.shape)
        observation, reward, terminated, truncated, info = env.step(extreme)
        assert 0.0 <= reward <= 1.0
        assert not terminated or not np.isfinite(info["q"]).all() or control == "torque"
        done = terminated or truncated
    env.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vectors_agree_with_single_environments(bundles, make_env, mode: str) -> None:
    vector = gymnasium.make_vec(ID, num_envs=2, vectorization_mode=mode, bundle=str(bundles["arm"]))
    try:
        single = make_env("arm")
        expected, _ = single.reset(seed=3)
        found, _ = vector.reset(seed=[3, 4])
        np.testing.assert_array_equal(found[0], expected)
        for _ in range(5):
            action = np.full((2, 2), 0.3, np.float32)
            found, *_ = vector.step(action)
            expected, *_ = single.step(action[0])
            np.testing.assert_array_equal(found[0], expected)
    finally:
        vector.close()


def test_pictures_show_the_object_move(make_env) -> None:
    env = make_env("drawer", render_mode="rgb_array", render_size=(64, 48))
    env.reset(seed=0)
    before = env.render()
    assert (before.shape, before.dtype) == ((48, 64, 3), np.uint8)
    background = before[0, 0]
    shown = (before != background).any(axis=-1)
    assert 0.05 < shown.mean() < 0.9
    border = np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]])
    assert not border.any(), "the object is cut off"
    for _ in range(30):
        env.step(env.unwrapped.reference_action())
    after = env.render()
    assert (after != before).any(axis=-1).mean() > 0.01
    assert env.metadata["render_fps"] == 30


def test_closing_twice_is_fine_and_frees_the_server(make_env) -> None:
    import psutil
    import pybullet

    process = psutil.Process(os.getpid())
    make_env("arm").unwrapped.close()
    open_files = process.num_fds()
    for _ in range(10):
        env = make_env("arm").unwrapped
        env.reset(seed=0)
        client = env.world.client
        env.close()
        env.close()
        assert not pybullet.isConnected(client)
    # Other tests' threads may close or open one meanwhile, but not one for each environment.
    assert process.num_fds() < open_files + 10


def test_a_failed_construction_leaves_no_server(bundles, monkeypatch) -> None:
    import pybullet

    from reel2sim.envs import TrackMotionEnv

    opened: list[int] = []
    connect = pybullet.connect
    monkeypatch.setattr(pybullet, "connect", lambda *a: opened.append(connect(*a)) or opened[-1])
    monkeypatch.setattr("reel2sim.envs.tasks.reference._MAX_STEPS", 3)
    with pytest.raises(BundleError, match="lasts"):
        TrackMotionEnv(bundles["arm"])
    assert len(opened) == 1
    assert not pybullet.isConnected(opened[0])
