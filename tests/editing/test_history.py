"""Edited bundles remember how they were made, and can be made again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from reel2sim.cli.main import main
from reel2sim.editing import open_scene, scene_digest
from reel2sim.exporters import Provenance, StageRecord, export_bundle
from reel2sim.exporters.check import check_bundle
from reel2sim.scene import JointType
from reel2sim.scene.digest import digest_tree
from tests.exporters.conftest import build_asset

J = JointType


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Two bundles."""
    folder = tmp_path_factory.mktemp("shelf")
    stage = StageRecord("rigging", "3", {"preset": "draft"}, 2.0, 10.0, {"joints": 2.0})
    for name, seed in (("cabinet", 7), ("lamp", 5)):
        asset = replace(build_asset([J.REVOLUTE, J.PRISMATIC], [0, 0], seed=seed), name=name)
        origin = Provenance("clip.mp4", "cd" * 32, "a cabinet", 4, "draft", (stage,))
        export_bundle(asset, folder / name, provenance=origin)
    return folder


def test_the_same_edits_give_the_same_bytes_again(shelf, tmp_path, capsys) -> None:
    first, again = tmp_path / "a", tmp_path / "b"
    edits = ["--add", str(shelf / "lamp"), "--recolor", "cabinet/link1=tomato", "--ground", "auto"]
    edits += ["--joint", "cabinet/joint0.limits=-0.2,0.9", "--light", "sun=sun@1,1,3"]
    assert main(["edit", str(shelf / "cabinet"), "--out", str(first), "--quiet", *edits]) == 0
    replay = ["--edits", str(first / "manifest.json"), "--sources", str(shelf / "lamp")]
    assert main(["edit", str(shelf / "cabinet"), "--out", str(again), "--quiet", *replay]) == 0
    assert digest_tree(first) == digest_tree(again)
    scene = open_scene(first)
    assert scene.names == ("cabinet", "lamp")
    assert scene.ground_z is not None


def test_an_edited_asset_alone_stays_a_bundle_that_checks(shelf, tmp_path) -> None:
    out = tmp_path / "small"
    assert main(["edit", str(shelf / "cabinet"), "--scale", "cabinet=0.5", "--out", str(out)]) == 0
    report = check_bundle(out)
    assert [f for f in report.findings if f.severity == "error"] == []
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["input"]["prompt"] == "a cabinet"
    assert [stage["name"] for stage in manifest["stages"]] == ["rigging"]
    assert manifest["edited"]["source"] == "cabinet"
    assert manifest["edited"]["sha256"] == scene_digest(open_scene(shelf / "cabinet"))
    again = tmp_path / "smaller"
    assert main(["edit", str(out), "--scale", "cabinet=0.5", "--out", str(again)]) == 0
    told = json.loads((again / "manifest.json").read_text())["edited"]
    assert [edit["factor"] for edit in told["edits"]] == [0.5, 0.5]
    assert told["source"] == "cabinet"
    sizes = [np.ptp(open_scene(p).placements[0].asset.surfels.means, axis=0) for p in (out, again)]
    np.testing.assert_allclose(sizes[0], 2 * sizes[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to change"),
        (["--remove", "door"], "is no asset or link here"),
        (["--add", "lamp", "--at", "1,2,3", "4,5,6"], "2 places for 1"),
        (["--edits", "nowhere.json"], "is not JSON"),
        (["--add", "nowhere"], "does not exist"),
        (["--replace", "link1=nowhere.obj"], "is no file"),
        (["--background", "nowhere.ply"], "is no file"),
    ],
)
def test_errors_name_what_is_wrong_and_write_nothing(
    shelf, tmp_path, monkeypatch, capsys, arguments, said
) -> None:
    monkeypatch.chdir(shelf)
    out = tmp_path / "out"
    assert main(["edit", "cabinet", "--out", str(out), "--json", *arguments]) != 0
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
    assert not out.exists()


def test_edits_of_another_base_are_refused(shelf, tmp_path, capsys) -> None:
    out = tmp_path / "small"
    assert main(["edit", str(shelf / "cabinet"), "--scale", "cabinet=0.5", "--out", str(out)]) == 0
    replay = ["--edits", str(out), "--out", str(tmp_path / "x"), "--quiet"]
    assert main(["edit", str(shelf / "lamp"), *replay]) != 0
    assert "made to cabinet" in capsys.readouterr().err
