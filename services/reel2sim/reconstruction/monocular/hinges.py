"""Structure from one-degree-of-freedom motion: joints of a clip without known cameras.

A rigid part that turns about, or slides along, one fixed axis in front of a still camera leaves
only one unknown per tracked point, its depth; axis, point on it, positions and depths together
are a small robust least-squares problem, solved here from many starts. The focal length is
assumed, so directions along the view are the weak part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import numpy as np

from reel2sim.reconstruction.monocular.tracks import ClipTracks
from reel2sim.rigging.joints.fit import JointFit, fit_joint
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.pictures.observations import Observations, upper_quartile
from reel2sim.scene import Camera, JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

_DEPTH_SIGMA = 0.35
"""Spread of depths about the assumed distance of one, as a share of it."""
_MOVES_PX, _INLIER_PX = 6.0, 2.0
_SEEDS, _NEIGHBOURS, _FIT_POINTS = 8, 24, 60
_KEYFRAMES = 32
_MIN_POINTS = 12
_SKIN = 0.35
_SLIDE_FACTOR = 0.9
"""A slide has fewer unknowns: it wins unless the hinge is better by more than this."""
_LEAST_TURN = 0.15
_UNION_KEPT = 0.6
"""Share of each part's tracks that one joint must explain for the two to become one."""


@dataclass(frozen=True, eq=False)
class ClipPart:
    """A part found in a clip.

    Attributes:
        fit: its joint, in camera space with the subject at depth about one.
        members: tracks that follow it ``(k,)``.
        points: their positions at time zero ``(k, 3)``, camera space.
        other_cost: cost of the best joint of the other type, pixels².
        residual_px: median reprojection error.
    """

    fit: JointFit
    members: Array
    points: Array
    other_cost: float
    residual_px: float


def keyframes(tracks: ClipTracks, count: int = _KEYFRAMES) -> Array:
    """Frames evenly spread over time and over the motion of what moves; the first included."""
    t = tracks.seen.shape[1]
    if t <= count:
        return np.arange(t)
    step = np.linalg.norm(np.diff(tracks.pixels, axis=1), axis=-1)
    both = tracks.seen[:, 1:] & tracks.seen[:, :-1] & (tracks.travel > _MOVES_PX)[:, None]
    activity = np.where(both, np.clip(step - 0.3, 0, 5), 0).sum(0) / np.maximum(both.sum(0), 1)
    share = 0.6 * activity / max(activity.sum(), 1e-9) + 0.4 / (t - 1)
    progress = np.concatenate([[0.0], np.cumsum(share)])
    picks = np.searchsorted(progress, np.linspace(0, progress[-1] - 1e-9, count))
    return np.unique(np.clip(picks, 0, t - 1))


def observed(tracks: ClipTracks, index: Array, frames: Array, camera: Camera) -> Observations:
    """Tracks as observations of points at depth one whose depth is free."""
    pixels = tracks.pixels[index][:, frames]
    points = np.concatenate(
        [
            (pixels[:, 0] - [camera.cx, camera.cy]) / [camera.fx, camera.fy],
            np.ones((len(index), 1)),
        ],
        axis=1,
    )
    t = len(frames)
    return Observations(
        points=points,
        rays=points / np.linalg.norm(points, axis=1, keepdims=True),
        stream=np.zeros(len(index), np.int64),
        pixels=pixels,
        seen=tracks.seen[index][:, frames],
        whiten=np.tile(np.eye(2), (len(index), 1, 1)),
        surfel=np.arange(len(index)),
        T_camera_world=np.tile(np.eye(4), (t, 1, 1, 1)),
        intrinsics=np.tile([camera.fx, camera.fy, camera.cx, camera.cy], (t, 1, 1)),
        sigma=_DEPTH_SIGMA,
    )


def moving_tracks(tracks: ClipTracks, frames: Array) -> Array:
    """Indices of tracks that move, live long enough and are not skin."""
    long = tracks.seen[:, frames].sum(axis=1) >= max(6, len(frames) // 5)
    moving = long & (tracks.travel > _MOVES_PX)
    skin = tracks.skin >= _SKIN
    # Where most of what moves has the colour of skin, it is the subject's own (wood has it too).
    if moving.any() and skin[moving].mean() < 0.5:
        moving &= ~skin
    return np.nonzero(moving)[0]


def find_parts(
    tracks: ClipTracks,
    frames: Array,
    camera: Camera,
    *,
    most: int,
    rng: np.random.Generator,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[ClipPart]:
    """Parts on one joint each against the still world, largest first.

    Args:
        tracks: of the clip.
        frames: keyframes ``(k,)``.
        camera: assumed; at the origin.
        most: parts to look for.
        rng: picks seeds.
        checkpoints: where parts are kept.
    """
    left = moving_tracks(tracks, frames)
    total = len(left)
    found: list[ClipPart] = []
    for i in count():
        if len(found) >= most or len(left) < max(_MIN_POINTS, 0.15 * total):
            break
        inside = checkpoints.within(f"part {i}")
        search = partial(_largest_part, tracks, left, frames, camera, rng, inside)
        part = checkpoints.step(f"part {i}", search, rng=rng)
        if part is None:
            break
        left = np.setdiff1d(left, part.members)
        if _believable(part):
            found.append(part)
    join = partial(_merged, found, tracks, frames, camera, rng)
    return checkpoints.step("merged", join, rng=rng)


def _merged(
    found: list[ClipPart],
    tracks: ClipTracks,
    frames: Array,
    camera: Camera,
    rng: np.random.Generator,
) -> list[ClipPart]:
    """Join parts that one joint explains: noise splits large parts more often than not."""
    parts = list(found)
    for a in range(len(parts)):
        for b in range(len(parts) - 1, a, -1):
            union = np.concatenate([parts[a].members, parts[b].members])
            pool = observed(tracks, union, frames, camera)
            both = _refined(pool, union, np.arange(len(union)), rng)
            if both is None:
                continue
            kept = [np.isin(parts[k].members, both.members).mean() for k in (a, b)]
            if min(kept) > _UNION_KEPT and _believable(both):
                parts[a] = both
                del parts[b]
    return parts


def _believable(part: ClipPart) -> bool:
    turned = part.fit.model.span >= _LEAST_TURN or not part.fit.model.type.angular
    return part.residual_px < 1.5 and turned


def _largest_part(
    tracks: ClipTracks,
    left: Array,
    frames: Array,
    camera: Camera,
    rng: np.random.Generator,
    checkpoints: Checkpoints,
) -> ClipPart | None:
    pool = observed(tracks, left, frames, camera)
    best: tuple[int, Array] | None = None
    loop = checkpoints.loop("seeds")
    if (kept := loop.state) is not None:
        seeds, best, rng.bit_generator.state = kept
    else:
        seeds = rng.choice(len(left), min(_SEEDS, len(left)), replace=False)
    for i, seed in enumerate(seeds, 1):
        group = _neighbours(pool, int(seed))
        for _ in range(2):
            fit = _best_joint(pool.select(group))[0]
            inliers = np.nonzero(_mismatch(pool, fit.model)[0] < _INLIER_PX)[0]
            if len(inliers) < _MIN_POINTS:
                break
            if best is None or len(inliers) > best[0]:
                best = (len(inliers), inliers)
            if len(inliers) > 0.8 * len(left):
                break
            group = rng.choice(inliers, min(len(inliers), _NEIGHBOURS), replace=False)
        if best is not None and best[0] > 0.8 * len(left):
            break
        rest = seeds[i:], best
        loop.reached(lambda rest=rest: (*rest, rng.bit_generator.state))
    if best is None:
        return None
    return _refined(pool, left, best[1], rng)


def _refined(
    pool: Observations, left: Array, inliers: Array, rng: np.random.Generator
) -> ClipPart | None:
    some = inliers
    if len(some) > _FIT_POINTS:
        some = np.sort(rng.choice(inliers, _FIT_POINTS, replace=False))
    fit, other = _best_joint(pool.select(some), thorough=True)
    mismatch, points = _mismatch(pool, fit.model)
    members = np.nonzero(mismatch < _INLIER_PX)[0]
    if len(members) < _MIN_POINTS:
        return None
    return ClipPart(fit, left[members], points[members], other, float(np.median(mismatch[members])))


def _neighbours(pool: Observations, seed: int) -> Array:
    """Tracks near one in the image that live at the same time."""
    both = pool.seen & pool.seen[seed]
    apart = np.linalg.norm(pool.pixels - pool.pixels[seed], axis=-1)
    distance = np.where(both, apart, 0).sum(1) / np.maximum(both.sum(1), 1)
    distance = distance + 1e4 * (both.sum(axis=1) < 0.6 * pool.seen[seed].sum())
    return np.argsort(distance, kind="stable")[:_NEIGHBOURS]


def _mismatch(pool: Observations, model: JointModel) -> tuple[Array, Array]:
    """Each track's error at its best depth ``(n,)`` and its point there ``(n, 3)``."""
    still = np.tile(np.eye(4), (pool.instants, 1, 1))
    path = model.trajectory(still)
    best = np.full(len(pool), np.inf)
    points = pool.points.copy()
    for depth in np.linspace(-0.6, 0.9, 13):
        moved = replace(pool, points=pool.points + depth * pool.rays, sigma=0.12)
        residuals, slides = moved.residuals(path)
        error = upper_quartile(residuals)
        # Depths near the assumed one are preferred where the images do not tell.
        score = error + 0.1 * abs(depth)
        better = score < best
        best = np.where(better, score, best)
        points[better] = (moved.points + slides[:, None] * moved.rays)[better]
    return best, points


def _best_joint(pool: Observations, *, thorough: bool = False) -> tuple[JointFit, float]:
    """Best joint of either type, and the cost of the best of the other type."""
    still = np.tile(np.eye(4), (pool.instants, 1, 1))
    shape = _motion_shape(pool)
    center = pool.points.mean(axis=0)
    directions = _directions(12 if thorough else 6)
    fits: dict[JointType, JointFit] = {}
    for kind, spans in ((JointType.REVOLUTE, (0.6, 1.3)), (JointType.PRISMATIC, (0.3,))):
        starts = [
            JointModel(kind, axis, center, sign * span * shape)
            for axis in directions
            for sign in (1.0, -1.0)
            for span in spans
        ]
        coarse = [fit_joint(pool, still, s, iterations=6, kernel_px=6.0) for s in starts]
        coarse.sort(key=lambda fit: fit.cost)
        keep = coarse[: 5 if thorough else 2]
        steps = 40 if thorough else 12
        fine = [fit_joint(pool, still, f.model, iterations=steps) for f in keep]
        fits[kind] = min(fine, key=lambda fit: fit.cost)
    turn, slide = fits[JointType.REVOLUTE], fits[JointType.PRISMATIC]
    if slide.cost * _SLIDE_FACTOR < turn.cost + 0.02:
        return slide, turn.cost
    return turn, slide.cost


def _motion_shape(pool: Observations) -> Array:
    """Signed course of the motion ``(t,)``, range one: first mode of the displacements."""
    offset = pool.pixels - pool.pixels[:, :1]
    weight = np.repeat(pool.seen, 2, axis=1).reshape(len(pool), -1)
    flat = offset.reshape(len(pool), -1) * weight
    data = flat.reshape(len(pool), pool.instants, 2).transpose(0, 2, 1).reshape(-1, pool.instants)
    known = np.repeat(pool.seen, 2, axis=0).astype(float)
    course = np.sqrt((data**2).sum(0) / np.maximum(known.sum(0), 1))
    for _ in range(30):  # alternating least squares with missing entries
        gain = (data * course * known).sum(1) / np.maximum((known * course**2).sum(1), 1e-9)
        power = (known * gain[:, None] ** 2).sum(0)
        course = (data * gain[:, None] * known).sum(0) / np.maximum(power, 1e-9)
        course /= max(np.abs(course).max(), 1e-9)
    course = course - course[0]
    return course / max(float(np.ptp(course)), 1e-9)


def _directions(count: int) -> Array:
    """Directions spread over the half sphere ``(count, 3)`` (Fibonacci spiral)."""
    i = np.arange(count) + 0.5
    z = i / count
    angle = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([np.cos(angle) * r, np.sin(angle) * r, z], axis=1)
