"""Where the camera of a clip was, told by what stands still."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from reel2sim.reconstruction.monocular.tracks import ClipTracks
from reel2sim.scene.arrays import Array

FOCAL = 0.9
"""Assumed focal length over the picture's longer side: that of most phones and webcams."""
_STILL_PX = 2.0
"""Median displacement under which a place of the picture counts as standing still, pixels."""
_STILL_SHARE = 0.4
"""Share of such places from which the camera stands still."""
_CELLS = (8, 6)
_LASTING, _FEW = 0.4, 40
"""Share of the clip that tracks last which are asked, and how many of them it takes."""
_FRAMES = 30
"""Frames whose cameras are reconstructed together."""
_MATCHES = 40
"""Points that two frames must share to be matched."""
_REGISTERED = 0.7
"""Share of these frames whose cameras must be found."""
_PNP_PX = 3.0
_FOCAL_RANGE = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class ClipCamera:
    """A clip's cameras; the world is the first one, and its unit such that scenes are near one.

    Attributes:
        T_camera_world: of each frame ``(t, 4, 4)``.
        focal: pixels.
        still: whether it stood still.
        solved: False if it moves and how was not found: the motion of the picture as a whole was
            taken for a turn of the camera.
        depth: typical depth of what stands still, in the world's unit; one where nothing tells.
    """

    T_camera_world: Array
    focal: float
    still: bool
    solved: bool
    depth: float = 1.0


def find_camera(tracks: ClipTracks, width: int, height: int, *, plain: bool = False) -> ClipCamera:
    """Tell the camera's motion by tracks of what does not move.

    A camera that stands still is told by most tracks. One that moves is reconstructed from tracks
    (incremental structure from motion, COLMAP), which finds its focal length too; points that move
    by themselves are outliers there.

    Args:
        tracks: of the clip.
        width: of the picture, pixels.
        height: of the picture, pixels.
        plain: whether the background shows nothing: no camera can be seen to move before it.
    """
    t, focal = tracks.seen.shape[1], FOCAL * max(width, height)
    still = np.tile(np.eye(4), (t, 1, 1))
    if plain or _stands_still(tracks, width, height):
        return ClipCamera(still, focal, still=True, solved=True)
    frames = np.unique(np.linspace(0, t - 1, min(t, _FRAMES)).astype(int))
    found = _structure_from_motion(tracks, frames, width, height, focal)
    if found is not None:
        return found
    return ClipCamera(_turns_alone(tracks, width, height, focal), focal, still=False, solved=False)


def _stands_still(tracks: ClipTracks, width: int, height: int) -> bool:
    """Whether much of the picture stays where it is, all the time.

    Places vote and not tracks: something large and rough that turns has most of the tracks.
    """
    lasting = tracks.seen.mean(axis=1) >= _LASTING
    if lasting.sum() < _FEW:
        lasting = tracks.seen.sum(axis=1) >= np.median(tracks.seen.sum(axis=1))
    some = tracks.select(lasting)
    start = some.pixels[np.arange(len(some)), some.first]
    cells = (start / [width, height] * _CELLS).astype(int).clip(0, np.array(_CELLS) - 1)
    cell = cells[:, 0] * _CELLS[1] + cells[:, 1]
    travel = some.travel
    medians = [np.median(travel[cell == c]) for c in np.unique(cell)]
    return bool(medians) and float(np.mean(np.array(medians) < _STILL_PX)) >= _STILL_SHARE


def _structure_from_motion(
    tracks: ClipTracks, frames: Array, width: int, height: int, focal: float
) -> ClipCamera | None:
    import pycolmap

    pycolmap.logging.minloglevel = 3
    pycolmap.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        camera = pycolmap.Camera(
            model="SIMPLE_PINHOLE",
            width=width,
            height=height,
            params=[focal, width / 2, height / 2],
            has_prior_focal_length=True,
        )
        _write_matches(pycolmap, place / "matches.db", camera, tracks, frames)
        options = pycolmap.IncrementalPipelineOptions()
        options.extract_colors = False
        options.num_threads = 1
        options.random_seed = 0
        options.mapper.init_min_tri_angle = 2.0
        found = pycolmap.incremental_mapping(place / "matches.db", place, place / "out", options)
        models = list(found.values())
    if not models:
        return None
    best = max(models, key=lambda model: model.num_reg_images())
    (lens,) = best.cameras.values()
    share = lens.params[0] / max(width, height)
    if best.num_reg_images() < _REGISTERED * len(frames):
        return None
    if not _FOCAL_RANGE[0] < share < _FOCAL_RANGE[1]:
        return None
    return _posed(best, tracks, frames, float(lens.params[0]), width, height)


def _write_matches(
    pycolmap: Any, path: Path, camera: Any, tracks: ClipTracks, frames: Array
) -> None:
    """Tracks as matched key points of the frames in which they are seen."""
    with pycolmap.Database.open(path) as base:
        camera.camera_id = base.write_camera(camera)
        numbers: list[int] = []
        for frame in frames:
            image = pycolmap.Image(name=f"{frame:06d}.png", camera_id=camera.camera_id)
            numbers.append(base.write_image(image))
        seen = [np.nonzero(tracks.seen[:, frame])[0] for frame in frames]
        points = [tracks.pixels[which, frame] for which, frame in zip(seen, frames, strict=True)]
        for number, own in zip(numbers, points, strict=True):
            base.write_keypoints(number, own.astype(np.float32))
        for a in range(len(frames)):
            for b in range(a + 1, len(frames)):
                _, in_a, in_b = np.intersect1d(seen[a], seen[b], return_indices=True)
                if len(in_a) < _MATCHES:
                    continue
                pairs = np.stack([in_a, in_b], axis=1).astype(np.uint32)
                base.write_matches(numbers[a], numbers[b], pairs)
                shape = pycolmap.estimate_two_view_geometry(
                    camera, points[a], camera, points[b], pairs
                )
                base.write_two_view_geometry(numbers[a], numbers[b], shape)


def _posed(
    model: Any, tracks: ClipTracks, frames: Array, focal: float, width: int, height: int
) -> ClipCamera | None:
    """Cameras of all frames, those between by the points that the others gave."""
    points = np.full((len(tracks), 3), np.nan)
    known: dict[int, Array] = {}
    for image in model.images.values():
        if not image.has_pose:
            continue
        frame = int(Path(image.name).stem)
        T = np.eye(4)
        T[:3] = image.cam_from_world().matrix()
        known[frame] = T
        here = np.nonzero(tracks.seen[:, frame])[0]
        for k, point in enumerate(image.points2D):
            if point.has_point3D():
                points[here[k]] = model.points3D[point.point3D_id].xyz
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    poses: list[Array] = []
    for frame in range(tracks.seen.shape[1]):
        if frame in known:
            poses.append(known[frame])
            continue
        before = poses[-1] if poses else known[min(known)]
        poses.append(_resected(points, tracks, frame, K, before))
    T = np.stack(poses)
    scale = _typical_depth(points, T)
    if scale is None:
        return None
    T = T @ np.linalg.inv(T[0])
    T[:, :3, 3] /= scale
    return ClipCamera(T, focal, still=False, solved=True)


def _resected(points: Array, tracks: ClipTracks, frame: int, K: Array, guess: Array) -> Array:
    """The camera that sees known points where their tracks are, from one near it."""
    at = np.nonzero(tracks.seen[:, frame] & np.isfinite(points[:, 0]))[0]
    if len(at) < 12:
        return guess
    turn, _ = cv2.Rodrigues(guess[:3, :3])
    ok, turn, shift, _ = cv2.solvePnPRansac(
        points[at], tracks.pixels[at, frame], K, np.zeros(4), turn, guess[:3, 3:].copy(),
        useExtrinsicGuess=True, reprojectionError=_PNP_PX, iterationsCount=50,
    )  # fmt: skip
    if not ok:
        return guess
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = cv2.Rodrigues(turn)[0], shift[:, 0]
    return T


def _typical_depth(points: Array, T_camera_world: Array) -> float | None:
    there = points[np.isfinite(points[:, 0])]
    depth = there @ T_camera_world[0, 2, :3] + T_camera_world[0, 2, 3]
    depth = depth[depth > 0]
    return float(np.median(depth)) if len(depth) >= 12 else None


def _turns_alone(tracks: ClipTracks, width: int, height: int, focal: float) -> Array:
    """Turns of the camera that most tracks agree with, frame by frame ``(t, 4, 4)``."""
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    back = np.linalg.inv(K)
    T = np.tile(np.eye(4), (tracks.seen.shape[1], 1, 1))
    for k in range(1, len(T)):
        both = tracks.seen[:, k] & tracks.seen[:, k - 1]
        step = np.eye(3)
        if both.sum() >= 12:
            H, _ = cv2.findHomography(
                tracks.pixels[both, k - 1], tracks.pixels[both, k], cv2.USAC_MAGSAC, 1.5
            )
            if H is not None:
                u, _, vt = np.linalg.svd(back @ H @ K)
                step = u @ vt * np.sign(np.linalg.det(u @ vt))
        T[k, :3, :3] = step @ T[k - 1, :3, :3]
    return T
