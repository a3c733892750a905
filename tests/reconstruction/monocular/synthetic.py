"""Tracks of points that a joint moves before a camera, made up."""

from __future__ import annotations

import numpy as np

from reel2sim.reconstruction.monocular.one_joint import OneJoint, Sightings
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

WIDTH, HEIGHT, FOCAL = 400, 300, 380.0


def still_camera(frames: int) -> Array:
    """``(t, 4, 4)``."""
    return np.tile(np.eye(4), (frames, 1, 1))


def walking_camera(frames: int) -> Array:
    """Past the scene, looking at its middle ``(t, 4, 4)``."""
    angles = np.linspace(0.0, 0.35, frames)
    middle = np.array([0.0, 0.0, 1.0])
    R = axis_rotation(np.array([0.0, 1.0, 0.0]), angles)
    return pose(R, middle - R @ middle)


def joint(kind: JointType, frames: int, *, span: float, seed: int = 0) -> OneJoint:
    """One that moves there and part of the way back."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    u = np.linspace(0.0, 1.0, frames)
    states = span * (np.sin(1.3 * np.pi * u) if frames > 2 else u)
    return OneJoint(
        kind, axis, np.array([0.08, -0.05, 1.0]), FOCAL, states - states[0], np.zeros(0)
    )


def filmed(
    moved: OneJoint, cameras: Array, *, points: int = 60, noise_px: float = 0.0, seed: int = 0
) -> tuple[Sightings, Array]:
    """Sightings of random points that the joint moves, with gaps, and the depth of each where it is
    first seen ``(n,)``."""
    rng = np.random.default_rng(seed)
    t = len(cameras)
    at_first = np.array([0.0, 0.0, 1.0]) + rng.uniform(-0.18, 0.18, (points, 3))
    M = moved.motion
    world = np.einsum("tij,nj->nti", M[:, :3, :3], at_first) + M[:, :3, 3]
    local = np.einsum("tij,ntj->nti", cameras[:, :3, :3], world) + cameras[:, :3, 3]
    center = np.array([WIDTH / 2, HEIGHT / 2])
    pixels = FOCAL * local[..., :2] / local[..., 2:] + center
    pixels += noise_px * rng.normal(size=pixels.shape)
    start = rng.integers(0, t // 2, points)
    start[: points // 2] = 0
    stop = start + rng.integers(t // 3, t, points)
    seen = (np.arange(t) >= start[:, None]) & (np.arange(t) < stop[:, None])
    found = Sightings(
        tuple(range(t)),
        pixels,
        seen,
        seen.argmax(axis=1),
        cameras,
        center,
        FOCAL,
        np.zeros(points),
        np.full(points, np.inf),
    )
    return found, local[np.arange(points), found.first, 2]
