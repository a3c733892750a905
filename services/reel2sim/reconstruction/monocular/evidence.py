"""What tracks tell of a clip before joints are looked for: what moves, what stands still."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reel2sim.reconstruction.monocular.actors import actor_tracks
from reel2sim.reconstruction.monocular.camera import ClipCamera
from reel2sim.reconstruction.monocular.moving import (
    activity_frames,
    moving_tracks,
    still_errors,
    still_tracks,
)
from reel2sim.reconstruction.monocular.one_joint import Sightings, sightings
from reel2sim.reconstruction.monocular.tracks import ClipTracks
from reel2sim.scene.arrays import Array

_COARSE, _FRAMES = 40, 60
_AROUND = 0.5
"""How far around what moves the scene is taken to be as far away, as a share of its extent."""
_FEWEST = 12


@dataclass(frozen=True, eq=False)
class Evidence:
    """Sightings of a clip's tracks, sorted.

    Attributes:
        camera: of the clip.
        frames: frames of the sightings ``(t,)``.
        seen: all tracks that are seen in two of these frames or more.
        moving: which of them move by themselves ``(m,)``.
        actors: which others do, and belong to somebody who comes and goes ``(a,)``.
        still: which of them stand still ``(s,)``.
        log_depth: of each, if it stands still ``(n,)``.
    """

    camera: ClipCamera
    frames: Array
    seen: Sightings
    moving: Array
    actors: Array
    still: Array
    log_depth: Array


def gather(tracks: ClipTracks, camera: ClipCamera, width: int, height: int) -> Evidence:
    """Sort tracks by whether they move, and choose the frames that tell most of those that do."""
    t = tracks.seen.shape[1]

    def at(frames: Array) -> tuple[Sightings, Array]:
        return sightings(
            tracks,
            frames,
            camera.T_camera_world,
            center=np.array([width / 2, height / 2]),
            focal=camera.focal,
        )

    coarse, which = at(np.unique(np.linspace(0, t - 1, min(t, _COARSE)).astype(int)))
    errors, _ = still_errors(coarse)
    roughly = which[moving_tracks(coarse, errors)]
    frames = activity_frames(tracks.pixels, tracks.seen, roughly, _FRAMES)
    seen, _ = at(frames)
    errors, depths = still_errors(seen)
    moving, still = moving_tracks(seen, errors), still_tracks(errors)
    actors = actor_tracks(seen, moving)
    moving, actors = moving[~actors], moving[actors]
    around = _depth_around(seen, moving, still, depths)
    seen = replace(seen, log_depth=np.full(len(seen), around))
    return Evidence(camera, frames, seen, moving, actors, still, depths)


def _depth_around(seen: Sightings, moving: Array, still: Array, depths: Array) -> float:
    """Logarithm of the depth of what stands still near what moves."""
    if not len(moving) or len(still) < _FEWEST:
        return 0.0
    start = seen.pixels[np.arange(len(seen)), seen.first]
    low, high = np.percentile(start[moving], [5, 95], axis=0)
    grow = _AROUND * (high - low)
    near = ((start[still] > low - grow) & (start[still] < high + grow)).all(axis=1)
    return float(np.median(depths[still][near])) if near.sum() >= _FEWEST else 0.0
