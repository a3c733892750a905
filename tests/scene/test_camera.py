"""Cameras as entries of files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel2sim.scene import Camera, look_at
from reel2sim.scene.camera import camera_fields, camera_of_fields
from reel2sim.scene.errors import CameraError

EYES = st.tuples(*[st.floats(-5, 5)] * 3).filter(lambda eye: np.linalg.norm(eye) > 0.1)


@given(EYES, st.integers(1, 4000), st.integers(1, 4000), st.floats(0.1, 3.0))
def test_a_camera_comes_back_from_what_is_written_of_it(eye, width, height, fov_y) -> None:
    camera = look_at(np.array(eye), np.zeros(3), width=width, height=height, fov_y=fov_y)
    again = camera_of_fields(json.loads(json.dumps(camera_fields(camera))))
    np.testing.assert_array_equal(again.T_world_camera, camera.T_world_camera)
    for field in ("width", "height", "fx", "fy", "cx", "cy"):
        assert getattr(again, field) == getattr(camera, field)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fl_x": None}, "malformed"),
        ({"fl_y": -3.0}, "fy: focal length must be positive"),
        ({"transform_matrix": [[1, 2], [3, 4]]}, "malformed"),
        ({"transform_matrix": np.diag([2.0, 1, 1, 1]).tolist()}, "not a rigid transform"),
    ],
)
def test_what_is_no_camera_is_refused(change: dict, says: str) -> None:
    fields = camera_fields(Camera(4, 3, 5.0, 5.0, 2.0, 1.5, np.eye(4)))
    with pytest.raises(CameraError, match=says):
        camera_of_fields({**fields, **change})
    with pytest.raises(CameraError, match="cx: is missing"):
        camera_of_fields({key: value for key, value in fields.items() if key != "cx"})
