"""The report reads in order, says what was not seen, and what it tells to type works."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel2sim.exporters import Provenance, export_bundle, export_scene
from reel2sim.exporters.media import Edited
from reel2sim.exporters.report import write_report
from reel2sim.exporters.report.doubts import grade, in_words, percent, unseen
from reel2sim.scene import Certainty, JointType, Placement, Scene

from .conftest import build_asset

SECTIONS = ["in", "out", "sure", "unseen", "use", "provenance"]


class Outline(HTMLParser):
    """Ids of the sections, levels of the headings, text of each section, and all code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.levels: list[int] = []
        self.text: dict[str, str] = {}
        self.code: dict[str, str] = {}
        self._label = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "section":
            self.sections.append(given.get("id") or "")
        if tag in ("h1", "h2", "h3", "h4"):
            self.levels.append(int(tag[1]))
        if tag == "pre":
            self._label = given["aria-label"] or ""

    def handle_endtag(self, tag):
        if tag == "pre":
            self._label = ""

    def handle_data(self, data):
        if self.sections:
            now = self.sections[-1]
            self.text[now] = self.text.get(now, "") + " " + data
        if self._label:
            self.code[self._label] = self.code.get(self._label, "") + data

    def section(self, name: str) -> str:
        return " ".join(self.text[name].split())


def outline(asset, folder: Path, **more) -> Outline:
    path = folder / "report.html"
    write_report(asset, path, media=None, provenance=more.pop("provenance", Provenance()), **more)
    return Outline(path.read_text())


@pytest.fixture
def doubted(cabinet):
    """A cabinet of which one joint was not observed and another only in part."""
    hinge, slide, *others = cabinet.joints
    hinge = dataclasses.replace(
        hinge, observed=False, confidence=0.2, reason="only 3.1° of rotation was seen"
    )
    slide = dataclasses.replace(
        slide, observed_range=(0.0, 0.25), confidence=0.63, certainty=Certainty(0.9, 1.0, 0.7)
    )
    seen = np.where(np.asarray(cabinet.surfel_links) == 1, 0.2, 0.9)
    surfels = dataclasses.replace(cabinet.surfels, confidence=seen)
    return dataclasses.replace(
        cabinet, joints=(hinge, slide, *others), surfels=surfels, notes=("the floor is assumed",)
    )


def test_sections_come_in_order(cabinet, provenance, tmp_path):
    page = outline(cabinet, tmp_path, provenance=provenance)
    assert page.sections == SECTIONS
    assert page.levels[0] == 1
    steps = zip(page.levels, page.levels[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert provenance.input_digest in page.section("provenance")
    assert "seed 3" in page.section("provenance")
    assert provenance.source in page.section("in")


def test_joints_are_doubted_in_words(doubted, tmp_path):
    page = outline(doubted, tmp_path)
    sure = page.section("sure")
    assert "not observed (20 %) only 3.1° of rotation was seen" in sure
    assert "likely (63 %) link2 moves against link0: 90 %" in sure
    assert "as a prismatic joint: 100 %" in sure
    lost = page.section("unseen")
    assert "joint0 The joint was not observed: only 3.1° of rotation was seen." in lost
    assert "joint1 Seen from 0.0 to 250.0 mm; its limits, -500.0 to 1500.0 mm, go" in lost
    assert (
        "surface 20 % of the surfels were hardly seen (confidence below 0.5): link1 100 %" in lost
    )
    assert "assumed the floor is assumed" in lost


def test_what_was_seen_is_not_called_unseen(cabinet):
    assert [thing.what for thing in unseen(cabinet)] == ["physics"]
    hinge = cabinet.joints[0]
    whole = dataclasses.replace(hinge, observed_range=(hinge.limits.lower, hinge.limits.upper))
    endless = dataclasses.replace(cabinet.joints[2], observed_range=(0.0, 1.0))
    seen = dataclasses.replace(
        cabinet, joints=(whole, cabinet.joints[1], endless, cabinet.joints[3])
    )
    assert [thing.what for thing in unseen(seen)] == ["joint2", "physics"]


@given(st.floats(0, 1), st.floats(0, 1))
def test_words_follow_the_confidence(one, other):
    order = ["a guess", "doubtful", "likely", "very likely", "almost certain", "certain"]
    low, high = sorted((one, other))
    assert order.index(in_words(low)) <= order.index(in_words(high))
    assert in_words(one, observed=False) == "not observed"
    assert grade(one, observed=False) == "low"
    assert (percent(one) == "100\N{NO-BREAK SPACE}%") == (one == 1.0)
    assert (percent(one) == "0\N{NO-BREAK SPACE}%") == (one == 0.0)


def test_edits_are_told(cabinet, tmp_path):
    edited = Edited("chest", "cd" * 32, ({"op": "scale", "factor": 2},))
    page = outline(cabinet, tmp_path, provenance=Provenance(edited=edited))
    assert '{"op": "scale", "factor": 2}' in page.code["Edits"]
    assert "cd" * 32 in page.section("provenance")


_RUN = """
import json, os, sys
said = {}
for name, code in json.load(sys.stdin).items():
    space = {}
    exec(code, space)
    said[name] = space
p = said["PyBullet"]["p"]
stage = said["OpenUSD"]["stage"]
kinds = [str(prim.GetTypeName()) for prim in stage.Traverse()]
print(json.dumps({
    "observed": bool(said["Gymnasium"]["env"].observation_space.contains(
        said["Gymnasium"]["observation"])),
    "pybullet": p.getNumJoints(said["PyBullet"]["body"]),
    "usd": sum(kind.startswith("Physics") and kind.endswith("Joint") for kind in kinds),
    "splats": kinds.count("ParticleField3DGaussianSplat") + kinds.count("Points"),
}))
"""


@pytest.mark.parametrize(("inside", "fixed_base"), [(True, True), (False, False)])
def test_what_it_tells_to_type_works(inside, fixed_base, tmp_path):
    """As it is in the bundle's folder, and with the folder's path elsewhere."""
    kinds = [JointType.REVOLUTE, JointType.PRISMATIC]
    asset = build_asset(kinds, [0, 1], seed=5, fixed_base=fixed_base)
    paths = export_bundle(asset, tmp_path / "a bundle")
    code = Outline(paths.report.read_text()).code
    snippets = {name: code[name] for name in ("Gymnasium", "PyBullet", "OpenUSD")}
    where = paths.root
    if not inside:
        where = tmp_path
        moved = f"bundle = {str(shutil.move(paths.root, tmp_path / 'moved'))!r}"
        assert all('bundle = "."' in text for text in snippets.values())
        snippets = {name: text.replace('bundle = "."', moved) for name, text in snippets.items()}
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        cwd=where, input=json.dumps(snippets), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["observed"]
    assert found["pybullet"] == 2
    assert found["usd"] >= 2
    assert found["splats"] >= 1


def test_what_it_tells_of_a_scene_works(tmp_path):
    asset = build_asset([JointType.REVOLUTE], [0], seed=5)
    pair = tuple(Placement.of(dataclasses.replace(asset, name=name)) for name in ("a", "b"))
    paths = export_scene(Scene(pair, name="room"), tmp_path / "room")
    code = Outline(paths.report.read_text()).code["PyBullet"]
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(p.getNumBodies())"],
        cwd=paths.root, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2"
