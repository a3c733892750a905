"""What the environment means: references, rewards, drives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pybullet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.envs import ReferencePolicy, RewardConfig, reference_policy
from reel2sim.envs.physics.link_tree import link_tree
from reel2sim.scene.transforms import apply, invert

KINDS = ("drawer", "laptop", "arm", "thrown", "gripper")
CONTROLS = ("position", "velocity", "torque")


def play(env, policy) -> tuple[float, dict, int]:
    observation, info = env.reset(seed=0)
    total, steps, done = 0.0, 0, False
    while not done:
        observation, reward, terminated, truncated, info = env.step(policy(observation))
        total, steps, done = total + reward, steps + 1, terminated or truncated
    assert not terminated
    return total / steps, info, steps


def stride(steps: int) -> float:
    """Metres that 1 m/s² leads to from rest in so many physics steps: speed first, then place."""
    return steps * (steps + 1) / 2 / 240**2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("control", CONTROLS)
def test_the_reference_policy_tracks_and_beats_the_others(make_env, kind, control) -> None:
    env = make_env(kind, control=control)
    env.action_space.seed(0)
    followed, info, steps = play(env, ReferencePolicy(env))
    assert steps == 30
    assert followed > 0.97
    assert info["mean_tracking_error"] < 0.03
    assert info["is_success"]
    chance, random_info, _ = play(env, lambda _: env.action_space.sample())
    idle, idle_info, _ = play(env, lambda _: np.zeros(env.action_space.shape, np.float32))
    assert max(chance, idle) < followed - 0.15
    assert not random_info["is_success"]
    assert not idle_info["is_success"]


@pytest.mark.parametrize("control", CONTROLS)
def test_the_function_and_the_policy_agree(make_env, control) -> None:
    env = make_env("arm", control=control)
    env.reset(seed=0)
    np.testing.assert_array_equal(reference_policy(env), ReferencePolicy(env)(None))
    assert env.action_space.contains(reference_policy(env))


def test_resting_actions_of_a_residual_follow_the_reference(make_env) -> None:
    env = make_env("drawer", control="position", residual=True, position_gain=0.8)
    _, info, _ = play(env, lambda _: np.zeros(1, np.float32))
    assert info["mean_tracking_error"] < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_is_the_bundles_motion(make_env, bundles, kind) -> None:
    env = make_env(kind)
    record = json.loads((bundles[kind] / "motion.json").read_text())
    for index in (0, 6, 12):
        time_s = record["times_s"][index]
        _, info = env.reset(options={"start_s": time_s})
        wanted = [record["joints"][n]["position"][index] for n in env.unwrapped.joint_names]
        np.testing.assert_allclose(info["q_ref"], wanted, atol=1e-9)
        np.testing.assert_allclose(info["q"], wanted, atol=1e-9)
        assert info["time_s"] == pytest.approx(time_s)
        assert info["tracking_error"] < 1e-9
        assert info["link_error_m"] < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_links_are_where_the_engine_has_them(make_env, kind) -> None:
    body = make_env(kind).unwrapped.body
    tree = link_tree(body)

    @settings(max_examples=20)
    @given(seed=st.integers(0, 2**32 - 1))
    def hold(seed) -> None:
        q = np.random.default_rng(seed).uniform(-4, 4, len(body.joints))
        body.place(q)  # kept in numbers of 32 bits here and there
        centers = apply(invert(body.root_pose()), body.link_centers())
        np.testing.assert_allclose(tree.centers(q), centers, atol=1e-6)

    hold()


def test_start_poses_are_those_of_the_reel(make_env, bundles) -> None:
    env = make_env("thrown")
    record = json.loads((bundles["thrown"] / "motion.json").read_text())
    for index in (0, 12):
        observation, _ = env.reset(options={"start_s": record["times_s"][index]})
        T = env.unwrapped.body.root_pose()
        np.testing.assert_allclose(T[:3, 3], record["base_pose"][index][:3], atol=1e-6)
        root = observation[env.unwrapped.observation_layout["root_rotation"]]
        np.testing.assert_allclose(root, record["base_pose"][index][3:], atol=1e-5)


def test_joints_nobody_saw_follow_by_themselves(make_env) -> None:
    env = make_env("arm")
    assert env.unwrapped.joint_names == ("spin", "lever")
    env.reset(seed=0)
    for _ in range(15):
        env.step(np.zeros(2, np.float32))
    q, _ = env.unwrapped.body.joint_state()
    knob = [joint.name for joint in env.unwrapped.bundle.joints].index("knob")
    assert q[knob] == pytest.approx(env.unwrapped.reference.q[15, knob], abs=5e-3)
    assert make_env("arm", drive_unobserved=True).action_space.shape == (3,)


@pytest.mark.parametrize("control", CONTROLS)
def test_a_follower_is_where_its_leader_puts_it(make_env, control) -> None:
    env = make_env("gripper", control=control)
    assert env.unwrapped.joint_names == ("left",)
    body = env.unwrapped.body
    names = [joint.name for joint in env.unwrapped.bundle.joints]
    left, right = names.index("left"), names.index("right")
    env.action_space.seed(0)
    env.reset(seed=0)
    seen = []
    for _ in range(60):
        env.step(env.action_space.sample())
        q, qd = body.joint_state()
        assert q[right] == pytest.approx(0.1 - q[left], abs=1e-3)
        assert qd[right] == pytest.approx(-qd[left], abs=0.02)
        seen.append(q[left])
    assert np.ptp(seen) > 0.1


def test_a_follower_is_held_on_a_free_base_too(make_env) -> None:
    env = make_env("gripper", fixed_base=False, ground=False, gravity=(0, 0, 0))
    body = env.unwrapped.body
    names = [joint.name for joint in env.unwrapped.bundle.joints]
    left, right = names.index("left"), names.index("right")
    env.reset(seed=0)
    for _ in range(60):
        env.step(env.unwrapped.reference_action())
        q, _ = body.joint_state()
        assert q[right] == pytest.approx(0.1 - q[left], abs=1e-3)
    assert np.linalg.norm(body.root_pose()[:3, 3]) < 0.1


def test_a_leader_carries_its_follower(make_env) -> None:
    env = make_env("gripper", control="torque", gravity=(0, 0, 0)).unwrapped
    left = [joint.name for joint in env.bundle.joints].index("left")
    env.reset(options={"start_s": 2 / 3})  # the turning point: at rest
    start = env.body.joint_state()[0][left]
    env.step(np.array([-0.1], np.float32))
    inertia = 0.1 / 3 * (0.05**2 + 0.01**2) + 0.1 * 0.05**2  # of one finger about its hinge
    moved = -0.1 * 5.0 / (2 * inertia) * stride(env.config.frame_skip)
    assert env.body.joint_state()[0][left] - start == pytest.approx(moved, rel=0.02)


def test_actions_mean_limits(make_env) -> None:
    env = make_env("drawer", episode_s=2.0)
    for action, limit in ((1.0, 0.35), (-1.0, -0.02)):
        env.reset(seed=0)
        for _ in range(90):
            _, _, _, _, info = env.step(np.array([action], np.float32))
        assert info["q"][0] == pytest.approx(limit, abs=2e-3)
    fast = make_env("drawer", control="velocity")
    fast.reset(seed=0)
    for _ in range(2):  # 60 N bring 3 kg up to speed
        _, _, _, _, info = fast.step(np.array([0.5], np.float32))
    _, _, _, _, after = fast.step(np.array([0.5], np.float32))
    assert after["q"][0] - info["q"][0] == pytest.approx(0.5 * 2.0 / 30, rel=0.02)


def test_a_torque_accelerates_as_newton_says(make_env) -> None:
    env = make_env("drawer", control="torque", gravity=(0, 0, 0))
    _, info = env.reset(options={"start_s": 2 / 3})  # the turning point: at rest
    start = info["q"][0]
    _, _, _, _, info = env.step(np.array([-0.5], np.float32))
    force = -0.5 * 60.0 + 0.02  # dry friction holds against it
    moved = force / 3.0 * stride(env.unwrapped.config.frame_skip)
    assert info["q"][0] - start == pytest.approx(moved, rel=0.03)


def test_damping_takes_energy_out_even_of_a_light_lid(make_env) -> None:
    # Applied as described, 0.5 N·m·s/rad on this lid doubles its speed every step.
    env = make_env("laptop", control="torque", gravity=(0, 0, 0)).unwrapped
    env.reset(options={"start_s": 0.1})
    _, qd = env.body.joint_state()
    speeds = [abs(qd[0])]
    for _ in range(5):
        env.step(np.zeros(1, np.float32))
        speeds.append(abs(env.body.joint_state()[1][0]))
    assert speeds[0] > 0.5
    assert (np.diff(speeds) <= 1e-9).all()
    assert speeds[-1] < 0.05


def test_free_objects_stand_on_the_floor_and_fixed_ones_hang(make_env) -> None:
    env = make_env("thrown").unwrapped
    env.reset(seed=0)
    for _ in range(60):
        env.step(env.reference_action())
    assert env.body.root_pose()[2, 3] == pytest.approx(0.0, abs=0.01)
    falling = make_env("thrown", ground=False, gravity=(0, 0, -50)).unwrapped
    falling.reset(seed=0)
    terminated = False
    for _ in range(400):
        _, reward, terminated, _, _ = falling.step(falling.reference_action())
        if terminated:
            break
    assert terminated, "a root that falls for ever has diverged"
    assert reward == 0.0
    held = make_env("thrown", fixed_base=True).unwrapped
    held.reset(seed=0)
    for _ in range(20):
        held.step(held.reference_action())
    np.testing.assert_allclose(held.body.root_pose(), np.eye(4), atol=1e-9)


def test_episodes_end_when_told(make_env) -> None:
    zero = np.zeros(1, np.float32)
    for options, steps in (({}, 30), ({"episode_s": 0.1}, 3), ({"episode_s": 1.5}, 45)):
        _, _, taken = play(make_env("drawer", **options), lambda _: zero)
        assert taken == steps
    env = make_env("drawer", reference_start=True)
    starts = {env.reset(seed=s)[1]["time_s"] for s in range(8)}
    assert len(starts) > 4
    _, _, taken = play(env, lambda _: zero)
    assert taken < 30


def test_the_reward_is_one_only_on_the_reference(make_env) -> None:
    env = make_env(
        "drawer", reward=RewardConfig(position_weight=1, velocity_weight=0, link_weight=0)
    )
    env.reset(seed=0)
    _, reward, _, _, info = env.step(env.unwrapped.reference_action())
    assert reward == pytest.approx(info["reward_position"])
    q_range = np.ptp(env.unwrapped.reference.q)
    error = (info["q"] - info["q_ref"])[0] / q_range
    assert reward == pytest.approx(np.exp(-20 * error**2))


def test_observations_show_what_the_layout_says(make_env) -> None:
    env = make_env("drawer").unwrapped
    observation, info = env.reset(options={"start_s": 0.5})
    layout, act = env.observation_layout, env.actuation
    q = observation[layout["position"]] * act.half + act.center
    np.testing.assert_allclose(q, info["q"], atol=1e-6)
    ahead = observation[layout["reference"]].reshape(5, 1) * act.half + act.center
    np.testing.assert_allclose(ahead, env.reference.q[[15, 16, 17, 19, 23]], atol=1e-6)
    assert observation[layout["phase"]] == pytest.approx(0.5)
    assert max(s.stop for s in layout.values()) == len(observation)


def test_frame_skip_sets_the_control_step(make_env) -> None:
    env = make_env("drawer", frame_skip=4)
    assert env.unwrapped.step_s == pytest.approx(1 / 60)
    followed, _, steps = play(env, ReferencePolicy(env))
    assert steps == 60
    assert followed > 0.98


def test_it_reads_the_engine_state_itself(make_env) -> None:
    env = make_env("drawer").unwrapped
    env.reset(seed=0)
    _, _, _, _, info = env.step(np.array([0.3], np.float32))
    found = pybullet.getJointState(0, 0, physicsClientId=env.world.client)
    assert info["q"][0] == found[0]


def test_other_environments_have_no_reference() -> None:
    from reel2sim.scene.errors import UsageError

    with pytest.raises(UsageError, match="Reel2Sim/TrackMotion-v0"):
        ReferencePolicy(gymnasium.make("CartPole-v1"))


def test_a_simulation_that_blew_up_ends_the_episode(make_env) -> None:
    for kind in ("drawer", "thrown"):
        env = make_env(kind).unwrapped
        env.reset(seed=0)
        env.body.place(np.array([np.nan]))
        observation, reward, terminated, _, info = env.step(np.zeros(1, np.float32))
        assert terminated
        assert reward == 0.0
        assert not info["is_success"]
        assert env.observation_space.contains(observation)
        assert np.isfinite(env.reset(seed=0)[0]).all()


def test_the_example_runs(bundles) -> None:
    example = Path(__file__).parents[2] / "examples" / "track_motion.py"
    run = subprocess.run(
        [sys.executable, example, str(bundles["arm"])], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "of at most 30" in run.stdout
