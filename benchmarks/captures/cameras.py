"""Where the cameras of a capture stand, and when each takes its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import trimesh
from captures.body import Body
from captures.raycast import RayScene, pixel_rays

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera, look_at

Protocol = Literal["orbit", "front", "mono", "multiview"]

FOV = float(np.radians(40.0))
ELEVATION = float(np.radians(20.0))
_HELD_OUT_ELEVATIONS = tuple(np.radians([5.0, 20.0, 40.0]))
_MARGIN = 0.08
_FIXED_CAMERAS = 8
_STRIDE = 11
"""Held-out azimuths go around in these steps, so that they keep away from the moving camera."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture to take: where from, and at which share of the motion (0..1)."""

    stream: str
    number: int
    azimuth: float
    share: float
    elevation: float = ELEVATION

    @property
    def file(self) -> str:
        """Path of its picture inside the capture folder."""
        return f"{self.stream}/{self.number:03d}.png"


class Ring:
    """Cameras around a body, far enough for its whole motion."""

    def __init__(self, body: Body, shares: Array, size: int) -> None:
        used = np.unique(body.faces)
        cloud = np.concatenate([body.vertices_at(float(share))[used] for share in shares])
        self._size = size
        self._target = (cloud.min(axis=0) + cloud.max(axis=0)) / 2
        offsets = trimesh.convex.convex_hull(cloud).vertices - self._target
        self._distance = max(self._reach(a, offsets) for a in np.radians(np.arange(0, 360, 5)))

    def _reach(self, azimuth: float, offsets: Array) -> float:
        """Smallest distance at which all points project inside the margin."""
        axes = look_at(
            _direction(azimuth, ELEVATION), np.zeros(3), width=2, height=2, fov_y=FOV
        ).T_world_camera[:3, :3]
        x, y, z = (offsets @ axes).T
        half = np.tan(FOV / 2) * (1.0 - _MARGIN)
        return float(np.max(np.maximum(np.abs(x), np.abs(y)) / half - z))

    def camera(
        self, azimuth: float, elevation: float = ELEVATION, *, size: int | None = None
    ) -> Camera:
        """The camera at ``azimuth`` radians about Z from +X, ``elevation`` above the horizon."""
        eye = self._target + self._distance * _direction(azimuth, elevation)
        pixels = size or self._size
        return look_at(eye, self._target, width=pixels, height=pixels, fov_y=FOV)


def _direction(azimuth: float, elevation: float) -> Array:
    c = np.cos(elevation)
    return np.array([c * np.cos(azimuth), c * np.sin(azimuth), np.sin(elevation)])


def instants(frames: int) -> Array:
    """Shares of the motion at which training pictures are taken ``(frames,)``."""
    return np.linspace(0.0, 1.0, frames)


def training_shots(
    protocol: Protocol, front: float, *, frames: int, static_views: int
) -> Iterator[Shot]:
    """The pictures of a protocol, in the order they are written; ``front`` is an azimuth."""
    shares = [float(share) for share in instants(frames)]
    around = [front + 2 * np.pi * i / frames for i in range(frames)]
    if protocol in ("orbit", "front"):
        for i in range(static_views):
            yield Shot("static", i, front + 2 * np.pi * i / static_views, 0.0)
    if protocol in ("orbit", "mono"):
        for i, share in enumerate(shares):
            yield Shot("orbit", i, around[i], share)
    if protocol in ("orbit", "front"):
        for i, share in enumerate(shares):
            yield Shot("front", i, front, share)
    if protocol == "multiview":
        for v in range(_FIXED_CAMERAS):
            for i, share in enumerate(shares):
                yield Shot(f"view{v}", i, front + 2 * np.pi * v / _FIXED_CAMERAS, share)


def held_out_shots(front: float, *, frames: int, views: int) -> Iterator[Shot]:
    """Pictures no fit is given: between the training azimuths and between the instants.

    Elevations alternate; times cover the whole motion in order.
    """
    shares = instants(frames)
    middles = (shares[1:] + shares[:-1]) / 2
    for i in range(views):
        azimuth = front + 2 * np.pi * ((_STRIDE * i) % views + 0.5) / views
        share = float(middles[i * len(middles) // views])
        yield Shot("heldout", i, azimuth, share, _HELD_OUT_ELEVATIONS[i % 3])


def best_azimuth(scene: RayScene, ring: Ring, shares: Array) -> float:
    """Where most of the motion can be followed from its start, beside something that stays.

    A direction's worth is the image motion of the points seen at time zero, as long as they are
    seen, for the part that shows least, times the root of the pixels that stay.
    """
    some = [float(share) for share in shares[:: max(1, len(shares) // 6)]]
    moving = _moving_parts(scene.body)
    worth: dict[float, float] = {}
    for azimuth in np.radians(np.arange(-90, 270, 15)):
        camera = ring.camera(azimuth, size=64)
        start = scene.at(0.0).cast(*pixel_rays(camera, 1))
        hit = start.triangle >= 0
        triangles, bary = start.triangle[hit], start.bary[hit]
        owners = scene.body.face_parts[triangles]
        flow, furthest = _followed(scene, camera, triangles, bary, some)
        each = [float(flow[np.isin(owners, part)].sum()) for part in moving]
        still = int((furthest < 0.01 * scene.body.diagonal).sum())
        worth[azimuth] = min(each) * float(np.sqrt(max(still, 1)))
    return max(worth, key=lambda azimuth: worth[azimuth])


def _moving_parts(body: Body) -> list[list[int]]:
    """Parts that must each be seen to move; without joints, all together."""
    if body.model is None:
        return [list(range(len(body.parts)))]
    return [[body.parts.index(joint.child)] for joint in body.model.joints]


def _followed(
    scene: RayScene, camera: Camera, triangles: Array, bary: Array, shares: list[float]
) -> tuple[Array, Array]:
    """Of points seen at time zero: pixels moved while seen, summed, and the furthest in metres."""
    first = scene.body.points(0.0, triangles, bary)
    start, _ = camera.project(first)
    flow, furthest = np.zeros(len(first)), np.zeros(len(first))
    for share in shares:
        now = scene.body.points(share, triangles, bary)
        shift = np.linalg.norm(camera.project(now)[0] - start, axis=1)
        flow += shift * scene.sees(camera.position, now, share)
        furthest = np.maximum(furthest, np.linalg.norm(now - first, axis=1))
    return flow, furthest
