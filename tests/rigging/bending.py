"""Subjects that bend, made of surfels: tubes along an axis, carried by bones that turn."""

from __future__ import annotations

import numpy as np

from reel2sim.scene import PoseSpline, Surfels, SurfelSequence
from reel2sim.scene.arrays import Array

SPAN_S = 2.0
TIMES = np.linspace(0.0, SPAN_S, 8)
KNOTS = 9


def tube(start: Array, stop: Array, *, radius: float, count: int, seed: int) -> tuple[Array, Array]:
    """Points and outward normals ``(n, 3)`` of a capsule's surface from ``start`` to ``stop``."""
    rng = np.random.default_rng(seed)
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    length = float(np.linalg.norm(stop - start))
    axis = (stop - start) / length
    across = np.linalg.svd(axis[None])[2][1:]
    s = rng.uniform(-radius, length + radius, count)
    angle = rng.uniform(0, 2 * np.pi, count)
    beyond = np.clip(s, 0, length) - s
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) @ across
    normals = ring * np.sqrt(np.maximum(radius**2 - beyond**2, 0.0))[:, None] / radius
    normals = normals - (beyond / radius)[:, None] * axis
    core = start + np.clip(s, 0, length)[:, None] * axis
    return core + radius * normals, normals


def surfels_of(points: Array, normals: Array, *, size: float) -> Surfels:
    half = np.array([0, 0, 1.0]) + normals
    half[np.linalg.norm(half, axis=1) < 1e-6] = [1.0, 0, 0]
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    n = len(points)
    return Surfels.from_colors(
        means=points,
        rotations=np.concatenate([np.zeros((n, 1)), half], axis=1),
        scales=np.full((n, 2), size),
        opacities=np.full(n, 0.9),
        colors=np.full((n, 3), 0.6),
    )


def swings(axes: Array, *, angle: float) -> Array:
    """Control points ``(k, b, 4)`` wxyz: each bone turns about its axis, then about the next."""
    share = np.linspace(0, 1, KNOTS)[:, None, None]
    first, second = np.sin(np.pi * share), 0.7 * np.sin(2 * np.pi * share)
    turn = angle * (first * axes + second * np.roll(axes, 1, axis=1))
    length = np.linalg.norm(turn, axis=-1, keepdims=True)
    unit = turn / np.maximum(length, 1e-12)
    return np.concatenate([np.cos(length / 2), np.sin(length / 2) * unit], axis=-1)


def sequence_of(
    surfels: Surfels, weights: Array, rotations: Array, centers: Array
) -> SurfelSequence:
    """Bones that turn about ``centers`` ``(b, 3)`` by control points ``(k, b, 4)``."""
    bones = PoseSpline(0.0, SPAN_S, np.zeros((KNOTS, len(centers), 3)), rotations, centers)
    scales = np.full((len(centers), 3), 0.2)
    return SurfelSequence(surfels, bones, scales, weights, TIMES)


def arm(*, blend: float, angle: float = 0.6, count: int = 700, seed: int = 0) -> SurfelSequence:
    """A tube along z that stands still below its elbow at (0, 0, 1) and turns above it.

    Args:
        blend: length over which the upper bone takes over, metres; 0 is a sharp joint.
        angle: largest turn, radians.
        count: surfels.
        seed: of their places.
    """
    points, normals = tube([0, 0, 0], [0, 0, 2], radius=0.15, count=count, seed=seed)
    upper = np.clip((points[:, 2] - 1.0) / blend + 0.5, 0, 1) if blend else points[:, 2] > 1.0
    weights = np.stack([1.0 - upper, upper], axis=1)
    axes = np.array([[0, 0, 0], [1.0, 0, 0]])
    surfels = surfels_of(points, normals, size=0.03)
    centers = np.array([[0, 0, 0.5], [0, 0, 1.0]])
    return sequence_of(surfels, weights, swings(axes, angle=angle), centers)


def cross(*, count: int = 350, shift: float = 0.0) -> SurfelSequence:
    """A still trunk along z with two arms at ±x that turn alike; ``shift`` raises one shoulder."""
    shapes = [
        tube([0, 0, 0], [0, 0, 2], radius=0.2, count=count, seed=1),
        tube([0.25, 0, 1.5], [1.2, 0, 1.5], radius=0.1, count=count, seed=2),
    ]
    mirrored = [x * [-1, 1, 1] for x in shapes[1]]
    points = np.concatenate([shapes[0][0], shapes[1][0], mirrored[0]])
    normals = np.concatenate([shapes[0][1], shapes[1][1], mirrored[1]])
    labels = np.repeat([0, 1, 2], count)
    weights = np.eye(3)[labels]
    near = np.abs(points[:, 0]) < 0.35
    for k in (1, 2):
        weights[near & (labels == k)] = np.eye(3)[0] * 0.5 + np.eye(3)[k] * 0.5
    axes = np.array([[0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
    centers = np.array([[0, 0, 1.0], [0.25, 0, 1.5 + shift], [-0.25, 0, 1.5]])
    surfels = surfels_of(points, normals, size=0.03)
    return sequence_of(surfels, weights, swings(axes, angle=0.7), centers)
