"""Tasks besides tracking: goals, walking, scenes, and what users make of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.cli.main import main
from reel2sim.envs import LocomoteEnv, OpenJointEnv, SceneEnv, State, TrackMotionEnv
from reel2sim.exporters import export_scene
from reel2sim.scene import Placement, Scene
from reel2sim.scene.errors import BundleError, UsageError
from reel2sim.scene.transforms import pose

from .conftest import ASSETS

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_task.py"
KINDS = ("drawer", "laptop", "arm", "thrown", "gripper")
TASKS = ("Scene", "TrackMotion", "OpenJoint", "Locomote")
relaxed = settings(max_examples=10, deadline=None)


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawer, a thrown drawer beside it, and a laptop far away, under another gravity."""
    beside, away = pose(None, np.array([1.5, 0, 0])), pose(None, np.array([0, 3.0, 0]))
    box = replace(ASSETS["thrown"](), name="box")
    placements = (
        Placement.of(ASSETS["laptop"](), away),
        Placement.of(ASSETS["drawer"]()),
        Placement.of(box, beside),
    )
    folder = tmp_path_factory.mktemp("scenes") / "room"
    export_scene(Scene(placements, np.array([0, 0, -3.0]), 0.0, "room"), folder)
    return folder


@pytest.fixture
def make(bundles: dict[str, Path]) -> Iterator:
    """Makes environments and closes them."""
    made: list[gymnasium.Env] = []

    def build(task: str, kind: str = "drawer", **options) -> gymnasium.Env:
        if "scene" not in options:
            options["bundle"] = str(bundles[kind])
        if task == "Locomote":
            options.setdefault("fixed_base", False)
        made.append(gymnasium.make(f"reel2sim.envs:Reel2Sim/{task}-v0", **options))
        return made[-1]

    yield build
    for env in made:
        env.close()


def rollout(env: gymnasium.Env, seed: int, actions: np.ndarray) -> list[bytes]:
    """Everything an agent gets to see."""

    def bits(observation) -> bytes:
        parts = observation.values() if isinstance(observation, dict) else [observation]
        return b"".join(part.tobytes() for part in parts)

    seen = [bits(env.reset(seed=seed)[0])]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        assert env.observation_space.contains(observation)
        seen.append(bits(observation) + np.float64(reward).tobytes())
        if terminated or truncated:
            break
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_gymnasium_finds_no_fault(make, task: str, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(task, kind, render_mode="rgb_array", render_size=(24, 16)).unwrapped)


@relaxed
@given(
    task=st.sampled_from(TASKS),
    kind=st.sampled_from(KINDS),
    control=st.sampled_from(["position", "velocity", "torque"]),
    seed=st.integers(0, 2**31),
)
def test_a_seed_and_actions_repeat_bit_by_bit(make, task, kind, control, seed) -> None:
    env, twin = (make(task, kind, control=control) for _ in range(2))
    actions = np.random.default_rng(seed).uniform(-1, 1, (30, *env.action_space.shape))
    first = rollout(env, seed, actions)
    rollout(env, seed + 1, -actions)
    assert rollout(env, seed, actions) == rollout(twin, seed, actions) == first


# OpenJoint


@relaxed
@given(goal=st.floats(0, 1), start=st.floats(0, 1), sparse=st.booleans())
def test_goals_are_what_was_asked_and_rewards_follow_from_them(make, goal, start, sparse) -> None:
    env = make("OpenJoint", "laptop", sparse=sparse).unwrapped
    observation, info = env.reset(seed=0, options={"goal": goal, "start": start})
    assert observation["desired_goal"][0] == pytest.approx(goal, abs=1e-6)
    assert observation["achieved_goal"][0] == pytest.approx(start, abs=1e-6)
    assert info["distance"] == pytest.approx(abs(goal - start), abs=1e-6)
    reached, wanted, rewards = [], [], []
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 1)):
        observation, reward, _, _, info = env.step(action)
        assert info["is_success"] == (info["distance"] <= env.config.tolerance)
        reached.append(observation["achieved_goal"])
        wanted.append(observation["desired_goal"])
        rewards.append(reward)
    batch = env.compute_reward(np.stack(reached), np.stack(wanted), [{}] * 20)
    np.testing.assert_allclose(batch, rewards, atol=1e-6)
    if sparse:
        assert set(rewards) <= {-1.0, 0.0}


def test_a_position_drive_reaches_every_goal(make) -> None:
    for kind in ("drawer", "laptop", "arm", "gripper"):
        env = make("OpenJoint", kind, control="position").unwrapped
        for goal in (0.1, 0.5, 0.9):
            env.reset(seed=0, options={"goal": goal})
            done, info = False, {}
            while not done:
                *_, terminated, done, info = env.step(np.array([2 * goal - 1]))
                assert not terminated
            assert info["is_success"], (kind, goal, info)


def test_the_surest_joint_is_driven_unless_one_is_named(make) -> None:
    assert make("OpenJoint", "arm").unwrapped.joint_names == ("spin",)
    assert make("OpenJoint", "arm", joint="lever").unwrapped.joint_names == ("lever",)
    unsure = make("OpenJoint", "arm", joint="knob", drive_unobserved=True)
    assert unsure.unwrapped.joint_names == ("knob",)
    for wrong in ("knob", "nothing"):
        with pytest.raises(UsageError, match=r"cannot be driven.*use one of spin, lever"):
            make("OpenJoint", "arm", joint=wrong)


def test_starts_and_goals_spread_over_what_was_asked(make) -> None:
    env = make("OpenJoint", goals=(0.5, 0.7), starts=(0.0, 0.1)).unwrapped
    seen = [env.reset(seed=seed)[0] for seed in range(40)]
    goals = np.array([x["desired_goal"][0] for x in seen])
    starts = np.array([x["achieved_goal"][0] for x in seen])
    assert 0.5 <= goals.min() < 0.55
    assert 0.65 < goals.max() <= 0.7
    assert -1e-6 <= starts.min() < 0.02
    assert 0.08 < starts.max() <= 0.1 + 1e-6
    still = make("OpenJoint", starts=None).unwrapped
    assert len({still.reset(seed=s)[0]["achieved_goal"].tobytes() for s in range(5)}) == 1


def test_effort_costs_what_it_is_said_to(make) -> None:
    free, dear = (make("OpenJoint", torque_cost=cost).unwrapped for cost in (0.0, 0.5))
    for env in (free, dear):
        env.reset(seed=1)
    for action in (0.0, 1.0, -0.5):
        _, a, *_ = free.step(np.array([action]))
        _, b, *_ = dear.step(np.array([action]))
        assert a - b == pytest.approx(0.5 * abs(action), abs=1e-6)


# Locomote


def test_an_object_with_a_fixed_base_goes_nowhere(bundles) -> None:
    with pytest.raises(BundleError, match="has a fixed base"):
        LocomoteEnv(bundles["drawer"])
    with pytest.raises(BundleError, match="has a fixed base"):
        LocomoteEnv(bundles["thrown"], fixed_base=True)


def test_progress_is_measured_along_the_heading(make) -> None:
    """Pushed from outside: every reward is what the motion says, whichever way it goes."""
    for heading, sign in (((1.0, 0.0), 1.0), ((-2.0, 0.0), -1.0), ((0.0, 1.0), 0.0)):
        env = make("Locomote", "thrown", heading=heading, gravity=(0, 0, 0), ground=False).unwrapped
        env.reset(seed=0)
        pybullet_push(env, (0.5, 0.0, 0.0))
        _, reward, terminated, _, info = env.step(np.zeros(1))
        assert info["speed_mps"] == pytest.approx(0.5 * sign, abs=0.04)
        fall = np.sqrt(9.81 * env.setting.size)
        power = info["power_w"] / (9.81 * env.body.mass() * fall)
        expected = env.config.alive + info["speed_mps"] / fall - env.config.energy_cost * power
        assert reward == pytest.approx(expected, rel=1e-6)
        assert not terminated


def pybullet_push(env: SceneEnv, linear: tuple[float, ...], angular=(0.0, 0.0, 0.0)) -> None:
    import pybullet

    pybullet.resetBaseVelocity(env.body.id, linear, angular, physicsClientId=env.world.client)


def test_what_falls_over_ends_the_episode(make) -> None:
    env = make("Locomote", "thrown", gravity=(0, 0, 0), ground=False, tilt_deg=30).unwrapped
    env.reset(seed=0)
    pybullet_push(env, (0, 0, 0), (4.0, 0.0, 0.0))
    tilted = []
    for _ in range(20):
        _, _, terminated, _, _ = env.step(np.zeros(1))
        R = env.body.root_pose()[:3, :3] @ env.setting.poses[0, :3, :3].T
        tilted.append(np.degrees(np.arccos(R[2, 2])) > 30)
        assert terminated == tilted[-1]
        if terminated:
            break
    assert tilted[-1]
    assert len(tilted) > 3


def test_the_heading_is_where_the_reel_went(make) -> None:
    way = make("Locomote", "thrown").unwrapped._heading
    np.testing.assert_allclose(way, np.array([2, 1]) / np.sqrt(5), atol=1e-6)


# Scenes


def test_a_scene_stands_as_it_was_placed_and_one_object_acts(make, room: Path) -> None:
    env = make("Scene", scene=str(room)).unwrapped
    assert list(env.bodies) == ["laptop", "dresser", "box"]
    assert (env.asset, env.joint_names) == ("laptop", ("hinge",))
    env.reset(seed=0)
    np.testing.assert_allclose(env.bodies["dresser"].root_pose()[:3, 3], 0, atol=1e-6)
    np.testing.assert_allclose(env.body.root_pose()[:3, 3], [0, 3, 0], atol=1e-6)
    opener = make("OpenJoint", scene=str(room), asset="dresser").unwrapped
    assert opener.joint_names == ("slide",)
    with pytest.raises(UsageError, match="asset: is 'x', which is not in"):
        make("Scene", scene=str(room), asset="x")


def test_what_does_not_act_falls_and_rests_by_the_scenes_own_gravity(make, room: Path) -> None:
    env = make("Scene", scene=str(room)).unwrapped
    observation, _ = env.reset(seed=0)
    assert set(env.observation_layout) >= {"box.root_position", "dresser.position"}
    box = env.bodies["box"]
    pybullet_lift(env, box, 1.0)
    start = box.root_pose()[2, 3]
    for _ in range(12):
        observation, *_ = env.step(np.zeros(1))
    t = 12 * env.step_s
    assert start - box.root_pose()[2, 3] == pytest.approx(0.5 * 3.0 * t * t, rel=0.1)
    for _ in range(120):
        observation, *_ = env.step(np.zeros(1))
    assert box.root_pose()[2, 3] == pytest.approx(start - 1.0, abs=0.02)
    place = observation[env.observation_layout["box.root_position"]]
    assert np.abs(place).max() < 0.2


def pybullet_lift(env: SceneEnv, body, height: float) -> None:
    import pybullet

    client = env.world.client
    position, turn = pybullet.getBasePositionAndOrientation(body.id, physicsClientId=client)
    lifted = (position[0], position[1], position[2] + height)
    pybullet.resetBasePositionAndOrientation(body.id, lifted, turn, physicsClientId=client)


def test_a_bundle_is_a_scene_of_one(bundles) -> None:
    a, b = SceneEnv(bundles["arm"]), SceneEnv(scene=bundles["arm"])
    actions = np.random.default_rng(0).uniform(-1, 1, (10, 2))
    assert rollout(a, 0, actions) == rollout(b, 0, actions)
    for env in (a, b):
        env.close()
    for wrong in ({}, {"bundle": bundles["arm"], "scene": bundles["arm"]}):
        with pytest.raises(UsageError, match="give bundle= or scene="):
            SceneEnv(**wrong)


def test_tracking_in_a_scene_is_tracking_alone(make, room: Path) -> None:
    """The laptop stands far from all else: only its place and gravity differ."""
    alone = make("TrackMotion", "laptop", gravity=(0, 0, -3.0))
    among = make("TrackMotion", scene=str(room))
    for env in (alone, among):
        env.reset(seed=0)
    for action in np.random.default_rng(2).uniform(-0.5, 0.5, (20, 1)):
        a, ra, *_ = alone.step(action)
        b, rb, *_ = among.step(action)
        np.testing.assert_allclose(a, b, atol=1e-4)
        assert ra == pytest.approx(rb, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 9}, "schema_version: is 9"),
        ({"assets": []}, "assets: holds nothing"),
        ({"gravity": [0, 0, "down"]}, "gravity: is"),
        ({"ground_z": float("nan")}, "ground_z"),
        ({"assets": [{"name": "a", "folder": "../../etc"}]}, "lies outside"),
    ],
)
def test_a_broken_scene_is_refused_by_field(room: Path, tmp_path: Path, change, message) -> None:
    keep = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply", "*.npz")
    copy = shutil.copytree(room, tmp_path / "copy", ignore=keep)
    record = json.loads((copy / "scene.json").read_text())
    (copy / "scene.json").write_text(json.dumps({**record, **change}))
    with pytest.raises(BundleError, match=message):
        SceneEnv(scene=copy)


def test_a_rigid_object_can_be_looked_at_but_not_driven(make, tmp_path: Path) -> None:
    from reel2sim.exporters import export_bundle

    from .conftest import asset, box

    stone = asset("stone", [box("stone", (0.1, 0.1, 0.1), (0, 0, 0.1), 1.0)], [], {})
    export_bundle(stone, tmp_path / "stone", media=None, provenance=None)
    env = SceneEnv(tmp_path / "stone", fixed_base=False)
    env.reset(seed=0)
    observation, *_ = env.step(np.zeros(0))
    assert env.observation_space.contains(observation)
    env.close()
    with pytest.raises(BundleError, match="has no joint that moves"):
        TrackMotionEnv(tmp_path / "stone")


# Tasks of one's own


class Halfway(SceneEnv):
    """Rewards being in the middle, and ends there."""

    def reward(self, state: State) -> float:
        return -abs(float(state.q[self.actuation.driven[0]] - self.actuation.center[0]))

    def terminated(self, state: State) -> bool:
        return self.reward(state) > -0.01


def test_a_task_is_made_by_overriding_what_differs(bundles) -> None:
    env = Halfway(bundles["drawer"], episode_s=5.0)
    env.reset(seed=0)
    done = False
    while not done:
        _, reward, done, truncated, info = env.step(np.zeros(1))
        assert not truncated
        assert reward == -abs(info["q"][0] - env.actuation.center[0])
    env.close()


def test_the_example_of_an_own_task_runs_and_is_short(bundles) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 40
    run = [sys.executable, str(EXAMPLE), str(bundles["laptop"])]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert "return" in done.stdout


def test_goal_environments_are_what_learners_expect(bundles) -> None:
    env = OpenJointEnv(bundles["drawer"])
    assert set(env.observation_space.spaces) == {"observation", "achieved_goal", "desired_goal"}
    env.close()


@pytest.mark.parametrize(
    ("task", "first"),
    [("track-motion", "reference"), ("open-joint", "at rest"), ("scene", "at rest")],
)
def test_the_command_tries_each_task(bundles, capfd, task: str, first: str) -> None:
    bundle = str(bundles["arm"])
    assert main(["env", bundle, "--task", task, "--steps", "40", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["id"].endswith("-v0")
    assert [policy["policy"] for policy in record["policies"]] == [first, "random"]
    assert all(policy["steps"] == 40 for policy in record["policies"])


def test_the_command_refuses_what_cannot_walk(bundles, capsys) -> None:
    assert main(["env", str(bundles["arm"]), "--task", "locomote"]) != 0
    assert "goes nowhere" in capsys.readouterr().err
