"""Which points move as one: rigid motions, found one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.proximity import connected
from reel2sim.rigging.tracks.points import PointTracks, body_path, mean_seen
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

_SEEDS = 24
_SEED_POINTS = 16
_REFITS = 4
_WORST = 20.0
"""Squared distance in variances at which a point is off, and no further."""
_LINE, _NOISE_GAIN = 6, 3.0
"""Parameters of a joint besides its positions; what a free parameter gains where nothing moves,
members having been chosen for it, in variances."""
_LEAST = 6
"""Points of the smallest body."""
_AROUND = 8
_COUPLING = 4.0
"""What each neighbour in another body costs a point, in variances."""
_SURPRISE = 4.0
"""Standard deviations by which a neighbourhood must be worse than noise to seed a body."""


@dataclass(frozen=True, eq=False)
class RigidBodies:
    """Bodies of tracked points; 0 is the one that moves least.

    Attributes:
        labels: body of each point ``(n,)``.
        paths: motion of each since time zero ``(p, t, 4, 4)``.
    """

    labels: Array
    paths: Array


def rigid_bodies(tracks: PointTracks, sigma: float, rng: np.random.Generator) -> RigidBodies:
    """Bodies by greedy choice among the motions of neighbourhoods.

    Where points are off, the motions of neighbourhoods there are candidates; the best is taken
    if it explains points so much better that its parameters are worth it (Bayesian information
    criterion). Points then go to the motion that explains them and their neighbours best, and
    touching bodies that one motion explains as well become one.

    Args:
        tracks: the points.
        sigma: their noise, metres.
        rng: picks neighbourhoods.
    """
    search = _Search(tracks, sigma)
    paths = [search.still]
    now = search.cost(search.still)
    while (seeds := search.seeds(now, rng)) is not None:
        tried = [search.grown(seed, now) for seed in seeds]
        gains = [float(np.maximum(now - search.cost(path), 0.0).sum()) for path in tried]
        best = int(np.argmax(gains))
        if gains[best] < search.price:
            break
        paths.append(tried[best])
        now = np.minimum(now, search.cost(tried[best]))
    labels = search.assigned(paths)
    for _ in range(_REFITS):
        paths = [search.refitted(path, labels == k) for k, path in enumerate(paths)]
        labels = search.assigned(paths)
    labels, paths = search.merged(labels, paths)
    return search.ordered(*search.parted(labels, paths))


class _Search:
    """Motions of some tracks and what they explain."""

    def __init__(self, tracks: PointTracks, sigma: float) -> None:
        self.points, self.seen = tracks.points, tracks.seen
        self.variance = sigma**2
        instants, n = self.seen.shape
        self.still = np.tile(np.eye(4), (instants, 1, 1))
        self.tree = KDTree(self.points[0])
        near = self.tree.query(self.points[0], k=min(_AROUND + 1, n))[1]
        self.around = np.asarray(near)[:, 1:]
        # Worth a joint; what six numbers an instant gain by following noise is not gained.
        joint = (instants - 1 + _LINE) * np.log(3.0 * self.seen[1:].sum())
        self.price = joint + _NOISE_GAIN * 6 * (instants - 1)
        self.usual = 3.0 * self.seen[1:].sum(axis=0)

    def cost(self, path: Array) -> Array:
        """How far the instants disagree about where each point was at rest, in variances ``(n,)``.

        Against one rest position from all instants: that of the first is as noisy as any, and
        points whose noise there is alike would seem to move alike.
        """
        back = apply(invert(path), self.points)
        off = ((back - mean_seen(back, self.seen)) ** 2).sum(axis=-1) / self.variance
        return (np.minimum(off, _WORST) * self.seen).sum(axis=0)

    def seeds(self, now: Array, rng: np.random.Generator) -> Array | None:
        """Points in neighbourhoods that are worse off than noise explains; None if there are none.

        The worst, and some of the others, so that a small body is not hidden by a large one.
        """
        excess = (now - self.usual)[self.around].mean(axis=1)
        noise = np.sqrt(2 * self.usual / max(self.around.shape[1], 1))
        open_ = np.nonzero(excess > _SURPRISE * noise)[0]
        if len(open_) < _LEAST:
            return None
        worst = open_[np.argsort(excess[open_])[-_SEEDS // 4 :]]
        return np.unique(np.concatenate([worst, rng.choice(open_, min(_SEEDS, len(open_)))]))

    def grown(self, seed: int, now: Array) -> Array:
        """Motion of the neighbourhood of a point, refitted to all points that it suits better."""
        members = np.zeros(len(now), bool)
        count = min(_SEED_POINTS, len(now))
        members[np.atleast_1d(self.tree.query(self.points[0, seed], k=count)[1])] = True
        path = self.refitted(self.still, members)
        for _ in range(_REFITS):
            cost = self.cost(path)
            better = (cost < now) & (cost < 2 * self.usual)
            if better.sum() < _LEAST or (better == members).all():
                break
            members = better
            path = self.refitted(path, members)
        return path

    def refitted(self, path: Array, members: Array) -> Array:
        """The motion of points ``(n,)`` bool; ``path`` if they are too few."""
        if members.sum() < _LEAST:
            return path
        return body_path(self.points[:, members], self.seen[:, members])

    def assigned(self, paths: list[Array]) -> Array:
        """Motion that suits each point and its neighbours best ``(n,)`` (iterated modes)."""
        cost = np.stack([self.cost(path) for path in paths], axis=1)
        labels = cost.argmin(axis=1)
        for _ in range(10):
            votes = np.stack([(labels[self.around] == k).sum(1) for k in range(len(paths))], 1)
            new = (cost - _COUPLING * votes).argmin(axis=1)
            if (new == labels).all():
                break
            labels = new
        return labels

    def merged(self, labels: Array, paths: list[Array]) -> tuple[Array, list[Array]]:
        """Without bodies that are too small, or that another's motion, refitted, suits as well."""
        while True:
            used = [k for k in range(len(paths)) if (labels == k).any()]
            if len(used) == 1:
                break
            costs = np.stack([self.cost(path) for path in paths], axis=1)
            own = costs[np.arange(len(labels)), labels]
            rises: list[tuple[float, int, int, Array]] = []
            for a, b in combinations(used, 2):
                both = (labels == a) | (labels == b)
                small = min((labels == a).sum(), (labels == b).sum()) < _LEAST
                if not small and not self._touch(labels, a, b):
                    continue
                larger = a if (labels == a).sum() >= (labels == b).sum() else b
                for path in (paths[larger], self.refitted(paths[larger], both)):
                    rise = float((self.cost(path) - own)[both].sum())
                    rises.append((-np.inf if small else rise, a, b, path))
            rise, a, b, path = min(rises, key=lambda r: r[0], default=(np.inf, 0, 0, self.still))
            if rise > self.price:
                break
            labels = np.where(labels == b, a, labels)
            paths[a] = path
        return np.searchsorted(used, labels), [paths[k] for k in used]

    def parted(self, labels: Array, paths: list[Array]) -> tuple[Array, list[Array]]:
        """Pieces of a moving body that are farther apart than the smaller is large, as bodies.

        Two wheels that turn in step share a motion and no surface.
        """
        labels, paths = labels.copy(), list(paths)
        rest = self.points[0]
        for k in range(len(paths)):
            mine = np.nonzero(labels == k)[0]
            if np.allclose(paths[k], self.still) or len(mine) < 2 * _LEAST:
                continue
            spacing = float(np.median(KDTree(rest[mine]).query(rest[mine], k=_AROUND)[0][:, -1]))
            pieces = connected(rest[mine], 3 * spacing)
            sizes = np.bincount(pieces)
            home = int(sizes.argmax())
            for piece in np.nonzero(sizes >= _LEAST)[0]:
                own, other = mine[pieces == piece], mine[pieces == home]
                gap = KDTree(rest[other]).query(rest[own])[0].min()
                if piece != home and gap > np.linalg.norm(np.ptp(rest[own], axis=0)):
                    labels[own] = len(paths)
                    paths.append(self.refitted(paths[k], labels == len(paths)))
        return labels, paths

    def _touch(self, labels: Array, a: int, b: int) -> bool:
        near = labels[self.around[labels == a]]
        return bool((near == b).any()) or bool((labels[self.around[labels == b]] == a).any())

    def ordered(self, labels: Array, paths: list[Array]) -> RigidBodies:
        """Bodies by how far they move; the first stands still unless it is seen to move."""
        rest = self.points[0]
        way = [
            float(
                np.linalg.norm(apply(path, rest[labels == k]) - rest[labels == k], axis=-1).mean()
            )
            for k, path in enumerate(paths)
        ]
        order = np.argsort(way, kind="stable")
        chosen = np.stack([paths[k] for k in order])
        labels = np.argsort(order)[labels]
        root = labels == 0
        rise = (self.cost(self.still) - self.cost(chosen[0]))[root].sum()
        if rise < self.price:
            chosen[0] = self.still
        return RigidBodies(labels, chosen)
