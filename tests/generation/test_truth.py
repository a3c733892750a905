import json

import numpy as np
import pytest

from reel2sim.generation.truth import TrueJoint, Truth, load_truth, write_truth
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import axis_rotation, pose


def hinge_truth() -> Truth:
    q = np.array([0.0, 0.4, 1.1])
    axis, pivot = np.array([0.0, 0.0, 1.0]), np.array([0.5, 0.0, 0.0])
    turn = pose(axis_rotation(axis, q + 0.2), np.broadcast_to(pivot, (3, 3)))
    rng = np.random.default_rng(0)
    return Truth(
        diagonal_m=1.5,
        times_s=[0.0, 0.5, 1.0],
        joints=(
            TrueJoint(
                "hinge", JointType.REVOLUTE, "base", "door", axis, pivot, q, limits=(-0.2, np.inf)
            ),
        ),
        parts=("base", "door"),
        link_poses={"base": np.broadcast_to(np.eye(4), (3, 4, 4)), "door": turn},
        points=rng.normal(size=(20, 3)),
        point_parts=rng.integers(0, 2, 20),
    )


def test_round_trip(tmp_path):
    truth = hinge_truth()
    write_truth(truth, tmp_path)
    again = load_truth(tmp_path)
    assert again.parts == truth.parts
    assert again.joints[0].type is JointType.REVOLUTE
    assert again.joints[0].limits == (-0.2, np.inf)
    np.testing.assert_allclose(again.joints[0].positions, truth.joints[0].positions)
    np.testing.assert_allclose(again.link_poses["door"], truth.link_poses["door"], atol=1e-12)
    np.testing.assert_array_equal(again.points, truth.points)
    np.testing.assert_array_equal(again.point_parts, truth.point_parts)


def test_a_file_without_limits_has_none(tmp_path):
    write_truth(hinge_truth(), tmp_path)
    path = tmp_path / "truth.json"
    record = json.loads(path.read_text())
    del record["joints"][0]["limits"]
    path.write_text(json.dumps(record))
    assert load_truth(tmp_path).joints[0].limits == (-np.inf, np.inf)


def test_quaternions_on_disk_end_with_w(tmp_path):
    write_truth(hinge_truth(), tmp_path)
    row = json.loads((tmp_path / "truth.json").read_text())["link_poses"]["base"][0]
    assert row == [0, 0, 0, 0, 0, 0, 1]


def test_same_truth_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_truth(hinge_truth(), tmp_path / name)
    for file in ("truth.json", "truth_points.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_points_start_where_they_were_sampled_and_turn_about_the_axis():
    truth = hinge_truth()
    np.testing.assert_allclose(truth.points_at(0), truth.points, atol=1e-6)
    joint, door = truth.joints[0], truth.point_parts == 1
    R = axis_rotation(joint.axis, joint.positions[2])
    expected = (truth.points[door] - joint.pivot) @ R.T + joint.pivot
    np.testing.assert_allclose(truth.points_at(2)[door], expected, atol=1e-6)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"joints": 3}', "null"])
def test_malformed_is_an_input_error(tmp_path, text):
    write_truth(hinge_truth(), tmp_path)
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(InputError, match=r"truth\.json"):
        load_truth(tmp_path)


def test_missing_is_an_input_error(tmp_path):
    with pytest.raises(InputError):
        load_truth(tmp_path / "nothing")
