"""A pinhole camera without distortion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import CameraError
from reel2sim.scene.transforms import invert, is_rigid

_FLIP_YZ = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Camera:
    """Pinhole camera in OpenCV axes: x right, y down, looks along +z.

    Files use OpenGL axes (y up, looks along −z); :mod:`reel2sim.media` converts once on reading.
    Pixel ``(0, 0)`` covers ``[0, 1) × [0, 1)``, so its centre is at ``(0.5, 0.5)``.

    Attributes:
        width: image width in pixels.
        height: image height in pixels.
        fx: focal length in x, pixels.
        fy: focal length in y, pixels.
        cx: principal point x, pixels.
        cy: principal point y, pixels.
        T_world_camera: camera-to-world ``(4, 4)``, metres, world Z up.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    T_world_camera: Array

    def __post_init__(self) -> None:
        T = checked("Camera.T_world_camera", self.T_world_camera, (4, 4), error=CameraError)
        if not is_rigid(T):
            raise CameraError("is not a rigid transform", source="Camera.T_world_camera")
        if self.width < 1 or self.height < 1:
            raise CameraError(f"image size {self.width}×{self.height} is not positive")
        for name in ("fx", "fy"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise CameraError("focal length must be positive", source="Camera", field=name)
        for name in ("cx", "cy"):
            if not np.isfinite(getattr(self, name)):
                raise CameraError("principal point must be finite", source="Camera", field=name)
        # One zero only: files that turn axes do not keep its sign, and digests would tell.
        assign(self, T_world_camera=T + 0.0)

    @property
    def K(self) -> Array:
        """Intrinsic matrix ``(3, 3)``."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def T_camera_world(self) -> Array:
        """World-to-camera ``(4, 4)``."""
        return invert(self.T_world_camera)

    @property
    def position(self) -> Array:
        """Optical centre in the world ``(3,)``, metres."""
        return self.T_world_camera[:3, 3]

    def project(self, points_world: Array) -> tuple[Array, Array]:
        """Project world points.

        Args:
            points_world: ``(..., 3)``, metres.

        Returns:
            Pixels ``(..., 2)`` and depth along the optical axis ``(...)``, metres. Points at or
            behind the camera have depth ≤ 0 and meaningless pixels.
        """
        T = self.T_camera_world
        p = np.asarray(points_world, dtype=np.float64) @ T[:3, :3].T + T[:3, 3]
        z = p[..., 2]
        safe = np.where(np.abs(z) < 1e-12, 1e-12, z)
        uv = p[..., :2] / safe[..., None] * [self.fx, self.fy] + [self.cx, self.cy]
        return uv, z

    def unproject(self, pixels: Array, depth: Array) -> Array:
        """World points ``(..., 3)`` seen at ``pixels`` ``(..., 2)`` with ``depth`` ``(...)``."""
        pixels = np.asarray(pixels, dtype=np.float64)
        z = np.asarray(depth, dtype=np.float64)
        xy = (pixels - [self.cx, self.cy]) / [self.fx, self.fy] * z[..., None]
        p_camera = np.concatenate([xy, z[..., None]], axis=-1)
        return p_camera @ self.T_world_camera[:3, :3].T + self.T_world_camera[:3, 3]

    def resized(self, width: int, height: int) -> Camera:
        """The same view sampled at another resolution."""
        sx, sy = width / self.width, height / self.height
        return Camera(
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=self.cx * sx,
            cy=self.cy * sy,
            T_world_camera=self.T_world_camera,
        )


def opencv_from_opengl(T_world_camera: Array) -> Array:
    """Turn camera-to-world ``(..., 4, 4)`` with OpenGL camera axes into OpenCV axes.

    The change is its own inverse, so it serves both directions.
    """
    return np.asarray(T_world_camera, dtype=np.float64) @ _FLIP_YZ


def camera_fields(camera: Camera) -> dict[str, Any]:
    """What an entry of ``transforms.json`` says of a camera; its matrix has OpenGL camera axes."""
    return {
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "transform_matrix": opencv_from_opengl(camera.T_world_camera).tolist(),
    }


def camera_of_fields(fields: Mapping[str, Any]) -> Camera:
    """The camera that :func:`camera_fields` wrote.

    Raises:
        CameraError: if a field is missing, or is not what it should be.
    """
    try:
        width, height = int(fields["w"]), int(fields["h"])
        fx, fy, cx, cy = (float(fields[key]) for key in ("fl_x", "fl_y", "cx", "cy"))
        T = np.array(fields["transform_matrix"], dtype=np.float64).reshape(4, 4)
    except KeyError as cause:
        raise CameraError("is missing", source="camera", field=str(cause.args[0])) from cause
    except (TypeError, ValueError, OverflowError) as cause:
        raise CameraError(f"is malformed: {cause}", source="camera") from cause
    return Camera(width, height, fx, fy, cx, cy, opencv_from_opengl(T))


def look_at(
    eye: Array, target: Array, *, width: int, height: int, fov_y: float, up: Array | None = None
) -> Camera:
    """A camera at ``eye`` that looks at ``target``.

    Args:
        eye: position ``(3,)``, metres.
        target: point in the image centre ``(3,)``, metres.
        width: image width in pixels.
        height: image height in pixels.
        fov_y: vertical field of view, radians.
        up: direction that points up in the image, default world +Z.
    """
    eye = np.asarray(eye, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - eye
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, np.array([0.0, 0.0, 1.0]) if up is None else up)
    if np.linalg.norm(right) < 1e-9:
        right = np.array([1.0, 0.0, 0.0])
    right = right / np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    f = height / 2 / np.tan(fov_y / 2)
    return Camera(width, height, f, f, width / 2, height / 2, T)
