"""Where the object is and how large: a sphere from cameras and masks alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import NoSubjectError, ReconstructionError
from reel2sim.scene.reel import Frame, Reel


@dataclass(frozen=True, eq=False)
class Sphere:
    """A ball that holds the object at time zero; the unit of length inside the fit.

    Attributes:
        center: world ``(3,)``, metres.
        radius_m: metres.
    """

    center: Array
    radius_m: float

    def normalise(self, points: Array) -> Array:
        """World points ``(..., 3)`` in metres as fractions of the radius about the centre."""
        return (np.asarray(points, dtype=np.float64) - self.center) / self.radius_m

    def denormalise(self, points: Array) -> Array:
        """Inverse of :meth:`normalise`."""
        return np.asarray(points, dtype=np.float64) * self.radius_m + self.center

    def camera_matrix(self, camera: Camera) -> Array:
        """``(4, 4)``: normalised points to camera axes with depth in radii."""
        T = camera.T_camera_world.copy()
        T[:3, 3] = (T[:3, :3] @ self.center + T[:3, 3]) / self.radius_m
        return T


def camera_of(frame: Frame) -> Camera:
    """The camera of a frame that must have one.

    Raises:
        ReconstructionError: if it has none.
    """
    if frame.camera is None:
        raise ReconstructionError(
            "camera is missing",
            source=frame.name or f"frame at {frame.time_s:g} s",
            remedy="estimate cameras first, or give a capture folder with transforms.json",
        )
    return frame.camera


def mask_of(frame: Frame) -> Array:
    """The mask of a frame ``(h, w)`` uint8; frames without one count as empty."""
    return np.zeros(frame.image.shape[:2], np.uint8) if frame.mask is None else frame.mask


def shape_frames(reel: Reel, *, min_views: int = 3) -> tuple[Frame, ...]:
    """Frames that tell the shape at time zero.

    These are the views at time zero whose mask is not empty; with fewer than ``min_views`` of
    them, frames of all times, in which static parts dominate.
    """

    def seen(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return tuple(f for f in frames if (mask_of(f) > 127).any())

    zero = seen(reel.at_time(float(reel.times_s[0])))
    return zero if len(zero) >= min_views else seen(reel.frames)


def object_sphere(reel: Reel, *, min_views: int = 3) -> Sphere:
    """The sphere that holds the masked object at time zero.

    The centre is where the rays through the silhouettes' middles meet; the radius is what the
    silhouettes span there. Single bad masks are outvoted. From one viewpoint the distance cannot
    be known; then the point of the view axis next to the world's origin is taken.

    Args:
        reel: calibrated and masked.
        min_views: with fewer views at time zero, frames of all times are used.

    Raises:
        NoSubjectError: if all masks are empty.
        ReconstructionError: if a camera is missing.
    """
    frames = shape_frames(reel, min_views=min_views)
    if not frames:
        raise NoSubjectError("every mask is empty", source=reel.source or "reel")
    middles = [_middle(mask_of(f)) for f in frames]
    origins = np.stack([camera_of(f).position for f in frames])
    targets = np.stack(
        [camera_of(f).unproject(uv, np.ones(())) for f, uv in zip(frames, middles, strict=True)]
    )
    rays = targets - origins
    center = _meeting_point(origins, rays / np.linalg.norm(rays, axis=1, keepdims=True))
    radii = [_span(f, center) for f in frames]
    radius = float(np.quantile([r for r in radii if r > 0] or [0.0], 0.9)) * 1.08
    if not radius > 0:
        raise ReconstructionError(
            "the cameras do not look at one common point",
            source=reel.source or "reel",
            remedy="check that poses are camera-to-world with −z forward",
        )
    return Sphere(center, radius)


def _middle(mask: Array) -> Array:
    """Middle of a mask's box ``(2,)`` in pixels, stray pixels ignored."""
    y, x = np.nonzero(mask > 127)
    low_x, high_x = np.quantile(x, [0.002, 0.998])
    low_y, high_y = np.quantile(y, [0.002, 0.998])
    return np.array([(low_x + high_x) / 2, (low_y + high_y) / 2]) + 0.5


def _meeting_point(origins: Array, rays: Array) -> Array:
    """Point nearest to all rays, robustly; ``(n, 3)`` each, rays of unit length."""
    projectors = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    weights = np.ones(len(rays))
    parallel = np.linalg.eigvalsh(projectors.mean(0))[0] < 1e-4
    baseline = np.ptp(origins, axis=0).max()
    if parallel or baseline <= 1e-6 * np.abs(origins).max():
        distance = float(np.median(-np.einsum("ni,ni->n", origins, rays)))
        gap = float(np.median(np.linalg.norm(origins, axis=1)))
        distance = distance if distance > 1e-3 * gap and gap > 0 else 1.0
        return np.median(origins + distance * rays, axis=0)
    center = np.zeros(3)
    for _ in range(8):
        A = np.einsum("n,nij->ij", weights, projectors)
        b = np.einsum("n,nij,nj->i", weights, projectors, origins)
        center = np.linalg.solve(A, b)
        miss = np.linalg.norm(np.einsum("nij,nj->ni", projectors, center - origins), axis=1)
        weights = 1.0 / (miss + np.median(miss) + 1e-9 * np.abs(origins - center).max())
        weights /= weights.mean()
    return center


def _span(frame: Frame, center: Array) -> float:
    """Radius in metres that a silhouette spans about ``center``, or 0 behind the camera."""
    camera = camera_of(frame)
    uv, z = camera.project(center)
    if z <= 0:
        return 0.0
    y, x = np.nonzero(mask_of(frame) > 127)
    offset = (np.stack([x, y], 1) + 0.5 - uv) / [camera.fx, camera.fy]
    return float(np.quantile(np.linalg.norm(offset, axis=1), 0.998) * z)
