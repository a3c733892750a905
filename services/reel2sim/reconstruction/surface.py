"""From voxels to evenly spread points with normals."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.volume import Volume
from reel2sim.scene.arrays import Array


def sample_surface(
    volume: Volume, *, count: int, sphere: Sphere, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Spread points evenly over the surface of a volume.

    Args:
        volume: occupancy to cover.
        count: how many points, met to within a few percent.
        sphere: whose normalised units to answer in.
        rng: source of randomness.

    Returns:
        Points and outward unit normals, each ``(n, 3)``, normalised units.
    """
    return sample_mesh(*hull_mesh(volume, sphere=sphere), count=count, rng=rng)


def sample_mesh(
    vertices: Array, faces: Array, *, count: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Spread points evenly over a mesh.

    Args:
        vertices: ``(v, 3)``.
        faces: ``(f, 3)``, counter-clockwise seen from outside.
        count: how many points, met to within a few percent.
        rng: source of randomness.

    Returns:
        Points and outward unit normals, each ``(n, 3)``.
    """
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(cross, axis=1)
    many = 10 * count
    picks = np.minimum(
        np.searchsorted(
            np.cumsum(doubled) / doubled.sum(), (np.arange(many) + rng.random(many)) / many
        ),
        len(faces) - 1,
    )
    u = rng.random((many, 2))
    folded = u.sum(1) > 1
    u[folded] = 1 - u[folded]
    a, b, c = np.moveaxis(corners[picks], 1, 0)
    points = a + u[:, :1] * (b - a) + u[:, 1:] * (c - a)
    normals = cross[picks] / np.maximum(doubled[picks], 1e-12)[:, None]
    return _thin(points, normals, count=count, area=doubled.sum() / 2)


def hull_mesh(volume: Volume, *, sphere: Sphere) -> tuple[Array, Array]:
    """Marching-cubes surface of a volume: vertices ``(v, 3)``, normalised, and faces ``(f, 3)``.

    Faces wind counter-clockwise seen from outside.
    """
    soft = np.pad(gaussian_filter(volume.occupancy.astype(np.float32), 0.6), 1)
    level = 0.5 * min(1.0, float(soft.max()))
    vertices, faces, _, _ = marching_cubes(soft, level, gradient_direction="ascent")
    world = volume.origin + (vertices - 1) * volume.voxel_m
    return sphere.normalise(world), _outward(sphere.normalise(world), faces)


def _outward(vertices: Array, faces: Array) -> Array:
    """Faces reordered, if need be, so that the enclosed volume is positive."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    signed = np.einsum("ni,ni->", a, np.cross(b, c))
    return faces if signed > 0 else faces[:, ::-1]


def _thin(points: Array, normals: Array, *, count: int, area: float) -> tuple[Array, Array]:
    """Average points in cells of a grid whose pitch gives about ``count`` cells.

    Points that face different ways stay apart, so that both sides of a thin sheet survive.
    """
    facing = (np.abs(normals).argmax(1) * 2 + (normals.sum(1) > 0)).astype(np.int64)
    low = points.min(0)

    def cells(pitch: float) -> Array:
        key = np.floor((points - low) / pitch).astype(np.int64)
        size = key.max(0) + 1
        return ((key[:, 0] * size[1] + key[:, 1]) * size[2] + key[:, 2]) * 6 + facing

    small, large = 0.2 * np.sqrt(area / count), 5.0 * np.sqrt(area / count)
    for _ in range(14):
        pitch = np.sqrt(small * large)
        small, large = (pitch, large) if len(np.unique(cells(pitch))) > count else (small, pitch)
    _, inverse, members = np.unique(cells(large), return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    kept = [
        np.stack([np.bincount(inverse, x[:, i]) for i in range(3)], 1) for x in (points, normals)
    ]
    mean_normals = kept[1] / np.maximum(np.linalg.norm(kept[1], axis=1, keepdims=True), 1e-9)
    return kept[0] / members[:, None], mean_normals


def spacing(points: Array) -> Array:
    """Root mean square distance to the three nearest neighbours ``(n,)``."""
    near = min(4, len(points))
    distance, _ = KDTree(points).query(points, k=near)
    return np.sqrt((np.atleast_2d(distance)[:, 1:] ** 2).mean(1))


def normals_to_quaternions(normals: Array) -> Array:
    """Shortest rotations ``(n, 4)`` wxyz that take +Z to unit ``normals`` ``(n, 3)``."""
    x, y, z = normals.T
    q = np.stack([1 + z, -y, x, np.zeros_like(x)], axis=1)
    q[z < -1 + 1e-9] = (0.0, 1.0, 0.0, 0.0)
    return q / np.linalg.norm(q, axis=1, keepdims=True)
