"""URDFs come in as they went out, as other loaders read them, and bad ones are refused."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pybullet_data
import pytest
import yourdfpy
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.exporters.urdf import write_urdf
from reel2sim.importers import load_urdf
from reel2sim.scene import JointType, Material, RiggedAsset
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import invert

from .conftest import assets

ROBOTS = Path(pybullet_data.getDataPath())
law = settings(max_examples=15, deadline=None)
ONE = """<robot name="one"><link name="a"/>{}</robot>"""


def random_state(asset: RiggedAsset, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    moving = [j for j in asset.joints if j.type is not JointType.FIXED and j.mimic is None]
    bounds = {j.name: np.clip([j.limits.lower, j.limits.upper], -3, 3) for j in moving}
    return asset.followed({name: float(rng.uniform(*b)) for name, b in bounds.items()})


@law
@given(asset=assets(), seed=st.integers(0, 99))
def test_what_we_wrote_comes_back(asset: RiggedAsset, seed: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "scene.urdf")
        write_urdf(asset, path)
        found = load_urdf(path)
        write_urdf(found, Path(folder, "again.urdf"))
        again = load_urdf(Path(folder, "again.urdf"))
    for other in (found, again):
        assert other.name == asset.name
        assert [x.name for x in other.links] == [x.name for x in asset.links]
        state = random_state(asset, seed)
        np.testing.assert_allclose(other.link_poses(state), asset.link_poses(state), atol=1e-6)
        for ours, link in zip(other.links, asset.links, strict=True):
            assert ours.inertial.mass == pytest.approx(link.inertial.mass, rel=1e-6)
            np.testing.assert_allclose(ours.inertial.center, link.inertial.center, atol=1e-6)
            size = np.abs(link.inertial.inertia).max()
            off = np.abs(ours.inertial.inertia - link.inertial.inertia).max()
            assert off <= 1e-6 * size
            assert len(ours.collision) == len(link.collision)
            np.testing.assert_allclose(ours.visual.vertices, link.visual.vertices, atol=1e-6)
        for ours, joint in zip(other.joints, asset.joints, strict=True):
            assert (ours.name, ours.type, ours.parent) == (joint.name, joint.type, joint.parent)
            assert ours.mimic == joint.mimic
            if joint.type is not JointType.FIXED:
                np.testing.assert_allclose(ours.axis, joint.axis, atol=1e-9)
                limits = (joint.limits.lower, joint.limits.upper, joint.limits.effort)
                ours_limits = (ours.limits.lower, ours.limits.upper, ours.limits.effort)
                np.testing.assert_allclose(ours_limits, limits)


@pytest.mark.parametrize(
    "name",
    ["r2d2.urdf", "kuka_iiwa/model.urdf", "laikago/laikago.urdf", "franka_panda/panda.urdf",
     "racecar/racecar.urdf", "quadruped/minitaur.urdf", "xarm/xarm6_robot.urdf", "cartpole.urdf"],
)  # fmt: skip
def test_links_move_as_another_loader_moves_them(name: str) -> None:
    asset = load_urdf(ROBOTS / name)
    other = yourdfpy.URDF.load(str(ROBOTS / name), load_meshes=False)
    said = [re.fullmatch(r"(.+) is called (.+)", note) for note in asset.notes]
    renamed = dict(match.groups() for match in said if match)
    driven = {joint.name for joint in asset.joints if joint.type is not JointType.FIXED}
    for seed in range(3):
        state = random_state(asset, seed)
        theirs = {n: state[renamed.get(n, n)] for n in other.actuated_joint_names}
        assert {renamed.get(n, n) for n in theirs} <= driven
        moved = asset.link_poses(state) @ invert(asset.rest_poses)
        for link in other.link_map:
            other.update_cfg(dict.fromkeys(theirs, 0.0))
            rest = other.get_transform(link)
            other.update_cfg(theirs)
            wanted = other.get_transform(link) @ np.linalg.inv(rest)
            at = asset.link_index[renamed.get(link, link)]
            np.testing.assert_allclose(moved[at], wanted, atol=1e-6)


def test_what_has_no_mass_weighs_what_its_shape_does(tmp_path: Path) -> None:
    text = ONE.replace(
        '<link name="a"/>',
        '<link name="a"><collision><origin xyz="1 0 0" rpy="0 0 1.5707963"/>'
        '<geometry><box size="0.2 0.4 0.6"/></geometry></collision></link>',
    )
    (tmp_path / "box.urdf").write_text(text.format(""))
    (link,) = load_urdf(tmp_path / "box.urdf", material=Material("oak", 700.0)).links
    assert link.inertial.mass == pytest.approx(700 * 0.048)
    np.testing.assert_allclose(link.inertial.center, [1, 0, 0], atol=1e-9)
    sides = np.array([0.4, 0.2, 0.6])  # a quarter turn about z
    wanted = np.diag(700 * 0.048 / 12 * (sides @ sides - sides**2))
    np.testing.assert_allclose(link.inertial.inertia, wanted, atol=1e-6)


HINGE = '<joint name="j" type="continuous"><parent link="a"/><child link="b"/>{}</joint>'
SHAPE = '<link name="b"><visual><geometry>{}</geometry></visual></link>'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<joint name="j" type="floating"/>', "type 'floating'"),
        (HINGE.replace('<child link="b"/>', "").format(""), "no child"),
        (HINGE.format(""), "no link: 'b'"),
        ('<link name="a"/>', "two links named 'a'"),
        ('<link name="b"/>', "no joint leads to: b"),
        ("<link/>", "has no name"),
        ('<link name="b"/>' + HINGE.replace("continuous", "revolute").format(""), "no limits"),
        ('<link name="b"/>' + HINGE.format('<axis xyz="0 0 0"/>'), "no length"),
        ('<link name="b"/>' + HINGE.format('<axis xyz="0 nan 0"/>'), "3 finite numbers"),
        ('<link name="b"/>' + HINGE.format('<mimic joint="k"/>'), "follows 'k'"),
        (SHAPE.format("<torus/>"), "<torus>"),
        (SHAPE.format('<sphere radius="-1"/>'), "positive"),
    ],
)
def test_what_is_wrong_is_said(body: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "one.urdf"
    path.write_text(ONE.format(body))
    with pytest.raises(InputError, match=re.escape(said)):
        load_urdf(path)


@pytest.mark.parametrize(
    "reference",
    ["../secret.stl", "/etc/passwd", "file:///etc/passwd", "package://robot/../../secret.stl",
     "linked.stl", "a/../../secret.stl", "..\\secret.stl", "x\0.stl"],
)  # fmt: skip
def test_nothing_outside_the_roots_is_read(reference: str, tmp_path: Path) -> None:
    folder = tmp_path / "robot"
    folder.mkdir()
    (tmp_path / "secret.stl").write_bytes(b"solid")
    (folder / "linked.stl").symlink_to(tmp_path / "secret.stl")
    path = folder / "one.urdf"
    mesh = reference.replace("\0", "&#1;")
    shape = f'<link name="b"><visual><geometry><mesh filename="{mesh}"/></geometry></visual></link>'
    path.write_text(ONE.format(shape).replace('<link name="a"/>', ""))
    with pytest.raises(InputError, match=r"outside of the folders|is not there|not XML"):
        load_urdf(path)


def test_a_mesh_names_no_material_outside_of_the_roots(tmp_path: Path) -> None:
    folder = tmp_path / "robot"
    folder.mkdir()
    (tmp_path / "secret.mtl").write_text("newmtl m\nKd 1 0 0\n")
    (folder / "m.obj").write_text(
        "mtllib ../secret.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    )
    shape = '<link name="b"><visual><geometry><mesh filename="m.obj"/></geometry></visual></link>'
    (folder / "one.urdf").write_text(ONE.format(shape).replace('<link name="a"/>', ""))
    colors = load_urdf(folder / "one.urdf").links[0].visual.colors
    assert colors is None or np.ptp(colors, axis=1).max() < 0.01
    trusted = load_urdf(folder / "one.urdf", roots=[tmp_path]).links[0].visual.colors
    assert trusted is not None
    np.testing.assert_allclose(trusted[0], [1, 0, 0], atol=0.01)


def test_packages_are_found_by_name(tmp_path: Path) -> None:
    own, other = tmp_path / "own_description", tmp_path / "elsewhere"
    (own / "urdf").mkdir(parents=True)
    (own / "meshes").mkdir()
    other.mkdir()
    triangle = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    (own / "meshes" / "m.obj").write_text(triangle)
    (other / "m.obj").write_text(triangle)
    path = own / "urdf" / "one.urdf"
    mesh = '<link name="b"><visual><geometry><mesh filename="{}"/></geometry></visual></link>'
    bare = ONE.replace('<link name="a"/>', "")
    path.write_text(bare.format(mesh.format("package://own_description/meshes/m.obj")))
    with pytest.raises(InputError, match="outside of the folders"):
        load_urdf(path)
    assert len(load_urdf(path, roots=[own]).links[0].visual.faces) == 1
    path.write_text(bare.format(mesh.format("package://theirs/m.obj")))
    with pytest.raises(InputError, match="is not there"):
        load_urdf(path, roots=[own])
    assert len(load_urdf(path, packages={"theirs": other}).links[0].visual.faces) == 1


def test_entities_are_not_fetched_and_do_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "one.urdf"
    (tmp_path / "secret").write_text("hidden")
    path.write_text(
        f'<!DOCTYPE robot [<!ENTITY x SYSTEM "{tmp_path}/secret">]>'
        '<robot name="one"><link name="&x;"/></robot>'
    )
    with pytest.raises(InputError, match="not XML"):
        load_urdf(path)
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    path.write_text(
        f'<!DOCTYPE robot [<!ENTITY l0 "ha">{laughs}]><robot name="&l11;"><link name="a"/></robot>'
    )
    with pytest.raises(InputError, match="not XML"):
        load_urdf(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bytes_of_all_kinds_are_read_or_refused(data: st.DataObject) -> None:
    good = (ROBOTS / "r2d2.urdf").read_bytes()
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(start + 40, len(good))))
    junk = data.draw(
        st.one_of(st.binary(max_size=20), st.sampled_from([b'"', b"<", b"nan", b"1e999"]))
    )
    with TemporaryDirectory() as folder:
        path = Path(folder, "r.urdf")
        path.write_bytes(good[:start] + junk + good[stop:])
        with suppress(InputError):
            assert np.isfinite(load_urdf(path, roots=[ROBOTS]).rest_poses).all()
