"""A person's visit: the page is opened, a slider moved, a part dragged, and all of it is seen.

Needs Node, what `make node` installs, and Chromium.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reel2sim.exporters import export_bundle
from reel2sim.scene import JointType, RiggedAsset, Scene, Surfels, look_at
from reel2sim.viewing.extent import Extent
from reel2sim.viewing.viewer import FOV_Y, all_layers
from tests.exporters.conftest import box_link, build_asset
from tests.viewing.helpers.driver import browser, driven, require_driver

pytest.importorskip("viser", reason="needs the extra [view]")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def sliding_box() -> RiggedAsset:
    """A red box that slides along x before a grey one, both covered with splats."""
    asset = build_asset([JointType.PRISMATIC], [0], seed=3)
    halves = (np.array([0.3, 0.1, 0.2]), np.array([0.12, 0.08, 0.12]))
    colors = (np.array([0.5, 0.5, 0.5]), np.array([0.8, 0.15, 0.1]))
    links = tuple(
        box_link(link.name, half=h, center=np.zeros(3), color=c, material=link.material)
        for link, h, c in zip(asset.links, halves, colors, strict=True)
    )
    joint = replace(
        asset.joints[0],
        origin=np.array([-0.1, -0.3, 0.0]),
        axis=np.array([1.0, 0.0, 0.0]),
        limits=replace(asset.joints[0].limits, lower=0.0, upper=0.3, effort=50.0),
        friction=0.0,
    )
    rng = np.random.default_rng(0)
    owner = np.repeat([0, 1], 400)
    sides = rng.uniform(-1, 1, (800, 3))
    sides[np.arange(800), rng.integers(0, 3, 800)] = rng.choice([-1.0, 1.0], 800)
    means = sides * np.array(halves)[owner] + np.array([np.zeros(3), joint.origin])[owner]
    surfels = Surfels.from_colors(
        means=means,
        rotations=rng.normal(size=(800, 4)),
        scales=np.full((800, 2), 0.015),
        opacities=np.full(800, 0.95),
        colors=np.array(colors)[owner],
    )
    still = {joint.name: np.zeros(len(asset.motion.times_s))}
    return replace(
        asset,
        name="slider",
        links=links,
        joints=(joint,),
        surfels=surfels,
        surfel_links=owner,
        motion=replace(asset.motion, positions=still),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("browser") / "slider"
    out.mkdir()
    export_bundle(sliding_box(), out)
    return out


@pytest.fixture(scope="module")
def visit(folder: Path):
    """What came of the visit."""
    require_driver()
    program = browser()
    asset = sliding_box()
    extent = Extent.of(Scene.of(asset))
    eye = extent.eye(fov_y=FOV_Y)
    camera = look_at(eye, extent.center, width=100, height=100, fov_y=FOV_Y)
    front = asset.joints[0].origin - np.array([0.0, 0.08, 0.0])
    command = [sys.executable, "-m", "reel2sim.cli.main", "view", str(folder), "--port", "0"]
    viewer = subprocess.Popen([*command, "--no-open", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert viewer.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(viewer.stdout.readline())
            assert lines[-1], "the viewer ended"
        task = {
            "url": json.loads("".join(lines))["address"],
            "browser": program,
            "joint": "joint0",
            "layers": [layer.title for layer in all_layers() if layer.name != "cameras"],
            "grip": {
                "in_camera": (camera.T_camera_world @ [*front, 1.0])[:3].tolist(),
                "fov_y": FOV_Y,
                "by": [12, 0],
            },
        }
        yield driven("drive.js", task, timeout=550)
    finally:
        viewer.terminate()
        viewer.wait(20)


def test_the_page_needs_nothing_from_elsewhere(visit) -> None:
    assert visit["elsewhere"] == []
    assert visit["errors"] == []
    assert visit["title"].startswith("slider")


def test_a_slider_moves_what_is_seen(visit) -> None:
    assert visit["moved"] == {"to": pytest.approx(0.3), "changed": True}
    assert visit["lowest"] == 0.0
    assert visit["returned"]


def test_every_layer_changes_the_picture(visit) -> None:
    assert visit["layers"]
    assert all(visit["layers"].values()), visit["layers"]


def test_axe_finds_no_serious_fault(visit) -> None:
    assert set(visit["faults"]) == {"Joints", "Layers", "Physics", "Edit"}
    assert not any(visit["faults"].values()), visit["faults"]


def test_an_edit_is_seen_and_undone(visit) -> None:
    assert visit["recolored"]
    assert visit["undone"]


def test_a_dragged_part_follows_the_mouse(visit) -> None:
    assert visit["dragged"] > 0.05


def test_a_screenshot_shows_the_scene(folder: Path, tmp_path: Path) -> None:
    browser()
    pictures = []
    for position in ("0", "0.3"):
        out = tmp_path / f"{position}.png"
        command = [sys.executable, "-m", "reel2sim.cli.main", "view", str(folder)]
        options = ["--layers", "visual", "--joint", f"joint0={position}", "--size", "320", "240"]
        subprocess.run([*command, *options, "--screenshot", str(out)], check=True, timeout=120)
        pictures.append(np.asarray(Image.open(out).convert("RGB"), dtype=float))
    assert pictures[0].shape == (240, 320, 3)
    red = [p[..., 0] > 1.5 * p[..., 1] for p in pictures]
    middles = [np.nonzero(where)[1].mean() for where in red]
    assert min(where.mean() for where in red) > 0.01
    assert middles[1] > middles[0] + 20
