"""Descriptions of others become bundles by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pybullet_data
import pytest
import trimesh

from reel2sim.cli.main import main
from reel2sim.importers import load_urdf

ROBOTS = Path(pybullet_data.getDataPath())


@pytest.mark.parametrize(("name", "links"), [("r2d2.urdf", 16), ("mjcf/pusher.xml", 15)])
def test_a_description_becomes_a_bundle_that_passes_its_check(
    name: str, links: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle"
    assert main(["export", str(ROBOTS / name), "--out", str(out)]) == 0
    capfd.readouterr()
    assert main(["check", str(out), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["ok"]
    assert report["counts"]["links"] == links


def test_a_model_becomes_a_bundle_whose_model_becomes_one_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    box = trimesh.creation.box(extents=[0.2, 0.4, 0.6])
    trimesh.Scene([box, box.copy().apply_translation([1, 0, 0])]).export(tmp_path / "boxes.glb")
    made = [tmp_path / "boxes.glb", tmp_path / "one" / "asset.glb"]
    for model, out in zip(made, (tmp_path / "one", tmp_path / "two"), strict=True):
        assert main(["export", str(model), "--out", str(out)]) == 0
        capfd.readouterr()
        assert main(["check", str(out), "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["ok"]
    one, two = ((tmp_path / x / "scene.urdf").read_text() for x in ("one", "two"))
    assert one == two


def test_folders_of_packages_need_names(tmp_path: Path) -> None:
    urdf = str(ROBOTS / "r2d2.urdf")
    assert main(["export", urdf, "--packages", "meshes", "--out", str(tmp_path / "b")]) == 2
    assert not (tmp_path / "b").exists()


def test_only_a_urdf_has_roots(tmp_path: Path) -> None:
    asset = tmp_path / "asset.npz"
    asset.write_bytes(b"x")
    code = main(["export", str(asset), "--roots", str(tmp_path), "--out", str(tmp_path / "b")])
    assert code == 2


def test_a_stage_becomes_a_bundle_whose_stage_becomes_one_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    body = 'def Xform "{0}" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {{\n{1}}}\n'
    cube = 'def Cube "c" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {\n double size = 0.2\n}\n'
    joint = (
        'def PhysicsRevoluteJoint "hinge" {\n rel physics:body0 = </a>\n rel physics:body1 = </b>\n'
        " float physics:lowerLimit = -45\n float physics:upperLimit = 45\n"
        " point3f physics:localPos0 = (0, 0, 0.25)\n point3f physics:localPos1 = (0, 0, -0.25)\n}\n"
    )
    lifted = "double3 xformOp:translate = (0, 0, 0.5)\n"
    lifted += 'uniform token[] xformOpOrder = ["xformOp:translate"]\n'
    text = body.format("a", cube) + body.format("b", lifted + cube) + joint
    stage = tmp_path / "pair.usda"
    stage.write_text(f'#usda 1.0\n(\n upAxis = "Z"\n metersPerUnit = 1\n)\n{text}')
    made = [stage, tmp_path / "one" / "scene.usdz"]
    for source, out in zip(made, (tmp_path / "one", tmp_path / "two"), strict=True):
        assert main(["export", str(source), "--out", str(out)]) == 0
        capfd.readouterr()
        assert main(["check", str(out), "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["ok"]
    one, two = (load_urdf(tmp_path / x / "scene.urdf") for x in ("one", "two"))
    assert [x.name for x in one.links] == [x.name for x in two.links] == ["a", "b"]
    np.testing.assert_allclose(two.link_poses({"hinge": 0.7}), one.link_poses({"hinge": 0.7}))


def test_a_stage_of_several_objects_becomes_a_scene(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    body = (
        'def Xform "{0}" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {{\n'
        ' def Cube "c" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {{\n'
        "  double size = 0.2\n }}\n"
        " double3 xformOp:translate = ({1}, 0, 0.1)\n"
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}}\n'
    )
    stage = tmp_path / "two.usda"
    head = '#usda 1.0\n(\n upAxis = "Z"\n metersPerUnit = 1\n)\n'
    stage.write_text(head + body.format("one", 0) + body.format("other", 1))
    assert main(["export", str(stage), "--out", str(tmp_path / "b"), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["assets"] == ["one", "other"]
    assert main(["check", str(tmp_path / "b"), "--json"]) == 0
