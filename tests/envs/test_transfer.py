"""Policies are tested on the true object's joint that is the recovered one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reel2sim.scene import JointType
from reel2sim.scene.transforms import axis_rotation

from .conftest import arm, asset, box, joint

ROOT = Path(__file__).parents[2]


@pytest.fixture
def transfer(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import transfer

    yield transfer
    del sys.modules["transfer"]


def test_every_joint_lies_closest_to_itself(transfer) -> None:
    found = transfer.axes(arm())
    assert set(found) == {"spin", "knob", "lever"}
    for name, axis in found.items():
        assert transfer.closest(axis, found, 1.0) == (name, 0.0, 0.0)


def test_an_axis_that_was_found_a_little_off_is_still_that_axis(transfer) -> None:
    true = arm()
    tilt = axis_rotation(np.array([1.0, 0.0, 0.0]), np.array(0.1))[:3, :3]
    off = [
        replace(j, axis=tilt @ j.axis, origin=j.origin + 0.01) if j.name == "spin" else j
        for j in true.joints
    ]
    recovered = transfer.axes(replace(true, joints=tuple(off)))["spin"]
    name, angle, offset = transfer.closest(recovered, transfer.axes(true), 2.0)
    assert name == "spin"
    assert angle == pytest.approx(np.degrees(0.1))
    assert 0 < offset < 0.01 * 3**0.5 / 2


def test_a_slide_is_never_taken_for_a_hinge(transfer) -> None:
    def cabinet(name: str, kind: JointType, *, z: float):
        links = [box("case", (1, 1, 1), (0, 0, 0), 1.0), box("part", (1, 1, 1), (0, 0, z), 1.0)]
        return asset("x", links, [joint(name, kind, "case", "part")], {name: np.zeros(13)})

    slide = transfer.axes(cabinet("a", JointType.PRISMATIC, z=0.0))["a"]
    others = {
        **transfer.axes(cabinet("hinge", JointType.REVOLUTE, z=0.0)),
        **transfer.axes(cabinet("far", JointType.PRISMATIC, z=0.5)),
    }
    assert transfer.closest(slide, others, 1.0) == ("far", 0.0, pytest.approx(0.5))
    with pytest.raises(SystemExit):
        transfer.closest(slide, {"hinge": others["hinge"]}, 1.0)
