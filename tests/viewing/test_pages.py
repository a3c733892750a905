"""Reports as a browser shows them, light and dark: whole without a network, and open to all.

Needs Node, what `make node` installs, and Chromium. With REEL2SIM_PICTURES=FOLDER the pages are
drawn there too.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from reel2sim.batch import ResultRow, write_overview
from reel2sim.exporters import BundleMedia, Provenance, StageRecord, export_bundle, export_scene
from reel2sim.exporters.media import Edited
from reel2sim.scene import Certainty, JointType, Placement, RiggedAsset, Scene
from tests.exporters.conftest import build_asset
from tests.viewing.helpers.driver import browser, driven, require_driver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
J = JointType
NAMES = ["report", "scene", "set"]
LOUD = ("serious", "critical")


def doubted(name: str) -> RiggedAsset:
    """Joints of every degree of doubt, and one that was not observed."""
    kinds = [J.REVOLUTE, J.PRISMATIC, J.CONTINUOUS, J.REVOLUTE, J.FIXED]
    asset = build_asset(kinds, [0, 0, 1, 2, 3], seed=7)
    shares = (0.97, 0.6, 0.3, 0.1, 1.0)
    joints = tuple(
        replace(
            joint,
            confidence=share,
            observed=share != 0.1,
            reason="its axis is poorly conditioned" if share < 0.5 else "",
            certainty=Certainty(1.0, 1.0, share),
        )
        for joint, share in zip(asset.joints, shares, strict=True)
    )
    return replace(asset, name=name, joints=joints, notes=("the back is assumed",))


def pictures() -> BundleMedia:
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (4, 48, 1))
    frames = np.stack([ramp, np.roll(ramp, 9, axis=2), 255 - ramp], axis=-1)
    sheet = np.repeat(np.repeat(frames[0], 8, axis=0), 8, axis=1)
    return BundleMedia(np.arange(4) / 4, frames, frames[::-1], 255 - frames, 4.0, sheet=sheet)


@pytest.fixture(scope="module")
def set_folder(tmp_path_factory) -> Path:
    """Results of a batch: three bundles, one of them of doubts alone, and a failure."""
    out = tmp_path_factory.mktemp("pages") / "results"
    stage = StageRecord("rigging", "1", {"seed": 3}, 1.25, 300.0, {"joints": 4.0})
    edited = Edited("chest", "cd" * 32, ({"op": "scale", "factor": 2.0},))
    origin = Provenance("clip.mp4", "ab" * 32, None, 3, "draft", (stage,), edited)
    export_bundle(doubted("c10"), out / "bundles/c10", media=pictures(), provenance=origin)
    still = replace(build_asset([J.FIXED], [0]), name="c2")
    export_bundle(still, out / "bundles/c2")
    pair = tuple(Placement.of(doubted(name)) for name in ("left", "right"))
    export_scene(Scene(pair, name="room"), out / "bundles/c3", provenance=origin)
    rows = [
        ResultRow(id="c10", status="ok", seconds=9.0),
        ResultRow(id="c2", status="ok", seconds=80.0),
        ResultRow(id="c3", status="ok", seconds=700.0),
        ResultRow(id="c1", status="failed", reason="MEDIA", message="is no video", seconds=1.0),
    ]
    (out / "results.jsonl").write_text("\n".join(json.dumps(asdict(row)) for row in rows))
    write_overview(out)
    return out


@pytest.fixture(scope="module")
def seen(set_folder: Path):
    """What a browser makes of the pages."""
    require_driver()
    pages = {
        "report": set_folder / "bundles/c10/report.html",
        "scene": set_folder / "bundles/c3/report.html",
        "set": set_folder / "index.html",
    }
    drawn = os.environ.get("REEL2SIM_PICTURES")
    task = {
        "browser": browser(),
        "pages": {name: path.as_uri() for name, path in pages.items()},
        "pictures": drawn and str(Path(drawn).resolve()),
    }
    return driven("pages.js", task, timeout=240)


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_serious_fault(seen, name: str) -> None:
    faults = seen[name]["faults"]
    assert set(faults) == {"light", "dark"}
    serious = [f for found in faults.values() for f in found if f["impact"] in LOUD]
    assert not serious, serious


@pytest.mark.parametrize("name", NAMES)
def test_the_page_needs_nothing_from_elsewhere(seen, name: str) -> None:
    assert seen[name]["elsewhere"] == []
    assert seen[name]["errors"] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_dark_where_people_want_it(seen, name: str) -> None:
    light, dark = (
        sum(int(part) for part in seen[name]["background"][scheme][4:-1].split(","))
        for scheme in ("light", "dark")
    )
    assert light > 3 * 200
    assert dark < 3 * 60


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_no_wider_than_a_phone(seen, name: str) -> None:
    assert seen[name]["narrow"] == {"page": 360, "window": 360}


def test_the_table_sorts_by_keyboard(seen) -> None:
    """Numbers as numbers, names as people count; rows without a value last, either way."""
    told = seen["set"]["sorted"]
    orders = {
        (each["title"], each["sort"]): [name.split()[0] for name in each["names"]] for each in told
    }
    assert {each["sorts"] for each in told} == {1}
    assert [name.split()[0] for name in seen["set"]["first"]] == orders["name", "ascending"]
    assert orders == {
        ("name", "descending"): ["c10", "c3", "c2", "c1"],
        ("name", "ascending"): ["c1", "c2", "c3", "c10"],
        ("state", "ascending"): ["c1", "c2", "c3", "c10"],
        ("state", "descending"): ["c2", "c3", "c10", "c1"],
        ("joints", "ascending"): ["c2", "c10", "c3", "c1"],
        ("joints", "descending"): ["c3", "c10", "c2", "c1"],
        ("least sure joint", "ascending"): ["c3", "c10", "c2", "c1"],
        ("least sure joint", "descending"): ["c3", "c10", "c2", "c1"],
        ("seconds", "ascending"): ["c1", "c10", "c2", "c3"],
        ("seconds", "descending"): ["c3", "c2", "c10", "c1"],
    }


def test_rows_are_found_by_what_they_say(seen) -> None:
    assert seen["set"]["found"] == {"names": ["c1"], "status": "1 of 4 rows"}
