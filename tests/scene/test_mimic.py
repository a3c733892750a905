"""Joints that follow others: what is allowed, what they mean, and that a file keeps them."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Mimic,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.errors import InputError
from reel2sim.scene.store import load_asset, save_asset

J = JointType
TRIANGLE = TriangleMesh(np.eye(3), np.array([[0, 1, 2]]))


def joint(name: str, kind: JointType, mimic: Mimic | None = None) -> Joint:
    return Joint(
        name=name,
        type=kind,
        parent="base",
        child=f"{name}_link",
        origin=np.array([0.1, 0.0, 0.0]),
        axis=np.array([0.0, 0.0, 1.0]),
        limits=JointLimits(-1.0, 1.0, 1.0, 1.0),
        mimic=mimic,
    )


def asset(*joints: Joint) -> RiggedAsset:
    names = ["base", *(j.child for j in joints)]
    inertial = Inertial(1.0, np.zeros(3), np.eye(3))
    times = np.array([0.0, 1.0])
    motion = Motion(
        times,
        np.tile(np.eye(4), (2, 1, 1)),
        {j.name: np.array([0.0, 0.1 * k]) for k, j in enumerate(joints, start=1)},
    )
    surfels = Surfels(
        means=np.zeros((1, 3)),
        rotations=np.array([[1.0, 0, 0, 0]]),
        scales=np.full((1, 2), 0.01),
        opacities=np.ones(1),
        sh=np.zeros((1, 1, 3)),
        confidence=np.ones(1),
    )
    links = tuple(Link(name, TRIANGLE, (), inertial) for name in names)
    return RiggedAsset("thing", links, joints, motion, surfels, np.zeros(1))


@pytest.mark.parametrize("values", [(0.0, 0.0), (np.nan, 0.0), (np.inf, 0.0), (1.0, np.nan)])
def test_a_line_needs_a_slope_and_numbers(values):
    with pytest.raises(InputError, match=r"Mimic\."):
        Mimic("other", *values)


@pytest.mark.parametrize(
    ("joints", "fault"),
    [
        ((joint("a", J.REVOLUTE, Mimic("z")),), "'z', which is not there"),
        ((joint("a", J.REVOLUTE, Mimic("a")),), "which is itself"),
        (
            (
                joint("a", J.REVOLUTE),
                joint("b", J.REVOLUTE, Mimic("a")),
                joint("c", J.REVOLUTE, Mimic("b")),
            ),
            "'b', which follows 'a'",
        ),
        ((joint("a", J.FIXED), joint("b", J.REVOLUTE, Mimic("a"))), "one degree of freedom"),
        ((joint("a", J.REVOLUTE), joint("b", J.SPHERICAL, Mimic("a"))), "one degree of freedom"),
        ((joint("a", J.PRISMATIC), joint("b", J.REVOLUTE, Mimic("a"))), "the other slides"),
    ],
)
def test_leaders_that_cannot_lead_are_refused(joints, fault):
    with pytest.raises(InputError, match=fault):
        asset(*joints)


def test_positions_are_used_as_given_and_filled_in_on_request():
    # The leader may come after its follower.
    thing = asset(joint("b", J.REVOLUTE, Mimic("a", -2.0, 0.1)), joint("a", J.CONTINUOUS))
    assert thing.followed({"a": 0.3}) == {"a": 0.3, "b": pytest.approx(-0.5)}
    assert thing.followed({}) == {"b": pytest.approx(0.1)}
    given = {"a": 0.3, "b": 0.2}
    assert thing.followed(given) == given
    np.testing.assert_array_equal(thing.link_poses({"a": 0.3})[1], thing.rest_poses[1])
    moved = thing.link_poses(thing.followed({"a": 0.3}))
    np.testing.assert_array_equal(moved, thing.link_poses({"a": 0.3, "b": -0.5}))
    np.testing.assert_allclose(
        Mimic("a", -2.0, 0.1).follow(np.array([[0.0, 1.0]])), [[0.1, -1.9]], atol=1e-15
    )


def test_a_file_keeps_who_follows_whom(tmp_path):
    path, again = tmp_path / "asset.npz", tmp_path / "again.npz"
    mimic = Mimic("a", -1 / 3, 0.1)
    save_asset(path, asset(joint("a", J.PRISMATIC), joint("b", J.PRISMATIC, mimic)))
    loaded = load_asset(path)
    assert [j.mimic for j in loaded.joints] == [None, mimic]
    save_asset(again, loaded)
    assert again.read_bytes() == path.read_bytes()


def test_a_file_from_before_there_were_mimics_loads(tmp_path):
    path, old = tmp_path / "asset.npz", tmp_path / "old.npz"
    save_asset(path, asset(joint("a", J.REVOLUTE)))
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(old, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "header.json":
                header = json.loads(data)
                for record in header["joints"]:
                    del record["mimic"]
                data = json.dumps(header).encode()
            target.writestr(name, data)
    assert load_asset(old).joints[0].mimic is None
