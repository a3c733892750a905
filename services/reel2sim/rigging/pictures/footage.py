"""Frames prepared for motion estimation: normalised space, float images, camera tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from reel2sim.scene import Camera, Frame, Reel, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import RiggingError


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Maps world metres to a space in which the object has about unit radius.

    Attributes:
        center: world point that becomes the origin ``(3,)``, metres.
        radius: metres that become 1.
    """

    center: Array
    radius: float

    @classmethod
    def of(cls, surfels: Surfels) -> Normalisation:
        """From the robust extent of the surfels."""
        lo, hi = np.percentile(surfels.means, [0.2, 99.8], axis=0)
        center = (lo + hi) / 2
        radius = float(np.percentile(np.linalg.norm(surfels.means - center, axis=1), 99.8))
        return cls(center.astype(np.float64), max(radius, 1e-9))

    def points(self, p_world: Array) -> Array:
        """Normalised coordinates of world points ``(..., 3)``."""
        return (np.asarray(p_world, dtype=np.float64) - self.center) / self.radius

    def points_back(self, p: Array) -> Array:
        """World coordinates of normalised points ``(..., 3)``."""
        return np.asarray(p, dtype=np.float64) * self.radius + self.center

    def motion(self, T_world: Array) -> Array:
        """Normalised form of world-to-world motions ``(..., 4, 4)``."""
        T = np.array(T_world, dtype=np.float64)
        R, t = T[..., :3, :3], T[..., :3, 3]
        T[..., :3, 3] = (R @ self.center + t - self.center) / self.radius
        return T

    def motion_back(self, T: Array) -> Array:
        """World-to-world form of normalised motions ``(..., 4, 4)``."""
        T_world = np.array(T, dtype=np.float64)
        R, t = T_world[..., :3, :3], T_world[..., :3, 3]
        T_world[..., :3, 3] = t * self.radius + self.center - R @ self.center
        return T_world

    def surfels(self, surfels: Surfels) -> Surfels:
        """The same surfels in normalised space."""
        return Surfels(
            self.points(surfels.means),
            surfels.rotations,
            surfels.scales / self.radius,
            surfels.opacities,
            surfels.sh,
            surfels.confidence,
        )

    def camera(self, camera: Camera) -> Camera:
        """The same camera in normalised space."""
        T = camera.T_world_camera.copy()
        T[:3, 3] = self.points(T[:3, 3])
        return Camera(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy, T)


@dataclass(frozen=True, eq=False)
class View:
    """One frame of a stream.

    Attributes:
        image: ``(h, w, 3)`` float32, 0..1, black outside the object.
        mask: ``(h, w)`` float32, 1 on the object.
        camera: in normalised space.
        texture: ``(h, w)`` uint8, locally normalised grey on a dark ground: what trackers see.
    """

    image: Array
    mask: Array
    camera: Camera
    texture: Array


@dataclass(frozen=True, eq=False)
class Footage:
    """The streams that show motion, on one table of instants.

    Attributes:
        times_s: ``(t,)``, first is the reel's first instant.
        streams: names.
        views: ``views[s][t]``, None where stream ``s`` has no frame at instant ``t``.
        T_camera_world: ``(t, s, 4, 4)``; identity where there is no view.
        intrinsics: ``(t, s, 4)`` rows ``fx, fy, cx, cy``; ones where there is no view.
    """

    times_s: Array
    streams: tuple[str, ...]
    views: tuple[tuple[View | None, ...], ...]
    T_camera_world: Array
    intrinsics: Array

    def seen(self) -> list[tuple[int, int]]:
        """All ``(stream, instant)`` pairs that have a view."""
        return [(s, t) for s, row in enumerate(self.views) for t, view in enumerate(row) if view]

    def view(self, stream: int, instant: int) -> View:
        """The view, which must exist."""
        view = self.views[stream][instant]
        if view is None:
            raise KeyError((stream, instant))
        return view


def local_contrast(image: Array, mask: Array, *, sigma_px: float = 5.0) -> Array:
    """Grey image with local mean and contrast removed, so that shading does not matter.

    Args:
        image: ``(h, w, 3)`` float32, 0..1.
        mask: ``(h, w)`` float32; statistics are taken inside it.
        sigma_px: size of the neighbourhood.

    Returns:
        ``(h, w)`` uint8; 30 outside the mask, so that the outline is an edge as well.
    """

    def blur(x: Array) -> Array:
        return cv2.GaussianBlur(x.astype(np.float32), (0, 0), sigma_px)

    grey = image.mean(axis=-1)
    weight = blur(mask) + 1e-3
    mean = blur(grey * mask) / weight
    variance = np.maximum(blur(grey * grey * mask) / weight - mean**2, 0.0)
    flat = (grey - mean) / np.sqrt(variance + 0.03**2)
    value = np.clip(128 + 40 * flat, 0, 255)
    return np.clip(value * mask + 30 * (1 - mask), 0, 255).astype(np.uint8)


def prepare(reel: Reel, norm: Normalisation, *, max_times: int, max_streams: int) -> Footage:
    """Arrange the moving streams of a calibrated, masked reel.

    Args:
        reel: every frame has a camera and a mask.
        norm: the normalised space.
        max_times: instants to keep, evenly spread, first and last included.
        max_streams: streams to keep, the longest and those that look from elsewhere.

    Raises:
        RiggingError: if no stream shows two instants.
    """
    moving = {name: f for name, f in reel.streams.items() if len({x.time_s for x in f}) > 1}
    if not moving:
        raise RiggingError(
            "no camera stream shows the subject at two different times", source=reel.source
        )
    times = np.unique(np.concatenate([[x.time_s for x in f] for f in moving.values()]))
    if len(times) > max_times:
        times = times[np.unique(np.linspace(0, len(times) - 1, max_times).round().astype(int))]
    names = tuple(sorted(_apart(moving, norm, max_streams)))
    rows = [_row(moving[name], times, norm) for name in names]
    poses = np.tile(np.eye(4), (len(times), len(names), 1, 1))
    intrinsics = np.ones((len(times), len(names), 4))
    for s, row in enumerate(rows):
        for t, view in enumerate(row):
            if view is not None:
                c = view.camera
                poses[t, s] = c.T_camera_world
                intrinsics[t, s] = (c.fx, c.fy, c.cx, c.cy)
    return Footage(times, names, tuple(rows), poses, intrinsics)


def _apart(streams: Mapping[str, tuple[Frame, ...]], norm: Normalisation, most: int) -> list[str]:
    """Names of at most ``most`` streams: the longest, then always the farthest from those taken."""
    names = sorted(streams, key=lambda name: (-len(streams[name]), name))
    if len(names) <= most:
        return names
    eyes = [[norm.points(x.camera.position) for x in streams[n] if x.camera] for n in names]
    sides = np.stack([np.mean([eye / np.linalg.norm(eye) for eye in row], axis=0) for row in eyes])
    taken = [0]
    while len(taken) < most:
        away = np.linalg.norm(sides[:, None] - sides[taken], axis=-1).min(axis=1)
        taken.append(int(away.argmax()))
    return [names[i] for i in taken]


def _row(frames: tuple[Frame, ...], times: Array, norm: Normalisation) -> tuple[View | None, ...]:
    by_time = {frame.time_s: frame for frame in frames}
    return tuple(_view(by_time.get(float(t)), norm) for t in times)


def _view(frame: Frame | None, norm: Normalisation) -> View | None:
    if frame is None or frame.camera is None or frame.mask is None:
        return None
    mask = frame.mask.astype(np.float32) / 255.0
    image = frame.image.astype(np.float32) / 255.0 * mask[..., None]
    return View(image, mask, norm.camera(frame.camera), local_contrast(image, mask))
