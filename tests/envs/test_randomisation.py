"""Worlds that differ from episode to episode: by what was asked, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import numpy as np
import pybullet
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.envs import SceneEnv
from reel2sim.envs.randomisation import RandomisationConfig
from reel2sim.envs.sensors import CameraSensor, PointCloudSensor, SplatSensor
from reel2sim.scene.errors import UsageError

KINDS = ("drawer", "laptop", "arm", "thrown", "gripper")
FACTORS = ("mass", "friction", "damping", "joint_friction", "gain", "effort", "gravity", "fov")
EVERYTHING = {
    **dict.fromkeys(FACTORS, (0.8, 1.25)),
    "gravity_tilt_deg": 5.0,
    "camera_shift": 0.05,
    "camera_turn_deg": 3.0,
    "light_tilt_deg": 30.0,
    "colour": (0.7, 1.3),
    "noise": 0.01,
    "delay": (0, 3),
}
VIEWS = (
    CameraSensor("mesh", (24, 16), kind="rgbd"),
    SplatSensor("splats", (24, 16)),
    PointCloudSensor("points", points=20),
)
relaxed = settings(max_examples=5, deadline=None)


@pytest.fixture
def make(bundles) -> Iterator:
    """Makes environments and closes them."""
    made: list[gymnasium.Env] = []

    def build(randomise=None, *, task="Scene", kind="drawer", **options) -> gymnasium.Env:
        if randomise is not None:
            options["randomise"] = randomise
        bundle = str(bundles[kind])
        made.append(gymnasium.make(f"reel2sim.envs:Reel2Sim/{task}-v0", bundle=bundle, **options))
        return made[-1].unwrapped

    yield build
    for env in made:
        env.close()


def bits(observation) -> bytes:
    parts = observation.values() if isinstance(observation, dict) else [observation]
    return b"".join(part.tobytes() for part in parts)


def rollout(env, seed: int, actions: np.ndarray) -> list[bytes]:
    """Everything an agent gets to see in two episodes."""
    seen = []
    for first in (seed, None):
        seen.append(bits(env.reset(seed=first)[0]))
        for action in actions:
            observation, reward, *_ = env.step(action)
            assert env.observation_space.contains(observation)
            seen.append(bits(observation) + np.float64(reward).tobytes())
    return seen


def dynamics(env: SceneEnv) -> np.ndarray:
    """Mass, friction, inertia of each link, root first."""
    body, client = env.body, env.world.client
    found = (pybullet.getDynamicsInfo(body.id, k, client) for k in (-1, *body.links))
    return np.array([(x[0], x[1], *x[2]) for x in found])


def actions_of(env, seed: int, count: int = 15) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, *env.action_space.shape))


# Laws of seeds


@relaxed
@given(
    task=st.sampled_from(["Scene", "TrackMotion", "OpenJoint"]),
    kind=st.sampled_from(KINDS),
    control=st.sampled_from(["position", "velocity", "torque"]),
    seed=st.integers(0, 2**31),
)
def test_a_seed_repeats_bit_by_bit_and_another_does_not(make, task, kind, control, seed) -> None:
    env, twin = (make(EVERYTHING, task=task, kind=kind, control=control) for _ in range(2))
    actions = actions_of(env, seed)
    first = rollout(env, seed, actions)
    assert rollout(env, seed + 1, actions) != first
    assert rollout(env, seed, actions) == rollout(twin, seed, actions) == first
    assert first[: len(actions) + 1] != first[len(actions) + 1 :], "episodes differ"


@relaxed
@given(
    names=st.sets(st.sampled_from([*FACTORS, "colour"]), min_size=1),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**31),
)
def test_ranges_of_one_are_no_ranges(make, names, kind, seed) -> None:
    options = {"task": "OpenJoint", "kind": kind}
    plain, still = make(**options), make(dict.fromkeys(names, (1.0, 1.0)), **options)
    actions = actions_of(plain, seed)
    assert rollout(plain, seed, actions) == rollout(still, seed, actions)
    state = [env.np_random.bit_generator.state for env in (plain, still)]
    assert state[0] == state[1]
    assert "randomisation" not in still.reset(seed=seed)[1]


@relaxed
@given(seed=st.integers(0, 2**31))
def test_starts_and_goals_stay_those_of_the_seed(make, seed) -> None:
    plain, varied = (make(r, task="OpenJoint") for r in (None, {**EVERYTHING, "noise": 0.0}))
    a, b = (env.reset(seed=seed)[0] for env in (plain, varied))
    for key in ("achieved_goal", "desired_goal"):
        np.testing.assert_array_equal(a[key], b[key])


# What is drawn, and that the engine has it


@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_has_what_was_drawn(make, kind: str) -> None:
    plain, env = make(kind=kind), make(EVERYTHING, kind=kind)
    plain.reset(seed=0)
    before, seen = dynamics(plain), []
    for seed in range(6):
        _, info = env.reset(seed=seed)
        drawn, after = info["randomisation"], dynamics(env)
        seen.append(drawn)
        mass, name = np.array(drawn["mass"][env.asset]), env.asset
        np.testing.assert_allclose(after[:, 0], mass * before[:, 0], rtol=1e-12)
        np.testing.assert_allclose(after[:, 2:], mass[:, None] * before[:, 2:], rtol=1e-12)
        np.testing.assert_allclose(after[:, 1], drawn["friction"][name][0] * before[:, 1])
        pull = np.array(drawn["gravity"])
        assert 0.8 * 9.81 <= np.linalg.norm(pull) <= 1.25 * 9.81
        assert np.degrees(np.arccos(-pull[2] / np.linalg.norm(pull))) <= 5.0
    for factor in ("gain", "effort", "fov"):
        values = [drawn[factor] for drawn in seen]
        assert 0.8 <= min(values) < max(values) <= 1.25
    for per in ("mass", "damping", "joint_friction"):
        values = np.array([drawn[per][env.asset] for drawn in seen])
        assert values.min() >= 0.8
        assert values.max() <= 1.25
        assert np.ptp(values, axis=0).min() > 0
    assert {drawn["delay"] for drawn in seen} <= {0, 1, 2, 3}


def test_damping_is_what_was_drawn(make) -> None:
    """PyBullet does not report it: one step takes away a share of a speed, in proportion."""
    lost = []
    for factor in (0.5, 1.0):
        env = make({"damping": factor, "joint_friction": 0.0}, gravity=(0, 0, 0))
        env.reset(seed=0)
        client, (joint,) = env.world.client, env.body.joints
        pybullet.resetJointState(env.body.id, joint, 0.1, 0.1, physicsClientId=client)
        pybullet.stepSimulation(client)
        lost.append(0.1 - env.body.joint_state()[1][0])
    assert lost[1] > 1e-5
    assert lost[0] == pytest.approx(lost[1] / 2, rel=1e-3)


def travelled(env: SceneEnv, push: float, steps: int = 12) -> float:
    env.reset(seed=0)
    before = env.body.joint_state()[0][0]
    for _ in range(steps):
        env.step(np.full(env.action_space.shape, push))
    return float(env.body.joint_state()[0][0] - before)


@pytest.mark.parametrize("name", ["mass", "damping", "joint_friction"])
def test_more_of_it_is_slower_under_the_same_force(make, name: str) -> None:
    way = [
        travelled(make({name: factor}, control="torque", gravity=(0, 0, 0)), 0.15)
        for factor in (0.5, 1.0, 2.0, 4.0)
    ]
    assert way[0] > way[1] > way[2] > way[3] > 0


def test_half_the_effort_is_half_the_action(make) -> None:
    weak, plain = make({"effort": 0.5}, control="torque"), make(control="torque")
    assert travelled(weak, 0.5) == travelled(plain, 0.25)


def test_position_drives_of_more_gain_are_quicker(make) -> None:
    # Slow enough that speed limits do not matter.
    way = [travelled(make({"gain": g}, position_gain=0.002), 1.0) for g in (0.5, 1.0, 2.0)]
    assert 0 < way[0] < way[1] < way[2]


def test_a_light_object_bears_strong_damping(make) -> None:
    for kind in ("laptop", "arm"):
        env = make({"mass": 0.05, "damping": 20.0}, kind=kind, control="torque")
        env.reset(seed=0)
        for action in actions_of(env, 0, 100):
            *_, terminated, _, info = env.step(action)
            assert not terminated
            assert np.isfinite(info["q"]).all()


@relaxed
@given(delay=st.integers(1, 5), control=st.sampled_from(["position", "velocity", "torque"]))
def test_actions_come_late_by_the_delay(make, delay: int, control: str) -> None:
    late, plain = make({"delay": delay}, control=control), make(control=control)
    late.reset(seed=0)
    plain.reset(seed=0)
    actions, idle = actions_of(plain, 1), plain.idle()
    for k, action in enumerate(actions):
        a, *_ = late.step(action)
        b, *_ = plain.step(actions[k - delay] if k >= delay else np.array(idle))
        np.testing.assert_array_equal(a, b)


def test_a_late_drive_holds_where_the_episode_starts(make) -> None:
    env = make({"delay": 30}, task="OpenJoint", control="position")
    before, _ = env.reset(seed=3)
    for _ in range(25):
        after, *_ = env.step(np.ones(1))
    assert after["achieved_goal"] == pytest.approx(before["achieved_goal"], abs=0.01)


def test_noise_is_as_strong_as_asked_and_spares_goals(make) -> None:
    plain, noisy = (make(r, task="OpenJoint", kind="arm") for r in (None, {"noise": 0.03}))
    off = []
    for seed in range(60):
        a, b = (env.reset(seed=seed)[0] for env in (plain, noisy))
        off.append(b["observation"] - a["observation"])
        np.testing.assert_array_equal(a["achieved_goal"], b["achieved_goal"])
    assert np.std(off) == pytest.approx(0.03, rel=0.2)
    assert abs(np.mean(off)) < 0.01


# Pictures


@pytest.mark.parametrize(
    ("option", "value", "changed"),
    [
        ("camera_shift", 0.2, {"mesh", "mesh_depth", "splats"}),
        ("camera_turn_deg", 10.0, {"mesh", "mesh_depth", "splats"}),
        ("fov", (1.3, 1.5), {"mesh", "mesh_depth", "splats"}),
        ("light_tilt_deg", 60.0, {"mesh"}),
        ("colour", (0.3, 0.5), {"mesh", "splats"}),
        ("mass", (1.3, 1.5), set()),
    ],
)
def test_what_changes_in_pictures_and_what_does_not(make, option, value, changed) -> None:
    plain, varied = (make(r, sensors=VIEWS) for r in (None, {option: value}))
    a, b = (env.reset(seed=1)[0] for env in (plain, varied))
    assert {key for key in a if (a[key] != b[key]).any()} == changed
    again, _ = varied.reset(seed=1)
    assert bits(again) == bits(b)


def test_dark_colours_are_dark_everywhere(make) -> None:
    plain, dark = (make(r, sensors=VIEWS) for r in (None, {"colour": 0.5}))
    a, b = (env.reset(seed=0)[0] for env in (plain, dark))
    for key, shown in (("mesh", a["mesh_depth"][..., 0] > 0), ("splats", a["splats"].any(-1))):
        assert shown.any()
        np.testing.assert_allclose(b[key][shown], a[key][shown] / 2.0, atol=4)


def test_a_wider_lens_shows_things_smaller(make) -> None:
    sensors = (CameraSensor("mesh", (64, 64), kind="depth"),)
    shown = [
        (make({"fov": factor}, sensors=sensors).reset(seed=0)[0]["mesh"] > 0).sum()
        for factor in (0.8, 1.6)
    ]
    assert shown[0] == pytest.approx(4 * shown[1], rel=0.1)


# The contract


@pytest.mark.parametrize("task", ["Scene", "TrackMotion", "OpenJoint"])
def test_gymnasium_finds_no_fault(make, task: str) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(EVERYTHING, task=task, sensors=VIEWS), skip_render_check=True)


def test_vectors_stack_what_was_drawn(bundles) -> None:
    vector = gymnasium.make_vec(
        "reel2sim.envs:Reel2Sim/OpenJoint-v0",
        num_envs=3,
        vectorization_mode="sync",
        bundle=str(bundles["arm"]),
        randomise=EVERYTHING,
    )
    _, info = vector.reset(seed=0)
    assert len(set(info["randomisation"]["gain"])) == 3
    vector.close()


def test_none_of_it_is_none_at_all(make) -> None:
    assert make({}).config.randomise is None
    assert make(RandomisationConfig()).config.randomise is None
    assert make({"mass": 2}).config.randomise == RandomisationConfig(mass=(2.0, 2.0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"masss": 1}, "masss: is not an option"),
        ({"mass": (2, 1)}, "RandomisationConfig: mass: is .2, 1., expected factors"),
        ({"mass": (0, 1)}, "mass: is"),
        ({"friction": (-1, 1)}, "friction: is"),
        ({"gain": (1, 2, 3)}, "gain: is .1, 2, 3., expected two numbers"),
        ({"gain": "high"}, "expected several numbers"),
        ({"noise": -1}, "noise: is -1, expected 0 or more"),
        ({"noise": float("nan")}, "noise: is nan"),
        ({"gravity_tilt_deg": 91}, "in 0..90"),
        ({"delay": (0.5, 1)}, "delay: is .0.5, 1., expected control steps"),
        ({"delay": -1}, "delay: is"),
        (3, "randomise: is 3, expected a RandomisationConfig"),
    ],
)
def test_wrong_ranges_are_refused_by_name(make, wrong, message) -> None:
    with pytest.raises(UsageError, match=message):
        make(wrong)
