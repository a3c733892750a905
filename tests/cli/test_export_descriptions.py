"""Descriptions of others become bundles by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pybullet_data
import pytest
import trimesh

from reel2sim.cli.main import main

ROBOTS = Path(pybullet_data.getDataPath())


@pytest.mark.parametrize(("name", "links"), [("r2d2.urdf", 16), ("mjcf/pusher.xml", 15)])
def test_a_description_becomes_a_bundle_that_passes_its_check(
    name: str, links: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle"
    assert main(["export", str(ROBOTS / name), "--out", str(out)]) == 0
    capfd.readouterr()
    assert main(["check", str(out), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["ok"]
    assert report["counts"]["links"] == links


def test_a_model_becomes_a_bundle_whose_model_becomes_one_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    box = trimesh.creation.box(extents=[0.2, 0.4, 0.6])
    trimesh.Scene([box, box.copy().apply_translation([1, 0, 0])]).export(tmp_path / "boxes.glb")
    made = [tmp_path / "boxes.glb", tmp_path / "one" / "asset.glb"]
    for model, out in zip(made, (tmp_path / "one", tmp_path / "two"), strict=True):
        assert main(["export", str(model), "--out", str(out)]) == 0
        capfd.readouterr()
        assert main(["check", str(out), "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["ok"]
    one, two = ((tmp_path / x / "scene.urdf").read_text() for x in ("one", "two"))
    assert one == two


def test_folders_of_packages_need_names(tmp_path: Path) -> None:
    urdf = str(ROBOTS / "r2d2.urdf")
    assert main(["export", urdf, "--packages", "meshes", "--out", str(tmp_path / "b")]) == 2
    assert not (tmp_path / "b").exists()


def test_only_a_urdf_has_roots(tmp_path: Path) -> None:
    asset = tmp_path / "asset.npz"
    asset.write_bytes(b"x")
    code = main(["export", str(asset), "--roots", str(tmp_path), "--out", str(tmp_path / "b")])
    assert code == 2
