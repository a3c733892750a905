"""Left and right: a mirror plane of the subject, and a skeleton that respects it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.skeleton.bones import spacing_of
from reel2sim.rigging.skeleton.fit import Skeleton, fitted, skinned_points
from reel2sim.rigging.skeleton.tracks import Tracks
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

_INSTANTS = 5
"""Instants at which a plane is looked for: a walker is symmetric in some only."""
_DIRECTIONS, _REFINED, _SWEEPS = 40, 4, 12
_SAME_SURFACE = 2.0
"""A mirror image nearer than this many spacings on average lies on the surface itself: two samples
of one surface are one spacing apart."""
_POINTS = 500
_WORSE, _GRAIN = 1.01, 5e-4
"""The fit may get worse by this factor and share of the diagonal, which says nothing."""


@dataclass(frozen=True, eq=False)
class Mirror:
    """A plane ``normal · x = offset``.

    Attributes:
        normal: unit ``(3,)``.
        offset: metres.
        distance: mean distance of the mirrored surface from the surface, in its spacings.
    """

    normal: Array
    offset: float
    distance: float

    def reflect(self, points: Array) -> Array:
        """Mirror images of ``points`` ``(..., 3)``."""
        return points - 2 * (points @ self.normal - self.offset)[..., None] * self.normal


def find_mirror(points: Array) -> Mirror | None:
    """The plane that maps ``points`` ``(m, 3)`` of a surface best onto themselves.

    Normals spread over the half sphere, with the planes through the centroid, are refined by
    iterated closest points.

    Returns:
        The plane, or None if the surface is not its own mirror image in any.
    """
    spacing = spacing_of(points)
    if len(points) < 20 or spacing <= 0:
        return None
    tree = KDTree(points)
    center = points.mean(axis=0)

    def judged(normal: Array, offset: float) -> Mirror:
        image = Mirror(normal, offset, 0.0).reflect(points)
        return Mirror(normal, offset, float(tree.query(image)[0].mean()) / spacing)

    normals = np.concatenate([np.linalg.svd(points - center, full_matrices=False)[2], _half()])
    tried = sorted((judged(n, float(n @ center)) for n in normals), key=lambda m: m.distance)
    best = min((_refined(m, points, tree, judged) for m in tried[:_REFINED]), key=_distance)
    return best if best.distance < _SAME_SURFACE else None


def _distance(mirror: Mirror) -> float:
    return mirror.distance


def _half() -> Array:
    """Directions spread evenly over a half sphere (Fibonacci's lattice)."""
    k = np.arange(_DIRECTIONS) + 0.5
    z = k / _DIRECTIONS
    angle = np.pi * (1 + np.sqrt(5)) * k
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


def _refined(mirror: Mirror, points: Array, tree: KDTree, judged) -> Mirror:
    """Closest points of the mirror image, and the plane between them and theirs, in turns."""
    for _ in range(_SWEEPS):
        nearest = points[tree.query(mirror.reflect(points))[1]]
        a, b = points.mean(axis=0), nearest.mean(axis=0)
        H = (points - a).T @ (nearest - b)
        # Of all reflections I − 2nnᵀ the best has the least n·(H + Hᵀ)·n.
        normal = np.linalg.eigh(H + H.T)[1][:, 0]
        found = judged(normal, float(normal @ (a + b)) / 2)
        if found.distance >= mirror.distance:
            return mirror
        mirror = found
    return mirror


def mirrored(skeleton: Skeleton, tracks: Tracks) -> tuple[Skeleton, int]:
    """The skeleton with joints placed alike on both sides, where its fit bears that.

    The plane is looked for at several instants and taken where the surface is closest to its
    mirror image. Bones are partners if each covers the other's image, and their joints are moved
    only if their parents are partners too.

    Returns:
        The skeleton, and how many joints were placed by symmetry; 0 if it is unchanged.
    """
    step = max(len(tracks.points) // _POINTS, 1)
    some = slice(None, None, step)
    weights = skeleton.weights[tracks.chosen][some]
    motions = skeleton.motions
    chosen = np.unique(np.linspace(0, len(motions) - 1, _INSTANTS).round().astype(int))
    found: list[tuple[float, int, Mirror, Array]] = []
    for t in chosen:
        posed = skinned_points(tracks.points[some], weights, motions[t : t + 1])[0]
        mirror = find_mirror(posed)
        if mirror is not None:
            found.append((mirror.distance, int(t), mirror, posed))
    if not found or len(skeleton) < 2:
        return skeleton, 0
    _, t, mirror, posed = min(found, key=lambda f: f[:2])
    partner = _partners(mirror, posed, weights.argmax(axis=1), skeleton.parents)
    joints, count = _placed_alike(skeleton, mirror, partner, motions[t])
    if not count:
        return skeleton, 0
    trial = fitted(replace(skeleton, joints=joints), tracks, rounds=0, hold=True)
    if trial.error(tracks) > _WORSE * skeleton.error(tracks) + _GRAIN * tracks.diagonal:
        return skeleton, 0
    return trial, count


def _partners(
    mirror: Mirror, posed: Array, labels: Array, parents: tuple[int, ...]
) -> dict[int, int]:
    """Which bone is the mirror image of which, itself for one in the middle."""
    count = len(parents)
    seen = labels[KDTree(posed).query(mirror.reflect(posed))[1]]
    votes = np.zeros((count, count))
    np.add.at(votes, (labels, seen), 1)
    share = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    likely = {k: int(share[k].argmax()) for k in range(count) if share[k].max() > 0.5}
    mutual = {k: j for k, j in likely.items() if likely.get(j) == k}
    if mutual.get(0) != 0:
        return {}
    kept = {0: 0}
    # Parents come first, so theirs is known when a child is looked at.
    for k in range(1, count):
        above = kept.get(parents[k])
        if k in mutual and above is not None and parents[mutual[k]] == above:
            kept[k] = mutual[k]
    return {k: j for k, j in kept.items() if kept.get(j) == k}


def _placed_alike(
    skeleton: Skeleton, mirror: Mirror, partner: dict[int, int], motions: Array
) -> tuple[Array, int]:
    """Joints ``(b, 3)`` at time zero, each halfway to its partner's image, and how many moved."""
    above = motions[list(skeleton.parents)]
    above[0] = motions[0]
    posed = apply(above, skeleton.joints[:, None])[:, 0]
    joints = skeleton.joints.copy()
    moved = [k for k in partner if k > 0]
    for k in moved:
        image = mirror.reflect(posed[partner[k]])
        joints[k] = apply(invert(above[k]), ((posed[k] + image) / 2)[None])[0]
    return joints, len(moved)
