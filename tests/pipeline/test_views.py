"""Rendering a bundle from cameras of the user's choice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reel2sim.media import opencv_from_opengl
from reel2sim.pipeline.publish import ASSET_FILE
from reel2sim.pipeline.views import load_bundle_asset, read_views, render_views
from reel2sim.scene import look_at
from reel2sim.scene.errors import BundleError, CameraError, CaptureError
from reel2sim.scene.store import save_asset

from .conftest import make_asset

CAMERA = look_at(np.array([2.0, 0.3, 0.5]), np.zeros(3), width=32, height=24, fov_y=0.6)


def entry(**changes: Any) -> dict[str, Any]:
    matrix = opencv_from_opengl(CAMERA.T_world_camera).tolist()
    record = {"file_path": "a/0.png", "time": 0.0, "transform_matrix": matrix, **changes}
    return {key: value for key, value in record.items() if value is not None}


def camera_file(folder: Path, *entries: object, **document: Any) -> Path:
    base = {"w": 32, "h": 24, "fl_x": CAMERA.fx, "fl_y": CAMERA.fy}
    path = folder / "cameras.json"
    path.write_text(json.dumps({**base, **document, "frames": list(entries)}))
    return path


def test_cameras_are_read_in_opengl_axes(tmp_path: Path) -> None:
    (view,) = read_views(camera_file(tmp_path, entry()))
    assert np.allclose(view.camera.T_world_camera, CAMERA.T_world_camera)
    assert (view.camera.cx, view.camera.cy) == (16.0, 12.0)
    assert view.name == "a/0.png"


def test_an_angle_stands_for_a_focal_length(tmp_path: Path) -> None:
    angle = 2 * float(np.arctan(16 / CAMERA.fx))
    path = camera_file(tmp_path, entry(), camera_angle_x=angle)
    document = json.loads(path.read_text())
    del document["fl_x"], document["fl_y"]
    path.write_text(json.dumps(document))
    (view,) = read_views(path)
    assert view.camera.fx == pytest.approx(CAMERA.fx)
    assert view.camera.fy == pytest.approx(CAMERA.fx)


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"file_path": "../x.png"}, CaptureError, "file_path"),
        ({"file_path": "/x.png"}, CaptureError, "file_path"),
        ({"file_path": None}, CaptureError, "file_path"),
        ({"time": None}, CaptureError, "time"),
        ({"time": "1"}, CaptureError, "time"),
        ({"transform_matrix": None}, CaptureError, "transform_matrix"),
        ({"transform_matrix": [[1, 2]]}, CaptureError, "transform_matrix"),
        ({"transform_matrix": (2 * np.eye(4)).tolist()}, CameraError, "transform_matrix"),
        ({"fl_x": -1.0}, CameraError, "fx"),
        ({"w": 0}, CameraError, "frames[1]"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict, error: type, field: str) -> None:
    with pytest.raises(error) as caught:
        read_views(camera_file(tmp_path, entry(file_path="fine"), entry(**change)))
    assert "frames[1]" in caught.value.field
    assert field in caught.value.field


def test_two_entries_may_not_share_a_picture(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="several"):
        read_views(camera_file(tmp_path, entry(file_path="a.jpg"), entry(file_path="a.png")))


@pytest.mark.parametrize("background", ["transparent", "white", "black"])
def test_one_picture_a_view_at_its_time(tmp_path: Path, background: Any) -> None:
    times = {"0": 0.0, "sub/1.jpg": 1.0}
    views = read_views(
        camera_file(tmp_path, *(entry(file_path=k, time=t) for k, t in times.items()))
    )
    files = render_views(make_asset(), views, tmp_path / "out", background=background)
    assert files == (tmp_path / "out/0.png", tmp_path / "out/sub/1.png")
    first, last = (np.asarray(Image.open(file)) for file in files)
    assert first.shape == (24, 32, 4 if background == "transparent" else 3)
    assert (first != last).any()
    corner = {"transparent": 0, "white": 255, "black": 0}[background]
    assert (first[0, 0] == corner).all()


def test_transparency_and_white_tell_the_same(tmp_path: Path) -> None:
    views = read_views(camera_file(tmp_path, entry()))
    (clear,) = render_views(make_asset(), views, tmp_path / "a")
    (white,) = render_views(make_asset(), views, tmp_path / "b", background="white")
    rgba = np.asarray(Image.open(clear)).astype(float) / 255
    over = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
    assert np.abs(over - np.asarray(Image.open(white)) / 255).max() < 0.02


def test_a_bundle_gives_its_asset_back(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        load_bundle_asset(tmp_path)
    (tmp_path / ASSET_FILE).write_bytes(b"nonsense")
    with pytest.raises(BundleError):
        load_bundle_asset(tmp_path)
    save_asset(tmp_path / ASSET_FILE, make_asset(name="chest"))
    assert load_bundle_asset(tmp_path).name == "chest"
