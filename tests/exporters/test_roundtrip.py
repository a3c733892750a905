"""What is written, read and written again is the same asset, and then the same file."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pxr import Sdf
from scipy.spatial.transform import Rotation

from reel2sim.exporters import export_bundle
from reel2sim.exporters.gltf import write_glb
from reel2sim.exporters.mjcf import write_mjcf
from reel2sim.exporters.srdf import write_srdf
from reel2sim.exporters.urdf import write_meshes, write_urdf
from reel2sim.exporters.usd import write_usd
from reel2sim.importers import load_gltf, load_mjcf, load_urdf, load_usd
from reel2sim.scene import JointType, RiggedAsset, TriangleMesh
from reel2sim.scene.errors import ExportError

from .conftest import build_asset
from .strategies import Says, assert_same, random_asset

law = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # numbers follow from a seed: nothing to shrink
)


@dataclass(frozen=True)
class Format:
    """How a format is written into a folder and read back.

    Attributes:
        write: writes an asset into an empty folder and gives the file to read.
        read: the file as an asset.
        says: what the format has a place for.
        digits: relative accuracy to which a file that was read is written again; 0 for exactly.
    """

    write: Callable[[RiggedAsset, Path], Path]
    read: Callable[[Path], RiggedAsset]
    says: Says
    digits: float = 0.0


def urdf(asset: RiggedAsset, folder: Path) -> Path:
    write_urdf(asset, folder / "scene.urdf")
    return folder / "scene.urdf"


def mjcf(asset: RiggedAsset, folder: Path) -> Path:
    write_meshes(asset, folder)
    write_mjcf(asset, folder / "scene.xml")
    return folder / "scene.xml"


def glb(asset: RiggedAsset, folder: Path) -> Path:
    write_glb(asset, folder / "asset.glb")
    return folder / "asset.glb"


def usd(asset: RiggedAsset, folder: Path) -> Path:
    return write_usd(asset, folder).interface


def load_only(path: Path) -> RiggedAsset:
    """The only asset of a scene."""
    (placement,) = load_usd(path).placements
    return placement.asset


FORMATS = {
    "urdf": Format(urdf, load_urdf, Says(base=False, velocity=True, colors=True)),
    # MuJoCo turns meshes and inertias to principal axes and keeps points in single precision.
    "mjcf": Format(
        mjcf,
        load_mjcf,
        Says(base=True, velocity=False, apart=True, restitution=False),
        digits=1e-6,
    ),
    "glb": Format(
        glb,
        load_gltf,
        Says(base=True, velocity=True, apart=True, colors=True, motion=True),
        digits=1e-5,
    ),
    "usd": Format(
        usd,
        load_only,
        Says(base=True, velocity=True, apart=True, colors=True, motion=True),
        digits=1e-5,
    ),
}
every_format = pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)


@every_format
@law
@given(asset=random_asset(), seed=st.integers(0, 99))
def test_what_is_written_is_read(format: Format, asset: RiggedAsset, seed: int) -> None:
    with TemporaryDirectory() as folder:
        found = format.read(format.write(asset, Path(folder)))
    assert_same(found, asset, says=format.says, seed=seed)
    for joint in found.joints:
        if joint.mimic is not None:
            leader = found.motion.positions[joint.mimic.joint]
            at = found.motion.positions[joint.name]
            np.testing.assert_allclose(at, joint.mimic.follow(leader), atol=1e-6)


def ball(*, hubs: int) -> RiggedAsset:
    """A ball on a stand: a spherical joint or, with two hubs, three hinges through one point."""
    kinds = [JointType.CONTINUOUS] * 3 if hubs else [JointType.SPHERICAL]
    asset = build_asset([JointType.CONTINUOUS] * len(kinds), range(len(kinds)))
    links, joints = list(asset.links), list(asset.joints)
    bare = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    for i, kind in enumerate(kinds):
        origin = joints[i].origin if i == 0 else np.zeros(3)
        joints[i] = replace(joints[i], type=kind, origin=origin, axis=np.eye(3)[i])
        if i < hubs:
            links[i + 1] = replace(links[i + 1], visual=bare, collision=())
    return replace(asset, links=tuple(links), joints=tuple(joints))


@every_format
def test_three_hinges_through_hubs_are_a_ball_joint(format: Format, tmp_path: Path) -> None:
    asset = ball(hubs=2)
    found = format.read(format.write(asset, tmp_path))
    assert_same(found, asset, says=format.says)
    turns = Rotation.random(20, random_state=0)
    pivot = found.rest_poses[1, :3, 3]
    for turn in turns:
        angles = dict(zip(("joint0", "joint1", "joint2"), turn.as_euler("XYZ"), strict=True))
        T = found.link_poses(angles)[-1]
        np.testing.assert_allclose(T[:3, :3], turn.as_matrix(), atol=1e-9)
        np.testing.assert_allclose(T[:3, 3], pivot, atol=1e-9)


WRITERS: dict[str, Callable[[RiggedAsset, Path], object]] = {
    "URDF": urdf,
    "SRDF": lambda asset, folder: write_srdf(asset, folder / "scene.srdf"),
    "MJCF": lambda asset, folder: write_mjcf(asset, folder / "scene.xml"),
    "UsdPhysics": lambda asset, folder: write_usd(asset, folder),
    "a bundle": lambda asset, folder: export_bundle(asset, folder / "bundle"),
}


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("kind", [JointType.SCREW, JointType.SPHERICAL, JointType.FREE])
def test_joints_that_no_loader_honours_are_refused(
    format: str, kind: JointType, tmp_path: Path
) -> None:
    asset = ball(hubs=0)
    asset = replace(asset, joints=(replace(asset.joints[0], type=kind, pitch=0.1),))
    with pytest.raises(ExportError) as caught:
        WRITERS[format](asset, tmp_path)
    error = caught.value
    assert (error.source, error.field) == ("joint0", "type")
    assert error.message.startswith(f"{format} has no {kind} joint")
    assert "revolute" in (error.remedy or "")
    assert "chain" in (error.remedy or "")
    assert not list(tmp_path.iterdir())


def test_mujocos_world_is_no_name_for_a_link(tmp_path: Path) -> None:
    asset = build_asset([JointType.FIXED], [0], names=["world", "door"])
    with pytest.raises(ExportError, match="MuJoCo keeps this name"):
        write_mjcf(asset, tmp_path / "scene.xml")


@every_format
@settings(law, max_examples=2)
@given(asset=random_asset())
def test_what_was_read_is_written_alike_ever_after(format: Format, asset: RiggedAsset) -> None:
    written: list[dict[str, bytes]] = []
    with TemporaryDirectory() as name:
        for turn in range(3):
            folder = Path(name, str(turn))
            folder.mkdir()
            asset = format.read(format.write(asset, folder))
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            written.append({str(p.relative_to(folder)): spelled(p) for p in files})
    assert written[1].keys() == written[2].keys()
    for file in written[1]:
        assert_alike(written[1][file], written[2][file], format.digits)


def spelled(path: Path) -> bytes:
    """What a file says, as text where it is not one: GLB by document and numbers, USD as usda.

    Packages hold the files beside them, and pictures show what the meshes say.
    """
    data = path.read_bytes()
    if path.suffix in (".usdz", ".png"):
        return b""
    if path.suffix == ".usdc":
        return Sdf.Layer.OpenAsAnonymous(str(path)).ExportToString().encode()
    if path.suffix != ".glb":
        return data
    size = int.from_bytes(data[12:16], "little")
    numbers = np.frombuffer(data[20 + size :][8:], "<f4").tolist()
    return data[20 : 20 + size].rstrip() + " ".join(map(repr, numbers)).encode()


def assert_alike(first: bytes, second: bytes, digits: float) -> None:
    """Equal files or, with ``digits``, files that are equal but for their numbers' last digits."""
    if not digits:
        assert first == second
        return
    number = re.compile(rb"-?\d+\.?\d*(?:e-?\d+)?")
    assert number.sub(b"#", first) == number.sub(b"#", second)
    values = (np.array([float(x) for x in number.findall(text)]) for text in (first, second))
    np.testing.assert_allclose(*values, rtol=digits, atol=digits)
