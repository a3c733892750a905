"""How near sets of points are to each other, and which points hang together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from reel2sim.scene.arrays import Array

_CLOSEST = 8


def gaps_between(shapes: Sequence[Array]) -> Array:
    """How far apart the closest points of shapes ``(n, 3)`` are ``(p, p)``.

    Infinite to themselves and to shapes without points.
    """
    trees = [KDTree(x) if len(x) else None for x in shapes]
    gaps = np.full((len(shapes), len(shapes)), np.inf)
    for a in range(len(shapes)):
        for b in range(a):
            tree = trees[b]
            if tree is not None and len(shapes[a]):
                near = np.sort(tree.query(shapes[a])[0])[:_CLOSEST]
                gaps[a, b] = gaps[b, a] = near.mean()
    return gaps


def connected(points: Array, reach: float) -> Array:
    """Which connected set each of ``points`` ``(n, 3)`` is in ``(n,)``, neighbours within reach."""
    pairs = KDTree(points).query_pairs(reach, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(points),) * 2)
    return connected_components(links, directed=False)[1]


def clusters(points: Array, chosen: Array, *, reach: float, fewest: int) -> list[Array]:
    """Chosen points that hang together, in groups that are large enough.

    Args:
        points: ``(n, 3)``.
        chosen: indices of some ``(m,)``.
        reach: neighbours are within it.
        fewest: points of a group.

    Returns:
        Indices of each group's points.
    """
    if len(chosen) < fewest:
        return []
    group = connected(points[chosen], reach)
    return [chosen[group == k] for k in np.nonzero(np.bincount(group) >= fewest)[0]]
