"""Rigid bodies of the reconstruction, as parts to start from.

The reconstruction has followed every surfel through all pictures already, flat and textured ones
alike, and has made bodies of those that move as one. What is left to find is who hangs on whom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.pictures.footage import Normalisation
from reel2sim.scene import SurfelSequence
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

_FEW = 20
"""Surfels under which a bone is not a body: they join the body around them."""
_STILL = 0.01
"""Mean way of a body's surfels, radii, under which it stands still."""
_AROUND = 8


@dataclass(frozen=True, eq=False)
class Bodies:
    """What moves as one, in normalised space.

    Attributes:
        labels: body of each surfel ``(n,)``; body 0 is the root, the one that moves least.
        paths: motion of each since time zero ``(p, t, 4, 4)``; the root's is the identity if it
            stands still.
    """

    labels: Array
    paths: Array


def bodies_of(sequence: SurfelSequence, times_s: Array, norm: Normalisation) -> Bodies:
    """Bodies of a reconstruction.

    Args:
        sequence: dynamic surfels.
        times_s: instants since the first ``(t,)``, seconds.
        norm: how to get to normalised space.
    """
    points = norm.points(sequence.canonical.means)
    paths = np.swapaxes(norm.motion(sequence.bones(times_s)), 0, 1)
    labels = sequence.weights.argmax(axis=1)
    large = np.bincount(labels, minlength=len(paths)) >= min(_FEW, len(labels))
    labels = _joined(points, labels, large)
    left = np.unique(labels)
    way = np.array([_way(paths[k], points[labels == k]) for k in left])
    left, way = left[np.argsort(way, kind="stable")], np.sort(way)
    rank = np.zeros(len(paths), np.int64)
    rank[left] = np.arange(len(left))
    chosen = paths[left]
    if way[0] < _STILL:
        chosen[0] = np.eye(4)
    return Bodies(rank[labels], chosen)


def _joined(points: Array, labels: Array, large: Array) -> Array:
    """Labels whose small bodies have gone over to the large ones around each surfel."""
    stray = ~large[labels]
    if not stray.any() or stray.all():
        return labels
    settled = np.nonzero(~stray)[0]
    index = KDTree(points[settled]).query(points[stray], k=min(_AROUND, len(settled)))[1]
    around = labels[settled[index.reshape(int(stray.sum()), -1)]]
    joined = labels.copy()
    joined[stray] = [np.bincount(row).argmax() for row in around]
    return joined


def _way(path: Array, points: Array) -> float:
    """Mean distance of points ``(n, 3)`` from where they were at time zero, over all instants."""
    return float(np.linalg.norm(apply(path, points) - points, axis=-1).mean())
