"""GLB files come in as they went out, others as their animations move, and bad ones are refused."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.transform import Rotation

from reel2sim.exporters.gltf import write_glb
from reel2sim.importers import load_gltf
from reel2sim.scene import (
    Certainty,
    JointType,
    Material,
    Motion,
    RiggedAsset,
)
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import axis_rotation, invert, pose

from .conftest import BOX, BOX_FACES, assets, build_asset, skinned

law = settings(max_examples=20, deadline=None)
FOREIGN = Path(os.environ.get("REEL2SIM_DATA", "/nowhere"), "conformance_gltf")
Z_UP = axis_rotation(np.array([1.0, 0.0, 0.0]), np.pi / 2)


def reread(asset: RiggedAsset) -> RiggedAsset:
    with TemporaryDirectory() as folder:
        path = Path(folder, "asset.glb")
        write_glb(asset, path)
        return load_gltf(path)


def random_state(asset: RiggedAsset, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    moving = [j for j in asset.joints if j.type is not JointType.FIXED and j.mimic is None]
    bounds = {j.name: np.clip([j.limits.lower, j.limits.upper], -3, 3) for j in moving}
    return asset.followed({name: float(rng.uniform(*b)) for name, b in bounds.items()})


class Doc:
    """A glTF that others could have written: boxes on nodes, moved by keys."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [0]}],
            "nodes": [],
            "meshes": [],
            "accessors": [],
            "bufferViews": [],
        }

    def add(self, values: np.ndarray, kind: str, *, component: int = 5126, **more: Any) -> int:
        dtypes = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
        packed = np.ascontiguousarray(values, dtypes[component]).tobytes()
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(packed)}
        self.json["bufferViews"].append(view)
        self.data += packed + b"\0" * (-len(packed) % 4)
        facts = {"bufferView": len(self.json["bufferViews"]) - 1, "componentType": component,
                 "count": len(values), "type": kind, **more}  # fmt: skip
        self.json["accessors"].append(facts)
        return len(self.json["accessors"]) - 1

    def box(self, half: float = 0.1, **more: Any) -> int:
        points = self.add(BOX * half, "VEC3")
        faces = self.add(BOX_FACES.ravel(), "SCALAR", component=5123)
        primitive = {"attributes": {"POSITION": points, **more.pop("attributes", {})},
                     "indices": faces, **more}  # fmt: skip
        self.json["meshes"].append({"primitives": [primitive]})
        return len(self.json["meshes"]) - 1

    def node(self, name: str, **more: Any) -> int:
        self.json["nodes"].append({"name": name, **more})
        return len(self.json["nodes"]) - 1

    def move(self, node: int, path: str, times: Any, values: Any, mode: str = "LINEAR") -> None:
        (animation,) = self.json.setdefault("animations", [{"channels": [], "samplers": []}])
        sampler = {"input": self.add(np.asarray(times), "SCALAR"), "interpolation": mode,
                   "output": self.add(np.asarray(values),
                                      "VEC4" if path == "rotation" else "VEC3")}  # fmt: skip
        animation["samplers"].append(sampler)
        target = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})

    def bytes(self) -> bytes:
        document = {**self.json, "buffers": [{"byteLength": len(self.data)}]}
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        body = struct.pack("<I", len(text)) + b"JSON" + text
        body += struct.pack("<I", len(self.data)) + b"BIN\0" + bytes(self.data)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body

    def load(self, folder: Path, **more: Any) -> RiggedAsset:
        (folder / "model.glb").write_bytes(self.bytes())
        return load_gltf(folder / "model.glb", **more)


def door() -> Doc:
    """A box at the origin and one at (1, 0, 0) that is to be moved."""
    doc = Doc()
    mesh = doc.box()
    doc.node("root", children=[1, 2])
    doc.node("frame", mesh=mesh)
    doc.node("door", mesh=mesh, translation=[1.0, 0.0, 0.0])
    return doc


def turns(axis: Any, angles: Any) -> np.ndarray:
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    return Rotation.from_rotvec(np.outer(angles, axis)).as_quat()


# --- our own files ---------------------------------------------------------------------------


@law
@given(asset=assets(), seed=st.integers(0, 99))
def test_what_we_wrote_comes_back(asset: RiggedAsset, seed: int) -> None:
    found = reread(asset)
    state = random_state(asset, seed)
    for other in (found, reread(found)):
        assert other.name == asset.name
        assert other.notes == asset.notes
        assert other.fixed_base == asset.fixed_base
        assert other.interpenetrating == asset.interpenetrating
        assert [x.name for x in other.links] == [x.name for x in asset.links]
        np.testing.assert_allclose(other.link_poses(state), asset.link_poses(state), atol=1e-9)
        for ours, link in zip(other.links, asset.links, strict=True):
            assert ours.material == link.material
            assert ours.inertial.mass == pytest.approx(link.inertial.mass, rel=1e-12)
            np.testing.assert_allclose(ours.inertial.center, link.inertial.center, atol=1e-12)
            size = np.abs(link.inertial.inertia).max()
            assert np.abs(ours.inertial.inertia - link.inertial.inertia).max() <= 1e-9 * size
            np.testing.assert_allclose(ours.visual.vertices, link.visual.vertices, atol=1e-6)
            np.testing.assert_array_equal(ours.visual.faces, link.visual.faces)
            np.testing.assert_allclose(ours.visual.colors, link.visual.colors, atol=1e-6)
            for piece, wanted in zip(ours.collision, link.collision, strict=True):
                np.testing.assert_allclose(piece.vertices, wanted.vertices, atol=1e-6)
        for ours, joint in zip(other.joints, asset.joints, strict=True):
            assert (ours.name, ours.type, ours.parent) == (joint.name, joint.type, joint.parent)
            assert ours.mimic == joint.mimic
            facts = ("damping", "friction", "confidence", "observed", "reason", "observed_range")
            assert [getattr(ours, x) for x in facts] == [getattr(joint, x) for x in facts]
            if joint.type is not JointType.FIXED:
                assert ours.limits == joint.limits
                np.testing.assert_allclose(ours.axis, joint.axis, atol=1e-12)


@law
@given(asset=assets())
def test_the_motion_comes_back(asset: RiggedAsset) -> None:
    found = reread(asset)
    for t in (*asset.motion.times_s, 0.37):
        np.testing.assert_allclose(found.link_poses_at(t), asset.link_poses_at(t), atol=2e-6)


def test_positions_beyond_a_turn_keep_their_turns() -> None:
    asset = build_asset([JointType.CONTINUOUS, JointType.REVOLUTE], [0, 0], seed=4)
    times = np.linspace(0, 1, 21)
    q = {"joint0": 11 * times, "joint1": 4.4 + 0.3 * times}
    limits = replace(asset.joints[1].limits, lower=3.5, upper=5.0)
    joints = (asset.joints[0], replace(asset.joints[1], limits=limits))
    base = np.tile(np.eye(4), (21, 1, 1))
    found = reread(replace(asset, joints=joints, motion=Motion(times, base, q)))
    for name, wanted in q.items():
        np.testing.assert_allclose(found.motion.positions[name], wanted, atol=1e-5)


def test_what_is_known_of_a_joint_comes_back(cabinet: RiggedAsset) -> None:
    sure = Certainty(0.9, 0.8, 0.7)
    joint = replace(
        cabinet.joints[0], observed=False, reason="seen from one side", observed_range=(-0.1, 0.2),
        certainty=sure, confidence=sure.confidence,
    )  # fmt: skip
    screw = replace(cabinet.joints[2], type=JointType.SCREW, pitch=0.02)
    pairs = (("link1", "link2"), ("link1", "link4"))
    joints = (joint, cabinet.joints[1], screw, cabinet.joints[3])
    asset = replace(cabinet, joints=joints, interpenetrating=pairs, notes=("one", "two"))
    found = reread(asset)
    assert (found.notes, found.interpenetrating) == (asset.notes, pairs)
    for name in ("observed", "reason", "observed_range", "certainty", "confidence"):
        assert getattr(found.joints[0], name) == getattr(joint, name)
    assert (found.joints[2].type, found.joints[2].pitch) == (JointType.SCREW, 0.02)
    state = {"joint2": 2.0}
    np.testing.assert_allclose(found.link_poses(state), asset.link_poses(state), atol=1e-9)


@pytest.mark.parametrize("fixed_base", [True, False])
def test_a_skin_comes_back(fixed_base: bool) -> None:
    kinds = [JointType.REVOLUTE, JointType.CONTINUOUS, JointType.PRISMATIC]
    asset = skinned(build_asset(kinds, [0, 1, 1], seed=5, fixed_base=fixed_base))
    found = reread(asset)
    assert asset.skin is not None
    assert found.skin is not None
    np.testing.assert_array_equal(found.skin.mesh.faces, asset.skin.mesh.faces)
    np.testing.assert_allclose(found.skin.mesh.vertices, asset.skin.mesh.vertices, atol=1e-6)
    dense = []
    for influences in (found.skin.vertices, asset.skin.vertices):
        table = np.zeros((len(influences), 4))
        np.add.at(table, (np.arange(len(table))[:, None], influences.links), influences.weights)
        dense.append(table)
    np.testing.assert_allclose(*dense, atol=1e-6)
    for t in (0.0, 0.4, 1.0):
        np.testing.assert_allclose(found.skin_at(t), asset.skin_at(t), atol=3e-6)
    shape = trimesh.Trimesh(found.skin.mesh.vertices, found.skin.mesh.faces, process=False)
    _, away, face = trimesh.proximity.closest_point(shape, found.surfels.means)
    assert away.max() < 1e-6  # surfels lie on it, carried by what carries their triangle
    for row in range(0, len(found.surfels), 97):
        corners = found.skin.mesh.faces[face[row]]
        carriers = found.skin.vertices.links[corners][found.skin.vertices.weights[corners] > 0]
        used = found.skin.surfels.weights[row] > 1e-6
        assert set(found.skin.surfels.links[row][used]) <= set(carriers)


def test_a_file_whose_collision_meshes_are_gone_collides_with_hulls(
    cabinet: RiggedAsset, tmp_path: Path
) -> None:
    path = tmp_path / "asset.glb"
    write_glb(cabinet, path)
    data = path.read_bytes()
    path.write_bytes(
        data.replace(b'"name":"thing/link1/collision/00', b'"name":"thing/link1/collision/0x')
    )
    found = load_gltf(path)
    assert [len(x.collision) for x in found.links] == [2, 1, 2, 2, 2]
    assert any("link1/collision/00" in note for note in found.notes)


# --- files of others -------------------------------------------------------------------------


def test_a_turn_about_one_axis_is_a_hinge_there(tmp_path: Path) -> None:
    doc = door()
    angles = np.linspace(0, 1.2, 7)
    hinge = np.array([0.9, 0.0, 0.1])
    R = axis_rotation(np.array([0.0, 1.0, 0.0]), angles)
    shift = hinge + np.einsum("tij,j->ti", R, np.array([1.0, 0, 0]) - hinge)
    times = np.linspace(0.5, 2.5, 7)
    # Sparse keys of a point on a circle are chords: give the circle itself.
    fine = np.linspace(0, 1.2, 400)
    R = axis_rotation(np.array([0.0, 1.0, 0.0]), fine)
    shift = hinge + np.einsum("tij,j->ti", R, np.array([1.0, 0, 0]) - hinge)
    doc.move(2, "translation", np.linspace(0.5, 2.5, 400), shift)
    doc.move(2, "rotation", times, turns([0, 1, 0], angles))
    asset = doc.load(tmp_path)
    (joint,) = asset.joints
    assert (joint.type, joint.parent, joint.child) == (JointType.REVOLUTE, "root", "door")
    np.testing.assert_allclose(joint.axis, [0, 0, 1], atol=1e-3)
    along = asset.rest_poses[1][:3, 3] - Z_UP @ hinge
    assert np.linalg.norm(along[:2]) < 1e-3
    assert asset.motion.times_s[0] == 0
    assert asset.motion.duration_s == pytest.approx(2.0)
    np.testing.assert_allclose((joint.limits.lower, joint.limits.upper), (0, 1.2), atol=1e-3)
    T = asset.link_motions_at(2.0)[1]
    np.testing.assert_allclose(T[:3, :3], axis_rotation(np.array([0, 0, 1.0]), 1.2), atol=1e-3)


def test_more_than_a_turn_has_no_limits(tmp_path: Path) -> None:
    doc = door()
    angles = np.linspace(0, 9, 20)
    doc.move(2, "rotation", np.linspace(0, 1, 20), turns([1, 2, 3], angles))
    (joint,) = (asset := doc.load(tmp_path)).joints
    assert joint.type is JointType.CONTINUOUS
    axis = Z_UP @ np.array([1, 2, 3]) / np.sqrt(14)
    np.testing.assert_allclose(joint.axis, axis, atol=1e-5)
    assert asset.motion.positions[joint.name][-1] == pytest.approx(9, abs=1e-4)


@pytest.mark.parametrize("mode", ["LINEAR", "STEP", "CUBICSPLINE"])
def test_a_shift_along_a_line_is_a_slide(mode: str, tmp_path: Path) -> None:
    doc = door()
    way = np.array([0.0, 0.6, -0.8])
    keys = np.array([1.0, 0.0, 0.0]) + np.outer([0.0, 0.1, 0.4], way)
    values = keys
    if mode == "CUBICSPLINE":
        tangents = np.tile(0.3 * way, (3, 1))
        values = np.stack([tangents, keys, tangents], axis=1).reshape(9, 3)
    doc.move(2, "translation", [0, 1, 2], values, mode)
    asset = doc.load(tmp_path)
    (joint,) = asset.joints
    assert joint.type is JointType.PRISMATIC
    np.testing.assert_allclose(joint.axis, Z_UP @ way, atol=1e-6)
    middle = float(np.interp(1.5, asset.motion.times_s, asset.motion.positions[joint.name]))
    wanted = {"LINEAR": 0.25, "STEP": 0.1, "CUBICSPLINE": 0.25}[mode]
    assert middle == pytest.approx(wanted, abs=1e-5)
    quarter = float(np.interp(1.25, asset.motion.times_s, asset.motion.positions[joint.name]))
    # Hermite between 0.1 and 0.4 with slopes 0.3: a straight line too, so LINEAR agrees.
    assert quarter == pytest.approx({"STEP": 0.1}.get(mode, 0.175), abs=1e-4)


@pytest.mark.parametrize("kind", ["screw", "ball", "anything"])
def test_other_motions_are_chains_that_replay_them(kind: str, tmp_path: Path) -> None:
    doc = door()
    times = np.linspace(0, 1, 200)
    q = 2.5 * times
    shift = np.tile([1.0, 0.0, 0.0], (200, 1))
    turn = turns([0, 1, 0], q)
    if kind == "screw":
        shift = shift + np.outer(0.1 * q, [0, 1, 0])
    else:
        wobble = np.stack([np.sin(3 * q), 0.5 * q, 1.4 * np.sin(q)], axis=1)
        turn = Rotation.from_rotvec(wobble).as_quat()
        turn = (Rotation.from_quat(turn) * Rotation.from_quat(turn[0]).inv()).as_quat()
    if kind == "anything":
        shift = shift + np.stack([np.sin(q), q, q * q], axis=1)
    doc.move(2, "translation", times, shift)
    doc.move(2, "rotation", times, turn)
    asset = doc.load(tmp_path)
    assert len(asset.joints) == {"screw": 2, "ball": 3, "anything": 6}[kind]
    assert any("on no one axis" in note for note in asset.notes)
    for i in (0, 57, 133, 199):
        R = Rotation.from_quat(turn[i]).as_matrix()
        wanted = pose(Z_UP @ R @ Z_UP.T, Z_UP @ shift[i])
        rest = pose(translation=Z_UP @ shift[0])
        np.testing.assert_allclose(
            asset.link_motions_at(times[i])[-1], wanted @ invert(rest), atol=2e-3
        )


def test_parts_hang_on_the_parts_above_them(tmp_path: Path) -> None:
    doc = Doc()
    mesh = doc.box()
    doc.node("cabinet", children=[1], mesh=mesh)
    doc.node("still", children=[2], rotation=turns([0, 0, 1], [0.7])[0].tolist())
    doc.node("arm", children=[3, 4], mesh=mesh, translation=[0, 1, 0], scale=[2, 2, 2])
    doc.node("plate", mesh=mesh, translation=[0.1, 0, 0])
    doc.node("hand", mesh=mesh, translation=[0.5, 0, 0], scale=[0.5, -0.5, 0.5])
    doc.move(2, "rotation", [0, 1], turns([1, 0, 0], [0, 1.0]))
    doc.move(4, "translation", [0, 1], [[0.5, 0, 0], [0.8, 0, 0]])
    asset = doc.load(tmp_path)
    assert [link.name for link in asset.links] == ["cabinet", "arm", "hand"]
    kinds = [(j.type, j.parent) for j in asset.joints]
    assert kinds == [(JointType.REVOLUTE, "cabinet"), (JointType.PRISMATIC, "arm")]
    assert asset.motion.positions["hand_joint"][-1] == pytest.approx(0.6)  # 0.3 in a doubled frame
    shapes = [trimesh.Trimesh(x.visual.vertices, x.visual.faces) for x in asset.links]
    # The plate is part of the arm; the mirrored hand too faces outwards.
    np.testing.assert_allclose([x.volume for x in shapes], [0.008, 2 * 0.064, 0.008], atol=1e-7)


def test_what_floats_alone_is_the_base(tmp_path: Path) -> None:
    doc = Doc()
    doc.node("ship", mesh=doc.box())
    times = np.linspace(0, 1, 30)
    path = np.stack([np.sin(times), times, times**2], axis=1)
    doc.move(0, "translation", times, path)
    doc.move(0, "rotation", times, turns([0.2, 0.5, 1], 0.5 * times))
    asset = doc.load(tmp_path)
    assert not asset.fixed_base
    assert [link.name for link in asset.links] == ["ship"]
    wanted = pose(translation=Z_UP @ path[-1])
    found = asset.link_poses_at(1.0)[0] @ pose(translation=Z_UP @ path[0])
    np.testing.assert_allclose(found[:3, 3], wanted[:3, 3], atol=1e-6)


def test_what_is_solid_weighs_what_its_hull_does(tmp_path: Path) -> None:
    asset = door().load(tmp_path, material=Material("oak", 700.0))
    (link,) = asset.links
    assert len(link.collision) == 2
    assert link.inertial.mass == pytest.approx(2 * 700 * 0.2**3)
    np.testing.assert_allclose(link.inertial.center, [0.5, 0, 0], atol=1e-9)


def test_colours_are_factor_times_picture_times_vertex(tmp_path: Path) -> None:
    doc = Doc()
    picture = io.BytesIO()
    Image.fromarray(np.array([[[255, 0, 0], [0, 188, 255]]], np.uint8)).save(picture, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
    corner = (BOX[:, 0] > 0).astype(float)
    uv = doc.add(np.stack([0.25 + 0.5 * corner, np.full(8, 0.5)], axis=1), "VEC2")
    own = np.tile([65535, 32768, 65535, 65535], (8, 1))
    colors = doc.add(own, "VEC4", component=5123, normalized=True)
    doc.node("box", mesh=doc.box(attributes={"TEXCOORD_0": uv, "COLOR_0": colors}, material=0))
    texture = {"index": 0}
    base = {"baseColorFactor": [1.0, 0.5, 0.25, 1.0], "baseColorTexture": texture}
    doc.json |= {"materials": [{"pbrMetallicRoughness": base}], "textures": [{"source": 0}],
                 "images": [{"uri": uri}]}  # fmt: skip
    (link,) = doc.load(tmp_path).links
    right = link.visual.vertices[:, 0] > 0
    np.testing.assert_allclose(link.visual.colors[~right], np.tile([1, 0, 0], (4, 1)), atol=1e-6)
    g = ((188 / 255 + 0.055) / 1.055) ** 2.4 * 0.5 * (32768 / 65535)
    wanted = [0, 1.055 * g ** (1 / 2.4) - 0.055, 1.055 * 0.25 ** (1 / 2.4) - 0.055]
    np.testing.assert_allclose(link.visual.colors[right], np.tile(wanted, (4, 1)), atol=1e-6)


def test_quantized_sparse_and_strided_points_are_read(tmp_path: Path) -> None:
    doc = Doc()
    mesh = doc.box()
    (primitive,) = doc.json["meshes"][mesh]["primitives"]
    rows = np.zeros((8, 4))
    rows[:, :3] = BOX * 100
    short = doc.add(rows, "VEC3", component=5120)
    doc.json["bufferViews"][-1]["byteStride"] = 4
    which = doc.add(np.array([7]), "SCALAR", component=5121)
    other = doc.add(np.array([[50, 100, 100]]), "VEC3", component=5120)
    views = [doc.json["accessors"][i]["bufferView"] for i in (which, other)]
    doc.json["accessors"][short]["sparse"] = {
        "count": 1,
        "indices": {"bufferView": views[0], "componentType": 5121},
        "values": {"bufferView": views[1]},
    }
    primitive["attributes"]["POSITION"] = short
    doc.json["extensionsRequired"] = ["KHR_mesh_quantization"]
    doc.node("box", mesh=mesh, scale=[0.01] * 3)
    (link,) = doc.load(tmp_path).links
    wanted = BOX @ Z_UP.T
    wanted[7] = Z_UP @ [0.5, 1, 1]
    np.testing.assert_allclose(link.visual.vertices, wanted, atol=1e-12)


@pytest.mark.skipif(not FOREIGN.is_dir(), reason="REEL2SIM_DATA has no conformance_gltf")
class TestFilesOfOthers:
    def test_a_skin_follows_its_bone(self) -> None:
        (path,) = FOREIGN.rglob("simple_skin.gltf")
        asset = load_gltf(path)
        assert asset.skin is not None
        (joint,) = asset.joints
        assert joint.type is JointType.REVOLUTE
        start, bent = asset.skin_at(0.0), asset.skin_at(1.5)
        # glTF's own tutorial: the strip's lower end stays, its upper end swings about (0, 1).
        low = start[:, 2] < 0.1
        np.testing.assert_allclose(bent[low], start[low], atol=1e-6)
        swung = start[:, 2] > 1.9
        arm = np.linalg.norm(bent[swung] - asset.rest_poses[1][:3, 3], axis=1)
        still = np.linalg.norm(start[swung] - asset.rest_poses[1][:3, 3], axis=1)
        np.testing.assert_allclose(arm, still, atol=1e-5)
        assert np.abs(bent[swung] - start[swung]).max() > 0.5

    def test_a_morphing_cube_stands_still_and_says_so(self) -> None:
        (path,) = FOREIGN.rglob("AnimatedMorphCube.gltf")
        asset = load_gltf(path)
        assert [len(link.visual.faces) for link in asset.links] == [12]
        assert any("morph" in note for note in asset.notes)
        np.testing.assert_allclose(np.ptp(asset.links[0].visual.vertices, axis=0), 2, atol=1e-3)

    def test_an_engine_of_many_nodes_is_where_trimesh_has_it(self) -> None:
        (path,) = FOREIGN.rglob("2CylinderEngine.glb")
        (link,) = load_gltf(path).links
        theirs = trimesh.load_scene(path).to_mesh()
        found = link.visual.vertices @ Z_UP
        np.testing.assert_allclose(
            [found.min(axis=0), found.max(axis=0)], theirs.bounds, rtol=1e-5, atol=1e-3
        )
        ours = trimesh.Trimesh(link.visual.vertices, link.visual.faces, process=False)
        assert ours.area == pytest.approx(theirs.area, rel=1e-3)  # doubled faces are one


# --- bad files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    ["../secret.bin", "/etc/passwd", "%2e%2e/secret.bin", "linked.bin", "file:///etc/passwd",
     "http://example.org/x.bin", "a/../../secret.bin", "x\0.bin"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["buffers", "images"])
def test_nothing_outside_the_roots_is_read(uri: str, kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    (folder / "linked.bin").symlink_to(tmp_path / "secret.bin")
    doc = Doc()
    uv = doc.add(np.zeros((8, 2)), "VEC2")
    doc.node("box", mesh=doc.box(material=0, attributes={"TEXCOORD_0": uv}))
    own = "data:application/octet-stream;base64," + base64.b64encode(doc.data).decode()
    doc.json |= {
        "buffers": [{"byteLength": len(doc.data), "uri": uri if kind == "buffers" else own}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"uri": uri if kind == "images" else "data:image/png;base64,AAAA"}],
    }
    path = folder / "model.gltf"
    path.write_text(json.dumps(doc.json))
    with pytest.raises(InputError, match=r"outside of the folders|is not there"):
        load_gltf(path)
    if uri.endswith("secret.bin") and kind == "buffers":
        assert load_gltf(path, roots=[tmp_path]).links


def _set(document: Any, path: list[Any], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["asset", "version"], "1.0", "is glTF 1.0"),
        (["extensionsRequired"], ["KHR_draco_mesh_compression"], "needs KHR_draco"),
        (["extensionsRequired"], ["ACME_cloud"], "needs ACME_cloud"),
        (["nodes", 1, "children"], [0], "hangs on two nodes"),
        (["nodes", 0, "children"], [1, 1], "hangs on two nodes"),
        (["nodes", 0, "children"], [9], "element 9 of 3"),
        (["nodes", 0, "translation"], [0, 0, 1e300], "over 1e+07 m away"),
        (["nodes", 0, "rotation"], [0, 0, 0, 0], "no length"),
        (["nodes", 0, "scale"], "big", "not 3 numbers"),
        (["nodes", 1, "mesh"], -1, "not a whole number"),
        (["nodes", 1, "mesh"], 1.5, "not a whole number"),
        (["scenes", 0, "nodes"], [5], "element 5 of 3"),
        (["accessors", 0, "count"], 10**6, "reads beyond"),
        (["accessors", 0, "count"], 2**39, "values"),
        (["accessors", 0, "componentType"], 1, "glTF does not have"),
        (["accessors", 0, "type"], "MAT3", "expected VEC3"),
        (["bufferViews", 0, "byteLength"], 10**6, "reads beyond"),
        (["accessors", 1, "byteOffset"], 70, "reads beyond"),
        (["meshes", 0, "primitives", 0, "indices"], 0, "expected SCALAR"),
        (["animations", 0, "samplers", 0, "interpolation"], "BEZIER", "BEZIER"),
        (["animations", 0, "channels", 0, "sampler"], 7, "element 7"),
        (["nodes", 2, "extras"], {"joint": {"type": "hinge"}}, "not one of fixed"),
        (["nodes", 2, "extras"], {"joint": {"type": "revolute", "axis": [0, 0, 0]}}, "no length"),
        (["nodes", 2, "extras"], {"link": {"mass": -1, "inertia": [[1, 0, 0]] * 3}}, "positive"),
    ],
)
def test_what_is_wrong_is_said(path: list[Any], value: Any, said: str, tmp_path: Path) -> None:
    doc = door()
    doc.move(2, "translation", [0, 1], [[1, 0, 0], [2, 0, 0]])
    _set(doc.json, path, value)
    with pytest.raises(InputError) as caught:
        doc.load(tmp_path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"[" * 100_000, b"glTF", b'{"asset":{"version":"2.0"}}']
)
def test_what_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.gltf").write_bytes(data)
    with pytest.raises(InputError):
        load_gltf(tmp_path / "m.gltf")


def _seed_files() -> list[bytes]:
    doc = door()
    doc.move(2, "rotation", [0, 1], turns([0, 1, 0], [0, 1.0]))
    skin = skinned(build_asset([JointType.REVOLUTE], [0], seed=1))
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.glb")
        write_glb(skin, path)
        return [doc.bytes(), path.read_bytes()]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_bytes_of_all_kinds_are_read_or_refused(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from(_SEEDS))
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(start + 40, len(good))))
    words = [b'"', b"{", b"null", b"1e999", b"-1", b"NaN", b"[]", b"0", b"\xff" * 4, b"99999999"]
    junk = data.draw(st.one_of(st.binary(max_size=20), st.sampled_from(words)))
    if data.draw(st.booleans()):  # keeps all lengths
        junk = junk.ljust(stop - start)[: stop - start]
    with TemporaryDirectory() as folder:
        path = Path(folder, "m.glb")
        path.write_bytes(good[:start] + junk + good[stop:])
        with suppress(InputError):
            assert np.isfinite(load_gltf(path).rest_poses).all()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_values_of_all_kinds_are_read_or_refused(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from(_SEEDS))
    size = struct.unpack_from("<I", good, 12)[0]
    document = json.loads(good[20 : 20 + size])
    for _ in range(data.draw(st.integers(1, 3))):
        holder: Any = document
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(holder[key], dict | list) or not holder[key]:
                break
            if data.draw(st.integers(0, 4)) == 0:
                break
            holder = holder[key]
        junk = [None, True, -1, 0, 1, 2, 3, 7, 1e38, 1e300, 10**30, 0.5, "", "x", [], {}, [0, 0, 0],
                [1e30] * 3, [[]], 5123, 5126]  # fmt: skip
        holder[key] = data.draw(st.sampled_from(junk))
    text = json.dumps(document).encode()
    body = struct.pack("<I4s", len(text), b"JSON") + text + good[20 + size :]
    with TemporaryDirectory() as folder:
        path = Path(folder, "m.glb")
        path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body)
        with suppress(InputError):
            assert np.isfinite(load_gltf(path).rest_poses).all()


_SEEDS = _seed_files()
