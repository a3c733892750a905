"""Bundles of scenes: good ones pass, and every fault is called by its name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from reel2sim.exporters import export_scene
from reel2sim.exporters.check import CHECKS, check_bundle
from reel2sim.exporters.gltf import container
from reel2sim.scene import JointType, Light, LightKind, Placement, Scene, look_at
from reel2sim.scene.transforms import axis_rotation, pose

from .conftest import build_asset, skinned

J = JointType
Z = np.array([0.0, 0.0, 1.0])


def build_scene(apart: float = 3.0) -> Scene:
    made = [
        build_asset([J.REVOLUTE, J.PRISMATIC], [0, 1], seed=3),
        build_asset([J.CONTINUOUS], [0], seed=4, fixed_base=False),
        skinned(build_asset([J.REVOLUTE], [0], seed=5)),
    ]
    placements = tuple(
        Placement.of(
            replace(asset, name=name),
            pose(axis_rotation(Z, np.array(0.6 * i)), np.array([apart * i, 0, 1.5])),
        )
        for i, (name, asset) in enumerate(zip(("one", "two", "three"), made, strict=True))
    )
    camera = look_at(np.array([0.0, -5, 2]), np.zeros(3), width=320, height=240, fov_y=0.9)
    lamp = Light("lamp", LightKind.POINT, np.eye(4))
    around = made[0].surfels
    return Scene(placements, (0, 0, -5), 0.0, "room", (lamp,), {"front": camera}, around)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("scene") / "room"
    export_scene(build_scene(), out)
    return out


def test_a_good_scene_has_no_findings(good) -> None:
    report = check_bundle(good)
    assert report.findings == ()
    assert {"MuJoCo scene", "USD scene", "GLB scene"} <= set(report.agreement)
    assert max(report.agreement.values()) < 1e-5


def record(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def into(folder: Path) -> None:
        path = folder / "scene.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return into


def model(change: Callable[[ElementTree.Element], None]) -> Callable[[Path], None]:
    def into(folder: Path) -> None:
        tree = ElementTree.parse(folder / "scene.xml")
        change(tree.getroot())
        tree.write(folder / "scene.xml")

    return into


def stage(change: Callable[[Usd.Stage], None]) -> Callable[[Path], None]:
    def into(folder: Path) -> None:
        opened = Usd.Stage.Open(str(folder / "usd" / "scene" / "scene.usda"))
        change(opened)
        opened.GetRootLayer().Save()

    return into


def glb(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def into(folder: Path) -> None:
        data = (folder / "asset.glb").read_bytes()
        size = int.from_bytes(data[12:16], "little")
        document = json.loads(data[20 : 20 + size])
        change(document)
        (folder / "asset.glb").write_bytes(container(document, data[28 + size :]))

    return into


def find(root: ElementTree.Element, path: str) -> ElementTree.Element:
    found = root.find(path)
    assert found is not None
    return found


def named(document: dict, name: str) -> dict:
    return next(node for node in document["nodes"] if node.get("name") == name)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no record": (lambda f: (f / "scene.json").write_text("{"), "SCENE001"),
    "gravity of two numbers": (record(lambda r: r.update(gravity=[0, 1])), "SCENE001"),
    "folder outside": (record(lambda r: r["assets"][0].update(folder="../x")), "SCENE001"),
    "asset not listed": (record(lambda r: r["assets"].pop()), "SCENE002"),
    "asset's folder gone": (lambda f: shutil.rmtree(f / "assets" / "two"), "SCENE002"),
    "asset under another's name": (record(lambda r: r["assets"][0].update(name="won")), "SCENE002"),
    "asset placed elsewhere": (
        record(lambda r: r["assets"][1]["base_pose"].__setitem__(0, 9.0)),
        "SCENE003",
    ),
    "asset's own fault": (
        lambda f: (f / "assets" / "one" / "motion.json").write_text("{}"),
        "MOT001",
    ),
    "body moved in MJCF": (
        model(lambda r: find(r, ".//body[@name='one/link0']").set("pos", "0 9 0")),
        "SCENE004",
    ),
    "joint's axis turned in MJCF": (
        model(lambda r: find(r, ".//joint[@name='one/joint0']").set("axis", "0 0.6 0.8")),
        "SCENE004",
    ),
    "mass changed in MJCF": (
        model(lambda r: find(r, ".//body[@name='one/link1']/inertial").set("mass", "77")),
        "SCENE004",
    ),
    "body renamed in MJCF": (
        model(lambda r: find(r, ".//body[@name='one/link2']").set("name", "one/lid")),
        "SCENE004",
    ),
    "not MJCF": (lambda f: (f / "scene.xml").write_text("<robot/>"), "SCENE004"),
    "asset moved in USD": (
        stage(
            lambda s: (
                UsdGeom.Xformable(s.GetPrimAtPath("/room/two"))
                .AddTranslateOp()
                .Set(Gf.Vec3d(0, 0, 1))
            )
        ),
        "SCENE005",
    ),
    "asset gone from USD": (
        stage(lambda s: s.GetPrimAtPath("/room/one").SetActive(False)),
        "SCENE005",
    ),
    "mass changed in USD": (
        stage(
            lambda s: UsdPhysics.MassAPI(s.GetPrimAtPath("/room/one/link0")).GetMassAttr().Set(9)
        ),
        "SCENE005",
    ),
    "articulation lost": (
        stage(lambda s: s.OverridePrim("/room/one").RemoveAPI(UsdPhysics.ArticulationRootAPI)),
        "SCENE005",
    ),
    "node moved in GLB": (
        glb(lambda d: named(d, "two_y_up").update(translation=[0, 0, 1])),
        "SCENE006",
    ),
    "node renamed in GLB": (glb(lambda d: named(d, "link2").update(name="lid")), "SCENE006"),
    "splats of another scene": (
        lambda f: shutil.copy(f / "assets" / "one" / "splats.ply", f / "splats.ply"),
        "SCENE007",
    ),
    "gravity in MJCF": (model(lambda r: find(r, "option").set("gravity", "0 0 5")), "SCENE008"),
    "ground gone from MJCF": (
        model(lambda r: find(r, "worldbody").remove(find(r, "worldbody/geom"))),
        "SCENE008",
    ),
    "ground lower in USD": (
        stage(
            lambda s: (
                s.GetPrimAtPath("/room/Ground")
                .GetAttribute("xformOp:translate")
                .Set(Gf.Vec3d(0, 0, -1))
            )
        ),
        "SCENE008",
    ),
    "gravity in USD": (
        stage(lambda s: UsdPhysics.Scene.Get(s, "/PhysicsScene").GetGravityMagnitudeAttr().Set(1)),
        "SCENE008",
    ),
    "light gone from USD": (
        stage(lambda s: s.GetPrimAtPath("/room/Lights/lamp").SetActive(False)),
        "SCENE008",
    ),
    "file not listed": (lambda f: (f / "extra.txt").write_text("x"), "FILE003"),
    "splats gone": (lambda f: (f / "splats.ply").unlink(), "FILE001"),
    "package stale": (lambda f: (f / "scene.usdz").write_bytes(b"x"), "USD010"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_called_by_its_name(name, good, tmp_path, asked_once) -> None:
    into, check = FAULTS[name]
    folder = tmp_path / "room"
    shutil.copytree(good, folder)
    into(folder)
    found = {finding.id for finding in check_bundle(folder).findings}
    assert check in found


def test_every_check_of_scenes_has_a_fault() -> None:
    caught = {check for _, check in FAULTS.values()} | {"SCENE009"}
    assert {check for check in CHECKS if check.startswith("SCENE")} <= caught


def test_assets_in_each_other_are_a_warning(tmp_path) -> None:
    scene = build_scene(apart=0.0)
    export_scene(scene, tmp_path / "heap")
    report = check_bundle(tmp_path / "heap")
    assert report.ok
    assert "SCENE009" in {finding.id for finding in report.findings}
