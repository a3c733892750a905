"""``Reel2Sim/Manipulate-v0``: an arm finds its place, and what it is paid for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pybullet
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.cli.main import main
from reel2sim.envs import ManipulateEnv
from reel2sim.envs.robot.arm import ARMS, Arm
from reel2sim.envs.robot.kinematics import quaternion, rotation_vector
from reel2sim.exporters import export_bundle
from reel2sim.scene import JointLimits, JointType, RiggedAsset
from reel2sim.scene.errors import BundleError, InputError, UsageError
from reel2sim.scene.transforms import axis_rotation, matrix_from_quaternion

from .conftest import SWING, asset, box, drawer, joint

KINDS = ("chest", "door")
REST = np.array([0.0] * 6 + [-1.0])
relaxed = settings(max_examples=20, deadline=None)


def chest() -> RiggedAsset:
    """The drawer, with a bar on a post for a handle."""
    plain = drawer()
    post = box("post", (0.01, 0.03, 0.01), (0, -0.28, 0.5), 0.1)
    bar = box("bar", (0.06, 0.008, 0.01), (0, -0.31, 0.5), 0.1)
    body = plain.links[1]
    pieces = tuple(piece for link in (body, post, bar) for piece in link.collision)
    ahead = replace(body, collision=pieces)
    return replace(plain, name="chest", links=(plain.links[0], ahead))


def door() -> RiggedAsset:
    """A door on an upright hinge, with an upright bar for a handle at its far edge."""
    hinge = joint(
        "hinge",
        JointType.REVOLUTE,
        "frame",
        "leaf",
        origin=np.array([-0.2, -0.02, 0.3]),
        axis=np.array([0.0, 0.0, -1.0]),
        limits=JointLimits(0.0, 1.2, 30.0, 8.0),
    )
    leaf = box("leaf", (0.2, 0.01, 0.28), (0.2, 0, 0), 2.0)
    knob = box("knob", (0.01, 0.02, 0.01), (0.36, -0.03, 0), 0.1)
    bar = box("bar", (0.008, 0.008, 0.05), (0.36, -0.058, 0), 0.1)
    pieces = tuple(piece for link in (leaf, knob, bar) for piece in link.collision)
    links = [box("frame", (0.2, 0.1, 0.3), (0, 0.1, 0.3), 10.0), replace(leaf, collision=pieces)]
    return asset("door", links, [hinge], {"hinge": SWING})


@pytest.fixture(scope="module")
def objects(bundles, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundle folders by name; two more than other tests need."""
    root = tmp_path_factory.mktemp("handled")
    for made in (chest(), door()):
        export_bundle(made, root / made.name, media=None, provenance=None)
    return {**bundles, "chest": root / "chest", "door": root / "door"}


@pytest.fixture(scope="module")
def make(objects) -> Iterator:
    """Makes environments, each once; a place for the arm is sought once for each object."""
    made: dict[tuple, gymnasium.Env] = {}
    stands: dict[tuple, dict] = {}

    def build(kind: str = "chest", **options):
        key = (kind, *sorted(options.items()))
        if key not in made:
            # For whom nothing is rehearsed, any place will do; others have theirs sought.
            sought = (kind, options.get("goal"))
            known = sought in stands and not options.get("rehearse", True)
            stand = {"stand": stands[sought]} if known else {}
            made[key] = gymnasium.make(
                "reel2sim.envs:Reel2Sim/Manipulate-v0",
                bundle=str(objects[kind]),
                **options,
                **stand,
            )
            stands[sought] = dataclasses.asdict(made[key].unwrapped.stand)
        return made[key].unwrapped

    yield build
    for env in made.values():
        env.close()


def play(env, seed: int, policy, steps: int = 1000) -> dict:
    """An episode's last info, with its rewards."""
    _, info = env.reset(seed=seed)
    rewards, done = [], False
    while not done and len(rewards) < steps:
        observation, reward, terminated, done, info = env.step(policy())
        assert env.observation_space.contains(observation)
        assert not terminated
        rewards.append(reward)
    return {**info, "rewards": rewards}


@pytest.mark.parametrize("kind", KINDS)
def test_the_expert_opens_and_rest_does_not(make, kind: str) -> None:
    env = make(kind)
    assert play(env, 3, env.reference_action)["is_success"]
    assert not play(env, 3, lambda: REST)["is_success"]


def test_the_expert_closes_what_was_open(make) -> None:
    env = make(goal="close", rehearse=False)
    env.reset(seed=0)
    assert env.reset(seed=0)[1]["q"][0] > 0.34
    info = play(env, 0, env.reference_action)
    assert info["is_success"]
    assert info["q"][0] < -0.02 + 0.25 * 0.37 + 1e-6


@pytest.mark.parametrize("control", ["ee", "joint"])
def test_gymnasium_finds_no_fault(make, control: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(control=control, rehearse=False))


def seen(env, seed: int, actions: np.ndarray) -> bytes:
    found = env.reset(seed=seed)[0].tobytes()
    for action in actions:
        observation, reward, *_ = env.step(action)
        found += observation.tobytes() + np.float64(reward).tobytes()
    return found


def test_a_seed_and_actions_repeat_bit_by_bit(make) -> None:
    twin = make(rehearse=False, render_mode="rgb_array", render_size=(48, 36))
    env = make(rehearse=False)
    env.reset(seed=1)
    expert = [env.reference_action() for _ in range(2)]
    np.testing.assert_array_equal(*expert)
    actions = np.random.default_rng(2).uniform(-1, 1, (40, 7))
    first = seen(env, 1, actions)
    seen(env, 2, -actions)
    assert seen(env, 1, actions) == seen(twin, 1, actions) == first


SCRIPT = """
import hashlib, sys
import numpy as np
from reel2sim.envs import ManipulateEnv
env = ManipulateEnv(sys.argv[1])
digest = hashlib.sha256(env.reset(seed=5)[0].tobytes() + env.arm.T_world_base.tobytes())
for _ in range(30):
    digest.update(env.step(env.reference_action())[0].tobytes())
heavy = [m for m in ("torch", "ray", "pxr", "stable_baselines3") if m in sys.modules]
print(digest.hexdigest(), heavy)
"""


def test_other_processes_place_the_arm_alike_and_compute_the_same_bits(objects, make) -> None:
    env = make("door")
    digest = hashlib.sha256(env.reset(seed=5)[0].tobytes() + env.arm.T_world_base.tobytes())
    for _ in range(30):
        digest.update(env.step(env.reference_action())[0].tobytes())
    command = [sys.executable, "-c", SCRIPT, str(objects["door"])]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert other == f"{digest.hexdigest()} []\n"


# Reward and success


def put(env, share: float, rate: float = 0.0) -> tuple[float, bool, dict]:
    """What a state is worth in which the joint is at ``share`` of its way; nothing else differs."""
    q, qd = env.body.joint_state()
    q[env._joint] = env._from + share * env._span
    qd[env._joint] = rate * env._span
    joint = env.body.joints[env._joint]
    pybullet.resetJointState(
        env.body.id, joint, q[env._joint], qd[env._joint], physicsClientId=env.world.client
    )
    return env.assess(env.look())


@relaxed
@given(share=st.floats(0, 1), rate=st.floats(-1, 1), goal=st.sampled_from(["open", "close"]))
def test_success_needs_the_share_and_a_still_part(make, share, rate, goal) -> None:
    env = make(goal=goal, rehearse=False)
    env.reset(seed=0)
    reward, _, info = put(env, share, rate)
    assert info["progress"] == pytest.approx(share, abs=1e-9)
    assert info["is_success"] == (info["progress"] >= 0.75 and abs(rate) <= 0.2)
    reach = 0.2 * (1 - np.tanh(info["distance_m"] / 0.2))
    moved = 0.5 * min(info["progress"] / 0.75, 1.0)
    assert reward == pytest.approx(reach + moved + 0.3 * info["is_success"], abs=1e-9)


def test_reward_grows_with_progress_and_with_the_tool_coming_near(make) -> None:
    env = make(rehearse=False)
    env.reset(seed=0)
    # The region goes with the part: only what the joint adds is compared.
    moved = [0.5 * min(put(env, s)[2]["progress"] / 0.75, 1) for s in np.linspace(0, 0.9, 10)]
    assert np.all(np.diff(moved) >= 0)
    assert moved[-1] > moved[0] + 0.4
    env.reset(seed=0)
    ahead = np.array([0, 0, 1.0, 0, 0, 0, 1.0])
    rewards = [env.step(ahead)[1] for _ in range(3)]
    assert rewards == sorted(rewards)
    assert rewards[0] < rewards[-1]
    sparse = make(rehearse=False, sparse=True)
    sparse.reset(seed=0)
    assert [put(sparse, s)[0] for s in (0.0, 0.7, 0.8)] == [0.0, 0.0, 1.0]


def test_an_object_that_is_not_touched_does_not_move(make) -> None:
    env = make(rehearse=False, start_noise=0.0)
    start = env.reset(seed=0)[1]["q"]
    retreat = np.array([0, 0, -1.0, 0, 0, 0, 0])
    end = play(env, 0, lambda: retreat)["q"]
    assert abs(end - start)[0] < 1e-6
    touched = pybullet.getContactPoints(env.arm.id, env.body.id, physicsClientId=env.world.client)
    assert not touched


def test_starts_spread_by_the_noise_that_was_asked(make) -> None:
    still, shaken = make(start_noise=0.0, rehearse=False), make(start_noise=0.05, rehearse=False)
    assert len({still.reset(seed=s)[0].tobytes() for s in range(3)}) == 1
    q = []
    for seed in range(10):
        shaken.reset(seed=seed)
        q.append(shaken.arm.q)
    off = np.abs(np.array(q) - shaken.placement.q)
    assert off.max() <= 0.05 + 1e-12
    assert off.max() > 0.03


# The arm


@relaxed
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.3, 1.0, 2.5]))
def test_inverse_kinematics_inverts_forward_kinematics(seed: int, scale: float) -> None:
    chain = Arm(ARMS["panda"], scale=scale).chain
    q = chain.rest + np.random.default_rng(seed).uniform(-0.7, 0.7, 7)
    q = np.clip(q, chain.lower, chain.upper)
    goal = chain.tool_pose(q)
    found, away, turned = chain.solve(goal, chain.rest, iterations=80)
    assert away < 1e-3 * scale
    assert turned < 1e-2
    np.testing.assert_allclose(chain.tool_pose(found)[:3, 3], goal[:3, 3], atol=1.1e-3 * scale)
    assert np.all(found >= chain.lower)
    assert np.all(found <= chain.upper)


@relaxed
@given(
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1),
    angle=st.floats(0, np.pi),
)
def test_rotations_survive_a_vector_and_a_quaternion(axis, angle: float) -> None:
    unit = np.array(axis) / np.linalg.norm(axis)
    R = axis_rotation(unit, angle)
    v = rotation_vector(np.eye(3), R)
    length = float(np.linalg.norm(v))
    np.testing.assert_allclose(axis_rotation(v / max(length, 1e-12), length), R, atol=1e-6)
    np.testing.assert_allclose(matrix_from_quaternion(quaternion(R)), R, atol=1e-6)


def test_a_scaled_arm_holds_itself_with_the_same_share_of_its_strength() -> None:
    shares = []
    for scale in (0.2, 1.0, 3.0):
        client = pybullet.connect(pybullet.DIRECT)
        pybullet.setGravity(0, 0, -9.81, physicsClientId=client)
        arm = Arm(ARMS["panda"], scale=scale)
        arm.load(client, visuals=False)
        for _ in range(120):
            pybullet.stepSimulation(physicsClientId=client)
        q, _, opening = arm.state()
        np.testing.assert_allclose(q, arm.q, atol=1e-3)
        assert opening == pytest.approx(1.0, abs=1e-3)
        tip = pybullet.getLinkState(arm.id, 11, physicsClientId=client)[4]
        np.testing.assert_allclose(tip, arm.tool_pose(q)[:3, 3], atol=1e-5 * scale)
        states = pybullet.getJointStates(arm.id, range(7), physicsClientId=client)
        shares.append(np.array([s[3] for s in states]) / arm.effort)
        pybullet.disconnect(client)
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-3)
    np.testing.assert_allclose(shares[2], shares[1], atol=1e-3)


def test_the_arm_stands_clear_of_the_object_and_faces_it(make) -> None:
    for kind in (*KINDS, "gripper"):
        env = make(kind, rehearse=kind in KINDS)
        env.reset(seed=0)
        client = env.world.client
        assert not pybullet.getClosestPoints(env.arm.id, env.body.id, 0, physicsClientId=client)
        base = env.arm.T_world_base
        tool = env.arm.tool_pose(env.placement.q)
        assert (tool[:3, 3] - base[:3, 3]) @ base[:3, 0] > 0.2 * env.arm.scale


def test_pictures_show_the_arm_move(make) -> None:
    env = make(rehearse=False, render_mode="rgb_array", render_size=(48, 36))
    env.reset(seed=0)
    before = env.render()
    for _ in range(4):
        env.step(np.array([0, 0, -1.0, 0, 0, 0, 0]))
    assert (np.abs(env.render().astype(int) - before).max(axis=2) > 20).sum() > 5


def test_the_command_plays_the_expert(objects, capfd) -> None:
    words = ["env", str(objects["door"]), "--task", "manipulate", "--steps", "100", "--json"]
    assert main(words) == 0
    record = json.loads(capfd.readouterr().out)
    first, chance = record["policies"]
    assert (first["policy"], first["successes"]) == ("reference", 1)
    assert chance["mean_return"] < first["mean_return"]


# Refusals


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.full(7, np.nan), r"action: \[0\] \(x\): is nan"),
        (np.r_[np.zeros(6), 1.5], r"action: \[6\] \(fingers\): is 1.5"),
        (np.zeros(6), r"action: has shape \(6,\), expected \(7,\)"),
    ],
)
def test_bad_actions_are_refused_and_change_nothing(make, action, message: str) -> None:
    env = make(rehearse=False)
    env.reset(seed=0)
    before = env.arm.state()[0]
    with pytest.raises(InputError, match=message):
        env.step(action)
    np.testing.assert_array_equal(env.arm.state()[0], before)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("goal", "turn"), ("share", 1.0), ("still", 0), ("arm", "ur5"), ("arm_scale", 0),
        ("control", "torque"), ("start_noise", -1), ("rehearse", 1), ("sparse", None),
    ],
)  # fmt: skip
def test_options_are_refused_by_name(bundles, option: str, value) -> None:
    with pytest.raises(UsageError, match=f"ManipulateConfig: {option}: is"):
        ManipulateEnv(bundles["drawer"], **{option: value})


def test_what_no_arm_can_move_is_refused_with_a_remedy(objects) -> None:
    with pytest.raises(BundleError, match=r"slide: has nothing to push or pinch .*name another"):
        ManipulateEnv(objects["drawer"])  # flush with its cabinet
    with pytest.raises(BundleError, match=r"slide: .*arm_scale="):
        ManipulateEnv(objects["chest"], arm_scale=0.05)


def test_the_expert_moves_tools_not_joints(make) -> None:
    env = make(control="joint", rehearse=False)
    env.reset(seed=0)
    with pytest.raises(UsageError, match='use control="ee"'):
        env.reference_action()


def test_an_arm_stands_where_it_is_told(objects, make) -> None:
    """A stand travels as plain numbers, and is taken without a search."""
    first = make()
    stand = json.loads(json.dumps(dataclasses.asdict(first.stand)))
    again = ManipulateEnv(objects["chest"], stand=stand)
    assert again.rehearsed == []
    np.testing.assert_allclose(again.stand.tool, first.stand.tool, atol=1e-9)
    a, _ = first.reset(seed=3)
    b, _ = again.reset(seed=3)
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert play(again, 3, again.reference_action)["is_success"]
    again.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": [0, 0, 0]}, "base: .* pose"),
        ({"tool": [0, 0, 0, 2, 0, 0, 0]}, "tool: .* pose"),
        ({"posture": [0.0, 1.0]}, "posture: has 2 joints"),
        ({"posture": [float("nan")] * 7}, "posture: .* finite"),
        ({"opening": 2}, "opening"),
        ({"pinch": 1}, "pinch"),
        ({"foot": 1}, "foot: is not an option"),
    ],
)
def test_a_stand_that_is_none_is_refused_by_field(objects, change, message) -> None:
    unit = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    stand = {"base": unit, "tool": unit, "posture": [0.0] * 7, "opening": 1.0, "pinch": True}
    with pytest.raises(UsageError, match=message):
        ManipulateEnv(objects["chest"], stand={**stand, **change})
    with pytest.raises(UsageError, match="ArmStand"):
        ManipulateEnv(objects["chest"], stand={"base": unit})
