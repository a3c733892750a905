"""One clip without cameras or masks, to surfels, joints and an estimate of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.monocular.articulate import articulation_of
from reel2sim.reconstruction.monocular.camera import ClipCamera, find_camera
from reel2sim.reconstruction.monocular.drawing import draw
from reel2sim.reconstruction.monocular.evidence import Evidence, gather
from reel2sim.reconstruction.monocular.parts import ClipPart, find_parts
from reel2sim.reconstruction.monocular.shots import shots
from reel2sim.reconstruction.monocular.spline_fit import spline_through
from reel2sim.reconstruction.monocular.subject import matte, plain_background
from reel2sim.reconstruction.monocular.tracks import follow
from reel2sim.reconstruction.render import render
from reel2sim.rigging.articulation import Articulation
from reel2sim.scene import Camera, Frame, Progress, Reel, Surfels, SurfelSequence, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import NoMotionError
from reel2sim.scene.transforms import invert

_LONGEST_PX = 640
"""Longer side of the pictures that are worked on."""
_MOST_PARTS = 5
_GLITCH = 6
"""Frames under which what lies between two cuts is a fault of the film and no shot."""
_STILL_LEVEL = 6.0
"""Blurred grey difference under which frames count as equal."""

# The first camera looks along world +Y from the origin; its image's up is world +Z.
T_WORLD_FIRST = np.array(
    [[1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1.0]], dtype=np.float64
)


@dataclass(frozen=True, eq=False)
class ClipResult:
    """What a clip without cameras was found to show.

    Attributes:
        reel: the clip, or its longest shot, with estimated cameras and masks.
        sequence: surfels of the visible side, one bone a part.
        articulation: parts and joints, with confidence.
        notes: what was assumed.
    """

    reel: Reel
    sequence: SurfelSequence
    articulation: Articulation
    notes: tuple[str, ...]


def reconstruct_clip(
    reel: Reel,
    *,
    config: ReconstructionConfig,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> ClipResult:
    """Reconstruct one clip from a single camera of unknown pose and focal length.

    Tracks tell the camera's motion and what moves by itself; what does is explained by parts on one
    joint each, whose points' depths follow from their motion. The first camera is at the origin and
    looks along +Y; the scene is about one metre away, so its size is not known.

    Args:
        reel: one stream in time order, without cameras.
        config: its seed is used.
        checkpoints: where finished steps are kept; see
            :func:`reel2sim.reconstruction.reconstruct`.
        progress: reports under ``"reconstruction"``.

    Raises:
        NoMotionError: if no pixel moves, or nothing but the camera.
        NoSubjectError: if no subject can be told from the background.
    """
    source = reel.source or "clip"
    frames, cuts = _longest_shot(tuple(sorted(reel.frames, key=lambda frame: frame.time_s)))
    _require_motion(frames, source)
    h, w = frames[0].image.shape[:2]
    progress("reconstruction", 0.02, "tracking the clip")
    tracks = checkpoints.step("tracks", lambda: follow(frames))
    progress("reconstruction", 0.25, f"telling the camera's motion by {len(tracks)} tracks")
    ends = (frames[k].image for k in (0, len(frames) // 2, -1))
    plain = all(plain_background(image) is not None for image in ends)
    camera = checkpoints.step("camera", lambda: find_camera(tracks, w, h, plain=plain))
    evidence = checkpoints.step("evidence", lambda: gather(tracks, camera, w, h))
    if not len(evidence.moving):
        raise NoMotionError(
            "nothing moves that can be followed"
            if camera.still
            else "nothing but the camera moves",
            source=source,
            remedy="film the subject while its parts move, near enough to see its surface",
        )
    progress("reconstruction", 0.45, f"searching joints in {len(evidence.moving)} moving tracks")
    search = checkpoints.within("parts")
    parts = checkpoints.step(
        "parts",
        partial(
            find_parts, evidence.seen, evidence.moving, most=_MOST_PARTS,
            rng=np.random.default_rng(config.seed), checkpoints=search,
        ),
    )  # fmt: skip
    progress("reconstruction", 0.85, f"{len(parts)} moving part(s): drawing surfels")
    lens = Camera(w, h, camera.focal, camera.focal, w / 2, h / 2, T_WORLD_FIRST)
    surfels, owners = draw(frames[0].image, evidence, parts, lens, source=source)
    articulation = articulation_of(
        parts, evidence, surfels, owners, np.array([f.time_s for f in frames]),
        T_world_first=T_WORLD_FIRST, whole=cuts == 0,
    )  # fmt: skip
    sequence = _sequence(articulation, surfels)
    progress("reconstruction", 0.95, "estimating masks")
    posed = _with_cameras(reel, frames, camera, lens, sequence)
    return ClipResult(posed, sequence, articulation, _notes(evidence, parts, cuts))


def _longest_shot(frames: tuple[Frame, ...]) -> tuple[tuple[Frame, ...], int]:
    """Frames of the longest shot, of workable size and from time zero on; the number of cuts."""
    found = shots(frames)
    start, stop = max(found, key=lambda shot: shot[1] - shot[0])
    zero = frames[start].time_s
    kept = [replace(_small(f), time_s=f.time_s - zero) for f in frames[start:stop]]
    scenes = [stop - start for start, stop in found if stop - start >= _GLITCH]
    return tuple(kept), max(0, len(scenes) - 1)


def _small(frame: Frame) -> Frame:
    h, w = frame.image.shape[:2]
    scale = _LONGEST_PX / max(h, w)
    if scale >= 1.0:
        return frame
    size = round(w * scale), round(h * scale)
    return replace(frame, image=cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA))


def _require_motion(frames: tuple[Frame, ...], source: str) -> None:
    first = frames[0].image.astype(np.int16)
    picks = np.linspace(0, len(frames) - 1, min(len(frames), 24)).astype(int)[1:]
    changes = (np.abs(frames[i].image.astype(np.int16) - first).max(axis=-1) for i in picks)
    most = max((float(cv2.blur(c.astype(np.float32), (5, 5)).max()) for c in changes), default=0.0)
    if most < _STILL_LEVEL:
        raise NoMotionError(
            "nothing moves in the frames",
            source=source,
            remedy="film the subject while its parts move",
        )


def _sequence(articulation: Articulation, surfels: Surfels) -> SurfelSequence:
    count = articulation.part_count
    owned = [surfels.means[articulation.part_of_surfel == p] for p in range(count)]
    centers = np.stack([x.mean(axis=0) if len(x) else np.zeros(3) for x in owned])
    spread = np.stack([x.std(axis=0) if len(x) > 1 else np.ones(3) for x in owned])
    weights = np.eye(count, dtype=np.float32)[articulation.part_of_surfel]
    spline = spline_through(
        articulation.times_s, articulation.part_motions(), centers.astype(np.float64)
    )
    return SurfelSequence(
        surfels,
        spline,
        np.maximum(spread, 1e-3),
        weights,
        articulation.times_s,
        {"surfels": float(len(surfels)), "bones": float(count)},
    )


def _with_cameras(
    reel: Reel,
    frames: tuple[Frame, ...],
    camera: ClipCamera,
    lens: Camera,
    sequence: SurfelSequence,
) -> Reel:
    """The frames with cameras, and masks where the model is."""
    background = plain_background(frames[0].image)
    posed: list[Frame] = []
    for frame, T in zip(frames, camera.T_camera_world, strict=True):
        here = replace(lens, T_world_camera=_rigid(T_WORLD_FIRST @ invert(T)))
        if background is not None:
            mask = matte(frame.image, background)
        else:
            alpha = render(sequence.at(frame.time_s), here).alpha
            mask = cv2.dilate((alpha > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        posed.append(replace(frame, mask=mask.astype(np.uint8) * 255, camera=here))
    return replace(reel, frames=tuple(posed))


def _rigid(T: Array) -> Array:
    """The rigid transform nearest to one that is nearly so."""
    u, _, vt = np.linalg.svd(T[:3, :3])
    out = T.copy()
    out[:3, :3] = u @ vt
    return out


def _notes(evidence: Evidence, parts: list[ClipPart], cuts: int) -> tuple[str, ...]:
    camera = evidence.camera
    notes = [
        "Made from one clip without cameras: the subject is about one metre away, so its size is "
        "not known.",
        "Only the side seen in the first frame is reconstructed.",
    ]
    if camera.still:
        notes.append("The camera stands still: its focal length is assumed, and what does not move "
                     "has no depth of its own and was drawn through the axis.")  # fmt: skip
    elif camera.solved:
        notes.append("The camera moves; how, and its focal length, was told by what stands still.")
    else:
        notes.append("The camera moves, and how could not be told; its turns alone were undone.")
    if cuts:
        notes.append(f"The clip has {cuts + 1} shots: the longest was used.")
    if len(evidence.actors):
        notes.append(f"{len(evidence.actors)} tracks of somebody who comes in and leaves were left "
                     "out.")  # fmt: skip
    if not parts:
        notes.append("No part on a hinge or slide explains what moves: one rigid body is given.")
    return tuple(notes)
