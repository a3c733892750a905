"""Which tracks move together on one joint: parts of a clip, without their number known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from reel2sim.reconstruction.monocular.one_joint import (
    KERNEL_PX,
    OneJoint,
    Sightings,
    fit,
    placed,
    robust,
)
from reel2sim.reconstruction.monocular.starts import (
    Explained,
    along_line,
    explain,
    plainness,
)
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

_INLIER_PX = 4.0
_REACHES_PX = (8.0, 6.0, 4.0)
"""Errors up to which tracks are taken in as a joint grows, in turn."""
_SEEDS, _NEIGHBOURS, _FIT_POINTS = 6, 20, 100
_MIN_POINTS = 8
_LEAST_SHARE = 0.08
"""Share of what moves under which no further part is looked for."""
_LEAST_TURN = 0.15
_UNION_KEPT = 0.6
"""Share of each part's tracks that one joint must explain for the two to become one."""
_ENOUGH = 0.85
"""Share of what moves that is not improved on."""
_LARGEST_WAY_PX = 20.0
"""Way from which a track has no more to say than others."""
_ROUNDS = 3
_LOOSE = 2.0
"""By how much more than usual tracks may err that might follow the line of another part."""
_AT_ONCE = 4
"""Tracks of a part that must be seen to make a step for it to count."""
_IN_STEP = 0.7
"""Difference of the steps of two parts, as a share of them, up to which they go in step."""
_BETTER = 0.6
"""Share of a track's error that another part must leave for the track to change to it."""
_ENDS = 3
"""Frames, of those chosen, at the beginning and at the end of a clip."""
_BELIEVED_PX = 2.0


@dataclass(frozen=True, eq=False)
class ClipPart:
    """A part found in a clip.

    Attributes:
        explained: its joint; depths are of ``members``.
        members: sightings that follow it ``(k,)``.
        error_px: median error of these.
    """

    explained: Explained
    members: Array
    error_px: float

    @property
    def joint(self) -> OneJoint:
        """The best joint."""
        return self.explained.best


def find_parts(
    seen: Sightings,
    moving: Array,
    *,
    most: int,
    rng: np.random.Generator,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[ClipPart]:
    """Parts on one joint each, against the still world.

    Args:
        seen: tracks.
        moving: which of them move ``(m,)``.
        most: parts to look for.
        rng: picks seeds.
        checkpoints: where parts are kept.
    """
    search = _Search(seen, moving, most, rng)
    parts: list[ClipPart] = []
    for name, act in (("discovered", search.discovered), ("merged", search.merged),
                      ("settled", search.settled)):  # fmt: skip
        parts = checkpoints.step(name, partial(act, parts), rng=rng)
    return parts


@dataclass(frozen=True, eq=False)
class _Search:
    seen: Sightings
    moving: Array
    most: int
    rng: np.random.Generator

    def discovered(self, parts: list[ClipPart]) -> list[ClipPart]:
        """Largest first, each taking what it explains from the next."""
        found = list(parts)
        left = self.moving
        while len(found) < self.most and len(left) >= self._fewest:
            part = _largest(self.seen, left, self.rng)
            if part is None:
                break
            left = np.setdiff1d(left, part.members)
            if _believable(self.seen, part) and len(part.members) >= self._fewest:
                found.append(part)
        return found

    @property
    def _fewest(self) -> int:
        return max(_MIN_POINTS, int(_LEAST_SHARE * len(self.moving)))

    def merged(self, parts: list[ClipPart]) -> list[ClipPart]:
        """Join parts that one joint explains: lost tracks split parts more often than not."""
        parts = list(parts)
        for a in range(len(parts)):
            for b in range(len(parts) - 1, a, -1):
                both = self._union(parts[a], parts[b])
                if both is not None:
                    parts[a] = both
                    del parts[b]
        return parts

    def _union(self, a: ClipPart, b: ClipPart) -> ClipPart | None:
        """Both as one part, if one joint explains both or what is seen of them may follow one."""
        union = np.concatenate([a.members, b.members])
        pool = self.seen.select(union)
        anew = explain(pool.select(_some(pool, np.arange(len(union)), self.rng)), directions=12)
        grown = _grown(pool, anew.best, self.rng)
        chains = _chained(self.seen, a, b, self.rng)
        best: ClipPart | None = None
        for start in [*chains, *([grown] if grown is not None else [])]:
            both = _refitted(self.seen, union, start, a.explained, self.rng)
            if both is None or not _believable(self.seen, both):
                continue
            kept = [np.isin(part.members, both.members).mean() for part in (a, b)]
            if min(kept) > _UNION_KEPT and (best is None or len(both.members) > len(best.members)):
                best = both
        if best is None and self._on_one_line(a, b):
            joint, _ = placed(pool, chains[0])
            compared = _compared(pool, joint, a.explained.other)
            best = ClipPart(compared, union, a.error_px)
        return best

    def _on_one_line(self, a: ClipPart, b: ClipPart) -> bool:
        """Whether tracks of b may follow the line of a, in step with it where both are seen."""
        if a.joint.type is not b.joint.type:
            return False
        pool = self.seen.select(b.members)
        own = along_line(pool.select(_some(pool, np.arange(len(pool)), self.rng)), a.joint)
        follows = (_high_errors(pool, own) < _LOOSE * _INLIER_PX).mean() > _UNION_KEPT
        if not follows:
            return False
        both = np.minimum(_steps_seen(self.seen, a), _steps_seen(self.seen, b)) >= _AT_ONCE
        mine, theirs = np.diff(a.joint.states)[both], np.diff(own.states)[both]
        moved = 0.5 * float((np.abs(mine) + np.abs(theirs)).sum())
        apart = float(np.abs(mine - theirs).sum())
        return apart < _IN_STEP * moved or moved < 0.1 * a.joint.span

    def settled(self, parts: list[ClipPart]) -> list[ClipPart]:
        """Give every track to the part that explains it best, and fit again, in turns."""
        for _ in range(_ROUNDS if len(parts) > 1 else 0):
            parts = self._settled_once(parts)
        return parts

    def _settled_once(self, parts: list[ClipPart]) -> list[ClipPart]:
        pool = self.seen.select(self.moving)
        errors = np.stack([_high_errors(pool, part.joint) for part in parts])
        for k, part in enumerate(parts):
            errors[k, np.isin(self.moving, part.members)] *= _BETTER
        owner = np.where(errors.min(axis=0) < _INLIER_PX, errors.argmin(axis=0), -1)
        for k, part in enumerate(parts):
            own = self.moving[owner == k]
            if len(own) < _MIN_POINTS:
                continue
            again = _refitted(self.seen, own, part.joint, part.explained, self.rng)
            if again is not None and _believable(self.seen, again):
                parts = [*parts[:k], again, *parts[k + 1 :]]
        return parts


def _largest(seen: Sightings, left: Array, rng: np.random.Generator) -> ClipPart | None:
    pool = seen.select(left)
    best: tuple[float, OneJoint] | None = None
    for k, group in enumerate(_groups(pool, rng)):
        if len(group) < _MIN_POINTS // 2:
            continue
        joint = explain(pool.select(group), directions=8, finer=2, steps=15).best
        grown = _grown(pool, joint, rng)
        if grown is None:
            continue
        cost = _price(pool, grown)
        if best is None or cost < best[0]:
            best = cost, grown
        if k == 0 and (_high_errors(pool, grown) < _INLIER_PX).mean() > _ENOUGH:
            break
    if best is None:
        return None
    some = pool.select(_some(pool, _inliers(pool, best[1], _INLIER_PX), rng))
    explained = explain(some, directions=12, finer=4)
    tried = [best[1], fit(some, placed(some, best[1])[0], steps=40)]
    for other in (explained.best, explained.other):
        if (grown := _grown(pool, other, rng)) is not None:
            tried.append(grown)
    joint = min(tried, key=lambda joint: _price(pool, joint))
    if joint.type is not explained.best.type:
        explained = Explained(explained.other, explained.best)
    return _refitted(seen, left, joint, explained, rng)


def _price(pool: Sightings, joint: OneJoint) -> float:
    """What a joint costs, all tracks told; less for a plain one."""
    inliers, at, _ = _followers(pool, joint)
    factor = plainness(pool.select(inliers), at) if len(inliers) else 1.0
    return factor * float(_costs(pool, joint).sum())


def _costs(pool: Sightings, joint: OneJoint) -> Array:
    """Robust cost of each track at its best depth, what that costs included ``(n,)``."""
    at, squared = placed(pool, joint)
    price = pool.depth_priors * (at.log_depth - pool.log_depth) ** 2
    return robust(squared, KERNEL_PX).sum(axis=1) + price


def _grown(pool: Sightings, joint: OneJoint, rng: np.random.Generator) -> OneJoint | None:
    """A joint fitted to more and more of the tracks, as they come to agree with it."""
    for reach_px in _REACHES_PX:
        inliers = _inliers(pool, joint, reach_px)
        if len(inliers) < _MIN_POINTS:
            return None
        chosen = pool.select(_some(pool, inliers, rng, 3 * _NEIGHBOURS))
        joint = fit(chosen, placed(chosen, joint)[0], steps=12, kernel_px=reach_px)
    return joint


def _groups(pool: Sightings, rng: np.random.Generator) -> Iterator[Array]:
    """Tracks that may belong together: all of them, then small and large neighbourhoods."""
    everything = np.arange(len(pool))
    yield _some(pool, everything, rng)
    lengths = pool.seen.sum(axis=1)
    count = min(_SEEDS, len(pool))
    seeds = rng.choice(len(pool), count, replace=False, p=lengths / lengths.sum())
    for k, seed in enumerate(seeds):
        yield _neighbours(pool, int(seed))[: _NEIGHBOURS * (1 if k % 2 else 3)]


def _refitted(
    seen: Sightings,
    which: Array,
    start: OneJoint,
    explained: Explained,
    rng: np.random.Generator,
) -> ClipPart | None:
    """A part of those of ``which`` that follow a joint, fitted to them from a start."""
    pool = seen.select(which)
    joint, cost = start, float(_costs(pool, start).sum())
    for _ in range(2):
        inliers = _inliers(pool, joint, _INLIER_PX)
        if len(inliers) < _MIN_POINTS:
            return None
        chosen = pool.select(_some(pool, inliers, rng))
        again = fit(chosen, placed(chosen, joint)[0], steps=40)
        again_cost = float(_costs(pool, again).sum())
        if again_cost >= cost:
            break
        joint, cost = again, again_cost
    inliers, joint, error = _followers(pool, joint)
    if len(inliers) < _MIN_POINTS:
        return None
    return ClipPart(_compared(pool.select(inliers), joint, explained.other), which[inliers], error)


def _compared(own: Sightings, joint: OneJoint, other: OneJoint) -> Explained:
    """Two joints with what they cost the same tracks, each at the best depths for it.

    The first joint's depths are kept: they are of these tracks.
    """
    best, worse = (replace(j, cost=float(_costs(own, j).sum())) for j in (joint, other))
    return Explained(best, worse)


def _some(
    pool: Sightings, inliers: Array, rng: np.random.Generator, most: int = _FIT_POINTS
) -> Array:
    """So many of the inliers as a fit needs: those that move and last say more."""
    if len(inliers) <= most:
        return inliers
    weight = (_weight(pool) * np.sqrt(pool.seen.sum(axis=1)))[inliers]
    return np.sort(rng.choice(inliers, most, replace=False, p=weight / weight.sum()))


def _weight(pool: Sightings) -> Array:
    """How much each track has to say ``(n,)``."""
    return np.clip(pool.way, 1.0, _LARGEST_WAY_PX)


def _inliers(pool: Sightings, joint: OneJoint, reach_px: float) -> Array:
    """Tracks that a joint explains ``(k,)``."""
    return np.nonzero(_high_errors(pool, joint) < reach_px)[0]


def _followers(pool: Sightings, joint: OneJoint) -> tuple[Array, OneJoint, float]:
    """Tracks that a joint explains, it with their depths, and their median error."""
    at, squared = placed(pool, joint)
    errors = np.where(pool.seen, np.sqrt(squared), np.nan)
    followers = np.nonzero(np.nanpercentile(errors, 75, axis=1) < _INLIER_PX)[0]
    raw = errors / np.sqrt(pool.stiffness)[:, None]
    median = float(np.nanmedian(raw[followers])) if len(followers) else np.inf
    return followers, replace(joint, log_depth=at.log_depth[followers]), median


def _high_errors(pool: Sightings, joint: OneJoint) -> Array:
    """Upper quartile of each track's errors at its best depth, as far as they count ``(n,)``."""
    squared = placed(pool, joint)[1]
    return np.nanpercentile(np.where(pool.seen, np.sqrt(squared), np.nan), 75, axis=1)


def _neighbours(pool: Sightings, seed: int) -> Array:
    """Tracks near one in the image while both are seen."""
    both = pool.seen & pool.seen[seed]
    apart = np.linalg.norm(pool.pixels - pool.pixels[seed], axis=-1)
    shared = both.sum(axis=1)
    distance = np.where(both, apart, 0).sum(1) / np.maximum(shared, 1)
    distance = distance + 1e4 * (shared < 0.6 * np.minimum(pool.seen[seed].sum(), pool.seen.sum(1)))
    return np.argsort(distance, kind="stable")


def _chained(seen: Sightings, a: ClipPart, b: ClipPart, rng: np.random.Generator) -> list[OneJoint]:
    """Starts for both as one: either's line, with the steps of whichever is seen to make them."""
    found: list[OneJoint] = []
    for own, others in ((a, b), (b, a)):
        pool = seen.select(others.members)
        few = pool.select(_some(pool, np.arange(len(pool)), rng))
        theirs = along_line(few, own.joint)
        mine_seen, theirs_seen = (_steps_seen(seen, part) for part in (own, others))
        steps = mine_seen * np.diff(own.joint.states) + theirs_seen * np.diff(theirs.states)
        steps /= np.maximum(mine_seen + theirs_seen, 1e-9)
        states = np.concatenate([[0.0], np.cumsum(steps)])
        found.append(replace(own.joint, states=states))
    return found


def _steps_seen(seen: Sightings, part: ClipPart) -> Array:
    """How many of a part's tracks are seen before and after each step ``(t - 1,)``."""
    there = seen.seen[part.members]
    return (there[:, 1:] & there[:, :-1]).sum(axis=0)


def _believable(seen: Sightings, part: ClipPart) -> bool:
    """Whether it turns at all, and was there before or after: an actor comes and goes."""
    turned = part.joint.span >= _LEAST_TURN or not part.joint.type.angular
    there = seen.seen[part.members]
    ends = there[:, :_ENDS].any(axis=1).sum(), there[:, -_ENDS:].any(axis=1).sum()
    return part.error_px < _BELIEVED_PX and turned and max(ends) >= _MIN_POINTS // 2
