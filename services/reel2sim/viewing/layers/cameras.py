"""Where the pictures of the input were taken from, with the pictures themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.scene import Camera, Scene
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import quaternion_from_matrix
from reel2sim.viewing.extent import Extent
from reel2sim.viewing.footage import Footage
from reel2sim.viewing.layers.layer import Layer

if TYPE_CHECKING:
    from viser import SceneApi

_MOST = 40
"""Frusta with pictures; more hide each other and what they look at."""
_PICTURE = 160
"""Longer side of a picture in a frustum, pixels."""


class Cameras(Layer):
    """Frusta of the input's cameras and of those that stand in the scene.

    Args:
        footage: the input; None if it was not given.
    """

    name, title = "cameras", "Cameras"

    def __init__(self, footage: Footage | None) -> None:
        self._footage = footage

    def add_scene(self, api: SceneApi, scene: Scene) -> Sequence[Any]:
        """A frustum for each camera, at most forty of the input, spread over its frames."""
        scale = 0.14 * Extent.of(scene).size
        handles = [
            _frustum(api, f"/cameras/{name}", camera, None, scale)
            for name, camera in scene.cameras.items()
        ]
        if self._footage is None:
            return handles
        frames = self._footage.frames
        picked = np.unique(np.linspace(0, len(frames) - 1, _MOST).astype(int))
        for i in picked:
            frame = frames[i]
            picture = self._footage.picture(frame, _PICTURE)
            if frame.camera is not None:
                name = f"/cameras/input/{i:04d}"
                handles.append(_frustum(api, name, frame.camera, picture, scale))
        return handles


def _frustum(api: SceneApi, name: str, camera: Camera, picture: Array | None, scale: float) -> Any:
    T = camera.T_world_camera
    return api.add_camera_frustum(
        name,
        fov=2 * float(np.arctan(camera.height / 2 / camera.fy)),
        aspect=camera.width / camera.height,
        scale=scale,
        thickness=1.5,
        thickness_units="screen",
        color=(30, 30, 30) if picture is not None else (0, 114, 178),
        image=picture,
        wxyz=quaternion_from_matrix(T[:3, :3]),
        position=T[:3, 3],
    )
