"""A skin bends alike in every format, as the links it is bound to move."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pygltflib
import pytest
from pxr import Gf, Usd, UsdGeom, UsdSkel, UsdValidation

from reel2sim.exporters import export_bundle
from reel2sim.exporters.check import check_bundle
from reel2sim.exporters.check.gltf.glb import GLB
from reel2sim.exporters.check.quiet import quiet
from reel2sim.exporters.check.stage.stage import STAGE
from reel2sim.exporters.gltf import write_glb
from reel2sim.exporters.usd import write_usd
from reel2sim.scene import Influences, JointType
from reel2sim.scene.errors import InputError
from reel2sim.scene.store import load_asset, save_asset
from reel2sim.scene.transforms import axis_rotation, invert, matrix_from_quaternion, pose

from .conftest import build_asset, skinned
from .faults import FAULTS

J = JointType
SHAPES = {
    "tree": build_asset([J.REVOLUTE, J.PRISMATIC, J.CONTINUOUS, J.FIXED], [0, 0, 1, 2], seed=7),
    "one link": build_asset([], []),
    "moving base": build_asset([J.REVOLUTE, J.REVOLUTE], [0, 1], seed=4, fixed_base=False),
    "names": build_asset([J.REVOLUTE], [0], names=["skin", "joints"]),
}


@pytest.fixture(scope="module", params=SHAPES)
def asset(request):
    return skinned(SHAPES[request.param])


def test_rigid_weights_move_points_with_their_links():
    asset = skinned(SHAPES["tree"])
    count = len(asset.links)
    owner = np.arange(len(asset.skin.mesh.vertices)) % count
    rigid = Influences.strongest(np.eye(count)[owner])
    T = asset.link_motions_at(0.7)
    points = asset.skin.mesh.vertices
    expected = np.einsum("nij,nj->ni", T[owner, :3, :3], points) + T[owner, :3, 3]
    np.testing.assert_allclose(rigid.moved(points, T), expected, atol=1e-12)
    np.testing.assert_allclose(rigid.placements(points, T), T[owner], atol=1e-9)


def test_the_skin_has_the_extent_that_readers_compute_at_every_time(asset, tmp_path):
    stage = Usd.Stage.Open(str(write_usd(asset, tmp_path).interface))
    (root,) = (UsdSkel.Root(p) for p in stage.Traverse() if p.IsA(UsdSkel.Root))
    extent = root.GetExtentAttr()
    codes = asset.motion.times_s * stage.GetTimeCodesPerSecond()
    np.testing.assert_allclose(extent.GetTimeSamples(), codes)
    for code in (Usd.TimeCode.Default(), *map(Usd.TimeCode, codes.tolist())):
        computed = UsdGeom.Boundable.ComputeExtentFromPlugins(root, code)
        np.testing.assert_allclose(extent.Get(code), computed, atol=1e-6)
    low, high = np.array(extent.Get(codes[0]))
    assert (asset.skin_at(float(asset.motion.times_s[0])) >= low - 1e-5).all()
    assert (asset.skin_at(float(asset.motion.times_s[0])) <= high + 1e-5).all()


def test_surfels_go_where_the_skin_takes_their_centres(asset):
    T = asset.link_motions_at(0.6)
    expected = asset.skin.surfels.moved(asset.surfels.means, T)
    np.testing.assert_allclose(asset.surfels_at(0.6).means, expected, atol=1e-5)
    np.testing.assert_allclose(asset.skin_at(0.0), asset.skin.mesh.vertices, atol=1e-12)


def test_a_stored_skin_comes_back(asset, tmp_path):
    save_asset(tmp_path / "asset.npz", asset)
    back = load_asset(tmp_path / "asset.npz")
    for name in ("vertices", "surfels"):
        mine, stored = getattr(asset.skin, name), getattr(back.skin, name)
        np.testing.assert_array_equal(mine.links, stored.links)
        np.testing.assert_array_equal(mine.weights, stored.weights)
    for name in ("vertices", "faces", "colors"):
        mine, stored = getattr(asset.skin.mesh, name), getattr(back.skin.mesh, name)
        np.testing.assert_array_equal(mine, stored)


@pytest.mark.parametrize(
    ("links", "weights", "said"),
    [
        ([[0, 1, 0, 0]], [[0.5, 0.4, 0, 0]], "sums to"),
        ([[0, -1, 0, 0]], [[0.5, 0.5, 0, 0]], "negative index"),
        ([[0, 1, 0, 0]], [[1.5, -0.5, 0, 0]], "negative weight"),
    ],
)
def test_unsound_influences_are_refused(links, weights, said):
    with pytest.raises(InputError, match=said):
        Influences(np.array(links), np.array(weights))


def test_usd_and_gltf_pose_the_same_points(asset, tmp_path):
    stage = Usd.Stage.Open(str(write_usd(asset, tmp_path).interface))
    write_glb(asset, tmp_path / "asset.glb")
    document = pygltflib.GLTF2().load(str(tmp_path / "asset.glb"))
    for i, time_s in enumerate(asset.motion.times_s):
        wanted = asset.skin_at(float(time_s))
        np.testing.assert_allclose(usd_points(stage, float(time_s)), wanted, atol=2e-6)
        np.testing.assert_allclose(gltf_points(document, i), wanted, atol=2e-6)


def usd_points(stage: Usd.Stage, time_s: float) -> np.ndarray:
    """Vertices as UsdSkel's own baking leaves them."""
    prim = next(p for p in stage.Traverse() if p.IsA(UsdSkel.Root))
    code = Usd.TimeCode(time_s * stage.GetTimeCodesPerSecond())
    stage.SetEditTarget(stage.GetSessionLayer())
    assert UsdSkel.BakeSkinning(UsdSkel.Root(prim), Gf.Interval(code.GetValue(), code.GetValue()))
    mesh = next(p for p in Usd.PrimRange(prim) if p.IsA(UsdGeom.Mesh))
    points = np.array(UsdGeom.Mesh(mesh).GetPointsAttr().Get(code))
    T = np.array(UsdGeom.XformCache(code).GetLocalToWorldTransform(mesh))
    stage.GetSessionLayer().Clear()
    return points @ T[:3, :3] + T[3, :3]


def gltf_points(document: pygltflib.GLTF2, key: int) -> np.ndarray:
    """Vertices at the ``key``-th key of the animation, by the rules of the specification."""

    def values(index: int) -> np.ndarray:
        accessor = document.accessors[index]
        view = document.bufferViews[accessor.bufferView]
        dtype = {5123: "<u2", 5126: "<f4"}[accessor.componentType]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]
        count = accessor.count * width
        flat = np.frombuffer(document.binary_blob(), dtype, count, view.byteOffset)
        return flat.reshape(-1, width)

    moved: dict[tuple[int, str], np.ndarray] = {}
    for animation in document.animations:
        for channel in animation.channels:
            row = values(animation.samplers[channel.sampler].output)[key]
            moved[channel.target.node, channel.target.path] = row

    found: dict[int, np.ndarray] = {}

    def visit(index: int, above: np.ndarray) -> None:
        node = document.nodes[index]
        xyzw = moved.get((index, "rotation"), node.rotation or [0, 0, 0, 1])
        shift = moved.get((index, "translation"), node.translation or [0, 0, 0])
        R = matrix_from_quaternion(np.roll(np.asarray(xyzw, float), 1))
        found[index] = above @ pose(R, np.asarray(shift, float))
        for child in node.children or []:
            visit(child, found[index])

    for root in document.scenes[0].nodes:
        visit(root, np.eye(4))
    node = next(n for n in document.nodes if n.skin is not None)
    skin = document.skins[node.skin]
    attributes = document.meshes[node.mesh].primitives[0].attributes
    bind = values(skin.inverseBindMatrices).reshape(-1, 4, 4).swapaxes(1, 2)
    T = np.stack([found[j] for j in skin.joints]) @ bind
    joints, weights = values(attributes.JOINTS_0), values(attributes.WEIGHTS_0)
    points = values(attributes.POSITION)
    y_up = np.einsum("vk,vkij,vj->vi", weights, T[joints][..., :3, :3], points) + np.einsum(
        "vk,vki->vi", weights, T[joints][..., :3, 3]
    )
    return y_up @ axis_rotation(np.array([1.0, 0, 0]), np.pi / 2).T


def test_pixar_finds_nothing_and_nothing_is_drawn_twice(asset, tmp_path):
    paths = write_usd(asset, tmp_path)
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    for path in (paths.interface, paths.package):
        stage = Usd.Stage.Open(str(path))
        for appearance in ("splats", "mesh"):
            stage.GetDefaultPrim().GetVariantSet("appearance").SetVariantSelection(appearance)
            findings = UsdValidation.ValidationContext(validators).Validate(stage)
            assert [f.GetMessage() for f in findings] == []
            shown = [p for p in stage.Traverse() if p.IsA(UsdGeom.Gprim) and drawn(p)]
            skins = [p for p in shown if p.HasAPI(UsdSkel.BindingAPI)]
            assert len(skins) == (appearance == "mesh")
            assert appearance == "splats" or shown == skins


def drawn(prim: Usd.Prim) -> bool:
    image = UsdGeom.Imageable(prim)
    seen = image.ComputeVisibility() != UsdGeom.Tokens.invisible
    return seen and image.ComputePurpose() == UsdGeom.Tokens.default_


def test_a_glb_shows_the_skin_alone(tmp_path):
    write_glb(skinned(SHAPES["tree"]), tmp_path / "asset.glb")
    document = pygltflib.GLTF2().load(str(tmp_path / "asset.glb"))
    assert [n.name for n in document.nodes if n.mesh is not None] == ["skin"]
    assert document.scenes[0].nodes[1:] == [len(document.nodes) - 1]


# The checker ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory, media, provenance) -> Path:
    out = tmp_path_factory.mktemp("skinned") / "bundle"
    asset = skinned(build_asset([J.REVOLUTE, J.PRISMATIC], [0, 1], seed=7, fixed_base=False))
    export_bundle(asset, out, media=media, provenance=provenance)
    return out


def test_a_good_skin_passes(good):
    report = check_bundle(good)
    assert report.findings == ()
    assert report.agreement[f"{STAGE} skin"] < 1e-5
    assert report.agreement[f"{GLB} skin"] < 1e-5


SKINS = [each for each in FAULTS if each.format == "skin"]


@pytest.mark.parametrize("each", SKINS, ids=lambda x: x.name)
def test_seeded_faults_of_skins_are_found(good, tmp_path, each):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    with quiet():
        each.into(folder, np.random.default_rng(0))
    assert set(each.ids) <= {finding.id for finding in check_bundle(folder).findings}


def test_links_are_carried_from_rest(asset):
    """The bones are the links: their motion since rest is what bends the skin."""
    T = asset.link_poses_at(0.4) @ invert(asset.rest_poses)
    np.testing.assert_allclose(asset.link_motions_at(0.4), T, atol=1e-12)
