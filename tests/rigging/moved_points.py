"""Points that joints move, seen by cameras."""

from __future__ import annotations

import numpy as np

from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.pictures.observations import Observations
from reel2sim.scene import JointType, look_at
from reel2sim.scene.arrays import Array

TIMES = 16


def observe(
    points: Array, trajectories: Array, *, noise_px: float, seed: int, streams: int = 2
) -> Observations:
    """Points ``(n, 3)`` moved by their own trajectories ``(n, t, 4, 4)``, seen by two cameras."""
    rng = np.random.default_rng(seed)
    eyes = [np.array([3.0, -0.6, 1.2]), np.array([1.0, -3.0, 0.8])][:streams]
    cameras = [look_at(e, np.zeros(3), width=192, height=192, fov_y=0.7) for e in eyes]
    n = len(points)
    stream = np.arange(n) % streams
    moved = np.einsum("ntij,nj->nti", trajectories[..., :3, :3], points) + trajectories[..., :3, 3]
    pixels = np.stack([cameras[stream[i]].project(moved[i])[0] for i in range(n)])
    pixels += noise_px * rng.standard_normal(pixels.shape)
    rays = points - np.stack([cameras[s].position for s in stream])
    poses = np.stack([c.T_camera_world for c in cameras])
    intrinsics = np.array([[c.fx, c.fy, c.cx, c.cy] for c in cameras])
    t = trajectories.shape[1]
    return Observations(
        points=points,
        rays=rays / np.linalg.norm(rays, axis=1, keepdims=True),
        stream=stream,
        pixels=pixels,
        seen=np.ones((n, t), bool),
        whiten=np.tile(np.eye(2), (n, 1, 1)),
        surfel=np.arange(n),
        T_camera_world=np.tile(poses, (t, 1, 1, 1)),
        intrinsics=np.tile(intrinsics, (t, 1, 1)),
        sigma=0.02,
    )


def joint(kind: JointType, axis: Array, pivot: Array, span: float) -> JointModel:
    phase = np.linspace(0, 1, TIMES)
    positions = span * (0.5 - 0.5 * np.cos(1.5 * np.pi * phase))
    return JointModel(kind, axis / np.linalg.norm(axis), pivot, positions)


def blob(center: Array, count: int, seed: int, size: float = 0.25) -> Array:
    return center + size * np.random.default_rng(seed).uniform(-1, 1, (count, 3))


def axis_angle_deg(a: Array, b: Array) -> float:
    return float(np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))
