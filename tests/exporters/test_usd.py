"""The stage obeys Pixar's rules and composes as promised."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest
from pxr import Plug, Usd, UsdGeom, UsdPhysics, UsdShade, UsdValidation

from reel2sim.exporters.usd import write_usd
from reel2sim.scene import JointType

from .conftest import build_asset

J = JointType
SHAPES = {
    "tree": build_asset([J.REVOLUTE, J.PRISMATIC, J.CONTINUOUS, J.FIXED], [0, 0, 1, 2], seed=7),
    "one link": build_asset([], []),
    "moving base": build_asset([J.REVOLUTE, J.FIXED], [0, 1], seed=4, fixed_base=False),
    "one frame": build_asset([J.REVOLUTE], [0], frames=1),
    "names": build_asset([J.REVOLUTE], [0], names=["joints", "Looks"]),
}


@pytest.fixture(scope="module")
def validators():
    for plugin in Plug.Registry().GetAllPlugins():
        if plugin.name.endswith("Validators"):
            plugin.Load()
    return UsdValidation.ValidationRegistry().GetOrLoadAllValidators()


@pytest.mark.parametrize("appearance", ["mesh", "splats"])
@pytest.mark.parametrize("shape", SHAPES)
def test_pixar_finds_nothing(validators, shape, appearance, tmp_path):
    paths = write_usd(SHAPES[shape], tmp_path)
    assert len(validators) >= 25
    for path in (paths.interface, paths.package):
        stage = Usd.Stage.Open(str(path))
        stage.GetDefaultPrim().GetVariantSet("appearance").SetVariantSelection(appearance)
        findings = UsdValidation.ValidationContext(validators).Validate(stage)
        assert [f.GetMessage() for f in findings] == []


def test_pixar_would_notice(validators, cabinet, tmp_path):
    stage = Usd.Stage.Open(str(write_usd(cabinet, tmp_path).interface))
    stage.GetRootLayer().ClearDefaultPrim()
    assert UsdValidation.ValidationContext(validators).Validate(stage)


def test_units_and_layout(cabinet, tmp_path):
    stage = Usd.Stage.Open(str(write_usd(cabinet, tmp_path).interface))
    root = stage.GetDefaultPrim()
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.z
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert UsdPhysics.GetStageKilogramsPerUnit(stage) == 1.0
    bodies = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.RigidBodyAPI)]
    assert [p.GetName() for p in bodies] == [link.name for link in cabinet.links]
    assert all(p.GetParent() == root for p in bodies)
    assert root.HasAPI(UsdPhysics.ArticulationRootAPI)
    scenes = [p for p in stage.Traverse() if p.IsA(UsdPhysics.Scene)]
    assert len(scenes) == 1
    assert scenes[0].GetParent() == stage.GetPseudoRoot()


def test_colliders_are_hulls_with_friction(cabinet, tmp_path):
    stage = Usd.Stage.Open(str(write_usd(cabinet, tmp_path).interface))
    for link in cabinet.links:
        body = stage.GetDefaultPrim().GetChild(link.name)
        hulls = [p for p in body.GetChildren() if p.HasAPI(UsdPhysics.CollisionAPI)]
        assert len(hulls) == len(link.collision)
        for prim, piece in zip(hulls, link.collision, strict=True):
            mesh = UsdGeom.Mesh(prim)
            assert mesh.GetPurposeAttr().Get() == UsdGeom.Tokens.guide
            api = UsdPhysics.MeshCollisionAPI(prim)
            assert api.GetApproximationAttr().Get() == UsdPhysics.Tokens.convexHull
            np.testing.assert_allclose(mesh.GetPointsAttr().Get(), piece.vertices, atol=1e-6)
            material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial("physics")
            physics = UsdPhysics.MaterialAPI(material.GetPrim())
            assert physics.GetDynamicFrictionAttr().Get() == pytest.approx(link.material.friction)


def test_a_collider_in_the_place_of_the_visual_is_not_seen(tmp_path):
    asset = build_asset([J.REVOLUTE], [0], seed=4)
    whole, halves = asset.links
    links = (replace(whole, collision=(whole.visual,)), halves)
    stage = Usd.Stage.Open(str(write_usd(replace(asset, links=links), tmp_path).interface))
    seen = {}
    for prim in stage.Traverse():
        if prim.IsA(UsdGeom.Mesh):
            key = prim.GetParent().GetName(), prim.GetName()
            seen[key] = UsdGeom.Imageable(prim).ComputeVisibility() != UsdGeom.Tokens.invisible
    assert seen == {
        ("link0", "visual"): True,
        ("link0", "collision_00"): False,
        ("link1", "visual"): True,
        ("link1", "collision_00"): True,
        ("link1", "collision_01"): True,
    }


def test_only_bodies_with_colliders_are_filtered(tmp_path):
    asset = build_asset([J.REVOLUTE, J.FIXED, J.FIXED], [0, 1, 1], seed=4)
    links = [replace(x, collision=()) if x.name == "link2" else x for x in asset.links]
    stage = Usd.Stage.Open(str(write_usd(replace(asset, links=tuple(links)), tmp_path).interface))
    pairs = set()
    for prim in stage.Traverse():
        if prim.HasAPI(UsdPhysics.FilteredPairsAPI):
            targets = UsdPhysics.FilteredPairsAPI(prim).GetFilteredPairsRel().GetTargets()
            pairs |= {(prim.GetName(), target.name) for target in targets}
    assert pairs == {("link0", "link3")}


def test_splats_are_where_the_surfels_are(cabinet, tmp_path):
    stage = Usd.Stage.Open(str(write_usd(cabinet, tmp_path).interface))
    variants = stage.GetDefaultPrim().GetVariantSet("appearance")
    assert variants.GetVariantSelection() == "mesh"
    kinds = {p.GetTypeName() for p in stage.Traverse()}
    assert "ParticleField3DGaussianSplat" not in kinds
    variants.SetVariantSelection("splats")
    t = 1.0
    code = t * stage.GetTimeCodesPerSecond()
    expected = cabinet.surfels_at(t)
    for i, link in enumerate(cabinet.links):
        body = stage.GetDefaultPrim().GetChild(link.name)
        field = body.GetChild("splats")
        T = np.array(UsdGeom.XformCache(code).GetLocalToWorldTransform(field)).T
        points = np.array(field.GetAttribute("positions").Get()) @ T[:3, :3].T + T[:3, 3]
        own = cabinet.surfel_links == i
        np.testing.assert_allclose(points, expected.means[own], atol=1e-5)
        rest = cabinet.surfels.rotations[own]
        q = field.GetAttribute("orientations").Get()
        table = np.array([[x.GetReal(), *x.GetImaginary()] for x in q])
        np.testing.assert_allclose(table, rest, atol=1e-6)
        scales = np.array(field.GetAttribute("scales").Get())
        np.testing.assert_allclose(scales[:, :2], cabinet.surfels.scales[own], rtol=1e-6)
        visual = UsdGeom.Imageable(body.GetChild("visual"))
        assert visual.ComputeVisibility() == UsdGeom.Tokens.invisible


def test_package_is_aligned_and_stored(cabinet, tmp_path):
    with zipfile.ZipFile(write_usd(cabinet, tmp_path).package) as archive:
        assert archive.infolist()[0].filename == "scene.usda"
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            raw = archive.open(info)
            start = info.header_offset + 30 + len(info.filename) + len(info.extra)
            assert start % 64 == 0
            assert len(raw.read()) == info.file_size
