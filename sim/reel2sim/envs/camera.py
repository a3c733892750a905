"""A view that holds the whole motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.scene import Camera, look_at
from reel2sim.scene.arrays import Array

_FOV_Y_DEGREES = 40.0
_YAW_DEGREES = 35.0
_PITCH_DEGREES = -25.0


@dataclass(frozen=True, eq=False)
class View:
    """Where a picture is taken from.

    Attributes:
        target: point in the centre of the picture ``(3,)``, metres.
        distance: from there to the camera, metres.
    """

    target: Array
    distance: float
    yaw: float = _YAW_DEGREES
    pitch: float = _PITCH_DEGREES

    @classmethod
    def around(cls, lower: Array, upper: Array, *, aspect: float) -> View:
        """The view in which the box fits, for pictures of width over height ``aspect``."""
        radius = max(float(np.linalg.norm(upper - lower)) / 2, 1e-3)
        half_y = np.radians(_FOV_Y_DEGREES) / 2
        half = min(half_y, float(np.arctan(np.tan(half_y) * aspect)))
        return cls((lower + upper) / 2, radius / np.sin(half))

    @property
    def back(self) -> Array:
        """Unit direction from the target to the camera ``(3,)``."""
        yaw, pitch = np.radians(self.yaw), np.radians(self.pitch)
        return np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), -np.sin(pitch)])

    def camera(self, width: int, height: int) -> Camera:
        """The same view as a pinhole."""
        eye, fov = self.target + self.distance * self.back, np.radians(_FOV_Y_DEGREES)
        return look_at(eye, self.target, width=width, height=height, fov_y=fov)

    def matrices(self, *, aspect: float) -> tuple[list[float], list[float]]:
        """View and projection matrices as PyBullet takes them, column by column."""
        yaw, back = np.radians(self.yaw), self.back
        right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        up = np.cross(back, right)
        R = np.stack([right, up, back])
        view = np.eye(4)
        view[:3, :3] = R
        view[:3, 3] = -R @ (self.target + self.distance * back)
        near, far = 0.05 * self.distance, 4.0 * self.distance
        f = 1.0 / np.tan(np.radians(_FOV_Y_DEGREES) / 2)
        lens = np.zeros((4, 4))
        lens[0, 0], lens[1, 1] = f / aspect, f
        lens[2] = [0, 0, (far + near) / (near - far), 2 * far * near / (near - far)]
        lens[3, 2] = -1.0
        return view.T.ravel().tolist(), lens.T.ravel().tolist()
