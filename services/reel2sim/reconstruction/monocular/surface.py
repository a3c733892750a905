"""Surfels of the first frame: each part a plane through the depths its motion gave."""

from __future__ import annotations

import numpy as np

from reel2sim.reconstruction.surface import normals_to_quaternions
from reel2sim.scene import Camera, Surfels
from reel2sim.scene.arrays import Array

_MOST = 5000
_OPACITY = 0.95


def fitted_plane(points: Array, *, toward: Array) -> tuple[Array, Array]:
    """Robust plane through points ``(n, 3)``: a point and the unit normal facing ``toward``."""
    keep = np.ones(len(points), bool)
    center, normal = points.mean(axis=0), np.zeros(3)
    for _ in range(4):
        center = points[keep].mean(axis=0)
        normal = np.linalg.svd(points[keep] - center, full_matrices=False)[2][-1]
        off = np.abs((points - center) @ normal)
        keep = off <= max(2.5 * np.median(off), 1e-6)
    return center, normal * (1.0 if normal @ (toward - center) >= 0 else -1.0)


def hinge_plane(axis: Array, pivot: Array, *, toward: Array) -> tuple[Array, Array]:
    """The plane through an axis that faces ``toward`` most, for a part nothing moved."""
    normal = toward - pivot
    normal = normal - axis * (normal @ axis)
    return pivot, normal / max(float(np.linalg.norm(normal)), 1e-9)


def part_surfels(
    image: Array,
    parts: Array,
    planes: list[tuple[Array, Array]],
    camera: Camera,
    *,
    confidence: list[float],
) -> tuple[Surfels, Array]:
    """Surfels on each part's plane, one per few pixels.

    Args:
        image: first frame ``(h, w, 3)`` uint8.
        parts: part of each pixel ``(h, w)``, −1 outside.
        planes: point and normal of each part, frame of the camera's world.
        camera: of the first frame.
        confidence: of each part's surface, 0..1.

    Returns:
        Surfels and the part of each ``(n,)``.
    """
    step = max(1, int(np.ceil(np.sqrt((parts >= 0).sum() / _MOST))))
    grid = np.zeros(parts.shape, bool)
    grid[step // 2 :: step, step // 2 :: step] = True
    y, x = np.nonzero(grid & (parts >= 0))
    label = parts[y, x]
    rays = camera.unproject(np.stack([x + 0.5, y + 0.5], axis=1), np.ones(len(x)))
    rays = rays - camera.position
    points = np.stack([p for p, _ in planes])[label]
    normals = np.stack([n for _, n in planes])[label]
    slope = (rays * normals).sum(axis=1)
    typical = ((points - camera.position) @ camera.T_world_camera[:3, 2]).clip(1e-3)
    # Planes seen edge-on would run away to infinity: bound depth about the part's own.
    raw = ((points - camera.position) * normals).sum(1) / np.where(
        np.abs(slope) < 1e-3, -1e-3, slope
    )
    depth = np.clip(raw, 0.7 * typical, 1.45 * typical)
    # A pixel covers more of a slanted plane.
    facing = np.abs(slope) / np.linalg.norm(rays, axis=1)
    size = 0.6 * step * depth / camera.fx / np.sqrt(np.clip(facing, 0.15, 1.0))
    surfels = Surfels.from_colors(
        means=camera.position + rays * depth[:, None],
        rotations=normals_to_quaternions(normals),
        scales=np.stack([size, size], axis=1),
        opacities=np.full(len(x), _OPACITY),
        colors=image[y, x] / 255.0,
        confidence=np.array(confidence)[label],
    )
    return surfels, label.astype(np.int32)
