"""Bundles of several assets: all formats put everything where the scene has it."""

from __future__ import annotations

import json
from dataclasses import replace

import mujoco
import numpy as np
import pygltflib
import pytest
import trimesh
from pxr import Usd, UsdGeom, UsdLux, UsdPhysics

from reel2sim.exporters import export_scene
from reel2sim.exporters.check.looks.splats import read_splats
from reel2sim.exporters.joints import start_poses
from reel2sim.scene import JointType, Light, LightKind, Placement, Scene, look_at
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.store import load_asset, load_scene
from reel2sim.scene.transforms import axis_rotation, pose

from .conftest import build_asset, skinned

J = JointType
Z = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A hinged thing, one that slides and is free, and one with a skin; the frame rates differ."""
    kinds = [[J.REVOLUTE, J.FIXED], [J.PRISMATIC, J.CONTINUOUS], [J.REVOLUTE]]
    made = [
        build_asset(kinds[0], [0, 1], seed=3),
        build_asset(kinds[1], [0, 0], seed=4, fixed_base=False, frames=9),
        skinned(build_asset(kinds[2], [0], seed=5)),
    ]
    placements = tuple(
        Placement.of(
            replace(asset, name=name),
            pose(axis_rotation(Z, np.array(0.7 * i)), np.array([2.0 * i, 0.3 * i, 1.0])),
        )
        for i, (name, asset) in enumerate(zip(("one", "two", "three"), made, strict=True))
    )
    camera = look_at(np.array([0.0, -5, 2]), np.zeros(3), width=320, height=240, fov_y=0.9)
    sun = Light("sun", LightKind.SUN, pose(axis_rotation(np.array([1.0, 0, 0]), np.array(0.5))))
    lamp = Light("lamp", LightKind.POINT, pose(translation=np.array([0, 0, 3.0])), (1, 2, 0), 40.0)
    around = made[0].surfels
    return Scene(placements, (0, 0, -1.6), -0.5, "room", (sun, lamp), {"front": camera}, around)


@pytest.fixture(scope="module")
def bundle(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene") / "room"
    export_scene(scene, folder)
    return folder


def expected(scene) -> dict[str, np.ndarray]:
    """World pose of every link at the first instant, by asset/link."""
    return {
        f"{asset.name}/{link.name}": T
        for asset in scene.assets
        for link, T in zip(asset.links, start_poses(asset), strict=True)
    }


def test_the_same_scene_gives_the_same_bytes(scene, bundle, tmp_path) -> None:
    export_scene(scene, tmp_path / "again")
    assert digest_tree(tmp_path / "again") == digest_tree(bundle)


def test_mjcf_holds_everything_where_it_stands(scene, bundle) -> None:
    model = mujoco.MjModel.from_xml_path(str(bundle / "scene.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    first = {asset.name: asset.motion.positions for asset in scene.assets}
    for name, positions in first.items():
        for joint, q in positions.items():
            if f"{name}/{joint}" in {model.joint(i).name for i in range(model.njnt)}:
                assert data.joint(f"{name}/{joint}").qpos[0] == pytest.approx(q[0])
                data.joint(f"{name}/{joint}").qpos[0] = 0.0
    mujoco.mj_forward(model, data)
    found = {
        model.body(i).name: pose(data.xmat[i].reshape(3, 3), data.xpos[i])
        for i in range(1, model.nbody)
    }
    assert set(found) == set(expected(scene))
    for name, T in expected(scene).items():
        np.testing.assert_allclose(found[name], T, atol=1e-9)
    np.testing.assert_allclose(model.opt.gravity, [0, 0, -1.6])
    assert model.geom("ground").pos[2] == -0.5
    assert model.nlight == 2
    assert model.camera("front").fovy[0] == pytest.approx(np.degrees(0.9))


def test_the_stage_holds_everything_where_it_stands(scene, bundle) -> None:
    stage = Usd.Stage.Open(str(bundle / "usd" / "scene" / "scene.usda"))
    cache = UsdGeom.XformCache(Usd.TimeCode.Default())
    for name, T in expected(scene).items():
        prim = stage.GetPrimAtPath(f"/room/{name}")
        assert prim.HasAPI(UsdPhysics.RigidBodyAPI)
        np.testing.assert_allclose(np.array(cache.GetLocalToWorldTransform(prim)).T, T, atol=1e-9)
    roots = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.ArticulationRootAPI)]
    assert [str(p.GetPath()) for p in roots] == ["/room/one", "/room/two", "/room/three"]
    physics = UsdPhysics.Scene.Get(stage, "/PhysicsScene")
    assert physics.GetGravityMagnitudeAttr().Get() == pytest.approx(1.6)
    assert stage.GetPrimAtPath("/room/Ground").HasAPI(UsdPhysics.CollisionAPI)
    assert UsdLux.SphereLight.Get(stage, "/room/Lights/lamp").GetIntensityAttr().Get() == 160.0
    camera = UsdGeom.Camera.Get(stage, "/room/Cameras/front").GetCamera(0)
    assert camera.GetFieldOfView(camera.FOVVertical) == pytest.approx(np.degrees(0.9), rel=1e-5)
    view = scene.cameras["front"]
    for point in (np.zeros(3), np.array([0.5, 0.2, 0.7])):
        pixel, depth = view.project(point)
        clip = camera.frustum.ComputeViewMatrix() * camera.frustum.ComputeProjectionMatrix()
        x, y, _ = clip.Transform(tuple(point))
        np.testing.assert_allclose(
            [(x + 1) * view.width / 2, (1 - y) * view.height / 2], pixel, atol=1e-2
        )
        assert depth > 0


def test_the_motions_play_at_their_own_times(scene, bundle) -> None:
    stage = Usd.Stage.Open(str(bundle / "usd" / "scene" / "scene.usda"))
    rate = stage.GetTimeCodesPerSecond()
    for asset in scene.assets:
        for time in asset.motion.times_s:
            cache = UsdGeom.XformCache(float(time) * rate)
            for link, T in zip(asset.links, asset.link_poses_at(float(time)), strict=True):
                prim = stage.GetPrimAtPath(f"/room/{asset.name}/{link.name}")
                found = np.array(cache.GetLocalToWorldTransform(prim)).T
                np.testing.assert_allclose(found, T, atol=1e-6)


def test_the_appearance_of_all_is_chosen_at_once(scene, bundle) -> None:
    stage = Usd.Stage.Open(str(bundle / "usd" / "scene" / "scene.usda"))
    variants = stage.GetDefaultPrim().GetVariantSet("appearance")
    counts = {}
    for name in variants.GetVariantNames():
        variants.SetVariantSelection(name)
        fields = [p for p in stage.Traverse() if p.GetTypeName() == "ParticleField3DGaussianSplat"]
        counts[name] = sum(len(p.GetAttribute("positions").Get()) for p in fields)
    every = len(scene.background) + sum(len(asset.surfels) for asset in scene.assets)
    assert counts == {"mesh": 0, "splats": every}
    assert len(read_splats(bundle / "splats.ply")["x"]) == every


def test_the_glb_holds_everything_where_it_stands(scene, bundle) -> None:
    loaded = trimesh.load_scene(bundle / "asset.glb")
    shown = len(loaded.graph.nodes_geometry)
    assert shown == sum(1 if a.skin else len(a.links) for a in scene.assets)
    document = pygltflib.GLTF2().load(str(bundle / "asset.glb"))
    assert [camera.name for camera in document.cameras] == ["front"]
    lights = document.extensions["KHR_lights_punctual"]["lights"]
    assert [light["type"] for light in lights] == ["directional", "point"]
    assert max(lights[1]["color"]) <= 1.0
    assert len(document.animations) == 1
    up = pose(axis_rotation(np.array([1.0, 0, 0]), np.array(np.pi / 2)))
    found: dict[str, np.ndarray] = {}

    def walk(index: int, T: np.ndarray, path: str) -> None:
        node = document.nodes[index]
        q = np.array(node.rotation or [0, 0, 0, 1.0])
        R = trimesh.transformations.quaternion_matrix(np.roll(q, 1))
        here = T @ pose(translation=np.array(node.translation or [0, 0, 0.0])) @ R
        found[f"{path}/{node.name}"] = here
        for child in node.children or []:
            walk(child, here, path if path else node.name.removesuffix("_y_up"))

    for index in document.scenes[0].nodes:
        walk(index, up, "")
    for name, T in expected(scene).items():
        np.testing.assert_allclose(found[name], T, atol=1e-6)
    assert {"/sun", "/lamp", "/front"} <= set(found)
    np.testing.assert_allclose(found["/lamp"][:3, 3], [0, 0, 3], atol=1e-9)


def test_each_asset_has_a_bundle_of_its_own_in_the_scene_s_frame(scene, bundle) -> None:
    record = json.loads((bundle / "scene.json").read_text())
    assert [entry["name"] for entry in record["assets"]] == list(scene.names)
    for entry, asset in zip(record["assets"], scene.assets, strict=True):
        motion = json.loads((bundle / entry["folder"] / "motion.json").read_text())
        assert motion["base_pose"][0] == entry["base_pose"]
        stored = load_asset(bundle / entry["folder"] / "asset.npz")
        np.testing.assert_array_equal(stored.motion.base_poses, asset.motion.base_poses)
    assert load_scene(bundle / "scene.npz").names == scene.names


def test_two_assets_may_name_their_links_and_joints_alike(bundle) -> None:
    model = mujoco.MjModel.from_xml_path(str(bundle / "scene.xml"))
    assert {"one/link0", "two/link0"} <= {model.body(i).name for i in range(model.nbody)}
