"""USD stages come in as they went out, as USD itself places them, and reach nothing outside."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
import os
import warnings
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pxr import Gf, Usd, UsdGeom, UsdPhysics, UsdSkel
from scipy.spatial.transform import Rotation

from reel2sim.exporters.usd import write_usd
from reel2sim.exporters.usd.assembly import write_scene_usd
from reel2sim.importers import load_usd
from reel2sim.importers.usd.geometry import triangulated
from reel2sim.importers.usd.joints import Freedom, between, positions
from reel2sim.scene import (
    JointType,
    Light,
    LightKind,
    Link,
    Material,
    Placement,
    RiggedAsset,
    Scene,
    look_at,
)
from reel2sim.scene.contacts import meeting_links
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import axis_rotation, invert, matrix_from_quaternion, pose

from .conftest import assets, skinned

DATA = Path(os.environ.get("REEL2SIM_DATA", "/nowhere"))
NEWTON = DATA / "conformance_usd" / "newton_usdphysics"
law = settings(max_examples=5, deadline=None)
BODY = 'prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]'
SOLID = 'prepend apiSchemas = ["PhysicsCollisionAPI"]'


def written(folder: Path, text: str, *, head: str = "", name: str = "stage.usda") -> Path:
    path = folder / name
    path.write_text(f'#usda 1.0\n(\n upAxis = "Z"\n metersPerUnit = 1\n {head}\n)\n{text}\n')
    return path


def body(name: str, text: str = "", *, ops: str = "") -> str:
    return f'def Xform "{name}" ({BODY}) {{\n float physics:mass = 2\n {ops}\n {text}\n}}\n'


def cube(name: str = "shape", text: str = "", *, api: str = SOLID) -> str:
    return f'def Cube "{name}" ({api}) {{\n double size = 0.2\n {text}\n}}\n'


def at(x: float, y: float, z: float) -> str:
    return (
        f"double3 xformOp:translate = ({x}, {y}, {z})\n"
        ' uniform token[] xformOpOrder = ["xformOp:translate"]'
    )


def only(scene: Scene) -> RiggedAsset:
    assert len(scene.placements) == 1
    return scene.placements[0].asset


def random_state(asset: RiggedAsset, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    moving = [j for j in asset.joints if j.type is not JointType.FIXED and j.mimic is None]
    bounds = {j.name: np.clip([j.limits.lower, j.limits.upper], -3, 3) for j in moving}
    return asset.followed({name: float(rng.uniform(*b)) for name, b in bounds.items()})


def loaded_again(asset: RiggedAsset, *, package: bool = False) -> RiggedAsset:
    with TemporaryDirectory() as folder:
        paths = write_usd(asset, Path(folder))
        return only(load_usd(paths.package if package else paths.interface))


def same_weight(ours: Link, link: Link) -> None:
    assert ours.inertial.mass == pytest.approx(link.inertial.mass, rel=1e-6)
    np.testing.assert_allclose(ours.inertial.center, link.inertial.center, atol=1e-6)
    off = np.abs(ours.inertial.inertia - link.inertial.inertia).max()
    assert off <= 1e-6 * np.abs(link.inertial.inertia).max()


@law
@given(asset=assets(), seed=st.integers(0, 99), package=st.booleans())
def test_what_we_wrote_comes_back(asset: RiggedAsset, seed: int, package: bool) -> None:
    first = loaded_again(asset, package=package)
    for other in (first, loaded_again(first)):
        assert (other.name, other.fixed_base) == (asset.name, asset.fixed_base)
        assert [x.name for x in other.links] == [x.name for x in asset.links]
        assert not other.notes
        state = random_state(asset, seed)
        np.testing.assert_allclose(other.link_poses(state), asset.link_poses(state), atol=1e-6)
        for ours, link in zip(other.links, asset.links, strict=True):
            same_weight(ours, link)
            assert ours.material == link.material
            assert len(ours.collision) == len(link.collision)
            np.testing.assert_allclose(ours.visual.vertices, link.visual.vertices, atol=1e-6)
            assert ours.visual.colors is not None
            assert link.visual.colors is not None
            np.testing.assert_allclose(ours.visual.colors, link.visual.colors, atol=1e-6)
        for ours, joint in zip(other.joints, asset.joints, strict=True):
            assert (ours.name, ours.type, ours.parent) == (joint.name, joint.type, joint.parent)
            if joint.type is JointType.FIXED:
                continue
            np.testing.assert_allclose(ours.axis, joint.axis, atol=1e-6)
            for name in ("lower", "upper", "effort", "velocity"):
                wanted = getattr(joint.limits, name)
                assert getattr(ours.limits, name) == pytest.approx(wanted, rel=1e-6)
            assert ours.damping == pytest.approx(joint.damping, rel=1e-6)
            assert ours.friction == pytest.approx(joint.friction, rel=1e-6)
            assert (ours.mimic is None) == (joint.mimic is None)
            if ours.mimic is not None and joint.mimic is not None:
                assert ours.mimic.joint == joint.mimic.joint
                assert ours.mimic.multiplier == pytest.approx(joint.mimic.multiplier, rel=1e-6)
                assert ours.mimic.offset == pytest.approx(joint.mimic.offset, rel=1e-6)
        assert meeting_links(other) == meeting_links(asset)


@law
@given(asset=assets(max_links=5))
def test_motion_and_surfels_come_back(asset: RiggedAsset) -> None:
    other = loaded_again(asset)
    np.testing.assert_allclose(other.motion.times_s, asset.motion.times_s, atol=1e-12)
    np.testing.assert_allclose(other.motion.base_poses, asset.motion.base_poses, atol=1e-6)
    for name, q in asset.motion.positions.items():
        np.testing.assert_allclose(other.motion.positions[name], q, atol=1e-6)
    for i in range(len(asset.links)):
        ours, own = (x.surfels.select(x.surfel_links == i) for x in (other, asset))
        dots = np.einsum("nk,nk->n", ours.rotations, own.rotations)
        np.testing.assert_allclose(np.abs(dots), 1, atol=1e-6)
        for field in ("means", "scales", "opacities", "sh"):
            np.testing.assert_allclose(getattr(ours, field), getattr(own, field), atol=1e-6)


@law
@given(asset=assets(max_links=5), seed=st.integers(0, 99))
def test_a_skin_comes_back(asset: RiggedAsset, seed: int) -> None:
    asset = skinned(asset, seed=seed)
    other = loaded_again(asset)
    assert asset.skin is not None
    assert other.skin is not None
    for time_s in (0.0, 0.4, 1.0):
        np.testing.assert_allclose(other.skin_at(time_s), asset.skin_at(time_s), atol=1e-5)
    for ours, link in zip(other.links, asset.links, strict=True):
        np.testing.assert_allclose(ours.visual.vertices, link.visual.vertices, atol=1e-6)


def test_links_in_each_other_stay_apart(cabinet: RiggedAsset) -> None:
    asset = replace(cabinet, interpenetrating=(("link1", "link2"), ("link3", "link4")))
    assert loaded_again(asset).interpenetrating == asset.interpenetrating


def test_a_scene_comes_back(cabinet: RiggedAsset) -> None:
    """Objects where they stood and as they moved, and all that is around them."""
    other = replace(skinned(cabinet, seed=2), name="other")
    turned = pose(axis_rotation(np.array([0.0, 0, 1]), np.array(0.7)), np.array([2.0, 0.3, 1]))
    camera = look_at(np.array([0.0, -5, 2]), np.zeros(3), width=1280, height=960, fov_y=0.9)
    sun = Light("sun", LightKind.SUN, turned, np.array([1, 2, 0.5]), 800.0)
    lamp = Light("lamp", LightKind.POINT, pose(translation=np.array([0, 0, 3.0])), strength=40.0)
    scene = Scene(
        (Placement.of(cabinet), Placement.of(other, turned)),
        np.array([0, 0, -1.6]),
        -0.5,
        "room",
        (sun, lamp),
        {"front": camera},
        cabinet.surfels,
    )
    with TemporaryDirectory() as folder:
        found = load_usd(write_scene_usd(scene, Path(folder)).package)
    assert (found.name, found.names) == (scene.name, scene.names)
    np.testing.assert_allclose(found.gravity, scene.gravity)
    assert found.ground_z == scene.ground_z
    for ours, asset in zip(found.assets, scene.assets, strict=True):
        assert [x.name for x in ours.links] == [x.name for x in asset.links]
        for time_s in (0.0, 0.6):
            T, wanted = ours.link_poses_at(time_s), asset.link_poses_at(time_s)
            # Bodies, not links: their frames have the axes of another world.
            for i, link in enumerate(asset.links):
                own = ours.links[i].visual.vertices @ T[i][:3, :3].T + T[i][:3, 3]
                theirs = link.visual.vertices @ wanted[i][:3, :3].T + wanted[i][:3, 3]
                np.testing.assert_allclose(own, theirs, atol=1e-6)
        assert np.bincount(ours.surfel_links).tolist() == np.bincount(asset.surfel_links).tolist()
        assert (ours.skin is None) == (asset.skin is None)
        if asset.skin is not None:
            np.testing.assert_allclose(ours.skin_at(0.6), asset.skin_at(0.6), atol=1e-5)
    for ours, light in zip(found.lights, scene.lights, strict=True):
        assert (ours.name, ours.kind) == (light.name, light.kind)
        assert ours.strength == pytest.approx(light.strength, rel=1e-6)
        np.testing.assert_allclose(ours.color, light.color, rtol=1e-6)
        np.testing.assert_allclose(ours.T_world_light, light.T_world_light, atol=1e-6)
    np.testing.assert_allclose(found.cameras["front"].K, camera.K, rtol=1e-5)
    ours = found.cameras["front"].T_world_camera
    np.testing.assert_allclose(ours, camera.T_world_camera, atol=1e-6)
    assert found.background is not None
    np.testing.assert_allclose(found.background.means, cabinet.surfels.means, atol=1e-6)


def parsed(path: Path) -> dict[str, Any]:
    """Joints as USD's own reader of UsdPhysics understands them, by path."""
    stage = Usd.Stage.Open(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = UsdPhysics.LoadUsdPhysicsFromRange(stage, ["/"])
    return {
        str(at): joint
        for kind, (paths, joints) in found.items()
        if "Joint" in str(kind)
        for at, joint in zip(paths, joints, strict=True)
    }


def frame_of(joint: Any, side: int) -> np.ndarray:
    q = getattr(joint, f"localPose{side}Orientation")
    R = matrix_from_quaternion(np.array([q.GetReal(), *q.GetImaginary()]))
    return pose(R, np.array(getattr(joint, f"localPose{side}Position"), float))


newton_joints = sorted((NEWTON / "kamino").rglob("*.usda")) if NEWTON.is_dir() else [Path("absent")]


@pytest.mark.skipif(not NEWTON.is_dir(), reason="REEL2SIM_DATA has no newton_usdphysics")
@pytest.mark.parametrize("path", newton_joints, ids=lambda path: path.stem)
def test_joints_close_where_another_reader_puts_their_frames(path: Path) -> None:
    """At any state, the frames of a joint differ by a motion along its free axes alone."""
    joints = parsed(path)
    for placement in load_usd(path).placements:
        asset = placement.asset
        stage = Usd.Stage.Open(str(path))
        T_body = {}
        for prim in stage.Traverse():
            if prim.HasAPI(UsdPhysics.RigidBodyAPI):
                world = UsdGeom.XformCache().GetLocalToWorldTransform(prim)
                T_body[prim.GetName()] = np.array(world).T
        start = asset.link_poses_at(0.0)
        moved_by = {}
        state = random_state(asset, 3)
        T = asset.link_poses(state, asset.motion.base_poses[0])
        for name, i in asset.link_index.items():
            if name in T_body:
                moved_by[name] = T[i] @ invert(start[i])
        used = {j.name for j in asset.joints} | {j.name.rsplit("_", 1)[0] for j in asset.joints}
        used |= {j.name.rsplit("_along", 1)[0] for j in asset.joints}
        off = any("placed by the joint" in note for note in asset.notes)
        for joint in joints.values():
            ends = [end.name if not end.isEmpty else "" for end in (joint.body0, joint.body1)]
            if joint.primPath.name not in used or off or not {*ends} - {""} <= {*moved_by}:
                continue
            frames = [
                (moved_by[end] @ T_body[end] if end else np.eye(4)) @ frame_of(joint, side)
                for side, end in enumerate(ends)
            ]
            M = invert(frames[0]) @ frames[1]
            q = _read_state(joint, state)
            np.testing.assert_allclose(M, between(q[1][None], q[0])[0], atol=2e-5)


def _read_state(joint: Any, state: dict[str, float]) -> tuple[tuple[Freedom, ...], np.ndarray]:
    """Free axes by USD's own parser, and the positions that we gave them."""
    name, kind = joint.primPath.name, type(joint).__name__
    axis = {"X": 0, "Y": 1, "Z": 2}.get(str(getattr(joint, "axis", "")).rsplit(".", 1)[-1], 0)
    if kind == "FixedJointDesc":
        return (), np.zeros(0)
    if kind == "RevoluteJointDesc":
        return (Freedom(3 + axis),), np.array([state[name]])
    if kind == "PrismaticJointDesc":
        return (Freedom(axis),), np.array([state[name]])
    places = [3, 4, 5]
    if kind == "D6JointDesc":
        order = ("TransX", "TransY", "TransZ", "RotX", "RotY", "RotZ")
        limits = {str(x.first).rsplit(".", 1)[-1]: x.second for x in joint.jointLimits}
        locked = {n for n, x in limits.items() if x.enabled and x.lower > x.upper}
        places = [i for i, n in enumerate(order) if n not in locked]
    if len(places) == 1:
        return (Freedom(places[0]),), np.array([state[name]])
    names = [f"{name}_{'' if i > 2 else 'along_'}{'xyz'[i % 3]}" for i in places]
    return tuple(Freedom(i) for i in places), np.array([state[n] for n in names])


@settings(max_examples=60, deadline=None)
@given(places=st.sets(st.integers(0, 5)), seed=st.integers(0, 10_000))
def test_positions_are_those_of_the_motion(places: set[int], seed: int) -> None:
    freedoms = tuple(Freedom(p) for p in sorted(places))
    rng = np.random.default_rng(seed)
    steps = rng.uniform(-0.3, 0.3, (40, len(freedoms)))
    q = np.cumsum(steps, axis=0) * (0.4 if sum(f.turns for f in freedoms) > 1 else 1.0)
    M = between(q, freedoms)
    np.testing.assert_allclose(between(positions(M, freedoms), freedoms), M, atol=1e-9)
    if sum(f.turns for f in freedoms) < 2:  # several turns may be told in two ways
        whole = 2 * np.pi if any(f.turns for f in freedoms) else np.inf
        off = positions(M, freedoms) - q
        np.testing.assert_allclose(off - off[:1], 0, atol=1e-9)
        assert (np.abs(off[0]) < 1e-9).all() or np.isfinite(whole)


TWO = "{a}{b}{joint}"
HINGE = """def PhysicsRevoluteJoint "hinge" ({api}) {{
 rel physics:body0 = <{first}>
 rel physics:body1 = <{second}>
 uniform token physics:axis = "Z"
 point3f physics:localPos0 = ({p0})
 point3f physics:localPos1 = ({p1})
 float physics:lowerLimit = -30
 float physics:upperLimit = 60
 {more}
}}
"""


def hinge(first: str, second: str, p0: str, p1: str, *, api: str = "", more: str = "") -> str:
    return HINGE.format(first=first, second=second, p0=p0, p1=p1, api=api, more=more)


def test_a_joint_turns_the_same_way_from_either_side(tmp_path: Path) -> None:
    """Body 0 hanging on body 1 is the same object with the axis reversed."""
    bodies = body("a", cube()) + body("b", cube(), ops=at(1, 0, 0))
    root = 'def PhysicsFixedJoint "held" { rel physics:body1 = </a> }\n'.replace("{ ", "{\n")
    root = root.replace(" }", "\n}")
    found = []
    for k, joint in enumerate(
        (hinge("/a", "/b", "0.5, 0, 0", "-0.5, 0, 0"), hinge("/b", "/a", "-0.5, 0, 0", "0.5, 0, 0"))
    ):
        found.append(only(load_usd(written(tmp_path, bodies + root + joint, name=f"{k}.usda"))))
    forward, back = found
    assert forward.fixed_base
    np.testing.assert_allclose(forward.joints[0].axis, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(back.joints[0].axis, [0, 0, -1], atol=1e-12)
    for asset in found:
        limits = asset.joints[0].limits
        np.testing.assert_allclose([limits.lower, limits.upper], np.radians([-30, 60]), rtol=1e-6)
        np.testing.assert_allclose(asset.joints[0].origin, [0.5, 0, 0], atol=1e-12)


def test_a_joint_is_at_zero_where_its_frames_meet(tmp_path: Path) -> None:
    """Bodies may stand away from zero; they start there."""
    turned = (
        "double3 xformOp:translate = (0.5, 0.5, 0)\n float xformOp:rotateZ = 30\n"
        ' uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]'
    )
    where = Rotation.from_euler("z", 30, degrees=True).as_matrix() @ [0.5, 0, 0]
    pivot = np.array([0.5, 0.5, 0]) - where
    joint = hinge("/a", "/b", f"{pivot[0]}, {pivot[1]}, 0", "-0.5, 0, 0")
    text = body("a", cube()) + body("b", cube(), ops=turned) + joint
    asset = only(load_usd(written(tmp_path, text)))
    assert asset.motion.positions["hinge"][0] == pytest.approx(math.radians(30), abs=1e-9)
    start = asset.link_poses_at(0.0)
    middle = asset.links[1].visual.vertices.mean(axis=0)
    np.testing.assert_allclose(
        start[1][:3, :3] @ middle + start[1][:3, 3], [0.5, 0.5, 0], atol=1e-9
    )
    assert not any("placed by" in note for note in asset.notes)


def test_a_body_that_its_joint_does_not_hold_is_moved_there(tmp_path: Path) -> None:
    joint = hinge("/a", "/b", "0.5, 0, 0", "-0.5, 0, 0")
    text = body("a", cube()) + body("b", cube(), ops=at(1, 0, 0.25)) + joint
    asset = only(load_usd(written(tmp_path, text)))
    np.testing.assert_allclose(asset.rest_poses[1][:3, 3], [0.5, 0, 0], atol=1e-7)
    assert any("stands 250 mm" in note for note in asset.notes)


def test_units_and_axes_become_ours(tmp_path: Path) -> None:
    """The same object in centimetres, grams and Y up as in metres, kilograms and Z up."""
    drive = 'prepend apiSchemas = ["PhysicsDriveAPI:angular"]'
    found = []
    for k, (metre, gram) in enumerate(((1.0, 1.0), (0.01, 0.001))):
        s, m = 1 / metre, 1 / gram
        up = "Z" if k == 0 else "Y"
        torque = m * s * s

        def place(x: float, y: float, z: float, up: str = up, s: float = s) -> str:
            v = (x, y, z) if up == "Z" else (x, z, -y)
            return ", ".join(repr(c * s) for c in v)

        more = (
            f"float drive:angular:physics:maxForce = {5 * torque}\n"
            f"float drive:angular:physics:damping = {0.02 * torque}"
        )
        joint = hinge("/a", "/b", place(0, 0, 0.4), place(0, 0, -0.1), api=drive, more=more)
        joint = joint.replace('"Z"', '"X"')
        bodies = "".join(
            f'def Xform "{name}" ({BODY}) {{\n float physics:mass = {2 * m}\n'
            f" float3 physics:diagonalInertia = ({', '.join([repr(0.03 * torque)] * 3)})\n"
            f" point3f physics:centerOfMass = ({place(0.01, 0.02, 0.03)})\n"
            f" double3 xformOp:translate = ({place(*where)})\n"
            f' uniform token[] xformOpOrder = ["xformOp:translate"]\n'
            f' def Cube "c" ({SOLID}) {{\n double size = {0.2 * s}\n}}\n}}\n'
            for name, where in (("a", (1, 2, 3)), ("b", (1, 2, 3.5)))
        )
        path = tmp_path / f"{k}.usda"
        path.write_text(
            f'#usda 1.0\n(\n upAxis = "{up}"\n metersPerUnit = {metre}\n'
            f" kilogramsPerUnit = {gram}\n)\n"
            f'def PhysicsScene "s" {{\n float physics:gravityMagnitude = {3.7 * s}\n}}\n'
            f"{bodies}{joint}"
        )
        scene = load_usd(path)
        np.testing.assert_allclose(scene.gravity, [0, 0, -3.7], rtol=1e-6)
        found.append(only(scene))
    ours, theirs = found
    for a, b in zip(ours.links, theirs.links, strict=True):
        same_weight(b, a)
        np.testing.assert_allclose(
            np.sort(a.collision[0].vertices, axis=0), np.sort(b.collision[0].vertices, axis=0),
            atol=1e-6,
        )  # fmt: skip
    a, b = ours.joints[0], theirs.joints[0]
    np.testing.assert_allclose(a.origin, b.origin, atol=1e-6)
    np.testing.assert_allclose(a.axis, b.axis, atol=1e-6)
    assert a.limits.effort == pytest.approx(5.0)
    assert b.limits.effort == pytest.approx(5.0, rel=1e-6)
    assert a.damping == pytest.approx(0.02 * 180 / math.pi)
    assert b.damping == pytest.approx(a.damping, rel=1e-6)


SHAPES = {
    "Cube": ("double size = 2", 8.0, [1, 1, 1]),
    "Sphere": ("double radius = 1", 4 / 3 * math.pi, [1, 1, 1]),
    "Cylinder": ("double radius = 0.5\n double height = 2", 0.5 * math.pi, [1, 0.5, 0.5]),
    "Cone": ("double radius = 0.5\n double height = 2", math.pi / 6, [1, 0.5, 0.5]),
    "Capsule": (
        "double radius = 0.5\n double height = 1",
        math.pi / 4 + math.pi / 6,
        [1, 0.5, 0.5],
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes_have_their_size_axis_and_scale(kind: str, tmp_path: Path) -> None:
    size, volume, half = SHAPES[kind]
    axis = 'uniform token axis = "X"' if kind not in ("Cube", "Sphere") else ""
    scale = (
        'float3 xformOp:scale = (0.1, 0.2, 0.3)\n uniform token[] xformOpOrder = ["xformOp:scale"]'
    )
    shape = f'def {kind} "s" ({SOLID}) {{\n {size}\n {axis}\n {scale}\n}}\n'
    asset = only(load_usd(written(tmp_path, body("a", shape))))
    link = asset.links[0]
    reach = np.abs(link.collision[0].vertices).max(axis=0)
    np.testing.assert_allclose(reach, np.array(half) * [0.1, 0.2, 0.3], rtol=0.02)
    inertia = link.inertial.inertia  # of its 2 kg, from the shape
    assert link.inertial.mass == pytest.approx(2.0)
    import trimesh

    mesh = trimesh.Trimesh(link.collision[0].vertices, link.collision[0].faces)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(volume * 0.006, rel=0.05)
    np.testing.assert_allclose(
        inertia, mesh.moment_inertia * 2.0 / mesh.volume, rtol=1e-5, atol=1e-9
    )


def test_a_scaled_body_has_the_scale_in_its_mesh_and_joint(tmp_path: Path) -> None:
    ops = (
        "double3 xformOp:translate = (1, 0, 0)\n float3 xformOp:scale = (2, 2, 2)\n"
        ' uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]'
    )
    joint = hinge("/a", "/b", "0.5, 0, 0", "-0.25, 0, 0")
    text = body("a", cube()) + body("b", cube(), ops=ops) + joint
    path = written(tmp_path, text)
    asset = only(load_usd(path))
    np.testing.assert_allclose(np.ptp(asset.links[1].visual.vertices, axis=0), 0.4, rtol=1e-6)
    np.testing.assert_allclose(asset.joints[0].origin, [0.5, 0, 0], atol=1e-7)
    np.testing.assert_allclose(frame_of(parsed(path)["/hinge"], 1)[:3, 3], [-0.5, 0, 0])
    assert any("scaled" in note for note in asset.notes)


def test_polygons_that_are_not_convex_are_cut_within_themselves() -> None:
    arrow = np.array([[0, 0, 0], [2, 1, 0], [0, 2, 0], [0.8, 1, 0]], float)
    for flip in (1, -1):
        points = arrow[::flip]
        corner, face = triangulated(points, np.array([4]), np.arange(4))
        assert face.tolist() == [0, 0]
        a, b, c = (points[corner[:, k]] for k in range(3))
        areas = np.cross(b - a, c - a)[:, 2] / 2
        assert (areas * flip > 0).all()
        assert abs(areas.sum()) == pytest.approx(1.2)  # no triangle leaves the polygon


def test_densities_and_masses_of_colliders_add_up(tmp_path: Path) -> None:
    mass = 'prepend apiSchemas = ["PhysicsCollisionAPI", "PhysicsMassAPI"]'
    parts = cube("one", "float physics:mass = 3", api=mass) + cube(
        "two", f"float physics:density = 500\n {at(1, 0, 0)}", api=mass
    )
    text = f'def Xform "a" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {{\n{parts}}}\n'
    inertial = only(load_usd(written(tmp_path, text))).links[0].inertial
    assert inertial.mass == pytest.approx(3 + 500 * 0.008)
    assert inertial.center[0] == pytest.approx(4 / 7, rel=1e-6)


def test_what_says_nothing_of_its_mass_weighs_what_its_material_does(tmp_path: Path) -> None:
    text = f'def Xform "a" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {{\n{cube()}}}\n'
    path = written(tmp_path, text)
    asset = only(load_usd(path, material=Material("lead", 11000.0, 0.3, 0.0)))
    assert asset.links[0].inertial.mass == pytest.approx(88.0)
    assert any("has no mass" in note for note in asset.notes)


def test_loops_are_opened_and_say_so(tmp_path: Path) -> None:
    bodies = "".join(body(n, cube(), ops=at(x, 0, 0)) for n, x in (("a", 0), ("b", 1), ("c", 2)))
    joints = (
        hinge("/c", "/a", "-1, 0, 0", "1, 0, 0", more="bool physics:excludeFromArticulation = 1")
        .replace('"hinge"', '"closing"')
    ) + "".join(
        hinge(f"/{p}", f"/{q}", "0.5, 0, 0", "-0.5, 0, 0").replace('"hinge"', f'"{p}{q}"')
        for p, q in ("ab", "bc")
    )  # fmt: skip
    asset = only(load_usd(written(tmp_path, bodies + joints)))
    assert [j.name for j in asset.joints] == ["ab", "bc"]
    assert asset.interpenetrating == (("a", "c"),)
    assert any("/closing closes a loop" in note for note in asset.notes)


def test_loose_things_are_assets_of_their_own(tmp_path: Path) -> None:
    plane = f'def Plane "floor" ({SOLID}) {{\n uniform token axis = "Z"\n {at(0, 0, -0.5)}\n}}\n'
    off = "bool physics:jointEnabled = 0"
    text = (
        body("a", cube())
        + body("b", cube(), ops=at(1, 0, 0))
        + cube("wall", at(3, 0, 0))
        + plane
        + hinge("/a", "/b", "0, 0, 0", "0, 0, 0", more=off)
    )
    scene = load_usd(written(tmp_path, text))
    assert scene.names == ("a", "b", "surroundings")
    assert [p.fixed for p in scene.placements] == [False, False, True]
    assert scene.ground_z == pytest.approx(-0.5)
    np.testing.assert_allclose(scene.placements[1].T_world_asset[:3, 3], [1, 0, 0])
    for asset, x in zip(scene.assets, (0, 1, 3), strict=True):
        T = asset.link_poses_at(0.0)[0]
        middle = asset.links[0].visual.vertices.mean(axis=0)
        np.testing.assert_allclose(T[:3, :3] @ middle + T[:3, 3], [x, 0, 0], atol=1e-6)


def test_groups_that_do_not_collide_keep_their_bodies_apart(tmp_path: Path) -> None:
    bodies = "".join(body(n, cube(), ops=at(x, 0, 0)) for n, x in (("a", 0), ("b", 1), ("c", 2)))
    joints = "".join(
        hinge(f"/{p}", f"/{q}", "0.5, 0, 0", "-0.5, 0, 0").replace('"hinge"', f'"{p}{q}"')
        for p, q in ("ab", "bc")
    )
    group = (
        'def PhysicsCollisionGroup "{0}" {{\n rel collection:colliders:includes = [</{1}>]\n'
        " rel physics:filteredGroups = [</{2}>]\n}}\n"
    )
    text = bodies + joints + group.format("one", "a", "two") + group.format("two", "c", "one")
    assert only(load_usd(written(tmp_path, text))).interpenetrating == (("a", "c"),)


def test_instances_are_seen_where_they_are(tmp_path: Path) -> None:
    text = f"""
def Xform "proto" {{
 def Cube "c" ({SOLID}) {{
  double size = 0.2
 }}
}}
def Xform "a" ({BODY}) {{
 float physics:mass = 1
 def "left" (instanceable = true
  references = </proto>) {{
  {at(-1, 0, 0)}
 }}
 def PointInstancer "many" {{
  point3f[] positions = [(1, 0, 0), (2, 0, 0)]
  int[] protoIndices = [0, 0]
  rel prototypes = </a/many/p>
  def Cube "p" ({SOLID}) {{
   double size = 0.2
  }}
 }}
}}
over "nothing" {{}}
"""
    text = text.replace('def Xform "proto"', 'class Xform "proto"')
    asset = only(load_usd(written(tmp_path, text)))
    middles = sorted(round(float(p.vertices[:, 0].mean()), 6) for p in asset.links[0].collision)
    assert middles == [-1, 1, 2]


def test_a_stage_without_bodies_is_one_that_is_fixed(tmp_path: Path) -> None:
    text = cube("c", "color3f[] primvars:displayColor = [(1, 0, 0)]", api="")
    asset = only(load_usd(written(tmp_path, text)))
    assert asset.fixed_base
    assert len(asset.links) == 1
    colors = asset.links[0].visual.colors
    assert colors is not None
    np.testing.assert_allclose(colors[0], [1, 0, 0])
    assert any("no rigid body" in note for note in asset.notes)
    with pytest.raises(InputError, match="no rigid body and no mesh"):
        load_usd(written(tmp_path, 'def Xform "nothing" {\n}', name="empty.usda"))


def test_a_prim_that_swings_without_physics_is_on_a_hinge(tmp_path: Path) -> None:
    swing = (
        "double3 xformOp:translate = (0.5, 0, 0)\n"
        " float xformOp:rotateY.timeSamples = { 0: 0, 12: 45, 24: 90 }\n"
        ' uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateY"]'
    )
    door = f'def Xform "door" {{\n {swing}\n{cube("leaf", at(0.3, 0, 0), api="")}}}\n'
    path = written(tmp_path, cube("frame", api="") + door, head="timeCodesPerSecond = 24")
    asset = only(load_usd(path))
    assert [(j.name, j.type) for j in asset.joints] == [("door_joint", JointType.REVOLUTE)]
    np.testing.assert_allclose(asset.motion.times_s, [0, 0.5, 1])
    stage = Usd.Stage.Open(str(path))
    leaf = stage.GetPrimAtPath("/door/leaf")
    for code in (0.0, 12.0, 24.0):
        T = asset.link_poses_at(code / 24)[1]
        middle = asset.links[1].visual.vertices.mean(axis=0)
        wanted = UsdGeom.XformCache(code).GetLocalToWorldTransform(leaf).ExtractTranslation()
        np.testing.assert_allclose(T[:3, :3] @ middle + T[:3, 3], wanted, atol=1e-6)


MAN = DATA / "rigged_pair" / "usdwg_CesiumMan" / "CesiumMan.usdz"


@pytest.mark.skipif(not MAN.is_file(), reason="REEL2SIM_DATA has no rigged_pair")
def test_a_skeleton_of_another_tool_bends_its_skin_as_usd_does() -> None:
    asset = only(load_usd(MAN))
    stage = Usd.Stage.Open(str(MAN))
    (root,) = (UsdSkel.Root(p) for p in stage.Traverse() if p.IsA(UsdSkel.Root))
    cache = UsdSkel.Cache()
    cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    skeleton = cache.GetSkelQuery(binding.GetSkeleton())
    (target,) = binding.GetSkinningTargets()
    codes = skeleton.GetAnimQuery().GetJointTransformTimeSamples()
    for code in codes[::15]:
        points = UsdGeom.Mesh(target.GetPrim()).GetPointsAttr().Get()
        transforms = skeleton.ComputeSkinningTransforms(code)
        target.ComputeSkinnedPoints(transforms, points, code)
        above = UsdGeom.XformCache(code).GetLocalToWorldTransform(skeleton.GetPrim())
        y_up = np.array([above.Transform(Gf.Vec3d(p)) for p in points])
        wanted = np.stack([y_up[:, 0], -y_up[:, 2], y_up[:, 1]], axis=1)
        found = asset.skin_at((code - codes[0]) / stage.GetTimeCodesPerSecond())
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_variant_that_is_not_selected_may_be_missing(tmp_path: Path) -> None:
    text = """def Xform "a" (
 variants = {
  string look = "plain"
 }
 prepend variantSets = "look"
) {
 variantSet "look" = {
  "plain" { }
  "fancy" (references = @missing.usda@) { }
 }
"""
    text = text.replace("{ }", "{\n  }") + cube() + "}\n"
    path = written(tmp_path, text)
    assert only(load_usd(path)).name == "stage"
    path.write_text(path.read_text().replace('"plain"\n', '"fancy"\n'))
    with pytest.raises(InputError, match="is not there"):
        load_usd(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def Xform {", "is not USD"),
        (body("a", 'def Cube "c" {\n double size = -1\n}'), "must be positive"),
        (body("a", 'def Mesh "m" {\n point3f[] points = [(0, 0, 0)]\n'
              " int[] faceVertexCounts = [3]\n int[] faceVertexIndices = [0, 1, 2]\n}"),
         "a point that is not there"),
        (body("a", cube()) + hinge("/a", "/gone", "0, 0, 0", "0, 0, 0"), "/gone, which is not"),
        (body("a", cube()) + body("b", cube()) + hinge("/a", "/b", "0, 0, 0", "0, 0, 0").replace(
            "-30", "90"), "swap them"),
        (body("a", cube(), ops=at(1, 2, 3).replace("1,", "nan,")), "not finite"),
        (body("a", cube(), ops="double3 xformOp:scale = (0, 1, 1)\n"
              ' uniform token[] xformOpOrder = ["xformOp:scale"]'), "scaled to nothing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_file(text: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=said) as caught:
        load_usd(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'def "a" (references = @../secret.usda@) {\n}',
        'def "a" (payload = @../secret.usda@) {\n}',
        'def "a" (references = @{outside}/secret.usda@) {\n}',
        'def "a" (references = @file://{outside}/secret.usda@) {\n}',
        'def "a" (references = @linked.usda@) {\n}',
        'def "a" (references = @part.usda@) {\n}',
        'def "a" (references = @https://example.com/a.usda@) {\n}',
        'def "a" (references = @`"../secret.usda"`@) {\n}',
        'def "a" (references = @../secret.usdz[secret.usda]@) {\n}',
    ],
)
def test_nothing_outside_the_roots_is_opened(text: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    secret = written(
        tmp_path, cube("secret", api=""), head='defaultPrim = "secret"', name="secret.usda"
    )
    with zipfile.ZipFile(tmp_path / "secret.usdz", "w") as archive:
        archive.write(secret, "secret.usda")
    written(
        home,
        'def "x" (references = @../secret.usda@) {\n}',
        head='defaultPrim = "x"',
        name="part.usda",
    )
    (home / "linked.usda").symlink_to(secret)
    path = written(home, text.replace("{outside}", str(tmp_path)))
    with pytest.raises(InputError, match=r"outside of the folders|not a file on this|expression"):
        load_usd(path)
    if "https" not in text and "`" not in text:
        assert only(load_usd(path, roots=[tmp_path])).links


def test_sublayers_and_clips_reach_nothing_either(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    secret = written(tmp_path, cube("secret", api=""), name="secret.usda")
    path = written(home, cube(), head="subLayers = [@../secret.usda@]")
    with pytest.raises(InputError, match="outside of the folders"):
        load_usd(path)
    clips = (
        'def Xform "a" (clips = {\n dictionary default = {\n asset[] assetPaths = [@'
        f'{secret}@]\n string primPath = "/secret"\n double2[] times = [(0, 0)]\n'
        " double2[] active = [(0, 0)]\n}\n}) {\n double size = 1\n" + cube(api="") + "}\n"
    )
    assert only(load_usd(written(home, clips))).links


def test_a_package_sees_itself_alone(tmp_path: Path) -> None:
    written(tmp_path, cube("secret", api=""), head='defaultPrim = "secret"', name="secret.usda")
    inside = tmp_path / "inside.usda"
    for target, allowed in (("part.usda", True), ("../secret.usda", False), ("secret.usda", False)):
        inside.write_text(f'#usda 1.0\ndef "a" (references = @{target}@) {{\n}}\n')
        part = written(tmp_path, cube("p", api=""), head='defaultPrim = "p"', name="p.usda")
        package = tmp_path / "package.usdz"
        with zipfile.ZipFile(package, "w") as archive:
            archive.write(inside, "inside.usda")
            archive.write(part, "part.usda")
        if allowed:
            assert only(load_usd(package)).links
        else:
            with pytest.raises(InputError, match=r"not there|outside"):
                load_usd(package)
    with zipfile.ZipFile(tmp_path / "slip.usdz", "w") as archive:
        archive.writestr("../slipped.usda", "#usda 1.0\n")
    with pytest.raises(InputError, match="leaves the package"):
        load_usd(tmp_path / "slip.usdz")
    with zipfile.ZipFile(tmp_path / "small.usdz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inside, "inside.usda")
    with pytest.raises(InputError, match="compressed"):
        load_usd(tmp_path / "small.usdz")


def test_layers_may_name_each_other_in_a_circle(tmp_path: Path) -> None:
    for one, other in (("x", "y"), ("y", "x")):
        written(
            tmp_path,
            f'def Xform "{one}" (references = @{other}.usda@) {{\n{cube(one + "c", api="")}}}\n',
            head=f'defaultPrim = "{one}"',
            name=f"{one}.usda",
        )
    with suppress(InputError):
        assert only(load_usd(tmp_path / "x.usda")).links


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("text")
    drive = 'prepend apiSchemas = ["PhysicsDriveAPI:angular"]'
    more = "float drive:angular:physics:maxForce = 5"
    stage = (
        body("a", cube())
        + body("b", cube(), ops=at(1, 0, 0))
        + hinge("/a", "/b", "0.5, 0, 0", "-0.5, 0, 0", api=drive, more=more)
    )
    return written(folder, stage).read_bytes()


@settings(
    max_examples=60,
    deadline=None,
)
@given(data=st.data())
def test_bytes_of_all_kinds_are_read_or_refused(data: st.DataObject, text: bytes) -> None:
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(start + 20, len(text))))
    words = st.sampled_from(
        [b"nan", b"inf", b"-1", b"1e39", b"0", b"None", b"</>", b"(1, 2)", b"a"]
    )
    junk = data.draw(st.one_of(st.binary(max_size=10), words))
    with TemporaryDirectory() as folder:
        path = Path(folder, "stage.usda")
        path.write_bytes(text[:start] + junk + text[stop:])
        with suppress(InputError):
            for asset in load_usd(path).assets:
                assert np.isfinite(asset.rest_poses).all()


def test_damaged_crates_are_refused_and_hang_nobody(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "good.usda").write_bytes(text)
    crate = tmp_path / "good.usdc"
    Usd.Stage.Open(str(tmp_path / "good.usda")).Export(str(crate))
    assert [j.name for j in only(load_usd(crate)).joints] == ["hinge"]
    good = crate.read_bytes()
    refused = 0
    for k in range(8, len(good), len(good) // 8):
        (tmp_path / "bad.usdc").write_bytes(good[:k] + b"\xff" * 8 + good[k + 8 :])
        try:
            load_usd(tmp_path / "bad.usdc")
        except InputError:
            refused += 1
    assert refused
    (tmp_path / "short.usdc").write_bytes(good[: len(good) // 2])
    with pytest.raises(InputError, match="damaged crate"):
        load_usd(tmp_path / "short.usdc")


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError):
        load_usd(written(tmp_path, 'def "a" (references = @gone.usda@) {\n}'))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
