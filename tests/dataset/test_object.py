"""One object of a dataset: three series of views, what is known about them, and a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reel2sim.dataset import Recipe, find_jobs
from reel2sim.dataset.recipe import SERIES
from reel2sim.dataset.render import render_object
from reel2sim.media import load_reel
from reel2sim.pipeline.views import read_views
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import UsageError

SMALL = Recipe(frames=6, size=48, azimuth_deg=20.0, elevation_deg=(15.0, 15.0), fill=0.5)


def rendered(model: Path, out: Path, recipe: Recipe = SMALL) -> dict[str, Any]:
    (job,), _ = find_jobs([model], recipe)
    render_object(job, out, out.with_name("scratch"))
    return json.loads((out / "object.json").read_text())


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_series_share_cameras_and_times_as_the_recipe_says(models: Any, tmp_path: Path) -> None:
    out = tmp_path / "o"
    assert rendered(models.turning(), out)["verdict"] == "passed"
    views = {v.name: v for v in read_views(out)}
    assert len(views) == 3 * SMALL.frames
    for ending in (".png", ".depth.png", ".index.png", ".alpha.png"):
        first = {(out / name / f"0000{ending}").read_bytes() for name in SERIES}
        assert len(first) == 1
    start, stop = (views[f"moving/{i:04d}.png"].time_s for i in (0, 5))
    for i in range(SMALL.frames):
        static, moving, front = (views[f"{name}/{i:04d}.png"] for name in SERIES)
        assert np.array_equal(static.camera.T_world_camera, moving.camera.T_world_camera)
        assert static.time_s == start
        assert front.time_s == moving.time_s == pytest.approx(start + (stop - start) * i / 5)
        still = views["front/0000.png"].camera.T_world_camera
        assert np.array_equal(front.camera.T_world_camera, still)
    assert (out / "static/0003.png").read_bytes() != (out / "moving/0003.png").read_bytes()


def test_depth_and_parts_are_those_of_the_shape(models: Any, tmp_path: Path) -> None:
    out = tmp_path / "o"
    record = rendered(models.turning(), out)
    view = read_views(out)[0]
    units = pixels(out / "static/0000.depth.png").astype(float)
    index = pixels(out / "static/0000.index.png")
    alpha = pixels(out / "static/0000.alpha.png")
    assert np.array_equal(units > 0, index > 0)
    assert (alpha[index > 0] > 0).all()
    names = {part["id"]: part["name"] for part in record["parts"]}
    for part, half, at in (("base", (0.5, 0.5, 0.5), 0.0), ("lid", (0.4, 0.2, 0.1), 0.6)):
        number = next(i for i, name in names.items() if part in name)
        rows, columns = np.nonzero(index == number)
        assert len(rows) > 20
        depth = units[rows, columns] * record["depth_scale_m"]
        points = view.camera.unproject(np.stack([columns, rows], axis=-1) + 0.5, depth)
        away = np.abs(points - [0.0, 0.0, at]) / half
        assert np.abs(away.max(axis=1) - 1.0).max() < 2e-3


def test_the_same_object_gives_the_same_bytes_and_is_a_capture(models: Any, tmp_path: Path) -> None:
    model = models.turning()
    digests = set()
    for name in "ab":
        rendered(model, tmp_path / name)
        digests.add(digest_tree(tmp_path / name))
    assert len(digests) == 1
    other = Recipe(frames=6, size=48, seed=1)
    assert rendered(model, tmp_path / "c", other)["azimuth_deg"] != 20.0
    reel = load_reel(tmp_path / "a")
    assert reel.calibrated
    assert len(reel.frames) == 18
    assert all(frame.mask is not None for frame in reel.frames)


def test_joints_sweep_their_limits_and_states_are_written(models: Any, tmp_path: Path) -> None:
    out = tmp_path / "o"
    recipe = Recipe(frames=5, size=32, keep_rejected=True)
    assert rendered(models.turning(degrees=60.0), out, recipe)["joints_swept"]
    states = json.loads((out / "motion.json").read_text())
    (asset,) = states["assets"].values()
    q = np.degrees(asset["joints"]["turn"]["position"])
    assert q == pytest.approx([0.0, 60.0, 0.0, -60.0, 0.0])
    assert len(states["times_s"]) == len(asset["base_pose"]) == 5


def test_motion_grows_with_the_joint_and_none_is_rejected(models: Any, tmp_path: Path) -> None:
    found = [
        rendered(models.turning(f"by{x}", degrees=x), tmp_path / f"by{x}")["motion"]
        for x in (5.0, 15.0, 45.0)
    ]
    assert 0 < found[0] < found[1] < found[2]
    record = rendered(models.still(), tmp_path / "still")
    assert record["motion"] == 0.0
    assert record["verdict"] == "rejected"
    assert "motion" in record["why"]
    assert not (tmp_path / "still/static").exists()


def test_what_leaves_the_picture_is_rejected_unless_framed(models: Any, tmp_path: Path) -> None:
    model = models.sliding(metres=1.6)
    near = rendered(model, tmp_path / "near", Recipe(frames=6, size=48, fill=0.9))
    assert near["verdict"] == "rejected"
    assert "leaves the picture" in near["why"]
    assert near["overflow"] > 0
    framed = Recipe(frames=6, size=48, fill=0.9, framing="motion")
    far = rendered(model, tmp_path / "far", framed)
    assert (far["verdict"], far["overflow_views"]) == ("passed", 0)
    assert far["distance_m"] > near["distance_m"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("frames", 1), ("size", 4), ("elevation_deg", (30.0, 5.0)), ("fill", 0.0), ("fov_deg", 200.0)],
)
def test_a_wrong_recipe_names_its_field(field: str, wrong: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(**{field: wrong})
    assert caught.value.field is not None
    assert field.startswith(caught.value.field)
