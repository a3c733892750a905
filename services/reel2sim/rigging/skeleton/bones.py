"""Bones of a skeleton: those of the reconstruction, less what moves with a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.joints.rigid_fit import rigid_motions
from reel2sim.rigging.proximity import gaps_between
from reel2sim.rigging.skeleton.tracks import Tracks
from reel2sim.scene import SurfelSequence
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

_FEW = 20
"""Surfels under which a bone carries nothing that could be seen to bend."""
_AS_ONE = 0.003
"""Bones that one rigid motion explains up to this share of the diagonal move as one."""
_NEIGHBOURLY = 4.0
"""Regions nearer than this many spacings of the surfels looked at touch."""


@dataclass(frozen=True, eq=False)
class Bones:
    """What carries the surface.

    Attributes:
        motions: of each since time zero, world to world ``(b, t, 4, 4)``.
        weights: skinning weights of all surfels ``(n, b)``, rows sum to 1.
    """

    motions: Array
    weights: Array

    def __len__(self) -> int:
        return len(self.motions)

    @property
    def labels(self) -> Array:
        """The bone that carries most of each surfel ``(n,)``."""
        return self.weights.argmax(axis=1)


def bones_of(sequence: SurfelSequence, times_s: Array, tracks: Tracks) -> Bones:
    """Bones that carry something and move apart from their neighbours.

    Args:
        sequence: dynamic surfels.
        times_s: instants since the first ``(t,)``, seconds.
        tracks: ways of some of the surfels at these instants.
    """
    weights = sequence.weights.astype(np.float64)
    carried = np.bincount(weights.argmax(axis=1), minlength=weights.shape[1])
    kept = carried >= min(_FEW, carried.max())
    weights = _shared_anew(sequence.canonical.means, weights[:, kept])
    motions = np.swapaxes(sequence.bones(times_s), 0, 1)[kept]
    return _merged(Bones(motions, weights), tracks)


def _shared_anew(points: Array, weights: Array) -> Array:
    """Weights ``(n, b)`` that sum to 1; what has lost all of its own takes its neighbour's."""
    total = weights.sum(axis=1)
    lost = total < 0.05
    if lost.any() and not lost.all():
        index = KDTree(points[~lost]).query(points[lost])[1]
        weights = weights.copy()
        weights[lost] = weights[~lost][index]
        total = weights.sum(axis=1)
    return weights / total[:, None]


def gaps(points: Array, labels: Array, count: int) -> Array:
    """How far apart the closest points of regions are ``(b, b)``, metres; infinite to themselves.

    A region without points is infinitely far from all.
    """
    return gaps_between([points[labels == k] for k in range(count)])


def spacing_of(points: Array) -> float:
    """Median distance from a point to its nearest neighbour."""
    return float(np.median(KDTree(points).query(points, k=2)[0][:, 1])) if len(points) > 1 else 0.0


def _merged(bones: Bones, tracks: Tracks) -> Bones:
    """Join the touching pair that one motion explains best, while one explains it well enough."""
    near = _NEIGHBOURLY * spacing_of(tracks.points)
    while len(bones) > 1:
        weights = bones.weights[tracks.chosen]
        apart = gaps(tracks.points, weights.argmax(axis=1), len(bones))
        pairs = np.argwhere(np.triu(apart < near))
        tried = [(*_joined(bones.motions, weights, tracks, a, b), a, b) for a, b in pairs]
        if not tried:
            return bones
        error, motion, a, b = min(tried, key=lambda trial: trial[0])
        if error > _AS_ONE * tracks.diagonal:
            return bones
        left = [k for k in range(len(bones)) if k != b]
        motions, weights = bones.motions.copy(), bones.weights.copy()
        motions[a] = motion
        weights[:, a] += weights[:, b]
        bones = Bones(motions[left], weights[:, left])
    return bones


def _joined(motions: Array, weights: Array, tracks: Tracks, a: int, b: int) -> tuple[float, Array]:
    """Root mean square error of one motion for two bones, metres, and that motion ``(t, 4, 4)``."""
    own = np.isin(weights.argmax(axis=1), (a, b))
    points, ways = tracks.points[own], tracks.ways[:, own]
    motion = rigid_motions(points, ways, weights[own][:, [a, b]].sum(axis=1))
    gap = np.linalg.norm(apply(motion, points) - ways, axis=-1)
    # The bones' own errors are no reason to keep them apart.
    each = [np.linalg.norm(apply(motions[k], points) - ways, axis=-1) for k in (a, b)]
    least = np.where((weights[own][:, a] >= weights[own][:, b])[None], *each)
    return float(np.sqrt(max((gap**2).mean() - (least**2).mean(), 0.0))), motion
