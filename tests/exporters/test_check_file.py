"""One file by itself: good ones pass, faults of their own are named, nothing else is read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reel2sim.cli.main import main
from reel2sim.exporters import export_bundle
from reel2sim.exporters.check import CHECKS, assert_sound, check_file
from reel2sim.exporters.check.alone.file import READERS
from reel2sim.exporters.check.quiet import quiet
from reel2sim.scene import JointType, Mimic
from reel2sim.scene.errors import BundleError, InputError

from .conftest import build_asset, geared, skinned
from .faults import FAULTS

J = JointType
FILES = {
    "URDF": "scene.urdf",
    "MJCF": "scene.xml",
    "USD": "usd/scene/scene.usda",
    "USDZ": "scene.usdz",
    "GLB": "asset.glb",
    "PLY": "splats.ply",
}
OWN = [
    ("URDF", "inertia negative", "URDF012"),
    ("URDF", "inertia of no body", "URDF013"),
    ("URDF", "two roots", "URDF004"),
    ("URDF", "limits swapped", "URDF008"),
    ("URDF", "limits in degrees", "URDF019"),
    ("URDF", "origin nan", "URDF005"),
    ("URDF", "mass in grams", "URDF018"),
    ("MJCF", "cut", "LOAD004"),
    ("MJCF", "range written in degrees", "MJCF004"),
    ("USD", "stage garbled", "USD001"),
    ("USD", "payload dropped", "USD009"),
    ("USD", "default prim dropped", "USD004"),
    ("USD", "splat nan", "USD008"),
    ("USD", "body scaled", "USD005"),
    ("USD", "triangle collider", "USD006"),
    ("USD", "limits swapped", "USD018"),
    ("USD", "mass negative", "USD018"),
    ("USD", "extent dropped", "USD015"),
    ("USD", "normals inverted", "MESH014"),
    ("USD", "face beyond vertices", "MESH015"),
    ("USDZ", "package compressed", "USD021"),
    ("USDZ", "package not aligned", "USD021"),
    ("GLB", "cut", "GLB001"),
    ("GLB", "accessor beyond the buffer", "GLB003"),
    ("GLB", "rotations not unit", "GLB004"),
    ("PLY", "position nan", "PLY002"),
    ("PLY", "scales linear", "PLY006"),
]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("good") / "bundle"
    asset = build_asset([J.REVOLUTE, J.PRISMATIC, J.REVOLUTE], [0, 1, 0], seed=7)
    asset = geared(asset, {"joint2": Mimic("joint0", -0.8, 0.1)})
    export_bundle(asset, out)
    return out


@pytest.mark.parametrize("name", FILES.values())
def test_our_own_files_pass(good, name):
    report = check_file(good / name)
    assert report.findings == ()
    assert report.path == good / name


def test_files_of_a_skin_pass(tmp_path):
    out = tmp_path / "bundle"
    export_bundle(skinned(build_asset([J.REVOLUTE], [0], seed=4)), out)
    for name in FILES.values():
        assert check_file(out / name).findings == ()


@pytest.mark.parametrize(("kind", "name", "check"), OWN, ids=lambda x: x)
def test_what_is_wrong_in_one_format_is_said_of_it_alone(good, tmp_path, kind, name, check):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    (fault,) = (each for each in FAULTS if (each.format, each.name) == (kind, name))
    with quiet():
        fault.into(folder, np.random.default_rng(1))
    found = {finding.id: finding for finding in check_file(folder / FILES[kind]).findings}
    assert check in found
    assert found[check].severity == CHECKS[check].alone


def test_what_only_bundles_promise_is_no_error(good, tmp_path):
    """Names, formats of meshes and units are everybody's own business."""
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    text = (folder / "scene.urdf").read_text().replace('"joint1"', '"left-door"')
    (folder / "scene.urdf").write_text(text.replace('filename="', 'filename="package://bundle/'))
    stage = folder / "usd/scene/scene.usda"
    stage.write_text(stage.read_text().replace('upAxis = "Z"', 'upAxis = "Y"'))
    for name, wanted in (("scene.urdf", {"URDF003", "MESH001"}), (FILES["USD"], {"USD003"})):
        report = check_file(folder / name)
        assert {finding.id for finding in report.findings} == wanted
        assert {finding.severity for finding in report.findings} == {"info"}


def outside(folder: Path) -> dict[str, Path]:
    """Files of every format that name what lies beside their folder."""
    home = folder / "home"
    home.mkdir()
    (folder / "secret.obj").write_text("no mesh")
    (folder / "secret.bin").write_bytes(b"no buffer")
    (folder / "secret.usda").write_text("#usda 1.0\nno layer")
    shape = '<visual><geometry><mesh filename="../secret.obj"/></geometry></visual>'
    texts = {
        "a.urdf": f'<robot name="a"><link name="l">{shape}</link></robot>',
        "a.xml": '<mujoco><asset><mesh name="m" file="../secret.obj"/></asset></mujoco>',
        "a.usda": '#usda 1.0\ndef "a" (references = @../secret.usda@</a>) {}\n',
        "a.gltf": json.dumps(
            {"asset": {"version": "2.0"}, "buffers": [{"uri": "../secret.bin", "byteLength": 4}]}
        ),
    }
    for name, text in texts.items():
        (home / name).write_text(text)
    return {name: home / name for name in texts}


def test_what_is_outside_of_the_roots_is_not_read(tmp_path):
    """Read, each of these would be a finding of its own."""
    for name, path in outside(tmp_path).items():
        ids = {finding.id for finding in check_file(path).findings}
        assert "MESH002" in ids, name
        assert not ids & {"MESH004", "LOAD004", "USD001", "GLB001"}, name
        opened = {finding.id for finding in check_file(path, roots=[tmp_path]).findings}
        assert "MESH002" not in opened, name


@pytest.mark.parametrize("suffix", READERS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(noise=st.binary(max_size=200))
def test_noise_is_found_and_never_raised(suffix, noise, tmp_path_factory):
    path = tmp_path_factory.mktemp("noise") / f"file{suffix}"
    path.write_bytes(noise)
    report = check_file(path)
    assert not report.ok
    assert "FILE004" not in {finding.id for finding in report.findings}


@pytest.mark.parametrize("name", ["nothing.urdf", "picture.png"])
def test_what_cannot_be_checked_is_refused(tmp_path, name):
    if name.endswith(".png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=name):
        check_file(tmp_path / name)


def test_assert_sound_is_a_test_in_one_line(good, tmp_path):
    assert assert_sound(good).ok
    assert assert_sound(str(good / "scene.urdf")).counts["links"] == 4
    with pytest.raises(BundleError):
        assert_sound(tmp_path / "nothing")
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    text = (folder / "scene.urdf").read_text()
    (folder / "scene.urdf").write_text(text.replace('lower="-0.5"', 'lower="9"'))
    with pytest.raises(AssertionError, match=r"error URDF008 .*lower 9 > upper .*Swap them"):
        assert_sound(folder / "scene.urdf")


@pytest.mark.parametrize(("edit", "code"), [("", 0), ("<robot", 1)])
def test_command_takes_a_file(good, tmp_path, capfd, edit, code):
    path = good / "scene.urdf"
    if edit:
        path = tmp_path / "bad.urdf"
        path.write_text(edit)
    assert main(["check", str(path), "--json"]) == code
    record = json.loads(capfd.readouterr().out)
    assert record["ok"] is (code == 0)


def third_party() -> list[Path]:
    data = os.environ.get("REEL2SIM_DATA")
    if data is None:
        return []
    folders = (
        "assets_urdf",
        "conformance_gltf",
        "rigged_pair",
        "conformance_usd/newton_usdphysics",
    )
    return [p for f in folders for p in sorted(Path(data, f).rglob("*")) if p.suffix in READERS]


@pytest.mark.skipif(not third_party(), reason="REEL2SIM_DATA is not set")
def test_good_files_of_others_have_no_errors():
    root = Path(os.environ["REEL2SIM_DATA"])
    for path in third_party():
        home = root.joinpath(*path.relative_to(root).parts[:2])
        report = check_file(path, roots=[home])
        assert report.ok, report.text
