"""The visual hull: which voxels every silhouette agrees on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reel2sim.reconstruction.bounds import (
    Sphere,
    camera_of,
    mask_of,
    object_sphere,
    shape_frames,
)
from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import NoSubjectError
from reel2sim.scene.reel import Frame, Reel

_TOLERANCES = (0.0, 0.04, 0.1, 0.2, 0.35, 0.5)
"""Shares of views that may contradict a voxel, tried in this order."""
_COVERAGE = 0.92
"""Share of the silhouettes a hull must fill to be believed."""
_SEEN = 0.8
"""Share of the views whose picture a voxel must lie in."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Occupancy on a cubic grid aligned with the world.

    Attributes:
        occupancy: ``(nx, ny, nz)`` bool.
        origin: centre of voxel ``(0, 0, 0)``, world ``(3,)``, metres.
        voxel_m: edge of a voxel, metres.
        tolerance: share of views that were allowed to contradict a voxel; above 0 the hull is a
            vote, not an intersection.
    """

    occupancy: Array
    origin: Array
    voxel_m: float
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        occupancy = checked("Volume.occupancy", self.occupancy, ("x", "y", "z"), dtype=np.bool_)
        assign(self, occupancy=occupancy, origin=checked("Volume.origin", self.origin, (3,)))

    @property
    def points(self) -> Array:
        """Centres of the occupied voxels ``(m, 3)``, world, metres."""
        return self.origin + np.argwhere(self.occupancy) * self.voxel_m

    @property
    def volume_m3(self) -> float:
        """Occupied volume, cubic metres."""
        return float(self.occupancy.sum()) * self.voxel_m**3

    def contains(self, points: Array) -> Array:
        """Whether world ``points`` ``(..., 3)`` lie in occupied voxels ``(...)`` bool."""
        index = np.rint((np.asarray(points) - self.origin) / self.voxel_m).astype(np.int64)
        inside = np.all((index >= 0) & (index < self.occupancy.shape), axis=-1)
        i, j, k = np.moveaxis(np.where(np.expand_dims(inside, -1), index, 0), -1, 0)
        return np.asarray(inside) & self.occupancy[i, j, k]


def carve(
    reel: Reel, *, resolution: int = 112, sphere: Sphere | None = None, min_views: int = 3
) -> Volume:
    """Carve the visual hull at time zero.

    A voxel stays if no silhouette excludes it and most pictures contain it. If the strict hull
    does not fill the silhouettes (noisy masks, or a shape seen only while it moves), more and
    more views may disagree until it does.

    Args:
        reel: calibrated and masked.
        resolution: voxels along each side.
        sphere: where to look; found from cameras and masks if None.
        min_views: with fewer views at time zero, frames of all times vote.

    Raises:
        NoSubjectError: if nothing is left.
        ReconstructionError: if a camera is missing.
    """
    sphere = object_sphere(reel, min_views=min_views) if sphere is None else sphere
    frames = shape_frames(reel, min_views=min_views)
    half = 1.05
    axis = np.linspace(-half, half, resolution, dtype=np.float32)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    ball = np.flatnonzero((points**2).sum(1) <= half**2)
    misses, seen = _vote(points[ball], frames, sphere)
    step = float(axis[1] - axis[0])
    best: tuple[float, Array, float] | None = None
    for tolerance in _TOLERANCES:
        kept = ball[(misses <= tolerance * len(frames)) & (seen >= _SEEN * len(frames))]
        covered = _coverage(points[kept], frames, sphere, step) if len(kept) >= 8 else 0.0
        if best is None or covered > best[0] + 0.01:
            best = (covered, kept, tolerance)
        if covered >= _COVERAGE:
            break
    if best is None or len(best[1]) < 8:
        raise NoSubjectError(
            "the masks agree on no common shape",
            source=reel.source or "reel",
            remedy="check masks and camera poses",
        )
    occupancy = np.zeros(resolution**3, bool)
    occupancy[best[1]] = True
    return Volume(
        occupancy.reshape(resolution, resolution, resolution),
        sphere.denormalise(np.full(3, -half)),
        step * sphere.radius_m,
        best[2],
    )


def _vote(points: Array, frames: tuple[Frame, ...], sphere: Sphere) -> tuple[Array, Array]:
    """How many silhouettes exclude and how many pictures contain each normalised point."""
    misses = np.zeros(len(points), np.int32)
    seen = np.zeros(len(points), np.int32)
    alive = np.arange(len(points))
    for frame in frames:
        uv, z = _project(points[alive], frame, sphere)
        mask = mask_of(frame).astype(np.float32) / 255
        h, w = mask.shape
        inside = (z > 0) & (uv >= 0).all(1) & (uv[:, 0] < w) & (uv[:, 1] < h)
        value = _sample(mask, uv)
        misses[alive] += inside & (value < 0.35)
        seen[alive] += inside
        alive = alive[misses[alive] <= _TOLERANCES[-1] * len(frames)]
    return misses, seen


def _sample(mask: Array, uv: Array) -> Array:
    """Bilinear samples ``(m,)`` of ``mask`` at pixels ``uv`` ``(m, 2)``, edges repeated."""
    rows = 16384
    pad = -len(uv) % rows
    grid = np.pad(uv - np.float32(0.5), ((0, pad), (0, 0)), mode="edge").reshape(-1, rows, 2)
    value = cv2.remap(
        mask, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return value.reshape(-1)[: len(uv)]


def _project(points: Array, frame: Frame, sphere: Sphere) -> tuple[Array, Array]:
    """Pixels ``(m, 2)`` and depth in radii ``(m,)`` of normalised points, float32."""
    camera = camera_of(frame)
    T = sphere.camera_matrix(camera).astype(np.float32)
    p = points @ T[:3, :3].T + T[:3, 3]
    z = p[:, 2]
    scale = np.array([camera.fx, camera.fy], np.float32)
    middle = np.array([camera.cx, camera.cy], np.float32)
    return p[:, :2] / np.maximum(z, 1e-6)[:, None] * scale + middle, z


def _coverage(points: Array, frames: tuple[Frame, ...], sphere: Sphere, step: float) -> float:
    """Mean share of up to eight silhouettes that the projected points fill."""
    shares: list[float] = []
    for frame in frames[:: max(1, len(frames) // 8)]:
        camera = camera_of(frame)
        uv, z = _project(points, frame, sphere)
        pitch = float(step * camera.fx / max(float(np.median(z)), 1e-6))
        shrink = min(1.0, 1.0 / max(pitch, 1e-6))
        h, w = (max(8, round(n * shrink)) for n in (camera.height, camera.width))
        mask = cv2.resize(mask_of(frame), (w, h), interpolation=cv2.INTER_AREA) > 127
        x = np.clip((uv[:, 0] * w / camera.width).astype(np.int64), 0, w - 1)
        y = np.clip((uv[:, 1] * h / camera.height).astype(np.int64), 0, h - 1)
        hit = np.zeros((h, w), np.uint8)
        hit[y, x] = 1
        hit = cv2.dilate(hit, np.ones((3, 3), np.uint8)) > 0
        shares.append(float((hit & mask).sum() / max(1, mask.sum())))
    return float(np.mean(shares)) if shares else 0.0
