"""Cameras as tokens see them: Plücker rays in a frame of the object's size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import CameraError


def object_frame(cameras: Sequence[Camera]) -> tuple[Array, float]:
    """Where a still orbit looks ``(3,)``, and its mean distance from there, metres.

    The point is the one nearest to all optical axes in the least-squares sense.

    Raises:
        CameraError: if the axes are parallel.
    """
    axes = np.stack([camera.T_world_camera[:3, 2] for camera in cameras])
    eyes = np.stack([camera.position for camera in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    total = across.sum(axis=0)
    if np.linalg.cond(total) > 1e8:
        raise CameraError(
            "the still orbit's cameras all look the same way",
            source="cameras",
            remedy="place them around the object",
        )
    target = np.linalg.solve(total, np.einsum("fij,fj->i", across, eyes))
    return target, float(np.linalg.norm(eyes - target, axis=1).mean())


def plucker(cameras: Sequence[Camera], grid: int, *, target: Array, unit: float) -> Array:
    """Rays through the middles of ``grid`` × ``grid`` cells of each picture.

    Args:
        cameras: of f frames.
        grid: cells along each side.
        target: origin of the rays' frame ``(3,)``, world, metres.
        unit: its unit of length, metres.

    Returns:
        ``(f, grid², 6)`` float32: unit direction d and moment o × d, row by row; the moment does
        not depend on where on the ray o lies.
    """
    found: list[Array] = []
    for camera in cameras:
        step = np.array([camera.width, camera.height]) / grid
        y, x = np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij")
        pixels = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * step
        d = camera.unproject(pixels, np.ones(len(pixels))) - camera.position
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        o = (camera.position - target) / unit
        found.append(np.concatenate([d, np.cross(o, d)], axis=1))
    return np.stack(found).astype(np.float32)


def typical(rigs: Sequence[Sequence[Camera]], still: int) -> int:
    """Index of the rig whose eyes, in units of its object, are nearest to all others' on average.

    Args:
        rigs: cameras of several samples of one layout.
        still: cameras of the still orbit, at the front of each rig.
    """
    eyes: list[Array] = []
    for cameras in rigs:
        target, unit = object_frame(cameras[:still])
        eyes.append(np.stack([(c.position - target) / unit for c in cameras]))
    stacked = np.stack(eyes).reshape(len(eyes), -1)
    centre = np.median(stacked, axis=0)
    return int(np.abs(stacked - centre).sum(axis=1).argmin())
