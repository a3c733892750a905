"""One clip without cameras or masks, to surfels, joints and an estimate of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.monocular.hinges import (
    ClipPart,
    find_parts,
    keyframes,
    moving_tracks,
)
from reel2sim.reconstruction.monocular.spline_fit import spline_through
from reel2sim.reconstruction.monocular.subject import matte as matte_of
from reel2sim.reconstruction.monocular.subject import part_map, plain_background, subject_mask
from reel2sim.reconstruction.monocular.surface import fitted_plane, hinge_plane, part_surfels
from reel2sim.reconstruction.monocular.tracks import ClipTracks, follow
from reel2sim.reconstruction.render import render
from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.scene import Camera, Frame, Progress, Reel, Surfels, SurfelSequence, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import NoMotionError
from reel2sim.scene.transforms import apply

_FOCAL = 0.9
"""Assumed focal length over image width: that of most phones and webcams."""
_MOST_CONFIDENT = 0.5
"""Depth and focal length are assumed, so no joint of one clip is surer than this."""
_STILL_LEVEL = 6.0
"""Blurred grey difference under which frames count as equal."""
_STILL_PX = 1.5

# Camera looks along world +Y from the origin; image up is world +Z.
_T_WORLD_CAMERA = np.array(
    [[1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1.0]], dtype=np.float64
)


@dataclass(frozen=True, eq=False)
class ClipResult:
    """What a clip without cameras was found to show.

    Attributes:
        reel: the clip with assumed cameras and estimated masks.
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

    The subject stands at an assumed distance of one metre, so its size is not known. A moving
    camera is undone by homographies.

    Args:
        reel: one stream in time order, without cameras.
        config: seed and number of parts looked for.
        checkpoints: where finished steps are kept; see
            :func:`reel2sim.reconstruction.reconstruct`.
        progress: reports under ``"reconstruction"``.

    Raises:
        NoMotionError: if no pixel moves.
        NoSubjectError: if no subject can be told from the background.
    """
    frames = tuple(sorted(reel.frames, key=lambda frame: frame.time_s))
    _require_motion(frames, reel.source)
    rng = np.random.default_rng(config.seed)
    progress("reconstruction", 0.02, "tracking the clip")
    tracks = checkpoints.step("tracks", lambda: follow(frames))
    h, w = frames[0].image.shape[:2]
    # While joints are fitted the camera is the world.
    lens = Camera(w, h, _FOCAL * w, _FOCAL * w, w / 2, h / 2, np.eye(4))
    keys = keyframes(tracks)
    progress("reconstruction", 0.2, f"searching joints in {len(tracks.pixels)} tracks")
    search = checkpoints.within("parts")
    parts = checkpoints.step(
        "parts", lambda: find_parts(tracks, keys, lens, most=3, rng=rng, checkpoints=search)
    )
    progress("reconstruction", 0.8, f"{len(parts)} moving part(s): drawing surfels")
    labels = _track_labels(tracks, parts)
    moving = tracks.pixels[moving_tracks(tracks, keys), 0] if not parts else None
    if moving is None:
        moving = tracks.pixels[np.concatenate([p.members for p in parts]), 0]
    mask = subject_mask(
        frames[0].image, moving, _axis_pixels(parts, lens), source=reel.source or "clip"
    )
    known = labels >= 0
    pixel_parts = part_map(mask, tracks.pixels[known, 0], labels[known])
    surfels, surfel_parts = _draw(frames[0], pixel_parts, parts, lens)
    articulation = _articulation(parts, surfel_parts, surfels, keys, frames, tracks)
    sequence = _sequence(articulation, surfels)
    camera = replace(lens, T_world_camera=_T_WORLD_CAMERA)
    progress("reconstruction", 0.95, "estimating masks")
    posed = _with_cameras(reel, frames, tracks, camera, sequence)
    return ClipResult(posed, sequence, articulation, _notes(tracks, parts))


def _require_motion(frames: tuple[Frame, ...], source: str) -> None:
    first = frames[0].image.astype(np.int16)
    picks = np.linspace(0, len(frames) - 1, min(len(frames), 24)).astype(int)[1:]
    changes = (np.abs(frames[i].image.astype(np.int16) - first).max(axis=-1) for i in picks)
    if max(float(cv2.blur(c.astype(np.float32), (5, 5)).max()) for c in changes) < _STILL_LEVEL:
        raise NoMotionError(
            "nothing moves in the frames",
            source=source or "clip",
            remedy="film the subject while its parts move",
        )


def _track_labels(tracks: ClipTracks, parts: list[ClipPart]) -> Array:
    """Part each track follows ``(n,)``: 0 for those that stand still, −1 where nobody knows."""
    long = tracks.seen.mean(axis=1) > 0.5
    labels = np.where(long & (tracks.travel < _STILL_PX), 0, -1).astype(np.int32)
    for k, part in enumerate(parts, start=1):
        labels[part.members] = k
    return labels


def _axis_pixels(parts: list[ClipPart], lens: Camera) -> Array:
    """Where the hinges' axes pass their parts, in the image ``(m, 2)``."""
    found: list[Array] = []
    for part in parts:
        model = part.fit.model
        if model.type.angular:
            along = (part.points - model.pivot) @ model.axis
            ends = model.pivot + np.percentile(along, [10, 90])[:, None] * model.axis
            pixels, depth = lens.project(ends)
            found.append(np.clip(pixels[depth > 0.1], 0, [lens.width, lens.height]))
    return np.concatenate(found) if found else np.zeros((0, 2))


def _draw(
    first: Frame, pixel_parts: Array, parts: list[ClipPart], lens: Camera
) -> tuple[Surfels, Array]:
    """Surfels in the world frame and the part of each."""
    eye = np.zeros(3)
    planes: list[tuple[Array, Array]] = []
    sure = [0.15]
    for part in parts:
        planes.append(fitted_plane(part.points, toward=eye))
        sure.append(0.4)
    hinges = [p.fit.model for p in parts if p.fit.model.type.angular]
    if hinges:
        base = hinge_plane(hinges[0].axis, hinges[0].pivot, toward=eye)
    else:
        depth = np.median(parts[0].points[:, 2]) if parts else 1.0
        base = (np.array([0.0, 0.0, float(depth)]), np.array([0.0, 0.0, -1.0]))
    surfels, labels = part_surfels(first.image, pixel_parts, [base, *planes], lens, confidence=sure)
    return surfels.moved(_T_WORLD_CAMERA), labels


def _articulation(
    parts: list[ClipPart],
    surfel_parts: Array,
    surfels: Surfels,
    keys: Array,
    frames: tuple[Frame, ...],
    tracks: ClipTracks,
) -> Articulation:
    times = np.array([frame.time_s for frame in frames])
    joints: list[JointEstimate] = []
    for k, part in enumerate(parts, start=1):
        model = part.fit.model
        q = PchipInterpolator(times[keys], model.positions - model.positions[0])(times)
        confidence, observed, reason = _verdict(part, tracks)
        own = surfels.means[surfel_parts == k]
        pivot = apply(_T_WORLD_CAMERA, model.pivot[None])[0]
        if not model.type.angular and len(own):
            pivot = own.mean(axis=0)
        joints.append(
            JointEstimate(
                parent=0,
                child=k,
                type=model.type,
                axis=_T_WORLD_CAMERA[:3, :3] @ model.axis,
                pivot=pivot,
                positions=q - q[0],
                confidence=confidence,
                observed=observed,
                reason=reason,
            )
        )
    base = np.tile(np.eye(4), (len(times), 1, 1))
    return Articulation(times, surfel_parts, tuple(joints), base)


def _verdict(part: ClipPart, tracks: ClipTracks) -> tuple[float, bool, str]:
    model = part.fit.model
    amplitude = model.span / (0.3 if model.type.angular else 0.05)
    margin = np.log((part.other_cost + 0.05) / (part.fit.cost + 0.05))
    factors = (
        1 - np.exp(-(amplitude**2)),
        np.exp(-part.residual_px),
        1 - np.exp(-len(part.members) / 30),
        1 / (1 + np.exp(-4 * margin - 0.5)),
        1.0 if tracks.still_camera else 0.6,
    )
    confidence = float(_MOST_CONFIDENT * np.prod(factors))
    if amplitude < 0.5 or len(part.members) < 15:
        return min(confidence, 0.1), False, "too little motion, or too few points, to be sure"
    return confidence, True, "one view: depth, size and focal length are assumed"


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
    tracks: ClipTracks,
    camera: Camera,
    sequence: SurfelSequence,
) -> Reel:
    """The stabilised frames with the assumed camera and estimated masks."""
    background = plain_background(frames[0].image)
    posed: list[Frame] = []
    for t, frame in enumerate(frames):
        image = frame.image
        if not tracks.still_camera:
            image = cv2.warpPerspective(image, tracks.to_first[t], (camera.width, camera.height))
        if background is not None:
            mask = matte_of(image, background)
        else:
            alpha = render(sequence.at(frame.time_s), camera).alpha
            mask = cv2.dilate((alpha > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        posed.append(replace(frame, image=image, mask=mask.astype(np.uint8) * 255, camera=camera))
    return replace(reel, frames=tuple(posed))


def _notes(tracks: ClipTracks, parts: list[ClipPart]) -> tuple[str, ...]:
    notes = [
        "Made from one clip without cameras: the focal length is assumed, the subject stands at "
        "one metre, so its size is not known.",
        "Only the side seen in the first frame is reconstructed; the part that does not move has "
        "no depth of its own and was drawn through the axis.",
    ]
    if not tracks.still_camera:
        notes.append("The camera moves; its motion was undone by homographies, approximately.")
    if not parts:
        notes.append("No part on a hinge or slide explains what moves: one rigid body is given.")
    return tuple(notes)
