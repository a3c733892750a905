"""Points followed through space, their noise, and what they say of the poses of parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.rigid_fit import rigid_motions, skew
from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, invert

LEAST_POINTS = 4
"""Points that must be there at the first time and at every other."""
_KERNEL = 4.0
"""Scale of the Geman–McClure kernel, standard deviations."""
_AROUND = 12
"""Points of a neighbourhood from which noise is told."""
_NEIGHBOURHOODS = 200
_LEAST_NOISE = 1e-6
"""Noise that is believed at the least, in diagonals."""


@dataclass(frozen=True, eq=False)
class PointTracks:
    """Surface points over time.

    Attributes:
        times_s: ``(t,)``, ascending, seconds.
        points: where each point is ``(t, n, 3)``, metres, world; zero where not seen, whatever
            was given.
        seen: whether it was seen then ``(t, n)`` bool; all must be seen at the first time.

    Raises:
        InputError: if shapes disagree, times do not ascend, a seen point is not finite, or there
            are too few.
    """

    times_s: Array
    points: Array
    seen: Array

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        times = checked("PointTracks.times_s", self.times_s, ("t",), sizes=sizes)
        if len(times) < 3 or (np.diff(times) <= 0).any():
            raise InputError("must ascend and be at least 3", source="PointTracks.times_s")
        seen = np.asarray(self.seen, dtype=bool)
        points = np.asarray(self.points, dtype=np.float64)
        if points.ndim != 3 or seen.shape != points.shape[:2]:
            raise InputError(
                f"has shape {seen.shape} for points {points.shape}", source="PointTracks.seen"
            )
        points = np.where(seen[..., None], points, 0.0)
        points = checked("PointTracks.points", points, ("t", "n", 3), sizes=sizes)
        if not seen[0].all():
            raise InputError(
                "some points are not seen at the first time",
                source="PointTracks.seen",
                remedy="leave them out, or begin where all are seen",
            )
        if seen.sum(axis=1).min() < LEAST_POINTS:
            raise InputError(f"fewer than {LEAST_POINTS} at some time", source="PointTracks.seen")
        assign(self, times_s=times, points=points, seen=seen)

    @property
    def diagonal(self) -> float:
        """Of the bounding box at the first time, metres."""
        return float(np.linalg.norm(np.ptp(self.points[0], axis=0)))

    def noise(self, rng: np.random.Generator) -> float:
        """Standard deviation of one coordinate, from how rigid small neighbourhoods are, metres.

        Most neighbourhoods lie on one part; the median passes over those that do not.
        """
        n = self.points.shape[1]
        around = min(_AROUND, n)
        middle = rng.choice(n, min(_NEIGHBOURHOODS, n), replace=False)
        groups = np.asarray(KDTree(self.points[0]).query(self.points[0, middle], k=around)[1])
        left: list[float] = []
        for group in groups:
            seen = self.seen[:, group]
            enough = seen.sum(axis=1) > LEAST_POINTS
            T = rigid_path(self.points[:, group], seen)
            off = (apply(T, self.points[0, group]) - self.points[:, group]) * seen[..., None]
            free = (3 * seen.sum(axis=1) - 6)[enough][1:].sum()
            if free > 0:
                left.append(float((off[enough][1:] ** 2).sum() / free))
        # Both ends of each difference are noisy.
        found = float(np.sqrt(np.median(left) / 2)) if left else 0.0
        return max(found, _LEAST_NOISE * self.diagonal)


def rigid_path(points: Array, seen: Array, rest: Array | None = None) -> Array:
    """Motion since time zero ``(t, 4, 4)`` that moves ``rest`` nearest to points.

    Args:
        points: ``(t, n, 3)``.
        seen: ``(t, n)``; instants with fewer than three keep the motion before.
        rest: ``(n, 3)``; the first instant's if None.
    """
    T = rigid_motions(points[0] if rest is None else rest, points, seen.astype(np.float64))
    for i in range(1, len(T)):
        if seen[i].sum() < 3:
            T[i] = T[i - 1]
    return T


def body_path(points: Array, seen: Array, *, sweeps: int = 2) -> Array:
    """Motion since time zero ``(t, 4, 4)`` of points ``(t, n, 3)`` , the first noisy too.

    Alternates between the motion and where all instants show the points at rest (generalised
    Procrustes analysis, Gower 1975).
    """
    T = rigid_path(points, seen)
    for _ in range(sweeps):
        rest = mean_seen(apply(invert(T), points), seen)
        T = rigid_path(points, seen, rest)
        T = T @ invert(T[0])  # rest is where the first instant was
    return T


def mean_seen(points: Array, seen: Array) -> Array:
    """Mean over the instants at which each point was seen ``(n, 3)``."""
    return (seen[..., None] * points).sum(axis=0) / seen.sum(axis=0)[:, None]


class Followed:
    """Some points of every part as evidence of the parts' poses (Geman–McClure).

    Costs are squared distances in standard deviations, so that they compare as likelihoods.
    """

    def __init__(self, tracks: PointTracks, parts: list[Array], paths: Array, sigma: float) -> None:
        """Points of each part, at rest where its path ``(p, t, 4, 4)`` says by all instants."""
        self._where = [tracks.points[:, index] for index in parts]
        self._seen = [tracks.seen[:, index] for index in parts]
        self._rest = [
            mean_seen(apply(invert(T), where), seen)
            for T, where, seen in zip(paths, self._where, self._seen, strict=True)
        ]
        self._sigma = sigma
        # Three numbers of each point are spent on where it is at rest.
        self.count = 3 * sum(int(seen[1:].sum()) for seen in self._seen)

    @property
    def centers(self) -> Array:
        """``(p, 3)``."""
        return np.stack([x.mean(axis=0) if len(x) else np.zeros(3) for x in self._rest])

    def settle(self, linkage: Linkage) -> None:
        """Put every point where all instants together show it at time zero."""
        for k, T in enumerate(linkage.motions):
            if len(self._rest[k]):
                self._rest[k] = mean_seen(apply(invert(T), self._where[k]), self._seen[k])

    def normal_equations(self, motions: Array) -> tuple[Array, Array, float]:
        """See :class:`reel2sim.rigging.joints.evidence.Evidence`."""
        A, b, cost = [], [], 0.0
        for k, T in enumerate(motions):
            now = apply(T, self._rest[k])
            r = (self._where[k] - now) / self._sigma
            square = (r**2).sum(axis=-1)
            kernel = _KERNEL**2 / (_KERNEL**2 + square)
            w = self._seen[k] * kernel**2
            J = np.concatenate([-skew(now), np.broadcast_to(np.eye(3), (*now.shape, 3))], axis=-1)
            J = J / self._sigma
            A.append(np.einsum("tn,tnri,tnrj->tij", w, J, J, optimize=True))
            b.append(np.einsum("tn,tnri,tnr->ti", w, J, r, optimize=True))
            cost += float((self._seen[k] * square * kernel).sum())
        return np.stack(A), np.stack(b), cost
