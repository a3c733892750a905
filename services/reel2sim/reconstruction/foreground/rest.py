"""Which views at rest tell the shape, and which of them see the same from a little aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reel2sim.reconstruction.foreground.region import Region
from reel2sim.reconstruction.foreground.sweep import Picture
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

NEIGHBOURS = 4
_MOST_VIEWS = 32
_SAME_PX = 0.4
_LEAST_TURN, _LARGEST_TURN = np.radians(3.0), np.radians(40.0)
"""Angles between neighbours, seen from the object: less shows no depth, more looks different."""


def spread_out(pictures: Sequence[Picture], region: Region) -> list[int]:
    """Indices of at most 32 views that cover all directions; of equal views only one."""
    directions = _directions(pictures, region)
    chosen = [0]
    turn = _turn(directions, directions[0])
    while len(chosen) < min(_MOST_VIEWS, len(pictures)):
        farthest = int(turn.argmax())
        if turn[farthest] < _LEAST_TURN / 2:
            break
        chosen.append(farthest)
        turn = np.minimum(turn, _turn(directions, directions[farthest]))
    return sorted(chosen)


def neighbours(pictures: Sequence[Picture], region: Region) -> list[list[int]]:
    """For each view the indices of those to compare it with, nearest first; may be empty."""
    directions = _directions(pictures, region)
    found = []
    for direction in directions:
        turn = _turn(directions, direction)
        order = np.argsort(turn, kind="stable")
        near = order[(turn[order] >= _LEAST_TURN) & (turn[order] <= _LARGEST_TURN)]
        found.append([int(i) for i in near[:NEIGHBOURS]])
    return found


def aside(
    picture: Picture, others: Sequence[Picture], region: Region, *, most: int
) -> list[Picture]:
    """Those of ``others`` from a little aside, nearest first."""
    found = neighbours([picture, *others], region)[0]
    return [others[i - 1] for i in found if i > 0][:most]


def same_view(camera: Camera, others: Sequence[Camera], region: Region) -> int | None:
    """Index of the camera that sees the region in the same pixels, or None."""
    offsets = region.radius_m * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])
    probes = region.center + offsets
    here, _ = camera.project(probes)
    best: tuple[float, int] | None = None
    for i, other in enumerate(others):
        if (other.width, other.height) != (camera.width, camera.height):
            continue
        shift = float(np.abs(other.project(probes)[0] - here).max())
        if shift < _SAME_PX and (best is None or shift < best[0]):
            best = (shift, i)
    return None if best is None else best[1]


def _directions(pictures: Sequence[Picture], region: Region) -> Array:
    towards = np.stack([p.camera.position for p in pictures]) - region.center
    return towards / np.linalg.norm(towards, axis=1, keepdims=True)


def _turn(directions: Array, direction: Array) -> Array:
    return np.arccos(np.clip(directions @ direction, -1.0, 1.0))
