"""Drawn depth, normals and moved points against the true ones."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.surfels import SurfelSequence

_SOLID = 0.1
"""Surfels fainter than this show nothing, so no point of the surface is theirs."""

NOTHING_DEG = 90.0
"""Normal error where there is nothing to compare."""


def surface_points(depth: Array, camera: Camera) -> Array:
    """World points ``(n, 3)`` of the pixels of ``depth`` ``(h, w)`` that are not 0, metres."""
    rows, columns = np.nonzero(depth > 0)
    return camera.unproject(np.stack([columns, rows], axis=1) + 0.5, depth[rows, columns])


def chamfer(points: Array, true_points: Array, *, diagonal_m: float) -> float:
    """Chamfer distance of two point clouds, metres.

    The mean distance, not squared, from each point to the nearest of the other cloud, averaged
    over the two directions.

    Args:
        points: ``(n, 3)``, metres.
        true_points: ``(m, 3)``, metres.
        diagonal_m: the answer if one cloud alone is empty; if both are, it is 0.
    """
    if not len(points) or not len(true_points):
        return 0.0 if len(points) == len(true_points) else diagonal_m
    there = KDTree(true_points).query(points)[0].mean()
    back = KDTree(points).query(true_points)[0].mean()
    return float(there + back) / 2


def normal_error(normal: Array, true_normal: Array, *, where: Array) -> float:
    """Mean angle in degrees between normals ``(h, w, 3)`` over the pixels ``where`` ``(h, w)``.

    Lengths do not matter; pixels where either is zero do not count. Without any pixel: 90°.
    """
    a, b = normal[where].astype(np.float64), true_normal[where].astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    known = lengths > 1e-6
    if not known.any():
        return NOTHING_DEG
    cosine = np.einsum("ni,ni->n", a[known], b[known]) / lengths[known]
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).mean())


def track_error(sequence: SurfelSequence, times_s: Array, tracks: Array) -> float:
    """Mean distance in metres between true surface points and where surfels carry them.

    Each point belongs to the surfel that is nearest at the first time, and moves with it.

    Args:
        sequence: what was reconstructed.
        times_s: seconds ``(t,)``, ascending from 0.
        tracks: where the points truly are ``(t, n, 3)``, metres.

    Returns:
        The mean over all points and all times after the first; that of points that stay, if
        there is no surfel to follow.
    """
    start = sequence.at(float(times_s[0]))
    solid = np.flatnonzero(start.opacities > _SOLID)
    if not len(solid):
        return idle_error(tracks)
    owners = solid[KDTree(start.means[solid]).query(tracks[0])[1]]
    errors = []
    for time_s, wanted in zip(times_s[1:], tracks[1:], strict=True):
        T = sequence.transforms(float(time_s))[owners]
        moved = np.einsum("nij,nj->ni", T[:, :3, :3], tracks[0]) + T[:, :3, 3]
        errors.append(np.linalg.norm(moved - wanted, axis=1).mean())
    return float(np.mean(errors)) if errors else 0.0


def idle_error(tracks: Array) -> float:
    """What :func:`track_error` is for an object that never moves."""
    if len(tracks) < 2:
        return 0.0
    return float(np.linalg.norm(tracks[1:] - tracks[0], axis=-1).mean())
