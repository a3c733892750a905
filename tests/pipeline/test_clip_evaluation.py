"""Laws of the score of rigs from one clip: what a single view leaves open costs nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.pipeline.clip_evaluation import score_clip
from reel2sim.pipeline.rig_score import RigScore
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import look_at
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, axis_rotation, pose

TIMES = np.linspace(0, 1, 6)
TURN, SLIDE = 0.9 * TIMES, 0.25 * TIMES**2
PARTS = ("base", "door", "drawer")
PLATES = {"base": (0.0, -0.5, 0.0), "door": (0.1, 0.0, 0.0), "drawer": (0.2, 0.5, 0.0)}
"""Middles of plates that all face the camera, on +x."""
HINGE = np.array([0.1, -0.2, 0.0])
Y, Z = np.eye(3)[1:]
CAMERA = look_at(np.array([3.0, 0, 0]), np.zeros(3), width=160, height=120, fov_y=0.7)


def plate(part: str) -> Array:
    line = np.linspace(-0.2, 0.2, 9)
    y, z = np.meshgrid(line, line)
    flat = np.stack([0 * y.ravel(), y.ravel(), z.ravel()], axis=1)
    return np.array(PLATES[part]) + flat


POINTS = np.concatenate([plate(part) for part in PARTS])
OWNERS = np.repeat(np.arange(3), 81)


def truth(T: Array | None = None) -> Truth:
    """A door that turns about z and a drawer that slides along y, in a world moved by ``T``."""
    T = np.eye(4) if T is None else T
    still = np.broadcast_to(np.eye(4), (len(TIMES), 4, 4))
    R = axis_rotation(Z, TURN)
    slid = np.tile(np.eye(4), (len(TIMES), 1, 1))
    slid[:, 1, 3] = SLIDE
    poses = {"base": still, "door": pose(R, HINGE - R @ HINGE), "drawer": slid}
    R0 = T[:3, :3]
    return Truth(
        diagonal_m=1.5,
        times_s=TIMES,
        joints=(
            TrueJoint(
                "hinge", JointType.REVOLUTE, "base", "door", R0 @ Z, apply(T, HINGE[None])[0], TURN
            ),
            TrueJoint(
                "rail",
                JointType.PRISMATIC,
                "base",
                "drawer",
                R0 @ Y,
                apply(T, POINTS[-1:])[0],
                SLIDE,
            ),
        ),
        parts=PARTS,
        link_poses={name: T @ own for name, own in poses.items()},
        points=apply(T, POINTS),
        point_parts=OWNERS,
    )


def rig(
    *, scale: float = 1.0, tilt: float = 0.0, joints: tuple[str, ...] = ("hinge", "rail")
) -> RiggedAsset:
    """The same object, as much larger as it is farther away from the camera."""
    mesh = TriangleMesh(np.eye(3), np.array([[0, 1, 2]]))
    eye = CAMERA.position
    limits = JointLimits(-3.0, 3.0, 10.0, 1.0)
    children = {"hinge": "door", "rail": "drawer"}
    names = ["base", *(children[name] for name in joints)]
    axis = axis_rotation(np.array([1.0, 0, 0]), np.array([tilt]))[0] @ Z
    kinds = {
        "hinge": (JointType.REVOLUTE, axis, eye + scale * (HINGE - eye), TURN),
        "rail": (JointType.PRISMATIC, Y, np.zeros(3), scale * SLIDE),
    }
    return RiggedAsset(
        name="rig",
        links=tuple(Link(n, mesh, (mesh,), Inertial(1.0, np.zeros(3), np.eye(3))) for n in names),
        joints=tuple(
            Joint(n, kinds[n][0], "base", children[n], kinds[n][2], kinds[n][1], limits)
            for n in joints
        ),
        motion=Motion(
            TIMES,
            np.broadcast_to(np.eye(4), (len(TIMES), 4, 4)),
            {n: kinds[n][3] for n in joints},
        ),
        surfels=Surfels.from_colors(
            means=eye + scale * (POINTS - eye),
            rotations=np.tile([1.0, 0, 0, 0], (len(POINTS), 1)),
            scales=np.full((len(POINTS), 2), 0.01),
            opacities=np.ones(len(POINTS)),
            colors=np.full((len(POINTS), 3), 0.5),
        ),
        surfel_links=np.array([names.index(PARTS[k]) if PARTS[k] in names else 0 for k in OWNERS]),
    )


def assert_perfect(result: RigScore) -> None:
    assert result.correct
    assert result.spurious == 0
    assert result.replay_error < 1e-5
    for joint in result.joints:
        assert joint.type_ok
        assert joint.axis_deg < 1e-3
        assert joint.pivot_frac < 1e-5
        assert joint.state_error < 1e-5
        assert joint.part_iou == 1.0


@given(st.floats(0.2, 5.0))
@settings(max_examples=8, deadline=None)
def test_size_costs_nothing(scale: float) -> None:
    assert_perfect(score_clip(rig(scale=scale), truth(), camera=CAMERA, assumed=CAMERA))


@given(st.floats(-3, 3), st.tuples(*[st.floats(-2, 2)] * 3))
@settings(max_examples=8, deadline=None)
def test_the_world_of_the_truth_is_its_own_affair(turn: float, shift: tuple[float, ...]) -> None:
    R = axis_rotation(np.array([0.6, 0, 0.8]), np.array([turn]))[0]
    T = pose(R[None], np.array([shift]))[0]
    camera = replace(CAMERA, T_world_camera=T @ CAMERA.T_world_camera)
    assert_perfect(score_clip(rig(), truth(T), camera=camera, assumed=CAMERA))


def test_pixels_are_those_of_the_picture_that_was_used() -> None:
    camera = CAMERA.resized(640, 480)
    assert_perfect(score_clip(rig(), truth(), camera=camera, assumed=CAMERA))


def test_what_is_missed_counts_as_nothing_found() -> None:
    found = score_clip(rig(joints=()), truth(), camera=CAMERA, assumed=CAMERA)
    assert found.replay_error == pytest.approx(1.0)
    assert [joint.axis_deg for joint in found.joints] == [90.0, 90.0]
    half = score_clip(rig(joints=("rail",)), truth(), camera=CAMERA, assumed=CAMERA)
    assert [bool(joint.matched) for joint in half.joints] == [False, True]
    assert 0 < half.replay_error < 1


def test_a_tilted_axis_is_off_by_its_tilt() -> None:
    found = score_clip(rig(tilt=0.1), truth(), camera=CAMERA, assumed=CAMERA)
    hinge = found.joints[0]
    assert hinge.axis_deg == pytest.approx(np.degrees(0.1))
    assert 0 < found.replay_error < 0.2
    assert hinge.pivot_frac < 0.01


def test_an_invented_joint_is_told() -> None:
    true = truth()
    still = replace(true.joints[1], positions=0 * SLIDE)
    poses = {**true.link_poses, "drawer": true.link_poses["base"]}
    alone = replace(true, joints=(true.joints[0], still), link_poses=poses)
    found = score_clip(rig(), alone, camera=CAMERA, assumed=CAMERA)
    assert len(found.joints) == 1
    assert found.spurious == 1


def test_what_is_not_in_the_picture_cannot_be_scored() -> None:
    away = look_at(np.array([3.0, 0, 0]), np.array([9.0, 0, 0]), width=160, height=120, fov_y=0.7)
    with pytest.raises(InputError, match="first picture"):
        score_clip(rig(), truth(), camera=away, assumed=CAMERA)
