"""Masks for a posed reel whose background is a place, not a colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from reel2sim.reconstruction.bounds import camera_of
from reel2sim.reconstruction.foreground.backdrop import Backdrop
from reel2sim.reconstruction.foreground.coherence import Shape, agree
from reel2sim.reconstruction.foreground.cut import cut
from reel2sim.reconstruction.foreground.evidence import (
    IMPOSSIBLE,
    from_before,
    from_depth,
    from_surroundings,
)
from reel2sim.reconstruction.foreground.region import Box, Region, shared_region
from reel2sim.reconstruction.foreground.rest import aside, neighbours, same_view, spread_out
from reel2sim.reconstruction.foreground.support import aligned, find_support, seen_points
from reel2sim.reconstruction.foreground.sweep import Peaks, Picture, sweep
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import NoSubjectError
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.reel import Frame, Reel

_WORK_PX = 192
_ROUNDS = 4
_LEAST_VIEWS = 5
_HORIZON = 12.0
"""Farthest depth looked at, in distances of the object."""
_CLEARANCE = 0.03
"""Height above the support, in radii, below which depth cannot tell the object from it."""
_HELD, _HELD_MOVED = 0.8, 0.5
"""What depth counts beside surroundings, at rest and while parts move between views."""
_INSIDE, _EDGE, _OUTSIDE = 0.6, -1.0, -4.0
"""Log odds of pixels in the common shape's outline, just beside it, and elsewhere."""
_ELSEWHERE = -0.4
"""Log odds of pixels beside the outline once parts may have moved there."""
_EDGE_PX = 3
_GIVEN = 4.0
"""Log odds of a mask that came with the reel."""


@dataclass(frozen=True, eq=False)
class _Rest:
    """What the views at rest told: surroundings, and the shape at time zero."""

    pictures: Sequence[Picture]
    region: Region
    raised: Region
    backdrop: Backdrop
    shape: Shape


def find_masks(
    reel: Reel,
    *,
    bounds: Box | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> tuple[Array, ...]:
    """Tell the object from the place it is in, in every frame.

    Views at rest from around the object give depth by comparison with their neighbours. What
    is nearer than the surroundings, above what it stands on, and seen so by all views, is the
    object; the rest makes a backdrop, against which the object is cut out of every frame.

    Args:
        reel: every frame has a camera; masks that are there are kept, and used as evidence.
        bounds: box that holds the object through its whole motion; from the cameras if None.
        checkpoints: where the masks of single frames are kept.
        progress: told of fractions 0..1; may cancel.

    Returns:
        One mask ``(h, w)`` uint8 per frame, 255 on the object.

    Raises:
        NoSubjectError: if the views at rest do not show depth, or nothing stands out.
        ReconstructionError: if a camera is missing.
    """
    pictures = [Picture.of(f.image, camera_of(f), max_px=_WORK_PX) for f in reel.frames]
    given = [_reduced(f, p) for f, p in zip(reel.frames, pictures, strict=True)]
    start = float(reel.times_s[0])
    zero = [i for i, frame in enumerate(reel.frames) if frame.time_s == start]
    rest = _learn(
        [pictures[i] for i in zero],
        [given[i] for i in zero],
        source=reel.source or "reel",
        bounds=bounds,
        checkpoints=checkpoints,
        progress=subrange(progress, 0.0, 0.6),
    )
    ticker = Ticker(subrange(progress, 0.6, 1.0), "finding the object in every frame")
    loop = checkpoints.loop("frames")
    found: dict[int, Array] = loop.state or {}
    for i in zero:
        if i in found:
            continue
        found[i] = _cut_still(pictures[i], given[i], rest)
        ticker(len(found), len(pictures))
        loop.reached(lambda: found)
    before = [(pictures[i], found[i]) for i in zero]
    for i, picture in enumerate(pictures):
        if i not in found:
            adjacent = [pictures[j] for j in _adjacent(reel, i)]
            found[i] = _cut_moved(picture, given[i], rest, before, adjacent)
            ticker(len(found), len(pictures))
            loop.reached(lambda: found)
    return tuple(
        _enlarged(found[i], frame) if frame.mask is None else frame.mask
        for i, frame in enumerate(reel.frames)
    )


def _learn(
    pictures: Sequence[Picture],
    given: Sequence[Array | None],
    *,
    source: str,
    bounds: Box | None,
    checkpoints: Checkpoints,
    progress: Progress,
) -> _Rest:
    """Find support, surroundings and shape from views at rest."""
    region = shared_region([p.camera for p in pictures], box=bounds)
    if region is None:
        raise _untold("the cameras do not look at one place", source)
    chosen = spread_out(pictures, region)
    pictures, given = [pictures[i] for i in chosen], [given[i] for i in chosen]
    beside = neighbours(pictures, region)
    if sum(len(n) >= 2 for n in beside) < _LEAST_VIEWS:
        raise _untold("there are too few views at the first instant to see depth", source)
    ticker = Ticker(subrange(progress, 0.0, 0.6), "comparing views at rest")
    loop = checkpoints.loop("views at rest")
    peaks: list[Peaks] = loop.state or []
    for picture, near in list(zip(pictures, beside, strict=True))[len(peaks) :]:
        peaks.append(_swept(picture, [pictures[i] for i in near], region))
        ticker(len(peaks), len(pictures))
        loop.reached(lambda: peaks)
    points = np.concatenate([seen_points(p, k) for p, k in zip(pictures, peaks, strict=True)])
    if len(points) < 200 * len(pictures):
        raise _untold("neighbouring views do not match", source)
    support = find_support(pictures, points, region)
    if support is not None:
        support = aligned(support, pictures, beside, region)
    region = replace(region, support=support)
    raised = replace(region, clearance_m=_CLEARANCE * region.radius_m)
    depth = [
        from_depth(p, k, [pictures[i] for i in near], raised)
        for p, k, near in zip(pictures, peaks, beside, strict=True)
    ]
    empty = [_misses(region, p.camera) for p in pictures]
    ticker = Ticker(subrange(progress, 0.6, 1.0), "agreeing on the object's outline")
    told, priors = depth, [np.zeros_like(odds) for odds in depth]
    done = 0
    while True:
        # The prior shapes masks but does not count as evidence, or it would prove itself.
        masks = [
            cut(_settled(odds + prior, mask, out), p.color)
            for odds, prior, mask, out, p in zip(told, priors, given, empty, pictures, strict=True)
        ]
        evidence = [_settled(*each) for each in zip(told, given, empty, strict=True)]
        shape = agree(pictures, masks, evidence, region)
        if len(shape.points) < 8:
            raise _untold("nothing stands out from its surroundings", source)
        outlines = [shape.outline(p.camera) for p in pictures]
        hidden = [mask & outline for mask, outline in zip(masks, outlines, strict=True)]
        backdrop = Backdrop(pictures, hidden, peaks, raised)
        done += 1
        ticker(done, _ROUNDS)
        if done == _ROUNDS:
            return _Rest(pictures, region, raised, backdrop, shape)
        told = [
            _HELD * odds + from_surroundings(p, backdrop.expect(p.camera), empty=out)
            for odds, out, p in zip(depth, empty, pictures, strict=True)
        ]
        priors = [_prior(outline, outside=_OUTSIDE) for outline in outlines]


def _cut_still(picture: Picture, given: Array | None, rest: _Rest) -> Array:
    """The object at time zero, where its shape is known ``(h, w)`` bool."""
    empty = _misses(rest.region, picture.camera)
    odds = from_surroundings(picture, rest.backdrop.expect(picture.camera), empty=empty)
    odds = odds + _prior(rest.shape.outline(picture.camera), outside=_OUTSIDE)
    return _kept(cut(_settled(odds, given, empty), picture.color))


def _cut_moved(
    picture: Picture,
    given: Array | None,
    rest: _Rest,
    before: Sequence[tuple[Picture, Array]],
    adjacent: Sequence[Picture],
) -> Array:
    """The object at another time, when parts of it may be elsewhere ``(h, w)`` bool.

    Args:
        picture: the view.
        given: its mask, if it came with one.
        rest: what is known from time zero.
        before: pictures of time zero with their masks.
        adjacent: the frames before and after in the same stream; a camera that moves sees there
            from aside what has just been uncovered.
    """
    empty = _misses(rest.region, picture.camera)
    expected = rest.backdrop.expect(picture.camera)
    odds = from_surroundings(picture, expected, empty=empty)
    # A camera that stays sees nothing new by depth, and depths of what moved mislead.
    passing = aside(picture, adjacent, rest.region, most=2)
    if passing:
        near = [*aside(picture, rest.pictures, rest.region, most=3), *passing]
        peaks = _swept(picture, near, rest.region)
        odds = odds + _HELD_MOVED * from_depth(picture, peaks, near, rest.raised)
    prior = _prior(rest.shape.outline(picture.camera), outside=_ELSEWHERE)
    same = same_view(picture.camera, [p.camera for p, _ in before], rest.region)
    if same is not None:
        known, steady = from_before(picture, *before[same])
        # What no view ever saw lies under the object, and stays so when its parts move.
        changed = np.where(expected.views > 0, np.minimum(prior, 0.0), prior)
        prior = np.where(steady, known, changed)
    return _kept(cut(_settled(odds + prior, given, empty), picture.color))


def _adjacent(reel: Reel, index: int) -> list[int]:
    """Indices of the frames just before and after one in its stream."""
    own = reel.frames[index]
    stream = [i for i, frame in enumerate(reel.frames) if frame.stream == own.stream]
    stream.sort(key=lambda i: reel.frames[i].time_s)
    place = stream.index(index)
    return [stream[k] for k in (place - 1, place + 1) if 0 <= k < len(stream)]


def _swept(picture: Picture, near: Sequence[Picture], region: Region) -> Peaks:
    if len(near) < 2:
        nothing = np.zeros((1, *picture.grey.shape), np.float32)
        return Peaks(nothing, nothing - 1)
    distance = float(np.linalg.norm(picture.camera.position - region.center))
    nearest = max(distance - 1.1 * region.radius_m, 0.1 * distance)
    return sweep(picture, near, near_m=nearest, far_m=_HORIZON * distance)


def _settled(odds: Array, given: Array | None, empty: Array) -> Array:
    """Evidence in which a given mask and the region have the last word."""
    if given is not None:
        return np.where(given, _GIVEN, -_GIVEN)
    return np.where(empty, IMPOSSIBLE, odds)


def _prior(outline: Array, *, outside: float) -> Array:
    wide = cv2.dilate(outline.astype(np.uint8), np.ones((2 * _EDGE_PX + 1,) * 2, np.uint8)) > 0
    return np.where(outline, _INSIDE, np.where(wide, max(_EDGE, outside), outside))


def _misses(region: Region, camera: Camera) -> Array:
    """Pixels ``(h, w)`` bool whose rays do not meet the region."""
    near, far = region.span(camera)
    return near >= far


def _kept(mask: Array) -> Array:
    """The mask without specks."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    return np.isin(labels, 1 + np.flatnonzero(areas >= max(8, 0.03 * areas.max())))


def _reduced(frame: Frame, picture: Picture) -> Array | None:
    if frame.mask is None:
        return None
    size = (picture.camera.width, picture.camera.height)
    return cv2.resize(frame.mask, size, interpolation=cv2.INTER_AREA) > 127


def _enlarged(mask: Array, frame: Frame) -> Array:
    size = (frame.image.shape[1], frame.image.shape[0])
    smooth = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.where(smooth > 0.5, 255, 0).astype(np.uint8)


def _untold(why: str, source: str) -> NoSubjectError:
    return NoSubjectError(
        f"has no masks, its background is not one colour, and {why}",
        source=source,
        field="mask",
        remedy="give masks or alpha, or about 20 views from around the object at rest, all at"
        " the first time",
    )
