"""How many parts there are and how each moves: greedy search over all instants at once.

Each round proposes local rigid motions from neighbouring points that move alike, turns the best
into one-degree-of-freedom joints under every motion already known, keeps the one that explains
most, and takes its points away. The search ends when the best explains too little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.joint_fit import JointModel, fit_joint, initial_joint
from reel2sim.rigging.observations import Observations, upper_quartile
from reel2sim.rigging.rigid_fit import fit_motions, pad_groups, refine_motions
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

ONE_DOF = (JointType.REVOLUTE, JointType.PRISMATIC)
_FREE_MOTION_FACTOR = 0.8
"""A free motion has so many parameters that it must explain this much more than a joint."""
_PRISMATIC_FACTOR = 1.08
_ROOT_PARENT_FACTOR = 1.02
_ROOT_SUFFICES = 0.92
_MOST_POINTS = 1800
"""Unexplained points looked at in one search; more only cost time."""
_DISTINCT = 6
"""Best distinct local motions that are turned into joints in each round."""


@dataclass(frozen=True, eq=False)
class PartMotion:
    """The motion of one part.

    Attributes:
        trajectory: motion since time zero ``(t, 4, 4)``, normalised space.
        parent: index of the part it moves against, −1 for the root.
        joint: its joint, or None for the root and for free motions.
        cost: mean truncated squared residual of its joint, pixels².
        information: of the joint's axis and pivot ``(6, 6)``, or None.
    """

    trajectory: Array
    parent: int = -1
    joint: JointModel | None = None
    cost: float = 0.0
    information: Array | None = None


def still(instants: int) -> PartMotion:
    """A part that does not move."""
    return PartMotion(np.tile(np.eye(4), (instants, 1, 1)))


@dataclass(frozen=True, eq=False)
class Search:
    """Bounds of one search.

    Attributes:
        max_parts: parts in all.
        stop_share: least share of the unexplained weight the next part must explain.
        min_score: least weight it must explain.
        distinct: local motions turned into joints in each round.
    """

    max_parts: int
    stop_share: float
    min_score: float = 3.0
    distinct: int = _DISTINCT


def discover(
    observations: Observations,
    known: list[PartMotion],
    follows: Array,
    search: Search,
    config: RiggingConfig,
    rng: np.random.Generator,
    *,
    fresh: bool,
) -> list[PartMotion]:
    """Find the motions that explain the points which the known ones do not.

    Args:
        observations: the points.
        known: motions found so far, root first.
        follows: which of them each point follows now ``(n,)``.
        search: where to stop.
        config: thresholds.
        rng: source of randomness.
        fresh: local motions start at rest (chained through time); else at the motion the point
            follows.

    Returns:
        ``known`` and the new motions after it.
    """
    found = list(known)
    pool = _Unexplained.of(observations, found, follows, config, rng, fresh=fresh)
    total = pool.weight.sum()
    while len(pool.observations) >= config.min_tracks and len(found) < search.max_parts:
        best = _best_motion(pool, found, search, config, rng, fresh=fresh)
        least = max(search.min_score, search.stop_share * total)
        if best is None or len(best.inliers) < config.min_tracks or best.score < least:
            break
        found.append(best.part)
        pool = pool.without(best.inliers)
    return found


@dataclass(frozen=True, eq=False)
class _Unexplained:
    """Points no known motion explains.

    Attributes:
        observations: the ``m`` points.
        follows: known motion each follows ``(m,)``.
        offset: pixels by which it is off ``(m, t, 2)``.
        weight: its share of the instants ``(m,)``.
    """

    observations: Observations
    follows: Array
    offset: Array
    weight: Array

    @classmethod
    def of(
        cls,
        observations: Observations,
        known: list[PartMotion],
        follows: Array,
        config: RiggingConfig,
        rng: np.random.Generator,
        *,
        fresh: bool,
    ) -> _Unexplained:
        residuals = np.full(observations.seen.shape, np.nan)
        for k, part in enumerate(known):
            index = np.nonzero(follows == k)[0]
            if len(index):
                some = observations.select(index)
                # At first sight depth slack would excuse small true motions.
                residuals[index] = some.residuals(part.trajectory, slack=not fresh)[0]
        worst = np.nan_to_num(residuals)
        free = (upper_quartile(residuals) >= config.motion_px) & (
            observations.seen.sum(axis=1) >= 5
        )
        if fresh:
            free &= worst.max(axis=1, initial=0.0) > 2 * config.motion_px
        else:
            free &= (worst > 1.5 * config.motion_px).sum(axis=1) >= 4
        index = _some(np.nonzero(free)[0], _MOST_POINTS, rng)
        some = observations.select(index)
        paths = np.stack([part.trajectory for part in known])[follows[index]]
        offset = np.where(some.seen[..., None], some.pixels - some.predicted(paths), 0.0)
        return cls(some, follows[index], offset.astype(np.float32), some.seen.mean(axis=1))

    def without(self, index: Array) -> _Unexplained:
        keep = np.ones(len(self.observations), bool)
        keep[index] = False
        return _Unexplained(
            self.observations.select(keep),
            self.follows[keep],
            self.offset[keep],
            self.weight[keep],
        )

    def score(self, trajectory: Array, config: RiggingConfig) -> tuple[float, Array]:
        """Weight explained by a motion, and each point's mismatch in pixels."""
        mismatch = self.observations.mismatch(trajectory)
        share = np.clip(1 - (mismatch / (1.5 * config.motion_px)) ** 2, 0, 1)
        return float((self.weight * share).sum()), mismatch

    def neighbours(self, seed: int, count: int) -> Array:
        """The points closest to one in space and in motion."""
        o = self.observations
        both = o.seen & o.seen[seed]
        overlap = both.sum(axis=1)
        apart = np.linalg.norm(self.offset - self.offset[seed], axis=-1)
        unlike = np.where(both, apart, 0).sum(axis=1) / np.maximum(overlap, 1)
        away = np.linalg.norm(o.points - o.points[seed], axis=1)
        distance = away / 0.12 + unlike / 6.0
        distance += (overlap < 5) * 1e3 + (o.stream != o.stream[seed]) * 2.0
        return np.argsort(distance, kind="stable")[:count]


@dataclass(frozen=True, eq=False)
class _Candidate:
    score: float
    part: PartMotion
    inliers: Array


def _best_motion(
    pool: _Unexplained,
    known: list[PartMotion],
    search: Search,
    config: RiggingConfig,
    rng: np.random.Generator,
    *,
    fresh: bool,
) -> _Candidate | None:
    best: _Candidate | None = None
    for free in _distinct(_local_motions(pool, known, config, rng, fresh=fresh), search.distinct):
        for candidate in (free, *_as_joints(pool, free, known, config, rng)):
            if best is None or candidate.score > best.score:
                best = candidate
    return best


def _local_motions(
    pool: _Unexplained,
    known: list[PartMotion],
    config: RiggingConfig,
    rng: np.random.Generator,
    *,
    fresh: bool,
) -> list[_Candidate]:
    """Free rigid motions of neighbourhoods, refitted to all points they explain, best first."""
    o, count = pool.observations, min(config.hypotheses, len(pool.observations))
    seeds = rng.choice(len(o), count, replace=False)
    groups = pad_groups([pool.neighbours(int(s), config.neighbours) for s in seeds])
    if fresh:
        paths = fit_motions(o, groups, stiffness=6e-3)
    else:
        start = np.stack([known[k].trajectory for k in pool.follows[seeds]])
        paths = fit_motions(
            o, groups, start=start, iterations=4, stiffness=6e-3, sweeps=2, kernel_px=4.0
        )
    paths = refine_motions(o, groups, paths, stiffness=6e-3)
    wider: list[Array] = []
    for row, path in enumerate(paths):
        inliers = np.nonzero(pool.score(path, config)[1] < 1.6 * config.motion_px)[0]
        members = inliers if len(inliers) >= config.min_tracks else groups[row][groups[row] >= 0]
        wider.append(_some(members, 120, rng))
    paths = refine_motions(o, pad_groups(wider), paths, iterations=2)
    found: list[_Candidate] = []
    for path, members in zip(paths, wider, strict=True):
        score, mismatch = pool.score(path, config)
        inliers = np.nonzero(mismatch < 1.5 * config.motion_px)[0]
        kept = inliers if len(inliers) >= 5 else members
        found.append(_Candidate(_FREE_MOTION_FACTOR * score, PartMotion(path), kept))
    return sorted(found, key=lambda c: -c.score)


def _distinct(candidates: list[_Candidate], count: int) -> list[_Candidate]:
    """The best candidates whose points do not mostly belong to a better one."""
    kept: list[_Candidate] = []
    for candidate in candidates:
        mine = candidate.inliers
        if any(len(np.intersect1d(mine, k.inliers)) > 0.7 * len(mine) for k in kept):
            continue
        kept.append(candidate)
        if len(kept) == count:
            break
    return kept


def _as_joints(
    pool: _Unexplained,
    free: _Candidate,
    known: list[PartMotion],
    config: RiggingConfig,
    rng: np.random.Generator,
) -> list[_Candidate]:
    """A free motion explained as each kind of joint under the known motions.

    Parents other than the root are tried only where the root leaves much of it unexplained.
    """
    found: list[_Candidate] = []
    enough = _ROOT_SUFFICES * free.score / _FREE_MOTION_FACTOR
    for parent, above in enumerate(known):
        if parent and found and max(c.score for c in found if c.part.parent == 0) > enough:
            break
        for kind in ONE_DOF:
            points = pool.observations.points[free.inliers]
            model = initial_joint(kind, above.trajectory, free.part.trajectory, points)
            inliers, score, cost = free.inliers, 0.0, 0.0
            for attempt in range(3):
                some = pool.observations.select(_some(inliers, 160, rng))
                fit = fit_joint(
                    some,
                    above.trajectory,
                    model,
                    iterations=8,
                    kernel_px=3.0 if attempt == 0 else 2.0,
                )
                model, cost = fit.model, fit.cost
                score, mismatch = pool.score(model.trajectory(above.trajectory), config)
                factor = 2.0 if attempt < 2 else 1.5
                inliers = np.nonzero(mismatch < factor * config.motion_px)[0]
                if len(inliers) < config.min_tracks:
                    break
            if kind is JointType.PRISMATIC:
                score *= _PRISMATIC_FACTOR
            if parent == 0:
                score *= _ROOT_PARENT_FACTOR
            path = model.trajectory(above.trajectory)
            found.append(_Candidate(score, PartMotion(path, parent, model, cost), inliers))
    return found


def _some(index: Array, count: int, rng: np.random.Generator) -> Array:
    """At most ``count`` of the indices, in order."""
    if len(index) <= count:
        return index
    return np.sort(rng.choice(index, count, replace=False))
