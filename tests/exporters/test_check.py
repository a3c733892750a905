"""Good bundles pass, and every seeded fault is called by its name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pxr import Gf, Usd, UsdGeom

from reel2sim.exporters import export_bundle
from reel2sim.exporters.check import CHECKS, check_bundle, documentation
from reel2sim.exporters.check.files import REQUIRED
from reel2sim.exporters.check.quiet import quiet
from reel2sim.exporters.check.robot import read_robot
from reel2sim.exporters.check.splats import read_splats
from reel2sim.scene import JointType, Mimic
from reel2sim.scene.errors import BundleError

from .conftest import assets, build_asset, geared

J = JointType
PHYSICS = "usd/scene/payloads/physics.usda"
STAGE = "usd/scene/scene.usda"
FAULTS: list[tuple[str, str, Callable[[Path], None]]] = []


@pytest.fixture(scope="module")
def good(tmp_path_factory, media, provenance) -> Path:
    """Four links, a hinge, a slide and a hinge that follows the first; base and joints move."""
    out = tmp_path_factory.mktemp("good") / "bundle"
    asset = build_asset([J.REVOLUTE, J.PRISMATIC, J.REVOLUTE], [0, 1, 0], seed=7)
    asset = geared(asset, {"joint2": Mimic("joint0", -0.8, 0.1)})
    export_bundle(asset, out, media=media, provenance=provenance)
    return out


def fault(*ids: str):
    """Register a fault by the checks that must see it."""

    def register(seed: Callable[[Path], None]) -> Callable[[Path], None]:
        for check in ids:
            FAULTS.append((check, seed.__name__.strip("_"), seed))
        return seed

    return register


def swap(path: Path, old: str, new: str, count: int = 1) -> None:
    """Replace text, which must be there: a fault that is not seeded proves nothing."""
    text = path.read_text()
    changed = re.sub(old, new, text, count=count, flags=re.DOTALL)
    assert changed != text, f"{old!r} is not in {path}"
    path.write_text(changed)


def urdf(folder: Path, old: str, new: str) -> None:
    swap(folder / "scene.urdf", old, new)


def moments(ixx: float, iyy: float, izz: float) -> str:
    return f'ixx="{ixx}" iyy="{iyy}" izz="{izz}" ixy="0" ixz="0" iyz="0"'


def edit_json(path: Path, change: Callable[[dict], None]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def motion(folder: Path, change: Callable[[dict], None]) -> None:
    edit_json(folder / "motion.json", change)


def on_layer(folder: Path, name: str, change: Callable[[Usd.Stage], None]) -> None:
    stage = Usd.Stage.Open(str(folder / "usd/scene" / name))
    change(stage)
    stage.GetRootLayer().Save()


# Files and manifest ---------------------------------------------------------------------------


@fault("FILE001")
def _film_dropped(folder):
    (folder / "preview.mp4").unlink()


@fault("FILE001")
def _page_emptied(folder):
    (folder / "report.html").write_bytes(b"")


@fault("FILE002")
def _file_edited(folder):
    with (folder / "scene.urdf").open("a") as stream:
        stream.write("\n")


@fault("FILE003")
def _file_added(folder):
    (folder / "notes.txt").write_text("mine")


@fault("MAN001")
def _manifest_is_a_list(folder):
    (folder / "manifest.json").write_text("[]")


@fault("MAN002")
def _manifest_of_tomorrow(folder):
    edit_json(folder / "manifest.json", lambda m: m.update(schema_version=99))


@fault("MAN003")
def _manifest_names_another_link(folder):
    edit_json(folder / "manifest.json", lambda m: m["asset"]["links"].append("ghost"))


# Motion ---------------------------------------------------------------------------------------


@fault("MOT001")
def _motion_without_base(folder):
    motion(folder, lambda m: m.pop("base_pose"))


@fault("MOT002")
def _motion_nan(folder):
    motion(folder, lambda m: m["joints"]["joint0"]["position"].__setitem__(1, float("nan")))


@fault("MOT003")
def _times_not_monotone(folder):
    motion(folder, lambda m: m["times_s"].__setitem__(2, 0.1))


@fault("MOT004")
def _times_too_many(folder):
    motion(folder, lambda m: m["times_s"].append(9.0))


@fault("MOT005")
def _motion_of_another_joint(folder):
    motion(folder, lambda m: m["joints"].update(elbow=m["joints"].pop("joint0")))


@fault("MOT006")
def _motion_of_another_type(folder):
    motion(folder, lambda m: m["joints"]["joint0"].update(type="prismatic"))


@fault("MOT007")
def _confidence_above_one(folder):
    motion(folder, lambda m: m["joints"]["joint0"].update(confidence=1.5))


@fault("MOT008")
def _base_quaternion_not_unit(folder):
    motion(folder, lambda m: m["base_pose"][1].__setitem__(slice(3, 7), [1, 1, 0, 0]))


@fault("KIN004", "KIN005")
def _base_quaternion_wrong(folder):
    motion(folder, lambda m: m["base_pose"][1].__setitem__(slice(3, 7), [0.6, 0.8, 0, 0]))


@fault("KIN004", "KIN005")
def _motion_scaled(folder):
    def change(record):
        entry = record["joints"]["joint0"]
        entry["position"] = [1.001 * q for q in entry["position"]]

    motion(folder, change)


@fault("MOT009")
def _motion_beyond_limits(folder):
    motion(folder, lambda m: m["joints"]["joint1"]["position"].__setitem__(1, 2.0))


@fault("MOT010")
def _motion_follows_another(folder):
    motion(folder, lambda m: m["joints"]["joint2"]["mimic"].update(joint="joint1"))


@fault("MOT010")
def _motion_follows_nobody(folder):
    motion(folder, lambda m: m["joints"]["joint2"].pop("mimic"))


@fault("MOT011")
def _follower_out_of_step(folder):
    def change(record):
        entry = record["joints"]["joint2"]
        entry["position"] = [q + 0.01 for q in entry["position"]]

    motion(folder, change)


# URDF -----------------------------------------------------------------------------------------


@fault("URDF001")
def _urdf_not_xml(folder):
    (folder / "scene.urdf").write_text("<robot")


@fault("URDF001")
def _joint_without_child(folder):
    urdf(folder, r'<child link="link1" />', "")


@fault("URDF002")
def _two_joints_of_one_name(folder):
    urdf(folder, r'<joint name="joint1"', '<joint name="joint0"')


@fault("URDF002")
def _two_links_of_one_name(folder):
    urdf(folder, r'<link name="link2"', '<link name="link1"')


@fault("URDF003")
def _name_with_spaces(folder):
    urdf(folder, r'<joint name="joint1"', '<joint name="left door/1"')


@fault("URDF004")
def _two_roots(folder):
    urdf(folder, r'<joint name="joint1".*?</joint>', "")


@fault("URDF004")
def _loop(folder):
    urdf(folder, r'<parent link="link0" />', '<parent link="link2" />')


@fault("URDF004")
def _unknown_parent(folder):
    urdf(folder, r'<parent link="link0" />', '<parent link="nobody" />')


@fault("URDF005", "SIM001")
def _origin_nan(folder):
    urdf(folder, r'(<child link="link1" />\s*<origin xyz=")[^"]*', r"\g<1>nan 0 0")


@fault("URDF005")
def _mass_not_a_number(folder):
    urdf(folder, r'<mass value="[^"]*"', '<mass value="heavy"')


@fault("URDF006")
def _axis_zero(folder):
    urdf(folder, r'<axis xyz="[^"]*"', '<axis xyz="0 0 0"')


@fault("URDF006", "KIN001")
def _axis_of_length_two(folder):
    urdf(folder, r'(type="prismatic".*?<axis xyz=")[^"]*', r"\g<1>0 0 2")


@fault("URDF007")
def _limit_dropped(folder):
    urdf(folder, r"<limit [^>]*/>", "")


@fault("URDF008", "LIM001")
def _limits_swapped(folder):
    urdf(folder, r'lower="([^"]*)" upper="([^"]*)"', r'lower="\2" upper="\1"')


@fault("URDF009", "LIM002", "LIM003")
def _effort_zero(folder):
    urdf(folder, r'effort="[^"]*"', 'effort="0"')


@fault("URDF009")
def _velocity_negative(folder):
    urdf(folder, r'velocity="[^"]*"', 'velocity="-1"')


@fault("URDF010")
def _inertial_dropped(folder):
    urdf(folder, r"<inertial>.*?</inertial>", "")


@fault("URDF011")
def _mass_zero(folder):
    urdf(folder, r'<mass value="[^"]*"', '<mass value="0"')


@fault("URDF012", "LOAD003")
def _inertia_negative(folder):
    urdf(folder, r'(name="link1".*?ixx=")', r"\1-")


@fault("URDF013")
def _inertia_of_no_body(folder):
    urdf(folder, r"(name=\"link1\".*?<inertia )[^>]*", rf"\1{moments(1, 1, 5)} /")


@fault("MASS001")
def _inertia_that_pybullet_replaces(folder):
    _inertia_of_no_body(folder)


@fault("URDF014")
def _joint_floating(folder):
    urdf(folder, r'name="joint1" type="prismatic"', 'name="joint1" type="floating"')


@fault("URDF015")
def _damping_negative(folder):
    urdf(folder, r'damping="[^"]*"', 'damping="-0.1"')


@fault("URDF005")
def _mimic_not_a_number(folder):
    urdf(folder, r'multiplier="[^"]*"', 'multiplier="twice"')


@fault("URDF016", "KIN001", "MIM001")
def _mimic_of_nobody(folder):
    urdf(folder, r'<mimic joint="joint0"', '<mimic joint="joint9"')


@fault("URDF016")
def _mimic_of_itself(folder):
    urdf(folder, r'<mimic joint="joint0"', '<mimic joint="joint2"')


@fault("URDF016", "MOT010")
def _hinge_that_follows_a_slide(folder):
    urdf(folder, r'<mimic joint="joint0"', '<mimic joint="joint1"')


@fault("URDF016")
def _mimic_that_stands_still(folder):
    urdf(folder, r'multiplier="[^"]*"', 'multiplier="0"')


@fault("URDF017")
def _follower_stops_first(folder):
    urdf(folder, r'(name="joint2".*?lower=")[^"]*', r"\g<1>-0.1")


@fault("LOAD003")
def _mimic_twice(folder):
    urdf(folder, r"(<mimic [^>]*/>)", r'\1<mimic joint="joint0" multiplier="0.5" />')


@fault("MIM002", "MIM003", "MOT010", "MOT011")
def _mimic_of_another_ratio(folder):
    urdf(folder, r'multiplier="[^"]*"', 'multiplier="-0.7"')


# Meshes ---------------------------------------------------------------------------------------


@fault("MESH001", "LOAD002", "LOAD003")
def _package_path(folder):
    urdf(folder, r'filename="meshes', 'filename="package://thing/meshes')


@fault("MESH001")
def _absolute_path(folder):
    urdf(folder, r'filename="meshes', f'filename="{folder.as_posix()}/meshes')


@fault("MESH002")
def _mesh_outside(folder):
    mesh = folder / "meshes/visual/link0.obj"
    shutil.copy(mesh, folder.parent / "outside.obj")
    urdf(folder, r'filename="meshes/visual/link0.obj', 'filename="../outside.obj')


@fault("MESH002")
def _mesh_linked_to_outside(folder):
    mesh = folder / "meshes/visual/link0.obj"
    shutil.move(mesh, folder.parent / "outside.obj")
    mesh.symlink_to(folder.parent / "outside.obj")


@fault("MESH003", "FILE001", "LOAD002", "LOAD003", "LOAD004")
def _mesh_dropped(folder):
    (folder / "meshes/collision/link1_00.obj").unlink()


@fault("MESH004")
def _mesh_garbled(folder):
    (folder / "meshes/visual/link1.obj").write_text("v 1 2\nf 9 9 9\n")


@fault("MESH004")
def _mesh_nan(folder):
    swap(folder / "meshes/visual/link1.obj", r"v \S+", "v nan")


@fault("MESH005")
def _mesh_of_another_format(folder):
    mesh = folder / "meshes/visual/link1.obj"
    shutil.copy(mesh, mesh.with_suffix(".ply"))
    urdf(folder, r"visual/link1.obj", "visual/link1.ply")


@fault("MESH006")
def _piece_dented(folder):
    path = folder / "meshes/collision/link1_00.obj"
    rows = path.read_text().split("\n")
    points = np.array([row.split()[1:4] for row in rows if row.startswith("v ")], float)
    rows[0] = " ".join(["v", *map(str, points.mean(axis=0))])
    path.write_text("\n".join(rows))


@fault("MESH006")
def _piece_flat(folder):
    swap(folder / "meshes/collision/link1_00.obj", r"v \S+", "v 0", 0)


@fault("MESH007")
def _too_many_pieces(folder):
    text = (folder / "scene.urdf").read_text()
    piece = re.search(r"<collision>.*?</collision>", text, re.DOTALL)
    assert piece
    (folder / "scene.urdf").write_text(text.replace(piece[0], piece[0] * 40, 1))


@fault("MESH008")
def _pieces_dropped(folder):
    for _ in range(2):
        urdf(folder, r"<collision>.*?</collision>", "")


@fault("MESH009")
def _link_bare(folder):
    for _ in range(2):
        urdf(folder, r"<collision>.*?</collision>", "")
    urdf(folder, r"<visual>.*?</visual>", "")


@fault("MESH010")
def _visual_with_a_hole(folder):
    swap(folder / "meshes/visual/link1.obj", r"\nf [^\n]*\n", "\n")


@fault("MESH011")
def _visual_of_another_size(folder):
    urdf(folder, r'(visual/link1.obj" scale=")1 1 1', r"\g<1>1 1 1.01")


# Kinematics and masses ------------------------------------------------------------------------


@fault("KIN002", "KIN003", "KIN004", "KIN005")
def _origin_moved(folder):
    urdf(folder, r'(<child link="link1" />\s*<origin xyz=")(\S+)', r"\g<1>0.4321")


@fault("LOAD001")
def _rgba_that_yourdfpy_refuses(folder):
    urdf(folder, r'<color rgba="[^"]*"', '<color rgba="red"')


@fault("LOAD004")
def _mjcf_cut(folder):
    path = folder / "scene.xml"
    path.write_text(path.read_text()[:400])


@fault("TREE002")
def _mjcf_body_renamed(folder):
    swap(folder / "scene.xml", r'"link2"', '"lid"', 0)


@fault("TREE002")
def _mjcf_joint_of_another_type(folder):
    swap(folder / "scene.xml", r'type="slide"', 'type="hinge"')


@fault("KIN002")
def _mjcf_axis_turned(folder):
    swap(folder / "scene.xml", r'type="hinge" axis="[^"]*"', 'type="hinge" axis="0 0.6 0.8"')


@fault("MASS002")
def _mjcf_mass(folder):
    swap(folder / "scene.xml", r'mass="[^"]*"', 'mass="1.234"')


@fault("LIM002")
def _mjcf_limits_in_degrees(folder):
    swap(folder / "scene.xml", r'angle="radian"', 'angle="degree"')


@fault("TREE001")
def _joint_floating_is_read_in_many_ways(folder):
    urdf(folder, r'name="joint1" type="prismatic"', 'name="joint1" type="floating"')


@fault("SIM002")
def _inertia_tiny(folder):
    urdf(folder, r'(name="link1".*?<mass value=")[^"]*', r"\g<1>1e-9")
    urdf(folder, r'(name="link1".*?<inertia )[^>]*', rf"\1{moments(1e-12, 1e-12, 1e-12)} /")
    urdf(folder, r'(name="link1".*?<origin xyz=")[^"]*', r"\g<1>100 100 100")


@fault("MIM002")
def _mjcf_mimic_dropped(folder):
    swap(folder / "scene.xml", r"<equality>.*?</equality>", "")


@fault("MIM002")
def _mjcf_mimic_bent(folder):
    swap(folder / "scene.xml", r'(polycoef="\S+ \S+) 0.0', r"\1 0.5")


@fault("PAIR001")
def _srdf_cut(folder):
    path = folder / "scene.srdf"
    path.write_text(path.read_text()[:200])


@fault("PAIR001")
def _srdf_of_another_link(folder):
    swap(folder / "scene.srdf", r'link2="[^"]*"', 'link2="lid"')


@fault("PAIR002", "PAIR003")
def _srdf_pair_dropped(folder):
    swap(folder / "scene.srdf", r"<disable_collisions [^>]*>", "")


@fault("PAIR002")
def _mjcf_pair_dropped(folder):
    swap(folder / "scene.xml", r"<exclude [^>]*>", "")


@fault("PAIR003")
def _usd_joint_with_collisions(folder):
    swap(
        folder / PHYSICS, r"(def PhysicsPrismaticJoint[^{]*\{)", r"\1 physics:collisionEnabled = 1"
    )


# USD ------------------------------------------------------------------------------------------


@fault("USD001")
def _stage_garbled(folder):
    (folder / STAGE).write_text("#usda 1.0\n(((")


@fault("USD002", "USD004")
def _default_prim_dropped(folder):
    swap(folder / STAGE, r'defaultPrim = "thing"\n', "\n")


@fault("USD003")
def _centimetres(folder):
    swap(folder / STAGE, r"metersPerUnit = 1\n", "metersPerUnit = 0.01\n")


@fault("USD003")
def _grams(folder):
    swap(folder / STAGE, r"kilogramsPerUnit = 1\n", "kilogramsPerUnit = 0.001\n")


@fault("USD003")
def _y_up(folder):
    swap(folder / STAGE, r'upAxis = "Z"', 'upAxis = "Y"')


@fault("USD005")
def _scaled_body(folder):
    def change(stage):
        prim = stage.GetDefaultPrim().GetChild("link1")
        UsdGeom.Xformable(prim).AddScaleOp().Set(Gf.Vec3f(2, 2, 2))

    on_layer(folder, "payloads/motion.usdc", change)


@fault("USD006")
def _triangle_collider(folder):
    swap(folder / PHYSICS, r'approximation = "convexHull"', 'approximation = "none"')


@fault("USD007")
def _collider_dropped(folder):
    for _ in range(2):
        swap(folder / PHYSICS, r'"PhysicsCollisionAPI", "PhysicsMeshCollisionAPI"', '"Nothing"')


@fault("USD008")
def _splat_nan(folder):
    def change(stage):
        field = stage.GetDefaultPrim().GetChild("link0").GetChild("splats")
        attribute = field.GetAttribute("positions")
        values = list(attribute.Get())
        values[0] = Gf.Vec3f(float("nan"), 0, 0)
        attribute.Set(values)

    on_layer(folder, "payloads/splats.usdc", change)


@fault("USD008")
def _splat_scale_negative(folder):
    def change(stage):
        attribute = stage.GetPrimAtPath("/thing/link0/splats").GetAttribute("scales")
        attribute.Set([-v for v in attribute.Get()])

    on_layer(folder, "payloads/splats.usdc", change)


@fault("PLY004")
def _splats_moved(folder):
    def change(stage):
        attribute = stage.GetPrimAtPath("/thing/link0/splats").GetAttribute("positions")
        attribute.Set([v + Gf.Vec3f(0.01, 0, 0) for v in attribute.Get()])

    on_layer(folder, "payloads/splats.usdc", change)


@fault("USD009")
def _payload_outside(folder):
    shutil.move(folder / PHYSICS, folder / "physics.usda")
    swap(folder / STAGE, r"\./payloads/physics.usda", "../../physics.usda")


@fault("USD009")
def _payload_dropped(folder):
    (folder / "usd/scene/payloads/geometry.usdc").unlink()


@fault("TREE003")
def _usd_body_renamed(folder):
    swap(folder / PHYSICS, r'def Xform "link2"', 'def Xform "lid"')


@fault("TREE003")
def _usd_joint_of_another_type(folder):
    swap(folder / PHYSICS, r"def PhysicsPrismaticJoint", "def PhysicsRevoluteJoint")


@fault("KIN003")
def _usd_joint_frame_turned(folder):
    swap(folder / PHYSICS, r"(def PhysicsRevoluteJoint.*?localRot1 = )\([^)]*\)", r"\1(1, 0, 0, 0)")


@fault("MASS003")
def _usd_mass(folder):
    swap(folder / PHYSICS, r"physics:mass = \S+", "physics:mass = 1.234")


@fault("MASS003")
def _usd_inertia_not_turned(folder):
    swap(folder / PHYSICS, r"principalAxes = \([^)]*\)", "principalAxes = (1, 0, 0, 0)")


@fault("LIM003")
def _usd_limits_in_radians(folder):
    swap(folder / PHYSICS, r"(def PhysicsRevoluteJoint.*?upperLimit = )\S+", r"\g<1>1.5")


@fault("LIM003")
def _usd_limits_dropped(folder):
    swap(folder / PHYSICS, r"float physics:upperLimit = \S+", "")


@fault("LIM003")
def _usd_drive_without_force(folder):
    swap(folder / PHYSICS, r"float drive:angular:physics:maxForce = \S+", "")


@fault("MIM003")
def _usd_mimic_dropped(folder):
    swap(folder / PHYSICS, r'"NewtonMimicAPI"', '"Nothing"')


@fault("MIM003")
def _usd_mimic_disabled(folder):
    swap(folder / PHYSICS, r"(float newton:mimicCoef0)", r"bool newton:mimicEnabled = 0\n\1")


@fault("MIM003")
def _usd_mimic_offset_in_radians(folder):
    swap(folder / PHYSICS, r"newton:mimicCoef0 = \S+", "newton:mimicCoef0 = 0.1")


@fault("MIM003")
def _usd_mimic_of_a_joint_elsewhere(folder):
    swap(folder / PHYSICS, r"newton:mimicJoint = <[^>]*>", "newton:mimicJoint = </thing/joint0>")


@fault("USD010")
def _package_cut(folder):
    path = folder / "scene.usdz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@fault("USD010")
def _package_bit_flipped(folder):
    path = folder / "scene.usdz"
    data = bytearray(path.read_bytes())
    data[data.index(b"metersPerUnit")] ^= 1
    path.write_bytes(data)


@fault("USD011")
def _package_of_other_layers(folder):
    with zipfile.ZipFile(folder / "scene.usdz", "a") as archive:
        archive.writestr("more.txt", "more")


# Other formats --------------------------------------------------------------------------------


@fault("GLB001")
def _glb_cut(folder):
    path = folder / "asset.glb"
    path.write_bytes(path.read_bytes()[:-100])


@fault("GLB002")
def _glb_node_renamed(folder):
    path = folder / "asset.glb"
    path.write_bytes(path.read_bytes().replace(b'"name":"link1"', b'"name":"lid__"'))


@fault("KIN005")
def _glb_still(folder):
    path = folder / "asset.glb"
    path.write_bytes(path.read_bytes().replace(b'"animations"', b'"Animations"'))


@fault("PLY001")
def _ply_cut(folder):
    path = folder / "splats.ply"
    path.write_bytes(path.read_bytes()[:-7])


@fault("PLY001")
def _ply_field_renamed(folder):
    path = folder / "splats.ply"
    path.write_bytes(path.read_bytes().replace(b"float opacity", b"float opaqueX"))


@fault("PLY002")
def _ply_nan(folder):
    path = folder / "splats.ply"
    data = path.read_bytes()
    path.write_bytes(data[:-4] + np.float32(np.nan).tobytes())


@fault("PLY003")
def _ply_of_fewer(folder):
    edit_json(folder / "manifest.json", lambda m: m["asset"].update(surfels=3))


@fault("FILM001")
def _film_cut(folder):
    path = folder / "preview.mp4"
    path.write_bytes(path.read_bytes()[:60])


@fault("PAGE001")
def _page_not_text(folder):
    (folder / "report.html").write_bytes(b"\xff\xfe\x00\x81")


@fault("PAGE002")
def _page_needs_the_net(folder):
    swap(folder / "report.html", "</body>", '<img src="https://example.org/a.png"></body>')


@fault("PAGE002")
def _page_needs_a_font(folder):
    swap(folder / "report.html", "</head>", "<style>@import 'https://e.org/f'</style></head>")


# The laws -------------------------------------------------------------------------------------


def ids(folder: Path) -> set[str]:
    report = check_bundle(folder)
    for finding in report.findings:
        assert finding.where
        assert finding.message
        assert finding.remedy
        assert finding.severity == CHECKS[finding.id].severity
    return {finding.id for finding in report.findings}


SEEDS = {name: seed for _, name, seed in FAULTS}


@pytest.mark.parametrize("name", SEEDS)
def test_fault_is_called_by_name(name, good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    SEEDS[name](folder)
    wanted = {check for check, other, _ in FAULTS if other == name}
    assert wanted <= ids(folder)


def test_every_check_can_fail():
    # Not seeded: what only a defect of the check itself can bring about. Skins have their own file.
    here = {check for check in CHECKS if not check.startswith("SKIN")}
    assert here - {check for check, _, _ in FAULTS} == {"FILE004"}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "noise": lambda data: np.random.default_rng(0).bytes(len(data)),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_never_raised(damage, good, tmp_path):
    files = sorted(p.relative_to(good) for p in good.rglob("*") if p.is_file())
    kinds = {(p.parent, p.suffix): p for p in files if p.suffix not in (".mtl", ".png")}
    assert len(kinds) >= 12
    for k, name in enumerate(kinds.values()):
        folder = tmp_path / f"{k}"
        shutil.copytree(good, folder)
        (folder / name).write_bytes(DAMAGES[damage]((good / name).read_bytes()))
        report = check_bundle(folder)
        assert not report.ok, name
        assert "FILE004" not in {finding.id for finding in report.findings}, name


@given(noise=st.binary(max_size=200))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_readers_of_ours_only_refuse(noise, tmp_path_factory):
    path = tmp_path_factory.mktemp("noise") / "file"
    path.write_bytes(noise)
    for read in (read_robot, read_splats):
        with pytest.raises((ValueError, ElementTree.ParseError)):
            read(path)


@pytest.mark.parametrize("make", ["nothing", "file"])
def test_no_folder_is_an_error(make, tmp_path):
    path = tmp_path / "bundle"
    if make == "file":
        path.write_text("")
    with pytest.raises(BundleError, match=rf"{path}: .*reel2sim run"):
        check_bundle(path)


def test_empty_folder_lacks_everything(tmp_path):
    report = check_bundle(tmp_path)
    assert {finding.id for finding in report.findings} == {"FILE001"}
    assert {finding.where for finding in report.findings} == set(REQUIRED)


def test_checking_changes_nothing(good):
    before = {p: p.read_bytes() for p in good.rglob("*") if p.is_file()}
    check_bundle(good)
    assert before == {p: p.read_bytes() for p in good.rglob("*") if p.is_file()}


def test_edits_are_seen_by_the_same_process(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    assert check_bundle(folder).ok
    _centimetres(folder)
    assert "USD003" in ids(folder)


def test_report_is_plain_json(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    _mesh_dropped(folder)
    _file_added(folder)
    report = check_bundle(folder)
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert record["ok"] is False
    assert record["counts"]["states"] == 100
    severities = [f["severity"] for f in record["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert set(record["findings"][0]) == {"id", "severity", "where", "message", "remedy"}


def test_poses_that_are_no_number_are_plain_json(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    swap(folder / PHYSICS, r"localPos0 = \([^)]*\)", "localPos0 = (nan, 0, 0)", 0)
    report = check_bundle(folder)
    assert report.agreement["USD joints"] == float("inf")
    assert report.to_json()["agreement"]["USD joints"] is None


def test_engines_are_silent(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    for seed in (_mesh_dropped, _payload_dropped, _axis_zero, _mjcf_limits_in_degrees):
        seed(folder)
    code = "import sys; from reel2sim.exporters.check import check_bundle as c; c(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_quiet_gives_the_streams_back(capfd):
    with quiet():
        os.write(1, b"lost")
        os.write(2, b"lost")
    os.write(1, b"kept")
    assert capfd.readouterr() == ("kept", "")


def test_import_loads_no_engine():
    heavy = ["pxr", "mujoco", "pybullet", "yourdfpy", "trimesh", "av", "torch"]
    code = f"import sys, reel2sim.exporters.check; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_documentation_is_the_catalogue():
    page = Path(__file__).parents[2] / "docs" / "check.md"
    assert page.read_text(encoding="utf-8") == documentation()
    assert all(key == check.id for key, check in CHECKS.items())


@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(asset=assets(max_links=5))
def test_good_bundles_pass(asset, tmp_path_factory):
    out = tmp_path_factory.mktemp("good") / "bundle"
    export_bundle(asset, out)
    report = check_bundle(out)
    assert report.findings == ()
    assert report.ok
    assert report.counts["links"] == len(asset.links)
    assert max(report.agreement.values()) < 1e-5
