"""Descriptions of others become bundles by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pybullet_data
import pytest

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


def test_folders_of_packages_need_names(tmp_path: Path) -> None:
    urdf = str(ROBOTS / "r2d2.urdf")
    assert main(["export", urdf, "--packages", "meshes", "--out", str(tmp_path / "b")]) == 2
    assert not (tmp_path / "b").exists()


def test_only_a_urdf_has_roots(tmp_path: Path) -> None:
    asset = tmp_path / "asset.npz"
    asset.write_bytes(b"x")
    code = main(["export", str(asset), "--roots", str(tmp_path), "--out", str(tmp_path / "b")])
    assert code == 2
