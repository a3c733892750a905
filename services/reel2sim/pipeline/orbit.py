"""Cameras that circle an object while it moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from reel2sim.pipeline.subject import Subject
from reel2sim.pipeline.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera, look_at
from reel2sim.scene.errors import InputError, UsageError

_INSTANTS = 24
"""Times at which the object's extent is looked at."""
_SEEN = 0.1
"""Opacity from which a surfel counts to the extent."""
_REACH = 2.0
"""Standard deviations at which a surfel ends for the eye."""
_DIRECTIONS = 72
"""Azimuths for which the distance is sought."""
_MARGIN = 1.08
"""Share by which the picture is larger than the object needs."""


@dataclass(frozen=True, kw_only=True)
class OrbitPath:
    """A circle around an object.

    Attributes:
        turns: full turns; negative ones run clockwise seen from above.
        elevation_deg: height of the camera above the horizon, -89..89.
        azimuth_deg: where it starts, from world +X towards +Y.
        distance_m: from the centre of the object; if None, just far enough to see all of it.
        fov_deg: vertical field of view, 1..150.
        seconds: length of the film.
        fps: frames per second.
    """

    turns: float = 1.0
    elevation_deg: float = 20.0
    azimuth_deg: float = 0.0
    distance_m: float | None = None
    fov_deg: float = 35.0
    seconds: float = 6.0
    fps: float = 24.0

    def __post_init__(self) -> None:
        checks = {
            "turns": np.isfinite(self.turns),
            "elevation": abs(self.elevation_deg) <= 89.0,
            "azimuth": np.isfinite(self.azimuth_deg),
            "distance": self.distance_m is None or 0.0 < self.distance_m < np.inf,
            "fov": 1.0 <= self.fov_deg <= 150.0,
            "seconds": 0.0 < self.seconds <= 3600.0,
            "fps": 0.0 < self.fps <= 240.0,
        }
        remedies = {
            "turns": "give a number",
            "elevation": "give degrees from -89 to 89",
            "azimuth": "give degrees",
            "distance": "give metres above 0",
            "fov": "give degrees from 1 to 150",
            "seconds": "give seconds above 0, at most 3600",
            "fps": "give frames per second above 0, at most 240",
        }
        for name, fine in checks.items():
            if not fine:
                raise UsageError("is out of range", field=name, remedy=remedies[name])

    @property
    def frames(self) -> int:
        """Number of frames, at least 1."""
        return max(1, round(self.seconds * self.fps))


def extent(subject: Subject) -> Array:
    """Points ``(m, 3)`` whose convex hull holds the subject over all of its motion, metres.

    Raises:
        InputError: if nothing of it can be seen.
    """
    times = np.linspace(subject.start_s, subject.stop_s, _INSTANTS)
    clouds = [_outline(subject, float(t)) for t in np.unique(times)]
    points = np.concatenate(clouds)
    if not len(points):
        raise InputError("has no surfel that can be seen", remedy="reconstruct it again")
    return outermost(points)


def outermost(points: Array) -> Array:
    """Those of ``points`` ``(n, 3)`` that their convex hull needs, or all of a few."""
    # Flat objects have no hull of volume; joggling gives them one.
    return points[ConvexHull(points, qhull_options="QJ").vertices] if len(points) > 400 else points


def orbit_views(
    subject: Subject,
    path: OrbitPath,
    *,
    width: int,
    height: int,
    freeze_s: float | None = None,
) -> tuple[View, ...]:
    """Views along ``path``, evenly spaced in time, over the subject's motion from end to end.

    The first frame shows the first instant and the last one the last. The circle ends one step
    before it closes, so that the film can be looped.

    Args:
        subject: what to circle.
        path: the circle.
        width: of the pictures, pixels.
        height: of the pictures, pixels.
        freeze_s: show this instant all the time.
    """
    points = extent(subject)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    distance = path.distance_m or fitting_distance(points - center, path, aspect=width / height)
    count = path.frames
    times = np.linspace(subject.start_s, subject.stop_s, count)
    cameras = circle_cameras(center, distance, path, count=count, width=width, height=height)
    return tuple(
        View(f"orbit/{i:04d}.png", camera, float(times[i]) if freeze_s is None else freeze_s)
        for i, camera in enumerate(cameras)
    )


def circle_cameras(
    center: Array, distance_m: float, path: OrbitPath, *, count: int, width: int, height: int
) -> tuple[Camera, ...]:
    """``count`` cameras in even steps along ``path``, which stop one step before it closes.

    Args:
        center: of the circle, at which all look ``(3,)``, metres.
        distance_m: of every camera from it.
        path: turns, azimuth, elevation and field of view.
        count: of cameras.
        width: of the pictures, pixels.
        height: of the pictures, pixels.
    """
    cameras: list[Camera] = []
    for i in range(count):
        toward = _direction(path, np.radians(path.azimuth_deg) + 2 * np.pi * path.turns * i / count)
        cameras.append(
            look_at(
                center + distance_m * toward,
                center,
                width=width,
                height=height,
                fov_y=float(np.radians(path.fov_deg)),
            )
        )
    return tuple(cameras)


def fitting_distance(
    points: Array, path: OrbitPath, *, aspect: float, margin: float = _MARGIN
) -> float:
    """Least distance from which every point of the orbit sees all ``points``, metres.

    Args:
        points: ``(m, 3)`` about the centre of the orbit.
        path: its elevation and field of view.
        aspect: width over height of the picture.
        margin: share by which the picture is larger than the points need.
    """
    half_y = np.tan(np.radians(path.fov_deg) / 2) / margin
    half_x = half_y * aspect
    least = 1e-3
    for azimuth in np.linspace(0.0, 2 * np.pi, _DIRECTIONS, endpoint=False):
        back = _direction(path, azimuth)
        right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
        x, y, z = (points @ axis for axis in (right, np.cross(back, right), back))
        needed = z + np.maximum(np.abs(x) / half_x, np.abs(y) / half_y)
        least = max(least, float(needed.max()))
    return least


def depth_range(subject: Subject, views: Sequence[View]) -> tuple[float, float]:
    """Nearest and farthest depth that any view can show of the subject, metres."""
    points = extent(subject)
    depths: list[Any] = [view.camera.project(points)[1] for view in views]
    near = min(float(depth.min()) for depth in depths)
    return max(near, 0.0), max(float(depth.max()) for depth in depths)


def _direction(path: OrbitPath, azimuth: float) -> Array:
    """Unit vector from the centre to the camera ``(3,)``."""
    up = np.radians(path.elevation_deg)
    return np.array([np.cos(azimuth) * np.cos(up), np.sin(azimuth) * np.cos(up), np.sin(up)])


def _outline(subject: Subject, time_s: float) -> Array:
    """The ends of both axes of every surfel that can be seen ``(4n, 3)``."""
    from reel2sim.scene.transforms import matrix_from_quaternion

    surfels = subject.surfels_at(time_s)
    surfels = surfels.select(surfels.opacities >= _SEEN)
    tangents = matrix_from_quaternion(surfels.rotations)[:, :, :2]
    reach = _REACH * np.swapaxes(tangents * surfels.scales[:, None, :], 1, 2)
    means = surfels.means[:, None, :].astype(np.float64)
    return np.concatenate([means + reach, means - reach], axis=1).reshape(-1, 3)
