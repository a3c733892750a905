"""The viewer shows links where the bundle's own description has them."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yourdfpy
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.exporters.urdf import write_urdf
from reel2sim.scene import JointType, RiggedAsset
from reel2sim.viewing.controls import described, joint_controls
from reel2sim.viewing.posture import Posture
from tests.exporters.conftest import assets, skinned
from tests.viewing.conftest import chest

WITHIN_M = 1e-5
positions = st.floats(-20.0, 20.0, allow_nan=False)


@settings(max_examples=15)
@given(assets(), st.data())
def test_links_are_where_the_urdf_has_them(asset: RiggedAsset, data) -> None:
    posture = Posture.at(asset, 0.3)
    for control in joint_controls(asset):
        if control.leader is None:
            posture = posture.moved(asset, control, data.draw(positions))
    with TemporaryDirectory() as folder:
        path = Path(folder, "scene.urdf")
        write_urdf(asset, path)
        robot = yourdfpy.URDF.load(str(path), load_meshes=False)
        driven = {n: posture.positions[n] for n in robot.actuated_joint_names}
        if driven:
            robot.update_cfg(driven)
        for link, T in zip(asset.links, posture.link_poses(asset), strict=True):
            expected = posture.T_world_root @ robot.get_transform(link.name)
            np.testing.assert_allclose(T, expected, atol=WITHIN_M)


@settings(max_examples=25)
@given(assets(), positions, st.data())
def test_joints_stay_within_their_limits_and_followers_follow(asset, wanted, data) -> None:
    free = [control for control in joint_controls(asset) if control.leader is None]
    if not free:
        return
    control = data.draw(st.sampled_from(free))
    moved = Posture.at(asset, 0.0).moved(asset, control, wanted)
    joints = {joint.name: joint for joint in asset.joints}
    limits = joints[control.joint].limits
    assert limits.lower <= moved.positions[control.joint] <= limits.upper
    if control.lower <= wanted <= control.upper:
        assert moved.positions[control.joint] == wanted
    for joint in asset.joints:
        if joint.mimic is not None:
            expected = joint.mimic.follow(moved.positions[joint.mimic.joint])
            assert math.isclose(moved.positions[joint.name], expected, abs_tol=1e-12)


@settings(max_examples=15)
@given(assets(), st.floats(-0.5, 1.5))
def test_a_time_shows_what_the_reel_showed(asset, time_s) -> None:
    posture = Posture.at(asset, time_s)
    np.testing.assert_allclose(posture.link_poses(asset), asset.link_poses_at(time_s))
    np.testing.assert_allclose(
        posture.surfels(asset).means, asset.surfels_at(time_s).means, atol=1e-6
    )


def test_surfels_of_a_skin_bend_with_it() -> None:
    asset = skinned(chest())
    shown = Posture.at(asset, 0.7).surfels(asset)
    np.testing.assert_allclose(shown.means, asset.surfels_at(0.7).means, atol=1e-6)


def test_a_control_without_limits_reaches_past_what_was_seen() -> None:
    asset = chest()
    controls = {control.joint: control for control in joint_controls(asset)}
    free = next(j for j in asset.joints if j.type is JointType.CONTINUOUS)
    seen, control = asset.motion.positions[free.name], controls[free.name]
    assert not control.bounded
    assert control.lower <= seen.min() - math.pi
    assert control.upper >= seen.max() + math.pi
    assert "no limits" in described(free, control)
    assert set(controls) == {j.name for j in asset.joints if j.type is not JointType.FIXED}
