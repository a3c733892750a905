"""Every format says the same: poses, masses and inertia agree with the asset's own."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import mujoco
import numpy as np
import pybullet
import pytest
import yourdfpy
from hypothesis import given, settings
from pxr import Usd, UsdGeom, UsdPhysics
from pybullet_utils.bullet_client import BulletClient

from reel2sim.exporters.gltf import write_glb
from reel2sim.exporters.mjcf import write_mjcf
from reel2sim.exporters.urdf import write_urdf
from reel2sim.exporters.usd import write_usd
from reel2sim.scene import JointType, Mimic, RiggedAsset
from reel2sim.scene.transforms import axis_rotation, invert, matrix_from_quaternion, pose

from .conftest import assets, build_asset, geared

TOLERANCE = 1e-5
law = settings(max_examples=12, deadline=None)


def random_state(asset: RiggedAsset, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    moving = [j for j in asset.joints if j.type is not JointType.FIXED and j.mimic is None]
    bounds = {j.name: np.clip([j.limits.lower, j.limits.upper], -3, 3) for j in moving}
    return asset.followed({name: float(rng.uniform(*b)) for name, b in bounds.items()})


def close(found, expected) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@pytest.fixture(scope="module")
def bullet():
    client = BulletClient(pybullet.DIRECT)
    client.setPhysicsEngineParameter(enableFileCaching=0)
    yield client
    client.disconnect()


@law
@given(asset=assets())
def test_yourdfpy_agrees(asset: RiggedAsset):
    with TemporaryDirectory() as folder:
        path = Path(folder, "scene.urdf")
        write_urdf(asset, path)
        robot = yourdfpy.URDF.load(str(path), load_collision_meshes=True)
        assert robot.validate(), robot.errors
        state = random_state(asset, 1)
        driven = {n: q for n, q in state.items() if n in robot.actuated_joint_names}
        assert set(state) - set(driven) == {j.name for j in asset.joints if j.mimic is not None}
        if driven:
            robot.update_cfg(driven)
        for link, T in zip(asset.links, asset.link_poses(state), strict=True):
            close(robot.get_transform(link.name), T)
            inertial = robot.link_map[link.name].inertial
            assert inertial.mass == link.inertial.mass
            np.testing.assert_array_equal(inertial.inertia, link.inertial.inertia)


@law
@given(asset=assets())
def test_pybullet_agrees(bullet, asset: RiggedAsset):
    with TemporaryDirectory() as folder:
        path = Path(folder, "scene.urdf")
        write_urdf(asset, path)
        bullet.resetSimulation()
        body = bullet.loadURDF(
            str(path), useFixedBase=True, flags=pybullet.URDF_USE_INERTIA_FROM_FILE
        )
    state = random_state(asset, 2)
    index = {bullet.getBodyInfo(body)[0].decode(): -1}
    for i in range(bullet.getNumJoints(body)):
        info = bullet.getJointInfo(body, i)
        index[info[12].decode()] = i
        name = info[1].decode()
        if name in state:
            bullet.resetJointState(body, i, state[name])
        joint = asset.joints[i] if asset.joints[i].name == name else None
        if joint and joint.type in (JointType.REVOLUTE, JointType.PRISMATIC):
            assert info[8:10] == pytest.approx((joint.limits.lower, joint.limits.upper))
            assert info[10:12] == pytest.approx((joint.limits.effort, joint.limits.velocity))
    for k, (link, T) in enumerate(zip(asset.links, asset.link_poses(state), strict=True)):
        i = index[link.name]
        dynamics = bullet.getDynamicsInfo(body, i)
        assert dynamics[1] == pytest.approx(link.material.friction)
        if k:  # the engine itself makes a fixed base weigh nothing
            assert dynamics[0] == pytest.approx(link.inertial.mass, rel=1e-6)
            principal = np.linalg.eigvalsh(link.inertial.inertia)
            np.testing.assert_allclose(np.sort(dynamics[2]), principal, rtol=1e-4)
            where = bullet.getLinkState(body, i, computeForwardKinematics=True)
            close(where[4], T[:3, 3])
            close(np.reshape(bullet.getMatrixFromQuaternion(where[5]), (3, 3)), T[:3, :3])
            close(where[0], T[:3, :3] @ link.inertial.center + T[:3, 3])
    assert len(index) == len(asset.links)


@law
@given(asset=assets())
@pytest.mark.parametrize("suffix", [".urdf", ".xml"])
def test_mujoco_agrees(suffix: str, asset: RiggedAsset):
    with TemporaryDirectory() as folder:
        write_urdf(asset, Path(folder, "scene.urdf"))
        write_mjcf(asset, Path(folder, "scene.xml"))
        model = mujoco.MjModel.from_xml_path(str(Path(folder, f"scene{suffix}")))
    data = mujoco.MjData(model)
    state = random_state(asset, 3)
    for name, q in state.items():
        data.joint(name).qpos = q
    mujoco.mj_forward(model, data)
    for link, T in zip(asset.links, asset.link_poses(state), strict=True):
        body = data.body(link.name)
        close(body.xpos, T[:3, 3])
        close(body.xmat.reshape(3, 3), T[:3, :3])
        if suffix == ".xml" or link is not asset.links[0]:
            facts = model.body(link.name)
            assert facts.mass == pytest.approx(link.inertial.mass)
            close(facts.ipos, link.inertial.center)
            R = matrix_from_quaternion(facts.iquat)
            expected = link.inertial.inertia
            np.testing.assert_allclose(
                R @ np.diag(facts.inertia) @ R.T, expected, atol=1e-6 * np.abs(expected).max()
            )
    assert model.ngeom == sum(1 + len(link.collision) for link in asset.links)


def test_mujoco_finds_no_contact_across_joints(cabinet, tmp_path):
    write_urdf(cabinet, tmp_path / "scene.urdf")
    write_mjcf(cabinet, tmp_path / "scene.xml")
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "scene.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    joined = {frozenset((j.parent, j.child)) for j in cabinet.joints}
    for contact in data.contact:
        pair = [model.body(model.geom_bodyid[g]).name for g in contact.geom]
        assert frozenset(pair) not in joined
    assert model.nu == 3
    assert (np.diff(model.actuator_ctrlrange) == 50.0).all()


@pytest.mark.parametrize("suffix", [".urdf", ".xml"])
def test_mujoco_moves_followers_with_their_leaders(suffix, tmp_path):
    kinds = [JointType.REVOLUTE, JointType.REVOLUTE, JointType.PRISMATIC, JointType.PRISMATIC]
    mimics = {"joint1": Mimic("joint0", -0.5, 0.2), "joint3": Mimic("joint2", 2.0)}
    asset = geared(build_asset(kinds, [0, 0, 0, 0], seed=5), mimics)
    write_urdf(asset, tmp_path / "scene.urdf")
    write_mjcf(asset, tmp_path / "scene.xml")
    model = mujoco.MjModel.from_xml_path(str(tmp_path / f"scene{suffix}"))
    model.opt.gravity[:] = 0
    data = mujoco.MjData(model)
    data.joint("joint1").qpos = 0.2
    for _ in range(500):
        data.joint("joint0").qfrc_applied = 0.5
        data.joint("joint2").qfrc_applied = 5.0
        mujoco.mj_step(model, data)
        q = {joint.name: data.joint(joint.name).qpos[0] for joint in asset.joints}
        for name, mimic in mimics.items():
            assert q[name] == pytest.approx(mimic.follow(q[mimic.joint]), abs=2e-3)
    assert min(abs(q["joint0"]), abs(q["joint2"])) > 0.05
    if suffix == ".xml":
        driven = {model.actuator(i).name for i in range(model.nu)}
        assert driven == {"joint0", "joint2"}


def open_stage(asset: RiggedAsset, folder: str, packaged: bool) -> Usd.Stage:
    paths = write_usd(asset, Path(folder))
    return Usd.Stage.Open(str(paths.package if packaged else paths.interface))


def usd_poses(stage: Usd.Stage, asset: RiggedAsset, time) -> np.ndarray:
    cache = UsdGeom.XformCache(time)
    root = stage.GetDefaultPrim()
    prims = [root.GetChild(link.name) for link in asset.links]
    return np.stack([np.array(cache.GetLocalToWorldTransform(p)).T for p in prims])


@law
@given(asset=assets())
def test_mujoco_keyframes_are_states_of_the_reel(asset: RiggedAsset):
    with TemporaryDirectory() as folder:
        write_urdf(asset, Path(folder, "scene.urdf"))
        write_mjcf(asset, Path(folder, "scene.xml"))
        model = mujoco.MjModel.from_xml_path(str(Path(folder, "scene.xml")))
    data = mujoco.MjData(model)
    times = asset.motion.times_s
    named = {model.key(k).name: k for k in range(model.nkey)}
    assert {"first_frame": times[0], "last_frame": times[-1]}.items() <= {
        name: model.key_time[k] for name, k in named.items()
    }.items()
    for k in named.values():
        mujoco.mj_resetDataKeyframe(model, data, k)
        mujoco.mj_forward(model, data)
        held = asset.motion.base_poses[0] @ invert(asset.motion.sample(data.time)[0])
        moved = held if asset.fixed_base else np.eye(4)
        for link, T in zip(asset.links, moved @ asset.link_poses_at(data.time), strict=True):
            body = data.body(link.name)
            close(pose(body.xmat.reshape(3, 3), body.xpos), T)


@law
@given(asset=assets())
@pytest.mark.parametrize("packaged", [False, True])
def test_usd_replays_the_reel(packaged: bool, asset: RiggedAsset):
    with TemporaryDirectory() as folder:
        stage = open_stage(asset, folder, packaged)
        rate = stage.GetTimeCodesPerSecond()
        for t in asset.motion.times_s:
            close(usd_poses(stage, asset, float(t) * rate), asset.link_poses_at(float(t)))
        close(usd_poses(stage, asset, Usd.TimeCode.Default()), asset.rest_poses)
        assert stage.GetEndTimeCode() == pytest.approx(asset.motion.times_s[-1] * rate)


def joint_pose(prim: Usd.Prim, side: int) -> np.ndarray:
    joint = UsdPhysics.Joint(prim)
    attributes = (joint.GetLocalPos0Attr, joint.GetLocalPos1Attr)
    turns = (joint.GetLocalRot0Attr, joint.GetLocalRot1Attr)
    q = turns[side]().Get()
    R = matrix_from_quaternion(np.array([q.GetReal(), *q.GetImaginary()]))
    return pose(R, np.array(attributes[side]().Get()))


def usd_kinematics(stage: Usd.Stage, state: dict[str, float]) -> dict[str, np.ndarray]:
    """World poses from the joints alone, as a physics engine would assemble them.

    A root that nothing holds starts at the world's origin.
    """
    first = next(p for p in stage.Traverse() if p.HasAPI(UsdPhysics.RigidBodyAPI))
    found = {first.GetName(): np.eye(4)}
    for prim in stage.Traverse():
        if not prim.IsA(UsdPhysics.Joint):
            continue
        joint = UsdPhysics.Joint(prim)
        body0, body1 = (r.GetTargets() for r in (joint.GetBody0Rel(), joint.GetBody1Rel()))
        q = state.get(prim.GetName(), 0.0)
        motion = np.eye(4)
        if prim.IsA(UsdPhysics.RevoluteJoint):
            motion = pose(axis_rotation(np.array([1.0, 0, 0]), q))
        elif prim.IsA(UsdPhysics.PrismaticJoint):
            motion = pose(translation=np.array([q, 0.0, 0.0]))
        parent = found[body0[0].name] if body0 else np.eye(4)
        T = parent @ joint_pose(prim, 0) @ motion @ invert(joint_pose(prim, 1))
        found[body1[0].name] = T
    return found


@law
@given(asset=assets())
def test_usd_joints_assemble_the_same_tree(asset: RiggedAsset):
    with TemporaryDirectory() as folder:
        stage = open_stage(asset, folder, False)
        state = random_state(asset, 4)
        found = usd_kinematics(stage, state)
        for link, T in zip(asset.links, asset.link_poses(state), strict=True):
            close(found[link.name], T)
        prims = [p for p in stage.Traverse() if p.IsA(UsdPhysics.Joint)]
        anchors = [p for p in prims if not UsdPhysics.Joint(p).GetBody0Rel().GetTargets()]
        assert len(anchors) == int(asset.fixed_base)
        by_name = {p.GetName(): p for p in prims}
        for joint in asset.joints:
            check_limits(by_name[joint.name], joint)


def check_limits(prim: Usd.Prim, joint) -> None:
    if joint.type is JointType.FIXED:
        assert prim.IsA(UsdPhysics.FixedJoint)
        return
    angular = joint.type.angular
    unit = 180 / np.pi if angular else 1.0
    low, high = (prim.GetAttribute(f"physics:{side}Limit").Get() for side in ("lower", "upper"))
    assert (low, high) == pytest.approx((joint.limits.lower * unit, joint.limits.upper * unit))
    drive = UsdPhysics.DriveAPI(prim, "angular" if angular else "linear")
    assert drive.GetMaxForceAttr().Get() == pytest.approx(joint.limits.effort)
    assert drive.GetDampingAttr().Get() * unit == pytest.approx(joint.damping)
    speed = prim.GetAttribute("newton:velocityLimit").Get()
    assert speed == pytest.approx(joint.limits.velocity * unit)
    assert prim.GetAttribute("newton:friction").Get() == pytest.approx(joint.friction)
    schemas = prim.GetPrimTypeInfo().GetAppliedAPISchemas()
    assert ("NewtonMimicAPI" in schemas) == (joint.mimic is not None)
    if joint.mimic is not None:
        (leader,) = prim.GetRelationship("newton:mimicJoint").GetTargets()
        assert leader == prim.GetPath().GetParentPath().AppendChild(joint.mimic.joint)
        line = [prim.GetAttribute(f"newton:mimicCoef{k}").Get() for k in (0, 1)]
        assert line == pytest.approx([joint.mimic.offset * unit, joint.mimic.multiplier])


@law
@given(asset=assets())
def test_usd_masses_are_the_links(asset: RiggedAsset):
    with TemporaryDirectory() as folder:
        stage = open_stage(asset, folder, False)
        for link in asset.links:
            api = UsdPhysics.MassAPI(stage.GetDefaultPrim().GetChild(link.name))
            assert api.GetMassAttr().Get() == pytest.approx(link.inertial.mass)
            close(api.GetCenterOfMassAttr().Get(), link.inertial.center)
            q = api.GetPrincipalAxesAttr().Get()
            R = matrix_from_quaternion(np.array([q.GetReal(), *q.GetImaginary()]))
            I = R @ np.diag(api.GetDiagonalInertiaAttr().Get()) @ R.T  # noqa: E741
            expected = link.inertial.inertia
            np.testing.assert_allclose(I, expected, atol=1e-5 * np.abs(expected).max())


def read_glb(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def glb_poses(path: Path, frame: int) -> dict[str, np.ndarray]:
    document, data = read_glb(path)
    nodes = document["nodes"]

    def values(accessor: int) -> np.ndarray:
        facts = document["accessors"][accessor]
        view = document["bufferViews"][facts["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[facts["type"]]
        flat = np.frombuffer(data, "<f4", facts["count"] * width, view["byteOffset"])
        return flat.reshape(-1, width)

    for animation in document.get("animations", []):
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            target = channel["target"]
            nodes[target["node"]][target["path"]] = values(sampler["output"])[frame].tolist()
    found: dict[str, np.ndarray] = {}

    def walk(index: int, T_world_parent: np.ndarray) -> None:
        node = nodes[index]
        q = np.roll(node.get("rotation", [0, 0, 0, 1]), 1)
        T = T_world_parent @ pose(
            matrix_from_quaternion(q), np.array(node.get("translation", [0, 0, 0]))
        )
        found[node["name"]] = T
        for child in node.get("children", []):
            walk(child, T)

    walk(0, np.eye(4))
    return found


@law
@given(asset=assets())
def test_glb_replays_the_reel(asset: RiggedAsset):
    z_from_y = pose(axis_rotation(np.array([1.0, 0.0, 0.0]), np.pi / 2))
    with TemporaryDirectory() as folder:
        path = Path(folder, "asset.glb")
        write_glb(asset, path)
        for frame, t in enumerate(asset.motion.times_s):
            found = glb_poses(path, frame)
            for link, T in zip(asset.links, asset.link_poses_at(float(t)), strict=True):
                close(z_from_y @ found[link.name], T)
