"""Files of cameras and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reel2sim.media import opencv_from_opengl
from reel2sim.pipeline.views import read_views, resized
from reel2sim.scene import look_at
from reel2sim.scene.errors import CameraError, CaptureError

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
        ({"w": 1e9}, CaptureError, "w"),
        ({"h": 10**400}, CaptureError, "h"),
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


def test_a_time_given_for_all_stands_over_the_file(tmp_path: Path) -> None:
    path = camera_file(tmp_path, entry(time=None), entry(file_path="b", time=7.0))
    assert [view.time_s for view in read_views(path, freeze_s=1.5)] == [1.5, 1.5]


def test_a_size_is_only_asked_for_where_the_file_has_none(tmp_path: Path) -> None:
    path = camera_file(tmp_path, entry(), entry(file_path="b", w=10))
    document = json.loads(path.read_text())
    del document["w"]
    path.write_text(json.dumps(document))
    with pytest.raises(CaptureError, match="--size"):
        read_views(path)
    first, second = read_views(path, size=(64, 48))
    assert (first.camera.width, first.camera.height) == (64, 24)
    assert second.camera.width == 10


@pytest.mark.parametrize(("size", "wanted"), [((), (32, 24)), ((64,), (64, 48)), ((8, 9), (8, 9))])
def test_another_size_sees_the_same(
    tmp_path: Path, size: tuple[int, ...], wanted: tuple[int, int]
) -> None:
    (view,) = read_views(camera_file(tmp_path, entry()))
    camera = resized(view, size).camera
    assert (camera.width, camera.height) == wanted
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (20, 3))
    before, after = view.camera.project(points)[0], camera.project(points)[0]
    assert np.allclose(before / [32, 24], after / wanted)
