"""Laws of the hand-over between joint estimation and embodiment."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import apply, axis_rotation, is_rigid, pose

TIMES = np.linspace(0.0, 1.0, 5)
STILL = np.broadcast_to(np.eye(4), (5, 4, 4))


def joint(
    parent: int, child: int, type: JointType = JointType.REVOLUTE, **changes
) -> JointEstimate:
    fields = {"axis": [0, 0, 1.0], "pivot": [1.0, 0, 0], "positions": np.linspace(0, 1, 5)}
    return JointEstimate(parent=parent, child=child, type=type, **(fields | changes))


def test_points_on_the_axis_stay_and_distances_are_kept():
    T = joint(0, 1, axis=[0, 0.6, 0.8], pivot=[0.3, -0.2, 0.1]).motions()
    on_axis = np.array([[0.3, -0.2, 0.1], [0.3, -0.2 + 0.6 * 3, 0.1 + 0.8 * 3]])
    np.testing.assert_allclose(apply(T, on_axis), np.broadcast_to(on_axis, (5, 2, 3)), atol=1e-12)
    assert all(is_rigid(each, tolerance=1e-9) for each in T)


def test_a_child_rides_on_its_parent_whatever_the_index():
    # Part 1 hangs on part 2: the parent has the larger index.
    rig = Articulation(
        TIMES,
        np.array([0, 1, 2]),
        (joint(2, 1, JointType.PRISMATIC, axis=[1.0, 0, 0]), joint(0, 2)),
        STILL,
    )
    assert rig.order == (0, 2, 1)
    R = axis_rotation(np.array([0, 0, 1.0]), 1.0)
    pivot = np.array([1.0, 0, 0])
    expected = pose(R, pivot - R @ pivot) @ pose(translation=pivot)
    np.testing.assert_allclose(rig.part_motions()[-1, 1], expected, atol=1e-12)


def test_a_screw_advances_by_its_pitch():
    T = joint(0, 1, JointType.SCREW, pitch=0.25).motions()
    np.testing.assert_allclose(T[-1, :3, 3] @ [0, 0, 1], 0.25)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"axis": [0, 0, 2.0]}, "axis"),
        ({"positions": np.linspace(0.1, 1, 5)}, "positions"),
        ({"type": JointType.FREE}, "positions"),
        ({"parent": 1}, "parent"),
        ({"confidence": 1.5}, "confidence"),
    ],
)
def test_malformed_joints_are_refused(changes, field):
    with pytest.raises(InputError, match=field):
        joint(**({"parent": 0, "child": 1} | changes))


def test_loops_and_gaps_are_refused():
    parts = np.zeros(3, int)
    with pytest.raises(InputError, match="do not hang on the root"):
        Articulation(TIMES, parts, (joint(2, 1), joint(1, 2)), STILL)
    with pytest.raises(InputError, match="one joint for each part"):
        Articulation(TIMES, parts, (joint(0, 2),), STILL)
    with pytest.raises(InputError, match="without a joint"):
        Articulation(TIMES, np.array([0, 3]), (joint(0, 1),), STILL)
