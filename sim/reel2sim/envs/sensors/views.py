"""Where the cameras of sensors are, as pinholes and as PyBullet wants them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reel2sim.envs.bundle import entry, read_json
from reel2sim.envs.camera import View
from reel2sim.envs.loading import LoadedScene
from reel2sim.envs.sensors.config import LookAt, Pinhole
from reel2sim.envs.sensors.look import Look
from reel2sim.scene import Camera, look_at
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import opencv_from_opengl
from reel2sim.scene.errors import CameraError, UsageError
from reel2sim.scene.transforms import invert, pose

FAR_M = 100.0
"""Nothing beyond this is seen, metres; bound of depths and of points."""

_NEAREST_M = 0.01


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A camera and how far it looks.

    Attributes:
        camera: the pinhole.
        distance: to the middle of the objects, metres.
        far: from here on nothing is seen, metres.
    """

    camera: Camera
    distance: float
    far: float

    @property
    def near(self) -> float:
        """Nothing nearer is seen, metres."""
        return min(_NEAREST_M, self.far / 1000)

    def shaken(self, look: Look) -> Viewpoint:
        """The viewpoint of an episode."""
        camera = self.camera
        T = camera.T_world_camera
        if look.shift.any() or look.turn.any():
            from scipy.spatial.transform import Rotation

            T = T @ pose(Rotation.from_rotvec(look.turn).as_matrix(), look.shift * self.distance)
        moved = replace(
            camera, fx=camera.fx / look.zoom, fy=camera.fy / look.zoom, T_world_camera=T
        )
        return replace(self, camera=moved)

    def matrices(self) -> tuple[list[float], list[float]]:
        """View and projection matrices for PyBullet's software renderer, column by column."""
        camera, near, far = self.camera, self.near, self.far
        view = invert(opencv_from_opengl(camera.T_world_camera))
        w, h = camera.width, camera.height
        # The software renderer samples pixels at their lower left corner instead of the middle.
        cx, cy = camera.cx - 0.5, camera.cy + 0.5
        lens = np.zeros((4, 4))
        lens[0, 0], lens[0, 2] = 2 * camera.fx / w, 1 - 2 * cx / w
        lens[1, 1], lens[1, 2] = 2 * camera.fy / h, 2 * cy / h - 1
        lens[2] = [0, 0, (far + near) / (near - far), 2 * far * near / (near - far)]
        lens[3, 2] = -1.0
        return view.T.ravel().tolist(), lens.T.ravel().tolist()

    def depth(self, buffer: Array) -> Array:
        """Metres along the optical axis of a depth buffer ``(h, w)``, 0..1."""
        near, far = self.near, self.far
        return far * near / (far - (far - near) * buffer.astype(np.float64))


def viewpoint(
    view: str | LookAt | Pinhole | None,
    size: tuple[int, int],
    *,
    lower: Array,
    upper: Array,
    scene: LoadedScene,
) -> Viewpoint:
    """The viewpoint that a sensor asks for.

    Args:
        view: of the sensor's configuration.
        size: width and height, pixels.
        lower: lowest corner of all motions ``(3,)``, world frame.
        upper: highest corner ``(3,)``.
        scene: whose cameras may be named.

    Raises:
        UsageError: if the scene has no camera of that name, or it is no camera.
    """
    width, height = int(size[0]), int(size[1])
    if view is None:
        camera = View.around(lower, upper, aspect=width / height).camera(width, height)
    elif isinstance(view, LookAt):
        camera = look_at(
            np.array(view.eye),
            np.array(view.target),
            width=width,
            height=height,
            fov_y=np.radians(view.fov_deg),
            up=np.array(view.up),
        )
    else:
        camera = _pinhole(_named(view, scene) if isinstance(view, str) else view, width, height)
    distance = float(np.linalg.norm(camera.position - (lower + upper) / 2))
    reach = distance + float(np.linalg.norm(upper - lower))
    return Viewpoint(camera, distance, min(4.0 * reach, FAR_M))


def _pinhole(given: Pinhole, width: int, height: int) -> Camera:
    try:
        return Camera(
            width=round(given.w),
            height=round(given.h),
            fx=given.fl_x,
            fy=given.fl_y,
            cx=given.w / 2 if given.cx is None else given.cx,
            cy=given.h / 2 if given.cy is None else given.cy,
            T_world_camera=opencv_from_opengl(np.array(given.transform_matrix)),
        ).resized(width, height)
    except CameraError as fault:
        raise UsageError(fault.message, source="Pinhole", field="transform_matrix") from None


def _named(name: str, scene: LoadedScene) -> Pinhole:
    """The camera called ``name`` in ``scene.json``."""
    path = scene.root / "scene.json"
    records: list[Any] = [] if scene.lone else entry(read_json(path), "cameras", list, path)
    for i, record in enumerate(records):
        at = f"cameras[{i}]"
        if entry(record, "name", str, path, at) == name:
            numbers = {
                key: float(entry(record, key, (int, float), path, at))
                for key in ("w", "h", "fl_x", "fl_y", "cx", "cy")
            }
            return Pinhole(entry(record, "transform_matrix", list, path, at), **numbers)
    names = ", ".join(str(record.get("name")) for record in records)
    raise UsageError(
        f"is {name!r}, which is no camera of {scene.root}",
        source="sensors",
        field="view",
        remedy=f"use {names}, a LookAt or None" if names else "give a LookAt, or None",
    )
