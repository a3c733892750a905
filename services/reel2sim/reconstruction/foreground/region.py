"""Where the object can be: the space that the cameras share around the point they look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import UsageError

_REACH = 1.45
"""Radius of the region in radii of the largest ball that every picture contains: an object that
fills square pictures reaches into their corners."""
_INNER = 0.15
"""Quantile of the views that limits the ball, so that one close-up does not cut the object."""


@dataclass(frozen=True, eq=False)
class Box:
    """Corners of a box aligned with the world that holds the object through its whole motion.

    Attributes:
        low: smallest coordinates ``(3,)``, metres.
        high: largest coordinates ``(3,)``, metres.
    """

    low: Array
    high: Array

    def __post_init__(self) -> None:
        low, high = checked("Box.low", self.low, (3,)), checked("Box.high", self.high, (3,))
        if not (low < high).all():
            raise UsageError("low must be below high on every axis", source="Box")
        assign(self, low=low, high=high)


@dataclass(frozen=True, eq=False)
class Plane:
    """Points with ``normal · x = offset``; ``normal`` is a unit vector towards the cameras."""

    normal: Array
    offset: float

    def height(self, points: Array) -> Array:
        """Signed distance of ``points`` ``(..., 3)`` on the cameras' side ``(...)``, metres."""
        return np.asarray(points) @ self.normal - self.offset


@dataclass(frozen=True, eq=False)
class Region:
    """A ball, cut by a box and by what the object stands on.

    Attributes:
        center: world ``(3,)``, metres.
        radius_m: metres.
        box: further limit, or None.
        support: what the object stands on, or None if nothing was seen under it.
        clearance_m: height above the support from which something is the object, metres.
    """

    center: Array
    radius_m: float
    box: Box | None = None
    support: Plane | None = None
    clearance_m: float = 0.0

    def contains(self, points: Array) -> Array:
        """Which ``points`` ``(..., 3)`` can belong to the object ``(...)`` bool."""
        inside = ((points - self.center) ** 2).sum(-1) < self.radius_m**2
        if self.box is not None:
            inside &= ((points > self.box.low) & (points < self.box.high)).all(-1)
        if self.support is not None:
            inside &= self.support.height(points) > self.clearance_m
        return inside

    def span(self, camera: Camera) -> tuple[Array, Array]:
        """Depths between which each pixel's ray is in the region: two ``(h, w)`` float64.

        Where a ray misses the region the first depth is not below the second.
        """
        rays = pixel_rays(camera)
        eye = camera.position - self.center
        a, b = (rays**2).sum(-1), rays @ eye
        root = np.sqrt(np.maximum(b * b - a * (eye @ eye - self.radius_m**2), 0.0))
        near, far = np.maximum((-b - root) / a, 0.0), (-b + root) / a
        if self.box is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                low = (self.box.low - camera.position) / rays
                high = (self.box.high - camera.position) / rays
            near = np.maximum(near, np.nan_to_num(np.minimum(low, high), nan=-np.inf).max(-1))
            far = np.minimum(far, np.nan_to_num(np.maximum(low, high), nan=np.inf).min(-1))
        if self.support is not None:
            above = self.support.height(camera.position) - self.clearance_m
            sinking = -(rays @ self.support.normal)
            with np.errstate(divide="ignore"):
                far = np.where(sinking > 1e-12, np.minimum(far, above / sinking), far)
        return near, far


def pixel_rays(camera: Camera) -> Array:
    """Directions ``(h, w, 3)`` through pixel centres, world axes, depth 1."""
    y, x = np.mgrid[0 : camera.height, 0 : camera.width] + 0.5
    return camera.unproject(np.stack([x, y], -1), np.ones(x.shape)) - camera.position


def shared_region(cameras: Sequence[Camera], *, box: Box | None = None) -> Region | None:
    """The ball that most cameras see whole, about the point where their axes meet.

    Args:
        cameras: of views at rest.
        box: limit known from elsewhere; the ball then holds the box.

    Returns:
        None if the axes are parallel or meet behind the cameras, and no box is given.
    """
    if box is not None:
        middle = (box.low + box.high) / 2
        return Region(middle, float(np.linalg.norm(box.high - middle)), box)
    origins = np.stack([camera.position for camera in cameras])
    axes = np.stack([camera.T_world_camera[:3, 2] for camera in cameras])
    projectors = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    if np.linalg.eigvalsh(projectors.mean(0))[0] < 1e-4:
        return None
    meeting = np.einsum("nij,nj->i", projectors, origins)
    center = np.linalg.solve(projectors.sum(0), meeting)
    radii = np.array([_clearance(camera, center) for camera in cameras])
    radius = float(np.quantile(radii, _INNER))
    return Region(center, radius * _REACH) if radius > 0 else None


def _clearance(camera: Camera, point: Array) -> float:
    """Distance from ``point`` to the nearest side of the view's pyramid, negative outside."""
    T = camera.T_camera_world
    x, y, z = T[:3, :3] @ point + T[:3, 3]
    sides = [
        (x * camera.fx + camera.cx * z, camera.fx, camera.cx),
        ((camera.width - camera.cx) * z - x * camera.fx, camera.fx, camera.width - camera.cx),
        (y * camera.fy + camera.cy * z, camera.fy, camera.cy),
        ((camera.height - camera.cy) * z - y * camera.fy, camera.fy, camera.height - camera.cy),
    ]
    return min(float(value / np.hypot(f, c)) for value, f, c in sides)
