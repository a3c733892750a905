"""Bodies without a joint move as they say and have a truth without joints; SDF models agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from reel2sim.generation.truth import load_truth
from reel2sim.media import load_reel
from reel2sim.scene.errors import InputError, UsageError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import apply

SHARES = np.linspace(0.0, 1.0, 7)


@pytest.mark.parametrize("name", ["turntable", "carried", "ball", "sheet"])
def test_controls_move_and_are_one_part(captures, name):
    body = captures.controls.load_control(name)
    start = body.vertices_at(0.0)
    moved = [np.linalg.norm(body.vertices_at(float(u)) - start, axis=1).max() for u in SHARES]
    assert max(moved) > 0.1 * body.diagonal
    assert np.allclose(body.poses_at(0.0)[body.parts[0]], np.eye(4), atol=1e-9)
    assert (body.face_parts == 0).all()
    assert len(body.parts) == 1


@pytest.mark.parametrize("name", ["turntable", "carried"])
def test_rigid_controls_follow_their_pose(captures, name):
    body = captures.controls.load_control(name)
    start = body.vertices_at(0.0)
    for share in SHARES:
        (T,) = body.poses_at(float(share)).values()
        assert np.allclose(apply(T, start), body.vertices_at(float(share)))


def test_the_ball_keeps_its_volume_and_is_not_rigid(captures):
    body = captures.controls.load_control("ball")

    def volume(share):
        return trimesh.Trimesh(body.vertices_at(share), body.faces, process=False).volume

    assert [volume(float(u)) for u in SHARES] == pytest.approx([volume(0.0)] * len(SHARES))
    tall = [np.ptp(body.vertices_at(float(u))[:, 2]) for u in SHARES]
    assert max(tall) > 1.3 * min(tall)


def test_the_sheet_bends_without_stretching_or_creasing(captures):
    body = captures.controls.load_control("sheet")
    start = trimesh.Trimesh(body.vertices_at(0.0), body.faces, process=False)
    bent = trimesh.Trimesh(body.vertices_at(0.5), body.faces, process=False)
    assert bent.area == pytest.approx(start.area, rel=2e-3)
    assert np.ptp(bent.vertices[:, 1]) > 5 * np.ptp(start.vertices[:, 1])
    smooth = start.face_adjacency_angles < 0.1  # what is not the sheet's own rim
    assert bent.face_adjacency_angles[smooth].max() < 0.25


@pytest.mark.parametrize("name", ["turntable", "ball"])
def test_the_truth_of_a_control_has_no_joint(captures, tmp_path, name):
    options = captures.render.Options(
        out=tmp_path, controls=(name,), size=24, frames=4, static_views=3, held_out=3, points=400
    )
    captures.render.main(options)
    truth = load_truth(tmp_path / name)
    assert truth.joints == ()
    assert len(truth.points) > 100
    assert load_reel(tmp_path / name).times_s == pytest.approx(truth.times_s)
    assert (tmp_path / name / "shape.npz").is_file()
    assert (tmp_path / name / "heldout.json").is_file()


def test_amplitude_scales_what_joints_travel(captures, chain):
    half = chain.scaled(0.5)
    assert np.allclose(half.trajectory(9), 0.5 * chain.trajectory(9))
    options = captures.render.Options(out=Path(), controls=("ball",), amplitude=0.5)
    with pytest.raises(UsageError, match="amplitude"):
        list(captures.render.bodies(options))


SDF = """<sdf version='1.6'><world name='default'><model name='m'><pose>1 2 3 0 0 0.5</pose>
<link name='base'>{inertial}<visual name='v'><geometry><box><size>0.4 0.2 0.1</size></box>
</geometry></visual></link>
<link name='flap'><pose>0.2 0 0 0 0 0</pose>{inertial}<visual name='v'>
<pose>0.1 0 0 0 0 0</pose><geometry><box><size>0.2 0.2 0.02</size></box></geometry></visual></link>
<link name='knob'><pose>0.4 0 0.02 0 0 0</pose>{inertial}<visual name='v'><geometry><sphere>
<radius>0.02</radius></sphere></geometry></visual></link>
<link name='slide'><pose>0 0 0.1 0 0 0</pose>{inertial}<visual name='v'><geometry><cylinder>
<radius>0.03</radius><length>0.1</length></cylinder></geometry></visual></link>
<joint name='hinge' type='revolute'><parent>base</parent><child>flap</child><axis>
<xyz>0 1 0</xyz><limit><lower>-1</lower><upper>0.2</upper></limit></axis></joint>
<joint name='weld' type='fixed'><parent>flap</parent><child>knob</child></joint>
<joint name='lift' type='prismatic'><parent>base</parent><child>slide</child><axis>
<xyz>0 0 1</xyz><limit><lower>0</lower><upper>0.2</upper></limit></axis></joint>
</model></world></sdf>"""
INERTIAL = """<inertial><pose>0.03 0.01 0 0 0 0.3</pose><mass>1</mass><inertia><ixx>1</ixx>
<ixy>0</ixy><ixz>0</ixz><iyy>1</iyy><iyz>0</iyz><izz>1</izz></inertia></inertial>"""


@pytest.fixture
def sdf(tmp_path):
    pytest.importorskip("pybullet")
    path = tmp_path / "m.sdf"
    path.write_text(SDF.format(inertial=INERTIAL))
    return path


def test_sdf_models_have_their_joints_where_the_file_says(captures, sdf):
    model = captures.sdf.load_sdf(sdf)
    assert set(model.parts) == {"base", "flap", "slide"}, "the knob is welded to the flap"
    hinge, lift = model.joints
    turn = np.array([[np.cos(0.5), -np.sin(0.5), 0], [np.sin(0.5), np.cos(0.5), 0], [0, 0, 1]])
    assert (hinge.type, hinge.parent, hinge.child) == (JointType.REVOLUTE, "base", "flap")
    assert hinge.axis == pytest.approx(turn @ [0, 1, 0], abs=1e-4)
    offset = hinge.pivot - (turn @ [0.2, 0, 0] + [1, 2, 3])
    assert np.linalg.norm(np.cross(offset, hinge.axis)) < 1e-4
    assert hinge.travel == pytest.approx(-0.85, abs=1e-6)
    assert lift.axis == pytest.approx([0, 0, 1], abs=1e-4)
    assert lift.travel == pytest.approx(0.17, abs=1e-6)
    local = (model.parts["flap"].vertices - [1, 2, 3]) @ turn
    assert local.min(axis=0) == pytest.approx([0.2, -0.1, -0.01], abs=1e-4)
    assert local.max(axis=0) == pytest.approx([0.42, 0.1, 0.04], abs=1e-4)
    high = model.parts["slide"].vertices[:, 2] - 3
    assert (high.min(), high.max()) == pytest.approx((0.05, 0.15), abs=1e-4)


def test_sdf_joints_can_be_welded_and_must_be_there(captures, sdf):
    model = captures.sdf.load_sdf(sdf, only=("lift",))
    assert [joint.name for joint in model.joints] == ["lift"]
    assert set(model.parts) == {"base", "slide"}
    with pytest.raises(InputError, match=r"has no moving joints \['lid'\]"):
        captures.sdf.load_sdf(sdf, only=("lid",))
    with pytest.raises(InputError, match="holds no model"):
        captures.sdf.load_sdf(sdf.with_name("none.sdf"))
