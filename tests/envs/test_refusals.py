"""Bad actions, options and bundles are refused by name."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from reel2sim.envs import TrackMotionConfig, TrackMotionEnv, load_bundle
from reel2sim.envs.bundle import SCHEMA_VERSION
from reel2sim.envs.config import TrackMotionOptions
from reel2sim.exporters import export_bundle
from reel2sim.exporters.manifest import SCHEMA_VERSION as WRITTEN
from reel2sim.scene import JointType
from reel2sim.scene.errors import BundleError, InputError, UnavailableError, UsageError

from .conftest import asset, box, joint


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([np.nan, 0.0], r"action: \[0\] \(spin\): is nan"),
        ([0.0, np.inf], r"action: \[1\] \(lever\): is inf"),
        ([0.0, -1.01], r"action: \[1\] \(lever\): is -1.01, expected a number in -1..1"),
        ([0.0], r"action: has shape \(1,\), expected \(2,\)"),
        ([[0.0, 0.0]], r"has shape \(1, 2\)"),
        ("up", "expected 2 numbers"),
        (None, "action: has shape"),
    ],
)
def test_bad_actions_are_refused_and_change_nothing(make_env, action, message) -> None:
    env = make_env("arm").unwrapped
    env.reset(seed=0)
    before = env.body.joint_state()
    with pytest.raises(InputError, match=message):
        env.step(action)
    np.testing.assert_array_equal(env.body.joint_state(), before)


def test_rounding_over_the_bound_is_let_pass(make_env) -> None:
    env = make_env("drawer").unwrapped
    env.reset(seed=0)
    env.step(np.array([1.0 + 1e-7]))


def test_order_of_calls(make_env) -> None:
    env = make_env("drawer", render_mode="rgb_array").unwrapped
    for call in (lambda: env.step(np.zeros(1)), env.render, env.reference_action):
        with pytest.raises(UsageError, match="call reset first"):
            call()
    env.close()
    with pytest.raises(UsageError, match="is closed"):
        env.reset()


@pytest.mark.parametrize(
    ("mimic", "message"),
    [
        ('joint="nobody"', "'nobody', which is not there"),
        ('joint="weld"', "'weld', which is not there or does not move"),
        ('joint="lever"', "'lever', which follows a joint itself"),
        ('joint="spin" multiplier="0"', "finite and not zero"),
        ('joint="spin" offset="far"', "mimic offset is 'far'"),
    ],
)
def test_mimics_nobody_can_follow_are_refused(broken, mimic, message) -> None:
    path = broken / "scene.urdf"
    text = path.read_text().replace(
        '<child link="handle" />', f'<child link="handle" /><mimic {mimic} />'
    )
    path.write_text(text)
    with pytest.raises(BundleError, match=message):
        load_bundle(broken)


@pytest.mark.parametrize("options", [{"start_s": -1}, {"start_s": 9}, {"start_s": "x"}, {"at": 1}])
def test_bad_reset_options(make_env, options) -> None:
    with pytest.raises(UsageError, match="options: "):
        make_env("drawer").reset(options=options)


@pytest.mark.parametrize(
    "options",
    [
        {"control": "mind"},
        {"frame_skip": 0},
        {"frame_skip": 1.5},
        {"episode_s": -1.0},
        {"episode_s": "long"},
        {"gravity": (0, 0)},
        {"gravity": (0, 0, np.nan)},
        {"lookahead": (0,)},
        {"lookahead": 3},
        {"position_gain": 0},
        {"render_size": (0, 10)},
        {"residual": True, "control": "torque"},
        {"reward": {"position_weight": -1}},
        {"reward": {"style": 1}},
        {"reward": {"position_weight": 0, "velocity_weight": 0, "link_weight": 0}},
        {"fixed_base": "yes"},
        {"colour": "red"},
    ],
)
def test_bad_options_are_named(bundles, options) -> None:
    named = next(iter(options)) if "reward" not in options else "RewardConfig"
    with pytest.raises(UsageError, match=named):
        TrackMotionEnv(bundles["drawer"], **options)


def test_bad_render_mode(bundles) -> None:
    with pytest.raises(UsageError, match="render_mode"):
        TrackMotionEnv(bundles["drawer"], render_mode="ascii")


def test_no_display_is_said_instead_of_dying(bundles, monkeypatch) -> None:
    monkeypatch.setattr("reel2sim.envs.physics.engine.has_display", lambda: False)
    with pytest.raises(UnavailableError, match="no display"):
        TrackMotionEnv(bundles["drawer"], render_mode="human")


def test_keyword_arguments_are_the_configuration() -> None:
    fields = {item.name for item in dataclasses.fields(TrackMotionConfig)}
    assert fields == set(TrackMotionOptions.__annotations__)


def test_what_is_written_can_be_read() -> None:
    assert SCHEMA_VERSION == WRITTEN


def edit(path: Path, change) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def swap(old: str, new: str):
    def change(folder: Path) -> None:
        path = folder / "scene.urdf"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def motion(change):
    return lambda folder: edit(folder / "motion.json", change)


def manifest(change):
    return lambda folder: edit(folder / "manifest.json", change)


def write(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


BREAKS = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), r"manifest\.json: is missing"),
    "no motion": (lambda f: (f / "motion.json").unlink(), r"motion\.json: is missing"),
    "no robot": (lambda f: (f / "scene.urdf").unlink(), r"scene\.urdf: is missing"),
    "no mesh": (
        lambda f: shutil.rmtree(f / "meshes" / "collision"),
        r"scene\.urdf: mesh: .*meshes/collision",
    ),
    "cut motion": (write("motion.json", '{"times_s": [0,'), r"motion\.json: is not JSON"),
    "binary motion": (lambda f: (f / "motion.json").write_bytes(b"\xff\x00"), r"motion\.json"),
    "list": (write("motion.json", "[]"), r"motion\.json: is not a JSON object"),
    "cut robot": (write("scene.urdf", "<robot><link"), r"scene\.urdf: cannot be read"),
    "other xml": (write("scene.urdf", "<sdf/>"), r"scene\.urdf: is <sdf>"),
    "future schema": (
        manifest(lambda r: r.update(schema_version=99)),
        r"manifest\.json: schema_version: is 99",
    ),
    "no asset": (manifest(lambda r: r.pop("asset")), r"manifest\.json: asset: is missing"),
    "base is text": (
        manifest(lambda r: r["asset"].update(fixed_base="yes")),
        r"asset\.fixed_base: has the wrong type str",
    ),
    "unknown joint": (
        motion(lambda r: r["joints"].update(ghost=r["joints"]["spin"])),
        r"motion\.json: joints\.ghost: is a joint that scene\.urdf does not have",
    ),
    "joint left out": (motion(lambda r: r["joints"].pop("spin")), r"joints\.spin: is missing"),
    "other type": (
        motion(lambda r: r["joints"]["lever"].update(type="prismatic")),
        r"joints\.lever\.type: is 'prismatic', but 'revolute'",
    ),
    "short": (
        motion(lambda r: r["joints"]["lever"]["position"].pop()),
        r"joints\.lever\.position: has shape \(12,\), expected \(13,\)",
    ),
    "not a number": (
        motion(lambda r: r["joints"]["lever"]["position"].__setitem__(3, None)),
        r"joints\.lever\.position: holds something that is not a finite number",
    ),
    "beyond limits": (
        motion(lambda r: r["joints"]["lever"]["position"].__setitem__(3, 2.0)),
        r"joints\.lever\.position: moves over .* beyond the limits",
    ),
    "times fall": (motion(lambda r: r["times_s"].reverse()), r"times_s: must ascend"),
    "no times": (motion(lambda r: r.update(times_s=[], base_pose=[])), r"motion\.json"),
    "long quaternion": (
        motion(lambda r: r["base_pose"][2].__setitem__(3, 2.0)),
        r"base_pose: has a quaternion",
    ),
    "unsure": (
        motion(lambda r: r["joints"]["lever"].update(confidence=3)),
        r"joints\.lever\.confidence: is 3",
    ),
    "observed is a number": (
        motion(lambda r: r["joints"]["lever"].update(observed=1)),
        r"joints\.lever\.observed: has the wrong type int",
    ),
    "ball joint": (swap('type="revolute"', 'type="ball"'), r"scene\.urdf: \w+: is of type 'ball'"),
    "nan limit": (swap('upper="1.4"', 'upper="nan"'), r"scene\.urdf: lever: limit upper is 'nan'"),
    "crossed": (swap('upper="1.4"', 'upper="-9"'), r"lever: has lower limit -0.1 above"),
    "no effort": (swap('effort="30.0"', 'effort="0"'), r"lever: has effort 0.0"),
    "lost link": (swap('child link="grip"', 'child link="gone"'), r"weld: names links .*gone"),
    "two roots": (
        swap('<link name="grip">', '<link name="other" /><link name="grip">'),
        "one tree",
    ),
    "loop": (swap('parent link="handle"', 'parent link="grip"'), "one tree"),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_broken_bundles_are_refused_by_name(broken: Path, fault: str) -> None:
    change, message = BREAKS[fault]
    load_bundle(broken)
    change(broken)
    with pytest.raises(BundleError, match=message) as caught:
        TrackMotionEnv(broken)
    assert caught.value.source
    assert caught.value.remedy


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a folder"):
        load_bundle(tmp_path / "nowhere")


def test_nothing_to_drive(tmp_path: Path) -> None:
    links = [box("body", (0.1, 0.1, 0.1), (0, 0, 0), 1.0)]
    export_bundle(asset("brick", links, [], {}), tmp_path / "rigid")
    with pytest.raises(BundleError, match="has no joint that moves"):
        TrackMotionEnv(tmp_path / "rigid")
    links.append(box("lid", (0.1, 0.1, 0.01), (0, 0, 0.1), 1.0))
    unseen = joint("hinge", JointType.REVOLUTE, "body", "lid", observed=False)
    export_bundle(asset("box", links, [unseen], {"hinge": np.zeros(13)}), tmp_path / "unseen")
    with pytest.raises(BundleError, match="drive_unobserved=True"):
        TrackMotionEnv(tmp_path / "unseen")
    TrackMotionEnv(tmp_path / "unseen", drive_unobserved=True).close()


def test_one_instant_is_no_motion(broken: Path) -> None:
    def cut(record) -> None:
        record.update(times_s=[0.0], base_pose=record["base_pose"][:1])
        for entry in record["joints"].values():
            entry["position"] = entry["position"][:1]

    edit(broken / "motion.json", cut)
    with pytest.raises(BundleError, match="holds one instant"):
        TrackMotionEnv(broken)
