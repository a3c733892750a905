"""The page of many bundles: every job is on it, whatever became of it."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reel2sim.batch import ResultRow, write_overview
from reel2sim.cli.main import main
from reel2sim.exporters import Provenance, StageRecord, export_bundle, export_scene
from reel2sim.exporters.thumbnail import THUMBNAIL
from reel2sim.scene import JointType, Placement, Scene
from tests.exporters.conftest import build_asset

J = JointType


def chest(name: str, *, unseen: bool = False):
    asset = build_asset([J.REVOLUTE, J.PRISMATIC, J.FIXED], [0, 0, 1], seed=4)
    hinge = replace(asset.joints[0], observed=not unseen, confidence=0.95)
    slide = replace(asset.joints[1], confidence=0.62)
    return replace(asset, name=name, joints=(hinge, slide, asset.joints[2]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "chest"
    stage = StageRecord("rigging", "1", seconds=1.25)
    origin = Provenance("clip.mp4", stages=(stage,))
    export_bundle(chest("chest", unseen=True), out, provenance=origin)
    return out


@pytest.fixture
def results(bundle, tmp_path) -> Path:
    """A batch with one good bundle, a broken one, one that is gone, and a failure."""
    out = tmp_path / "my results"
    (out / "bundles").mkdir(parents=True)
    rows = [
        ResultRow(id="good", status="ok", seconds=12.5),
        ResultRow(id="broken", status="ok", seconds=2.0),
        ResultRow(id="gone", status="ok", seconds=3.0),
        ResultRow(id="bad", status="failed", reason="MEDIA", message="<b>no video</b>"),
    ]
    shutil.copytree(bundle, out / "bundles/good")
    shutil.copytree(bundle, out / "bundles/broken")
    (out / "bundles/broken/motion.json").write_text("{")
    shutil.copytree(bundle, out / "bundles/bad")  # of an earlier job of this name
    write_results(out, rows)
    return out


def write_results(out: Path, rows: list[ResultRow]) -> None:
    (out / "results.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))


def links(page: str) -> list[str]:
    return re.findall(r'<a href="([^"]*)"', page)


def test_every_job_of_a_batch_has_a_row(results):
    rows = {row.name: row for row in write_overview(results)}
    assert {name: row.state for name, row in rows.items()} == {
        "good": "ok", "broken": "unreadable", "gone": "unreadable", "bad": "failed"
    }  # fmt: skip
    good = rows["good"]
    assert [(j.name, j.observed) for j in good.joints] == [("joint0", False), ("joint1", True)]
    assert good.least_sure == good.joints[0]  # not observed weighs more than less confidence
    assert (good.seconds, dict(good.stages), good.source) == (12.5, {"rigging": 1.25}, "clip.mp4")
    assert "motion.json is not JSON" in rows["broken"].reason
    assert "manifest.json: No such file" in rows["gone"].reason
    page = (results / "index.html").read_text()
    assert '<p class="headline">1 bundle, 1 failed, 2 unreadable; 2 moving joints' in page
    assert "MEDIA: &lt;b&gt;no video&lt;/b&gt;" in page
    assert links(page) == ["bundles/broken/report.html", "bundles/good/report.html"]
    assert page.count("<img ") == page.count('loading="lazy"') == 2


def test_page_is_one_file_that_others_may_read(results):
    write_overview(results)
    index = results / "index.html"
    page = index.read_text()
    sources = re.findall(r"""(?:src|url)\s*[=(]\s*["']?([^"')]*)""", page)
    assert sources
    assert all(source.startswith("data:image/webp") for source in sources)
    assert index.stat().st_mode & 0o044 == 0o044
    assert sorted(p.name for p in results.iterdir()) == ["bundles", "index.html", "results.jsonl"]
    write_overview(results)
    assert index.read_text() == page
    small = base64.b64decode(sources[0].partition(",")[2])
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.size == (96, 96)


def test_bundles_of_any_folder_are_found(bundle, tmp_path, capfd):
    shutil.copytree(bundle, tmp_path / "b #1%/inner")
    shutil.copytree(bundle, tmp_path / "a")
    pair = tuple(Placement.of(chest(name)) for name in ("left", "right"))
    export_scene(Scene(pair, name="room"), tmp_path / "room")
    (tmp_path / ".cache").mkdir()
    shutil.copytree(bundle, tmp_path / ".cache/hidden")
    assert main(["report", str(tmp_path), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {
        "report": str(tmp_path / "index.html"), "bundles": 3, "states": {"ok": 3}
    }  # fmt: skip
    rows = write_overview(tmp_path)
    assert [row.name for row in rows] == ["a", "b #1%/inner", "room"]
    assert [row.seconds for row in rows] == [1.25, 1.25, None]
    expected = [f"{asset}/joint{i}" for asset in ("left", "right") for i in (0, 1)]
    assert [joint.name for joint in rows[2].joints] == expected
    page = (tmp_path / "index.html").read_text()
    assert links(page) == ["a/report.html", "b%20%231%25/inner/report.html", "room/report.html"]


def test_what_is_no_set_is_refused(bundle, tmp_path):
    for folder, code in ((tmp_path / "none", 40), (bundle, 2), (tmp_path, 65)):
        assert main(["report", str(folder)]) == code
        assert not (folder / "index.html").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", "[]"),
        ("manifest.json", '{"timings": {"rigging": 3}}'),
        ("manifest.json", '{"timings": {"rigging": {"seconds": NaN}}}'),
        ("manifest.json", '{"scene": {"assets": [7]}}'),
        ("motion.json", '{"joints": {"a": {"type": "elastic"}}}'),
        ("motion.json", '{"joints": {"a": {"type": "revolute"}}}'),
        ("motion.json", "\x00"),
    ],
)
def test_a_damaged_bundle_stops_nothing(name, text, bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "good")
    shutil.copytree(bundle, tmp_path / "worn")
    (tmp_path / "worn" / name).write_text(text)
    (tmp_path / "worn" / THUMBNAIL).write_bytes(b"no picture")
    good, worn = write_overview(tmp_path)
    assert (good.state, worn.state) == ("ok", "unreadable")
    assert worn.reason
    assert (tmp_path / "index.html").read_text().count("<img ") == 1


def test_a_thousand_bundles_stay_below_ten_megabytes(bundle, tmp_path):
    """With pictures as rich as those of textured objects, of which boxes have little."""
    rich = tmp_path / "rich"
    shutil.copytree(bundle, rich)
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    coarse.resize((256, 256), Image.Resampling.BICUBIC).convert("RGBA").save(rich / THUMBNAIL)
    out = tmp_path / "out"
    (out / "bundles").mkdir(parents=True)
    names = [f"clip-{i:04d}" for i in range(1000)]
    for name in names:
        (out / "bundles" / name).symlink_to(rich)
    write_results(out, [ResultRow(id=name, status="ok", seconds=60.0) for name in names])
    assert len(write_overview(out)) == 1000
    page = (out / "index.html").read_text()
    assert len(links(page)) == page.count("<img ") == 1000
    assert len(page.encode()) < 10e6
