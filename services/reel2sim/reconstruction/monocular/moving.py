"""Which tracks move by themselves, once the camera's motion is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reel2sim.reconstruction.monocular.one_joint import OneJoint, Sightings
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

_MOVES_PX = 4.0
_STAYS_PX = 1.5
_SIGHTINGS = 4
_DEPTH_STEP = 0.1
_DEPTHS = np.arange(-1.6, 2.4, _DEPTH_STEP)
"""Logarithms of depth that are tried, about that of the scene."""


def still_errors(seen: Sightings) -> tuple[Array, Array]:
    """How far each track is from standing still in the world.

    Returns:
        95th percentile over its sightings ``(n,)``, pixels, and the logarithm of the depth at
        which it fits best ``(n,)``; that of the scene where the camera stands still.
    """
    still = OneJoint(
        JointType.PRISMATIC,
        np.array([1.0, 0.0, 0.0]),
        np.zeros(3),
        seen.focal,
        np.zeros(seen.seen.shape[1]),
        np.zeros(len(seen)),
    )
    best, kept = np.full(len(seen), np.inf), seen.log_depth
    first, *others = seen.T_camera_world
    moves = any(np.abs(T - first).max() > 1e-9 for T in others)
    if not moves:
        return _high(still, seen, kept), kept
    for off in _DEPTHS:
        best, kept = _better(still, seen, best, kept, seen.log_depth + off)
    for off in _DEPTH_STEP * 0.5 ** np.arange(1, 6):
        for sign in (-1.0, 1.0):
            best, kept = _better(still, seen, best, kept, kept + sign * off)
    return best, kept


def _better(
    still: OneJoint, seen: Sightings, best: Array, kept: Array, depths: Array
) -> tuple[Array, Array]:
    high = _high(still, seen, depths)
    return np.minimum(best, high), np.where(high < best, depths, kept)


def _high(still: OneJoint, seen: Sightings, depths: Array) -> Array:
    errors = np.sqrt(replace(still, log_depth=depths).errors(seen))
    return np.nanpercentile(np.where(seen.seen, errors, np.nan), 95, axis=1)


def moving_tracks(seen: Sightings, errors: Array) -> Array:
    """Sightings that move by themselves and are seen often enough ``(m,)``."""
    return np.nonzero((errors > _MOVES_PX) & (seen.seen.sum(axis=1) >= _SIGHTINGS))[0]


def still_tracks(errors: Array) -> Array:
    """Sightings that stand still ``(m,)``."""
    return np.nonzero(errors < _STAYS_PX)[0]


def activity_frames(tracks_pixels: Array, seen: Array, moving: Array, count: int) -> Array:
    """Frames spread over time and over the motion of what moves; the first included.

    Args:
        tracks_pixels: ``(n, t, 2)``.
        seen: ``(n, t)``.
        moving: which tracks move ``(m,)``.
        count: frames at most.
    """
    t = seen.shape[1]
    if t <= count:
        return np.arange(t)
    pixels, there = tracks_pixels[moving], seen[moving]
    step = np.linalg.norm(np.diff(pixels, axis=1), axis=-1)
    both = there[:, 1:] & there[:, :-1]
    activity = np.where(both, np.clip(step - 0.3, 0, 5), 0).sum(0) / np.maximum(both.sum(0), 1)
    share = 0.6 * activity / max(float(activity.sum()), 1e-9) + 0.4 / (t - 1)
    progress = np.concatenate([[0.0], np.cumsum(share)])
    picks = np.searchsorted(progress, np.linspace(0, progress[-1] - 1e-9, count))
    return np.unique(np.clip(picks, 0, t - 1))
