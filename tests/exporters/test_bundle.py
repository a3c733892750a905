"""A bundle is whole, says where it came from, and is the same every time."""

from __future__ import annotations

import base64
import dataclasses
import errno
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import av
import mujoco
import numpy as np
import pytest
import trimesh
import yourdfpy
from PIL import Image

from reel2sim.exporters import BundleMedia, BundlePaths, Provenance, export_bundle, staged_folder
from reel2sim.exporters.joints import EXPRESSIBLE
from reel2sim.exporters.motion import motion_record
from reel2sim.exporters.report import write_report
from reel2sim.scene import JointType, TriangleMesh
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import ConflictError, ExhaustedError, ExportError, InputError

from .conftest import build_asset


@pytest.fixture(scope="module")
def bundle(cabinet, media, provenance, tmp_path_factory) -> BundlePaths:
    out = tmp_path_factory.mktemp("bundles") / "cabinet"
    with staged_folder(out) as folder:
        export_bundle(cabinet, folder, media=media, provenance=provenance)
    return BundlePaths(out)


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def digests(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): digest_file(p) for p in files}


def test_every_file_is_there(bundle):
    for field in ("manifest", "usd", "usdz", "urdf", "mjcf", "glb", "splats", "motion"):
        assert getattr(bundle, field).stat().st_size > 100, field
    assert bundle.preview.is_file()
    assert bundle.report.is_file()


def test_two_exports_are_the_same_bytes(bundle, cabinet, media, provenance, tmp_path):
    slower = dataclasses.replace(provenance.stages[0], seconds=99.0, peak_memory_mb=1.0)
    again = dataclasses.replace(provenance, stages=(slower,))
    export_bundle(cabinet, tmp_path, media=media, provenance=again)
    first, second = digests(bundle.root), digests(tmp_path)
    assert first.pop("manifest.json") != second.pop("manifest.json")
    assert first == second
    before, after = (
        json.loads((root / "manifest.json").read_text()) for root in (bundle.root, tmp_path)
    )
    assert before.pop("timings") != after.pop("timings")
    assert before == after


def test_manifest_lists_every_file(bundle, provenance):
    manifest = json.loads(bundle.manifest.read_text())
    assert manifest["schema_version"] == 1
    found = digests(bundle.root)
    del found["manifest.json"]
    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == found
    assert manifest["input"]["sha256"] == provenance.input_digest
    assert manifest["stages"][0]["config"] == {"preset": "draft"}
    assert manifest["timings"]["rigging"]["seconds"] == 1.25


def test_motion_is_as_documented(bundle, cabinet):
    motion = json.loads(bundle.motion.read_text())
    assert set(motion) == {"times_s", "base_pose", "joints"}
    assert motion["times_s"] == cabinet.motion.times_s.tolist()
    assert np.shape(motion["base_pose"]) == (5, 7)
    assert motion["base_pose"][0] == [0, 0, 0, 1, 0, 0, 0]
    assert set(motion["joints"]) == {joint.name for joint in cabinet.joints}
    for joint in cabinet.joints:
        entry = motion["joints"][joint.name]
        known = {"type", "position", "confidence", "observed", "observed_range"}
        assert set(entry) == known
        assert entry["type"] == joint.type.value
        assert entry["position"] == cabinet.motion.positions[joint.name].tolist()
        assert 0 <= entry["confidence"] <= 1
        assert entry["observed"] is True
        assert entry["observed_range"] is None
    hinge = dataclasses.replace(cabinet.joints[0], observed_range=(-0.25, 1.0))
    ranged = dataclasses.replace(cabinet, joints=(hinge, *cabinet.joints[1:]))
    assert motion_record(ranged)["joints"][hinge.name]["observed_range"] == [-0.25, 1.0]


def test_preview_plays_all_frames(bundle, media):
    with av.open(str(bundle.preview)) as film:
        stream = film.streams.video[0]
        frames = [f.to_ndarray(format="rgb24") for f in film.decode(stream)]
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert float(stream.average_rate) == media.fps
    assert len(frames) == 6
    assert frames[0].shape == (48, 192, 3)
    expected = np.concatenate([media.input_frames[0], media.reconstructed[0], media.parts[0]], 1)
    assert np.abs(frames[0].astype(float) - expected[:48]).mean() < 6


def test_report_stands_alone(bundle, cabinet):
    page = bundle.report.read_text()
    sources = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", page)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "video/mp4" in page
    assert page.count("image/jpeg") == 18
    for thing in (*cabinet.links, *cabinet.joints):
        assert thing.name in page
    assert "1.25" not in page  # timings would make it differ from run to run


def test_report_escapes_what_users_wrote(cabinet, tmp_path):
    hostile = Provenance(source="<script>alert(1)</script>", prompt="a & <b>")
    noted = dataclasses.replace(cabinet, notes=("<img src=x>",))
    paths = export_bundle(noted, tmp_path, provenance=hostile)
    page = paths.report.read_text()
    assert "<script" not in page
    assert "<img src=x>" not in page
    assert "a &amp; &lt;b&gt;" in page
    assert not paths.preview.exists()


@pytest.mark.parametrize("kind", sorted(set(JointType) - EXPRESSIBLE))
def test_joints_no_loader_knows_are_refused_by_name(kind, tmp_path):
    asset = build_asset([JointType.REVOLUTE], [0])
    joint = dataclasses.replace(asset.joints[0], type=kind, pitch=0.1)
    wrong = dataclasses.replace(asset, joints=(joint,))
    with (
        pytest.raises(ExportError, match=rf"joint0: type: .* {kind} joint"),
        staged_folder(tmp_path / "out") as folder,
    ):
        export_bundle(wrong, folder)
    assert names(tmp_path) == set()


def test_unbounded_revolute_is_refused(tmp_path):
    asset = build_asset([JointType.REVOLUTE], [0])
    limits = dataclasses.replace(asset.joints[0].limits, upper=np.inf)
    joint = dataclasses.replace(asset.joints[0], limits=limits)
    with pytest.raises(ExportError, match=r"joint0: limits: .*make the joint continuous"):
        export_bundle(dataclasses.replace(asset, joints=(joint,)), tmp_path)


def test_failure_leaves_nothing(cabinet, tmp_path):
    def stop(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        if fraction >= 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), staged_folder(tmp_path / "out") as folder:
        export_bundle(cabinet, folder, progress=stop)
    assert names(tmp_path) == set()


def _write_then_fail(folder: Path) -> None:
    (folder / "new").write_text("")
    (folder / "new" / "below").mkdir()


def test_failure_keeps_the_old_bundle(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("kept")
    with pytest.raises(NotADirectoryError), staged_folder(out, overwrite=True) as folder:
        _write_then_fail(folder)
    assert names(tmp_path) == {"out"}
    assert names(out) == {"old"}


def test_nothing_shows_before_the_end(tmp_path):
    out = tmp_path / "deep" / "out"
    with staged_folder(out) as folder:
        assert not out.exists()
        assert folder.parent == out.parent
        assert folder.name.startswith(".out.partial-")
        (folder / "a").write_text("1")
    assert names(out.parent) == {"out"}
    assert names(out) == {"a"}


def test_taken_folder_is_refused_unless_overwritten(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with staged_folder(out) as folder:
        (folder / "first").write_text("")
    with pytest.raises(ConflictError, match="is not empty"), staged_folder(out):
        pytest.fail("must not get here")
    with staged_folder(out, overwrite=True) as folder:
        (folder / "second").write_text("")
    assert names(out) == {"second"}
    assert names(tmp_path) == {"out"}


def test_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ConflictError, match="is a file"), staged_folder(tmp_path / "out"):
        pytest.fail("must not get here")


def test_full_disk_is_called_that(tmp_path):
    with pytest.raises(ExhaustedError, match="disk is full"), staged_folder(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == set()


def test_export_wants_an_empty_folder(cabinet, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ConflictError, match="is not empty"):
        export_bundle(cabinet, tmp_path)


def test_links_without_geometry_and_surfels(tmp_path):
    asset = build_asset([JointType.REVOLUTE], [0])
    nothing = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), int))
    bare = dataclasses.replace(asset.links[0], visual=nothing, collision=())
    hollow = dataclasses.replace(
        asset,
        links=(bare, asset.links[1]),
        surfels=asset.surfels.select(np.zeros(len(asset.surfels), bool)),
        surfel_links=np.zeros(0, int),
    )
    paths = export_bundle(hollow, tmp_path)
    model = mujoco.MjModel.from_xml_path(str(paths.mjcf))
    assert model.ngeom == 3
    robot = yourdfpy.URDF.load(str(paths.urdf), load_meshes=True)
    assert robot.link_map["link0"].visuals == []
    assert set(trimesh.load(paths.glb).graph.nodes_geometry) == {"link1"}
    assert b"element vertex 0" in paths.splats.read_bytes()


def test_media_must_agree_in_size():
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(InputError, match=r"BundleMedia\.parts"):
        BundleMedia(np.arange(2.0), frames, frames, frames[:1], 10.0)
    with pytest.raises(InputError, match=r"BundleMedia\.sheet"):
        BundleMedia(np.arange(2.0), frames, frames, frames, 10.0, sheet=frames)


def test_report_shows_the_sheet_and_stays_small(cabinet, media, provenance, tmp_path):
    """Also of noise, which nothing compresses, and beside the largest film that is embedded."""
    assert "<figure>" not in page_of(cabinet, media, provenance, tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (1400, 2000, 3), dtype=np.uint8)
    sheet = dataclasses.replace(media, sheet=noise)
    film = tmp_path / "preview.mp4"
    film.write_bytes(bytes(5 * 1024 * 1024))
    page = page_of(cabinet, sheet, provenance, tmp_path, preview=film)
    assert "data:video/mp4" in page
    start = page.index("data:image/jpeg;base64,", page.index("<figure>"))
    jpeg = base64.b64decode(page[start : page.index('"', start)].partition(",")[2])
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.size == (1600, 1120)
    assert len(page.encode()) < 10e6


def page_of(asset, media, provenance, folder, preview=None) -> str:
    path = folder / "report.html"
    write_report(asset, path, media=media, provenance=provenance, preview=preview)
    return path.read_text()


def test_import_loads_no_engine():
    heavy = "pxr", "mujoco", "pybullet", "torch", "av", "jinja2"
    code = f"import sys, reel2sim.exporters; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
