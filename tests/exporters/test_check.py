"""Good bundles pass, and every seeded fault is called by its name."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reel2sim.exporters import export_bundle
from reel2sim.exporters.check import CHECKS, check_bundle, documentation
from reel2sim.exporters.check.files import REQUIRED
from reel2sim.exporters.check.looks.splats import read_splats
from reel2sim.exporters.check.quiet import quiet
from reel2sim.exporters.check.robot.model import read_robot
from reel2sim.scene import JointType, Mimic
from reel2sim.scene.errors import BundleError

from .conftest import assets, build_asset, geared
from .faults import FAULTS, Fault

J = JointType


@pytest.fixture(scope="module")
def good(tmp_path_factory, media, provenance) -> Path:
    """Four links, a hinge, a slide and a hinge that follows the first; base and joints move."""
    out = tmp_path_factory.mktemp("good") / "bundle"
    asset = build_asset([J.REVOLUTE, J.PRISMATIC, J.REVOLUTE], [0, 1, 0], seed=7)
    asset = geared(asset, {"joint2": Mimic("joint0", -0.8, 0.1)})
    export_bundle(asset, out, media=media, provenance=provenance)
    return out


# The laws -------------------------------------------------------------------------------------


def ids(folder: Path) -> set[str]:
    report = check_bundle(folder)
    for finding in report.findings:
        assert finding.where
        assert finding.message
        assert finding.remedy
        assert finding.severity == CHECKS[finding.id].severity
    return {finding.id for finding in report.findings}


def covering(faults: list[Fault]) -> list[Fault]:
    """Few of ``faults`` that name every check they all name; the benchmark seeds all."""
    found: list[Fault] = []
    open_ids = {check for each in faults for check in each.ids}
    while open_ids:
        best = max(faults, key=lambda each: len(open_ids.intersection(each.ids)))
        found.append(best)
        open_ids -= set(best.ids)
    return found


RIGID = [each for each in FAULTS if each.format != "skin"]


@pytest.mark.parametrize("each", covering(RIGID), ids=lambda x: f"{x.format} {x.name}")
def test_fault_is_called_by_name(each, good, tmp_path, asked_once):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    with quiet():
        each.into(folder, np.random.default_rng(0))
    assert set(each.ids) <= ids(folder)


def test_every_check_can_fail():
    # Not seeded: what only a defect of the check itself can bring about.
    seeded = {check for each in FAULTS for check in each.ids}
    # Scenes of several assets have their own file.
    own = {check for check in CHECKS if not check.startswith("SCENE")}
    assert own - seeded == {"FILE004"}
    assert seeded <= set(CHECKS)


def seed(folder: Path, kind: str, name: str) -> None:
    """Put a fault into the bundle at ``folder``."""
    (each,) = (x for x in FAULTS if (x.format, x.name) == (kind, name))
    with quiet():
        each.into(folder, np.random.default_rng(0))


DAMAGES: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: np.random.default_rng(0).bytes(len(data)),
)


@pytest.mark.slow
def test_damage_is_found_and_never_raised(good, tmp_path):
    """Files of every kind, damaged by turns."""
    files = sorted(p.relative_to(good) for p in good.rglob("*") if p.is_file())
    kinds = {(p.parent, p.suffix): p for p in files if p.suffix not in (".mtl", ".png")}
    assert len(kinds) >= 12
    for name, damage in zip(kinds.values(), itertools.cycle(DAMAGES)):
        folder = tmp_path / name.name
        shutil.copytree(good, folder)
        (folder / name).write_bytes(damage((good / name).read_bytes()))
        report = check_bundle(folder)
        assert not report.ok, name
        assert "FILE004" not in {finding.id for finding in report.findings}, name


@given(noise=st.binary(max_size=200))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_readers_of_ours_only_refuse(noise, tmp_path_factory):
    path = tmp_path_factory.mktemp("noise") / "file"
    path.write_bytes(noise)
    for read in (read_robot, read_splats):
        with pytest.raises((ValueError, ElementTree.ParseError)):
            read(path)


@pytest.mark.parametrize("make", ["nothing", "file"])
def test_no_folder_is_an_error(make, tmp_path):
    path = tmp_path / "bundle"
    if make == "file":
        path.write_text("")
    with pytest.raises(BundleError, match=rf"{path}: .*reel2sim run"):
        check_bundle(path)


def test_empty_folder_lacks_everything(tmp_path):
    report = check_bundle(tmp_path)
    assert {finding.id for finding in report.findings} == {"FILE001"}
    assert {finding.where for finding in report.findings} == set(REQUIRED)


def test_checking_changes_nothing(good):
    before = {p: p.read_bytes() for p in good.rglob("*") if p.is_file()}
    check_bundle(good)
    assert before == {p: p.read_bytes() for p in good.rglob("*") if p.is_file()}


def test_edits_are_seen_by_the_same_process(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    assert check_bundle(folder).ok
    seed(folder, "USD", "centimetres")
    assert "USD003" in ids(folder)


def test_report_is_plain_json(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    seed(folder, "meshes", "mesh dropped")
    seed(folder, "files", "file added")
    report = check_bundle(folder)
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert record["ok"] is False
    assert record["counts"]["states"] == 100
    severities = [f["severity"] for f in record["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert set(record["findings"][0]) == {"id", "severity", "where", "message", "remedy"}


def test_poses_that_are_no_number_are_plain_json(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    path = folder / "usd/scene/payloads/physics.usda"
    path.write_text(re.sub(r"localPos0 = \([^)]*\)", "localPos0 = (nan, 0, 0)", path.read_text()))
    report = check_bundle(folder)
    assert report.agreement["USD joints"] == float("inf")
    assert report.to_json()["agreement"]["USD joints"] is None


def test_engines_are_silent(good, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(good, folder)
    seed(folder, "meshes", "mesh dropped")
    seed(folder, "USD", "payload dropped")
    seed(folder, "URDF", "axis zero")
    seed(folder, "MJCF", "limits in degrees")
    code = "import sys; from reel2sim.exporters.check import check_bundle as c; c(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_quiet_gives_the_streams_back(capfd):
    with quiet():
        os.write(1, b"lost")
        os.write(2, b"lost")
    os.write(1, b"kept")
    assert capfd.readouterr() == ("kept", "")


def test_import_loads_no_engine():
    heavy = ["pxr", "mujoco", "pybullet", "yourdfpy", "trimesh", "av", "torch"]
    code = f"import sys, reel2sim.exporters.check; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_documentation_is_the_catalogue():
    page = Path(__file__).parents[2] / "docs" / "check.md"
    assert page.read_text(encoding="utf-8") == documentation()
    assert all(key == check.id for key, check in CHECKS.items())


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(asset=assets(max_links=5))
def test_good_bundles_pass(asset, tmp_path_factory):
    out = tmp_path_factory.mktemp("good") / "bundle"
    export_bundle(asset, out)
    report = check_bundle(out)
    assert report.findings == ()
    assert report.ok
    assert report.counts["links"] == len(asset.links)
    assert max(report.agreement.values()) < 1e-5
