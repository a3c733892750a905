"""Parts that move as one are one: whether two motions are worth their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.joints.rigid_fit import refine_motions
from reel2sim.rigging.pictures.observations import Observations, some_of, truncated_cost
from reel2sim.rigging.pictures.posed import SurfelModel
from reel2sim.scene.arrays import Array

CORRELATED = 20.0
"""Flow targets of neighbouring surfels share their errors: this many count as one."""
_SIGMA_PX = 0.5
_POINTS = 250
_TOUCH = 0.08
"""Gap in radii up to which two parts may be one body."""
_LINE = 5
"""Parameters of a joint besides its positions."""


def merge_bodies(
    targets: Observations,
    model: SurfelModel,
    labels: Array,
    paths: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Merge touching parts as long as the Bayesian information criterion gains by it.

    Of all pairs the one whose union loses least by a common motion goes first. Two motions must
    explain the targets better than one by what the parameters of a joint are worth.

    Args:
        targets: image positions of surfels.
        model: the surfels.
        labels: part of each ``(n,)``; 0 is the root.
        paths: motion of each part ``(p, t, 4, 4)``.
        rng: picks targets where there are many.

    Returns:
        Labels and paths of the parts that are left.
    """
    parts = {k: _Part.of(targets, model, labels, k, paths[k], rng) for k in range(len(paths))}
    parts = {k: part for k, part in parts.items() if len(part.points)}
    gains: dict[tuple[int, int], tuple[float, Array]] = {}
    labels = labels.copy()
    while True:
        for a in parts:
            for b in parts:
                if a < b and (a, b) not in gains and _touch(parts[a], parts[b]):
                    gains[a, b] = _gain(targets, parts[a], parts[b], root=a == 0)
        best = max(gains, key=lambda pair: gains[pair][0], default=None)
        if best is None or gains[best][0] <= 0:
            break
        a, b = best
        path = gains[best][1]
        labels[labels == b] = a
        parts[a] = _Part.of(targets, model, labels, a, path, rng)
        del parts[b]
        gains = {pair: gain for pair, gain in gains.items() if not {a, b} & set(pair)}
    left = sorted(parts)
    return np.searchsorted(left, labels), np.stack([parts[k].path for k in left])


@dataclass(frozen=True, eq=False)
class _Part:
    """One part: its surface, motion, and some of its targets with what they cost.

    Attributes:
        points: ``(m, 3)``.
        path: ``(t, 4, 4)``.
        chosen: targets looked at ``(k,)``.
        count: targets there are, over all instants.
        cost: mean truncated squared residual, pixels².
    """

    points: Array
    path: Array
    chosen: Array
    count: float
    cost: float

    @classmethod
    def of(
        cls,
        targets: Observations,
        model: SurfelModel,
        labels: Array,
        part: int,
        path: Array,
        rng: np.random.Generator,
    ) -> _Part:
        mine = np.nonzero(labels[targets.surfel] == part)[0]
        count = float(targets.seen[mine].sum())
        mine = some_of(mine, _POINTS, rng)
        return cls(model.points[labels == part], path, mine, count, _cost(targets, mine, path))


def _cost(targets: Observations, chosen: Array, path: Array) -> float:
    return truncated_cost(targets.select(chosen).residuals(path)[0])


def _gain(targets: Observations, a: _Part, b: _Part, *, root: bool) -> tuple[float, Array]:
    """By how much one motion lowers the criterion, and that motion."""
    apart = a.count * a.cost + b.count * b.cost
    found: list[tuple[float, Array]] = []
    both = np.concatenate([a.chosen, b.chosen])
    start = a.path if a.count >= b.count or root else b.path
    tries = [start]
    if not root and len(both) >= 6:
        tries.append(refine_motions(targets, both[None], start[None], sweeps=1)[0])
    for path in tries:
        whole = a.count * _cost(targets, a.chosen, path) + b.count * _cost(targets, b.chosen, path)
        found.append((whole, path))
    whole, path = min(found, key=lambda item: item[0])
    worse = (whole - apart) / _SIGMA_PX**2 / CORRELATED
    independent = max(min(a.count, b.count) / CORRELATED, 2.0)
    saved = (targets.instants + _LINE) * np.log(independent)
    return saved - worse, path


def _touch(a: _Part, b: _Part) -> bool:
    small, large = (a, b) if len(a.points) < len(b.points) else (b, a)
    distance = np.sort(KDTree(large.points).query(small.points)[0])
    return float(distance[: max(4, len(distance) // 50)].mean()) < _TOUCH
