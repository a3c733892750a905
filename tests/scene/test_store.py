"""Assets come back from their files as they were, also from files without later fields."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from reel2sim.scene import (
    Certainty,
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    RiggedAsset,
)
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import TriangleMesh
from reel2sim.scene.store import load_asset, save_asset, stored_kind
from reel2sim.scene.surfels import Surfels


def hinge(**changes) -> Joint:
    fields = {
        "name": "hinge",
        "type": JointType.REVOLUTE,
        "parent": "base",
        "child": "door",
        "origin": np.array([0.1, 0, 0]),
        "axis": np.array([0, 0, 1.0]),
        "limits": JointLimits(-0.5, 2.0, 3.0, 4.0),
    }
    return Joint(**(fields | changes))


def asset(joint: Joint) -> RiggedAsset:
    corners = np.array([[0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    mesh = TriangleMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    inertial = Inertial(1.0, np.zeros(3), np.eye(3))
    links = tuple(Link(name, mesh, (mesh,), inertial) for name in ("base", "door"))
    surfels = Surfels.from_colors(
        means=corners,
        rotations=np.tile([1.0, 0, 0, 0], (4, 1)),
        scales=np.full((4, 2), 0.01),
        opacities=np.ones(4),
        colors=np.full((4, 3), 0.5),
    )
    still = np.broadcast_to(np.eye(4), (2, 4, 4))
    motion = Motion(np.array([0, 1.0]), still, {"hinge": np.array([0, 0.7])})
    return RiggedAsset("thing", links, (joint,), motion, surfels, np.zeros(4, np.int32))


@pytest.mark.parametrize("seen", [None, (0.0, 0.7)])
def test_the_range_seen_comes_back_beside_the_limits(tmp_path, seen):
    path = tmp_path / "asset.npz"
    save_asset(path, asset(hinge(observed_range=seen)))
    found = load_asset(path).joints[0]
    assert found.observed_range == seen
    assert found.limits == JointLimits(-0.5, 2.0, 3.0, 4.0)


def test_a_file_from_before_the_range_was_kept_is_read(tmp_path):
    new, old = tmp_path / "new.npz", tmp_path / "old.npz"
    save_asset(new, asset(hinge(observed_range=(0.0, 0.7))))
    with zipfile.ZipFile(new) as source, zipfile.ZipFile(old, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "header.json":
                header = json.loads(data)
                del header["joints"][0]["observed_range"]
                data = json.dumps(header).encode()
            target.writestr(name, data)
    assert load_asset(old).joints[0].observed_range is None


def test_links_in_each_other_are_still_known(tmp_path):
    path = tmp_path / "asset.npz"
    whole = asset(hinge())
    pair = (whole.links[0].name, whole.links[1].name)
    save_asset(path, replace(whole, interpenetrating=(pair,)))
    assert load_asset(path).interpenetrating == (pair,)


def test_an_empty_range_is_refused():
    with pytest.raises(InputError, match="is empty"):
        hinge(observed_range=(1.0, 0.5))


def test_what_a_confidence_is_made_of_comes_back(tmp_path):
    path = tmp_path / "asset.npz"
    sure = Certainty(0.9, 0.8, 0.7)
    save_asset(path, asset(hinge(certainty=sure, confidence=sure.confidence)))
    assert load_asset(path).joints[0].certainty == sure


def test_a_header_that_unpacks_to_much_is_refused_unread(tmp_path):
    path = tmp_path / "asset.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b" " * (65 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="header of over 64 MiB"):
        load_asset(path)
    with pytest.raises(ValueError, match="header of over 64 MiB"):
        stored_kind(path)
