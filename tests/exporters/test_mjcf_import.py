"""MJCF models come in as they went out, as MuJoCo moves them, and reach nothing outside."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import mujoco
import numpy as np
import pybullet_data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.exporters.mjcf import write_mjcf
from reel2sim.exporters.urdf import write_meshes
from reel2sim.importers import load_mjcf
from reel2sim.scene import JointType, RiggedAsset
from reel2sim.scene.contacts import meeting_links
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import invert, pose

from .conftest import assets

MODELS = Path(pybullet_data.getDataPath(), "mjcf")
law = settings(max_examples=15, deadline=None)
BODY = '<body name="b"><joint name="j" axis="0 1 0"/><geom size="0.1"/></body>'


def random_state(asset: RiggedAsset, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    moving = [j for j in asset.joints if j.type is not JointType.FIXED and j.mimic is None]
    bounds = {j.name: np.clip([j.limits.lower, j.limits.upper], -3, 3) for j in moving}
    return asset.followed({name: float(rng.uniform(*b)) for name, b in bounds.items()})


def write(folder: Path, text: str) -> Path:
    path = folder / "model.xml"
    path.write_text(f'<mujoco model="one">{text}</mujoco>')
    return path


@law
@given(asset=assets(), seed=st.integers(0, 99))
def test_what_we_wrote_comes_back(asset: RiggedAsset, seed: int) -> None:
    with TemporaryDirectory() as folder:
        write_meshes(asset, Path(folder))
        write_mjcf(asset, Path(folder, "scene.xml"))
        found = load_mjcf(Path(folder, "scene.xml"))
    assert found.name == asset.name
    assert {x.name for x in found.links} == {x.name for x in asset.links}
    assert found.fixed_base == asset.fixed_base
    ours = {joint.name: joint for joint in found.joints}
    for joint in asset.joints:
        if joint.type is JointType.FIXED:
            continue
        other = ours[joint.name]
        assert (other.type, other.parent, other.child) == (joint.type, joint.parent, joint.child)
        np.testing.assert_allclose(other.axis, joint.axis, atol=1e-6)
        assert other.mimic == joint.mimic
        assert other.limits.effort == pytest.approx(joint.limits.effort)
        bounds = (joint.limits.lower, joint.limits.upper)
        np.testing.assert_allclose((other.limits.lower, other.limits.upper), bounds, atol=1e-6)
    state = random_state(asset, seed)
    wanted, poses = asset.link_poses(state), found.link_poses(state)
    away = wanted[0] @ invert(poses[found.link_index[asset.links[0].name]])
    for link, T in zip(asset.links, wanted, strict=True):
        other = found.links[found.link_index[link.name]]
        np.testing.assert_allclose(away @ poses[found.link_index[link.name]], T, atol=1e-6)
        assert other.inertial.mass == pytest.approx(link.inertial.mass, rel=1e-6)
        np.testing.assert_allclose(other.inertial.center, link.inertial.center, atol=1e-6)
        assert len(other.collision) == len(link.collision)
    assert {frozenset(p) for p in meeting_links(found)} >= {
        frozenset(p) for p in meeting_links(asset)
    }


@pytest.mark.parametrize(
    "name",
    ["ant.xml", "humanoid_symmetric_no_ground.xml", "pusher.xml", "reacher.xml",
     "inverted_double_pendulum.xml"],
)  # fmt: skip
def test_bodies_move_as_mujoco_moves_them(name: str) -> None:
    asset = load_mjcf(MODELS / name)
    model = mujoco.MjModel.from_xml_path(str(MODELS / name))
    data = mujoco.MjData(model)

    def placed() -> dict[str, np.ndarray]:
        mujoco.mj_kinematics(model, data)
        bodies = [data.body(b) for b in range(1, model.nbody)]
        return {b.name: pose(b.xmat.reshape(3, 3).copy(), b.xpos.copy()) for b in bodies}

    rest = placed()
    for seed in range(3):
        state = random_state(asset, seed)
        for joint, q in state.items():
            data.joint(joint).qpos[0] = model.qpos0[model.joint(joint).qposadr[0]] + q
        moved = asset.link_poses(state) @ invert(asset.rest_poses)
        named = [body for body in rest if body in asset.link_index]
        assert len(named) >= len(rest) - 1
        for body, T in placed().items():
            if body in asset.link_index:
                wanted = T @ invert(rest[body])
                np.testing.assert_allclose(moved[asset.link_index[body]], wanted, atol=1e-6)
    total = sum(link.inertial.mass for link in asset.links if link.name != "world_")
    assert total == pytest.approx(float(model.body_mass.sum()), rel=0.02)


def test_a_free_body_is_an_asset_that_floats(tmp_path: Path) -> None:
    ball = '<body name="b" pos="1 2 3"><freejoint/><geom size="0.1" mass="2"/></body>'
    asset = load_mjcf(write(tmp_path, f"<worldbody>{ball}</worldbody>"))
    assert not asset.fixed_base
    assert [link.name for link in asset.links] == ["b"]
    assert asset.links[0].inertial.mass == pytest.approx(2.0)
    low, high = asset.links[0].visual.vertices.min(0), asset.links[0].visual.vertices.max(0)
    np.testing.assert_allclose((low + high) / 2, [1, 2, 3], atol=1e-3)


def test_a_ball_joint_is_three_hinges_through_its_centre(tmp_path: Path) -> None:
    text = '<body name="b"><joint type="ball" name="j" pos="0 0 1"/><geom size="0.1"/></body>'
    asset = load_mjcf(write(tmp_path, f"<worldbody>{text}</worldbody>"))
    assert [joint.name for joint in asset.joints] == ["j_x", "j_y", "j_z"]
    state = {"j_x": 0.4, "j_y": -0.7, "j_z": 1.1}
    T = asset.link_poses(state)[-1]
    np.testing.assert_allclose(T[:3, 3], [0, 0, 1], atol=1e-9)
    assert any("ball joint" in note for note in asset.notes)


def test_a_joint_that_cannot_be_at_zero_rests_as_near_as_it_may(tmp_path: Path) -> None:
    knee = '<body name="b"><joint name="j" range="30 90"/><geom size="0.1"/></body>'
    asset = load_mjcf(write(tmp_path, f"<worldbody>{knee}</worldbody>"))
    assert asset.motion.positions["j"] == pytest.approx(np.radians([30.0]))
    assert asset.links[0].name == "world_"  # MuJoCo keeps the name for itself


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<worldbody/>", "no body"),
        ("<worldbody><body>", "not XML"),
        (f"<worldbody>{BODY}</worldbody><bad/>", "MuJoCo refuses"),
        (f'<worldbody>{BODY}<body name="f"><freejoint/><geom size="1"/></body></worldbody>',
         "free beside other bodies"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        load_mjcf(write(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        '<asset><mesh name="m" file="../secret.stl"/></asset>',
        '<asset><mesh name="m" file="/etc/passwd"/></asset>',
        '<compiler meshdir=".."/><asset><mesh name="m" file="secret.stl"/></asset>',
        '<compiler assetdir="/etc"/><asset><mesh name="m" file="passwd"/></asset>',
        '<include file="../secret.xml"/>',
        '<include file="part.xml"/>',
        '<asset><texture name="t" type="cube" fileup="../secret.png"/></asset>',
        '<asset><hfield name="h" file="../secret.png" size="1 1 1 1"/></asset>',
        '<asset><mesh name="m" file="linked.stl"/></asset>',
    ],
)
def test_nothing_outside_the_roots_is_named(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.stl").write_bytes(b"solid")
    (tmp_path / "secret.xml").write_text("<mujoco/>")
    (folder / "part.xml").write_text(
        '<mujoco><asset><mesh name="m" file="../secret.stl"/></asset></mujoco>'
    )
    (folder / "linked.stl").symlink_to(tmp_path / "secret.stl")
    path = write(folder, f"{text}<worldbody>{BODY}</worldbody>")
    with pytest.raises(InputError, match="outside of the folders"):
        load_mjcf(path)


def test_document_types_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    path.write_text('<!DOCTYPE mujoco [<!ENTITY x "y">]><mujoco/>')
    with pytest.raises(InputError, match="document type"):
        load_mjcf(path)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bytes_of_all_kinds_are_read_or_refused(data: st.DataObject) -> None:
    good = (MODELS / "reacher.xml").read_bytes()
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(start + 40, len(good))))
    words = st.sampled_from([b'"', b"<", b"nan", b"1e999", b"-", b"/>", b"0"])
    junk = data.draw(st.one_of(st.binary(max_size=20), words))
    with TemporaryDirectory() as folder:
        path = Path(folder, "r.xml")
        path.write_bytes(good[:start] + junk + good[stop:])
        with suppress(InputError):
            assert np.isfinite(load_mjcf(path).rest_poses).all()
