"""Laws of the rig score: truth scores perfectly, errors count as made, failures count."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.pipeline.evaluation import nothing_found, score
from reel2sim.pipeline.joint_matching import RIGHT_AXIS_DEG
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
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import axis_rotation, pose

TIMES = np.linspace(0.0, 2.0, 9)
RAMP = 0.5 - 0.5 * np.cos(np.pi * TIMES / 2.0)
DIAGONAL = 1.5


@dataclass(frozen=True)
class Hinge:
    """A joint in world coordinates of the first time, for truth and rig alike."""

    name: str
    type: JointType
    parent: str
    child: str
    axis: tuple[float, ...]
    pivot: tuple[float, ...]
    q: tuple[float, ...]

    def screw(self, q: float) -> np.ndarray:
        if self.type is JointType.PRISMATIC:
            return pose(translation=q * np.array(self.axis))
        R = axis_rotation(np.array(self.axis), q)
        return pose(R, np.array(self.pivot) - R @ np.array(self.pivot))


DOOR = Hinge(
    "door_hinge", JointType.REVOLUTE, "base", "door", (0.0, 0.0, 1.0), (0.5, -0.3, 0.0),
    tuple(1.2 * RAMP),
)  # fmt: skip
LATCH = Hinge(
    "latch_hinge", JointType.REVOLUTE, "door", "latch", (0.0, 1.0, 0.0), (0.5, 0.3, 0.1),
    tuple(-0.8 * RAMP**2),
)  # fmt: skip
DRAWER = Hinge(
    "drawer_slide", JointType.PRISMATIC, "base", "drawer", (1.0, 0.0, 0.0), (0.0, 0.0, 0.4),
    tuple(0.3 * RAMP * (1.5 - RAMP)),
)  # fmt: skip
ALL = (DOOR, LATCH, DRAWER)
CENTERS = {
    "base": (0.0, 0.0, 0.0),
    "door": (0.5, 0.0, 0.0),
    "latch": (0.55, 0.35, 0.1),
    "drawer": (0.0, 0.0, 0.6),
}
PARTS = tuple(CENTERS)


def cloud(part: str) -> np.ndarray:
    rng = np.random.default_rng(PARTS.index(part))
    spread = 0.04 if part == "latch" else 0.15
    return np.array(CENTERS[part]) + rng.uniform(-spread, spread, (120, 3))


def truth_of(hinges: tuple[Hinge, ...] = ALL, *, base: np.ndarray | None = None) -> Truth:
    still = np.broadcast_to(np.eye(4), (len(TIMES), 4, 4))
    poses = dict.fromkeys(PARTS, still if base is None else base)
    for hinge in hinges:
        steps = np.stack([hinge.screw(q) for q in hinge.q])
        poses[hinge.child] = poses[hinge.parent] @ steps
    return Truth(
        diagonal_m=DIAGONAL,
        times_s=TIMES,
        joints=tuple(
            TrueJoint(h.name, h.type, h.parent, h.child, h.axis, h.pivot, h.q) for h in hinges
        ),
        parts=PARTS,
        link_poses=poses,
        points=np.concatenate([cloud(name) for name in PARTS]),
        point_parts=np.repeat(np.arange(len(PARTS)), 120),
    )


def link(name: str) -> Link:
    mesh = TriangleMesh(np.eye(3), np.array([[0, 1, 2]]))
    return Link(name, mesh, (mesh,), Inertial(1.0, np.zeros(3), np.eye(3)))


def rig_of(
    hinges: tuple[Hinge, ...] = ALL, *, root: str = "base", base: np.ndarray | None = None
) -> RiggedAsset:
    """A rig with these joints; parts that no joint carries belong to the root."""
    names = [root, *(h.child for h in hinges)]
    origins = {root: np.zeros(3), **{h.child: np.array(h.pivot) for h in hinges}}
    limits = JointLimits(-3.0, 3.0, 10.0, 1.0)
    means = np.concatenate([cloud(name) for name in PARTS])
    owners = [names.index(name) if name in names else 0 for name in PARTS]
    still = np.broadcast_to(np.eye(4), (len(TIMES), 4, 4))
    return RiggedAsset(
        name="rig",
        links=tuple(link(name) for name in names),
        joints=tuple(
            Joint(h.name, h.type, h.parent, h.child, origins[h.child] - origins[h.parent],
                  np.array(h.axis), limits)
            for h in hinges
        ),
        motion=Motion(TIMES, still if base is None else base, {h.name: h.q for h in hinges}),
        surfels=Surfels.from_colors(
            means=means,
            rotations=np.tile([1.0, 0, 0, 0], (len(means), 1)),
            scales=np.full((len(means), 2), 0.01),
            opacities=np.ones(len(means)),
            colors=np.full((len(means), 3), 0.5),
        ),
        surfel_links=np.repeat(owners, 120),
    )  # fmt: skip


def row(result: RigScore, name: str):
    return next(joint for joint in result.joints if joint.name == name)


def assert_perfect(result: RigScore) -> None:
    assert result.correct
    assert result.count_ok
    assert result.replay_error < 1e-6
    for joint in result.joints:
        assert joint.matched
        assert joint.axis_deg < 1e-3
        assert joint.pivot_frac < 1e-6
        assert joint.state_error < 1e-6
        assert joint.part_iou == 1.0


def test_truth_scores_perfectly():
    result = score(rig_of(), truth_of())
    assert_perfect(result)
    assert [joint.matched for joint in result.joints] == [h.name for h in ALL]


def test_sign_of_the_axis_is_free():
    flipped = tuple(
        replace(h, axis=tuple(-x for x in h.axis), q=tuple(-q for q in h.q)) for h in ALL
    )
    assert_perfect(score(rig_of(flipped), truth_of()))


def test_root_is_free():
    """The same motion told from the door: its hinge swaps parent and child, and the base moves."""
    truth = truth_of()
    swapped = replace(DOOR, parent="door", child="base", q=tuple(-q for q in DOOR.q))
    rig = rig_of((swapped, LATCH, DRAWER), root="door", base=truth.link_poses["door"])
    assert_perfect(score(rig, truth))


def test_moving_base_is_followed():
    base = np.stack(
        [pose(axis_rotation(np.array([0, 0, 1.0]), 0.4 * u), np.array([u, 0, 0])) for u in RAMP]
    )
    assert_perfect(score(rig_of(base=base), truth_of(base=base)))
    lost = score(rig_of(), truth_of(base=base))
    assert lost.correct, "relative motion is right although the base stands"
    assert lost.replay_error > 0.3


@settings(max_examples=15, deadline=None)
@given(degrees=st.floats(0.1, 8.0), turn=st.floats(0.0, 6.28))
def test_axis_error_is_measured_as_made(degrees, turn):
    about = np.array([np.cos(turn), np.sin(turn), 0.0])
    axis = axis_rotation(about, np.radians(degrees)) @ np.array(DOOR.axis)
    rig = rig_of((replace(DOOR, axis=tuple(axis)), DRAWER))
    result = score(rig, truth_of((DOOR, DRAWER)))
    assert row(result, "door_hinge").axis_deg == pytest.approx(degrees, abs=1e-4)
    assert row(result, "drawer_slide").axis_deg < 1e-3


@settings(max_examples=15, deadline=None)
@given(across=st.floats(0.0, 0.05), along=st.floats(-3.0, 3.0))
def test_pivot_error_is_measured_across_the_axis(across, along):
    pivot = (DOOR.pivot[0] + across, DOOR.pivot[1], DOOR.pivot[2] + along)
    result = score(rig_of((replace(DOOR, pivot=pivot), DRAWER)), truth_of((DOOR, DRAWER)))
    found = row(result, "door_hinge").pivot_frac
    assert found == pytest.approx(across / DIAGONAL, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.8, 1.2), offset=st.floats(-0.02, 0.02))
def test_state_error_ignores_the_offset(scale, offset):
    q = np.array(DRAWER.q)
    result = score(rig_of((replace(DRAWER, q=tuple(scale * q + offset)),)), truth_of((DRAWER,)))
    expected = abs(scale - 1) * np.abs(q - q.mean()).mean()
    joint = row(result, "drawer_slide")
    assert joint.state_error == pytest.approx(expected, abs=1e-9)
    assert joint.state_frac == pytest.approx(expected / np.ptp(q), abs=1e-9)


def test_prismatic_joint_has_no_pivot():
    moved = replace(DRAWER, pivot=(0.2, -0.7, 0.1))
    assert_perfect(score(rig_of((DOOR, LATCH, moved)), truth_of()))


def test_missing_joint_counts_as_failure():
    result = score(rig_of((DOOR, LATCH)), truth_of())
    drawer = row(result, "drawer_slide")
    assert (drawer.matched, drawer.type_ok, drawer.axis_deg, drawer.pivot_frac) == (
        "", False, 90.0, 1.0
    )  # fmt: skip
    assert drawer.state_frac == 1.0
    assert drawer.part_iou == 0.0
    assert result.recovered == 2
    assert not result.count_ok
    assert not result.correct
    assert result.mean("axis_deg") == pytest.approx(30.0, abs=1e-3)


def test_doing_nothing_scores_one():
    result = score(rig_of(()), truth_of())
    assert result.replay_error == pytest.approx(1.0)
    assert result.found == 0
    assert result.recovered == 0


def test_run_without_a_rig_scores_like_one_that_stands_still():
    still, none = score(rig_of(()), truth_of()), nothing_found(truth_of())
    assert none.joints == still.joints
    assert none.replay_diagonals == pytest.approx(still.replay_diagonals)
    assert none.replay_error == pytest.approx(still.replay_error)


def test_motion_in_the_wrong_direction_is_a_miss():
    result = score(rig_of((replace(DOOR, q=tuple(-q for q in DOOR.q)),)), truth_of((DOOR,)))
    assert row(result, "door_hinge").matched == ""
    assert result.spurious == 1


def test_invented_joint_is_spurious():
    result = score(rig_of((DOOR, DRAWER)), truth_of((DOOR,)))
    assert result.recovered == 1
    assert result.spurious == 1
    assert not result.count_ok
    assert not result.correct


def test_flagged_joint_is_not_spurious():
    rig = rig_of((DOOR, replace(DRAWER, q=tuple(np.zeros(len(TIMES))))))
    flagged = tuple(replace(j, observed=j.name != "drawer_slide") for j in rig.joints)
    result = score(replace(rig, joints=flagged), truth_of((DOOR,)))
    assert result.correct
    assert result.count_ok


def test_every_joint_is_told_with_its_confidence_and_whether_it_is_right():
    tilted = axis_rotation(np.array([1.0, 0, 0]), np.radians(RIGHT_AXIS_DEG + 1)) @ DOOR.axis
    rig = rig_of((replace(DOOR, axis=tuple(tilted)), LATCH, DRAWER))
    stated = {"door_hinge": 0.9, "latch_hinge": 0.8, "drawer_slide": 0.2}
    joints = tuple(
        replace(j, confidence=stated[j.name], observed=j.name != "drawer_slide") for j in rig.joints
    )
    told = {v.name: v for v in score(replace(rig, joints=joints), truth_of((DOOR, LATCH))).verdicts}
    assert {name: v.confidence for name, v in told.items()} == stated
    assert (told["door_hinge"].matched, told["door_hinge"].right) == ("door_hinge", False)
    assert told["latch_hinge"].right
    assert (told["drawer_slide"].matched, told["drawer_slide"].right) == ("", False)
    assert not told["drawer_slide"].observed


def test_a_joint_of_a_body_without_joints_is_invented():
    result = score(rig_of((DOOR,)), truth_of(()))
    assert (result.joints, result.found, result.spurious) == ((), 1, 1)
    assert [v.right for v in result.verdicts] == [False]
    assert not result.correct
    assert score(rig_of(()), truth_of(())).correct


def test_scores_survive_json():
    result = score(rig_of((DOOR, DRAWER)), truth_of())
    assert RigScore.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_still_true_joint_is_not_asked_for():
    still = replace(DRAWER, q=tuple(np.zeros(len(TIMES))))
    result = score(rig_of((DOOR,)), truth_of((DOOR, still)))
    assert [joint.name for joint in result.joints] == ["door_hinge"]
    assert result.correct


def test_wrong_type_is_told_although_the_motion_fits():
    """A small turn about a far pivot moves almost as a slide does."""
    far = (0.0, -30.0, 0.6)
    slide = replace(DRAWER, q=tuple(0.3 * RAMP))
    turn = replace(
        slide, type=JointType.REVOLUTE, axis=(0.0, 0.0, -1.0), pivot=far,
        q=tuple(0.01 * RAMP),
    )  # fmt: skip
    result = score(rig_of((turn,)), truth_of((slide,)))
    joint = row(result, "drawer_slide")
    assert joint.matched == "drawer_slide"
    assert not joint.type_ok
    assert joint.state_frac == 1.0
    assert not result.correct


def test_continuous_is_a_revolute():
    assert_perfect(score(rig_of((replace(DOOR, type=JointType.CONTINUOUS),)), truth_of((DOOR,))))


def test_parts_in_step_are_told_apart_by_what_they_carry():
    twin = replace(DRAWER, name="twin", child="latch", parent="base")
    result = score(rig_of((twin, DRAWER)), truth_of((DRAWER, twin)))
    assert {joint.name: joint.matched for joint in result.joints} == {
        "drawer_slide": "drawer_slide",
        "twin": "twin",
    }
    assert all(joint.part_iou == 1.0 for joint in result.joints)


def test_wrong_labels_lower_the_overlap():
    rig = rig_of((DOOR,))
    labels = rig.surfel_links.copy()
    labels[120:180] = 0
    result = score(replace(rig, surfel_links=labels), truth_of((DOOR,)))
    assert row(result, "door_hinge").part_iou == pytest.approx(0.5)
    assert result.replay_error > 0.1


def test_order_of_joints_and_parts_does_not_matter():
    first = score(rig_of((DOOR, LATCH, DRAWER)), truth_of((DRAWER, DOOR, LATCH)))
    second = score(rig_of((DRAWER, DOOR, LATCH)), truth_of((DOOR, LATCH, DRAWER)))
    assert {j.name: j.matched for j in first.joints} == {j.name: j.matched for j in second.joints}
    assert_perfect(first)
    assert_perfect(second)


def test_rig_without_surface_is_refused():
    rig = rig_of(())
    bare = replace(rig, surfels=rig.surfels.select(np.zeros(480, bool)), surfel_links=np.zeros(0))
    with pytest.raises(InputError, match="rig: has no surfels to compare"):
        score(bare, truth_of())
