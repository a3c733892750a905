"""Bones laid over the canonical surfels: where they sit, whom they move, who is next to whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial import KDTree

from reel2sim.scene.arrays import Array

_COLOR_PULL = 0.2
"""Distance in radii that one unit of colour difference counts for when bones are placed."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones at rest and the neighbourhoods that keep them together, normalised units.

    Attributes:
        centers: of the bones' ellipsoids ``(b, 3)``.
        scales: their semi-axes along the world's axes ``(b, 3)``.
        labels: bone each surfel was clustered to ``(n,)``.
        neighbours: indices of each surfel's nearest surfels ``(n, m)``.
        distances: to those neighbours ``(n, m)``.
        affinity: how much those neighbours count ``(n, m)``, 0..1; low across colour edges.
        pairs: bones that touch ``(e, 2)``, first index smaller.
        contacts: a point between the two bones of each pair ``(e, 3)``.
    """

    centers: Array
    scales: Array
    labels: Array
    neighbours: Array
    distances: Array
    affinity: Array
    pairs: Array
    contacts: Array


def lay_bones(points: Array, colors: Array, *, count: int, seed: int) -> Skeleton:
    """Cluster surfels by place and colour into at most ``count`` bones.

    Args:
        points: centres ``(n, 3)``, normalised units.
        colors: ``(n, 3)``, 0..1.
        count: number of bones wanted; fewer if there are too few surfels.
        seed: of the clustering.
    """
    wanted = max(1, min(count, len(points) // 8))
    features = np.concatenate([points, _COLOR_PULL * colors], axis=1).astype(np.float64)
    start = _spread(features, wanted, np.random.default_rng(seed))
    _, labels = kmeans2(features, start, minit="matrix", iter=30, missing="warn")
    _, labels = np.unique(labels, return_inverse=True)
    labels = np.asarray(labels).ravel()
    bones = int(labels.max()) + 1
    members = [points[labels == k] for k in range(bones)]
    centers = np.stack([m.mean(0) for m in members])
    scales = np.stack([m.std(0) for m in members])
    scales = np.maximum(scales, 0.25 * scales.max(axis=1, keepdims=True))
    scales = np.maximum(scales, 0.02)
    near = min(7, len(points))
    found = KDTree(points).query(points, k=near)
    distances, neighbours = (np.asarray(x)[:, 1:] for x in found)
    reach = 2.0 * np.median(distances) + 1e-9
    contrast = ((colors[:, None] - colors[neighbours]) ** 2).sum(-1)
    affinity = np.exp(-((distances / reach) ** 2)) * (0.3 + 0.7 * np.exp(-contrast / 0.03))
    pairs, contacts = _touching(points, labels, neighbours, bones)
    return Skeleton(centers, scales, labels, neighbours, distances, affinity, pairs, contacts)


def _spread(features: Array, count: int, rng: np.random.Generator) -> Array:
    """Rows of ``features`` far from each other ``(count, c)``, the first at random."""
    chosen = [int(rng.integers(len(features)))]
    nearest = ((features - features[chosen[0]]) ** 2).sum(1)
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((features - features[chosen[-1]]) ** 2).sum(1))
    return features[chosen]


def _touching(points: Array, labels: Array, neighbours: Array, bones: int) -> tuple[Array, Array]:
    """Pairs of bones with neighbouring surfels, and the mean place where they meet."""
    i = np.repeat(np.arange(len(points)), neighbours.shape[1])
    j = neighbours.ravel()
    across = labels[i] != labels[j]
    i, j = i[across], j[across]
    low, high = np.minimum(labels[i], labels[j]), np.maximum(labels[i], labels[j])
    keys, inverse, counts = np.unique(low * bones + high, return_inverse=True, return_counts=True)
    middle = (points[i] + points[j]) / 2
    sums = np.stack([np.bincount(inverse.ravel(), middle[:, c], len(keys)) for c in range(3)], 1)
    pairs = np.stack([keys // bones, keys % bones], axis=1).reshape(-1, 2)
    return pairs, sums / np.maximum(counts, 1)[:, None]
