"""Joints or bends: what the pictures say to a joint's motion spread over its surroundings.

Cut into enough stiff pieces, a cloth that bends is explained by hinges nearly as well as a door.
But a hinge turns at once, and what bends turns bit by bit: drawn with the joint's motion shared
out over the surface on both sides of the seam, a door looks worse and a cloth better.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.scene.arrays import Array

_STEPS = 8
"""Strips, each with its share of the motion, that a seam is spread over."""
_BAND = 0.5
"""Share of the smaller side's surfels that is spread: where all bends evenly, so much of both sides
lies between their middles, which turn against each other as the sides do."""


def spreads(linkage: Linkage, labels: Array, points: Array, part: int) -> tuple[Posing, ...]:
    """The linkage with the motion of one joint shared out over a band on both sides of its seam.

    Strips of the band move from parent to part in equal steps: once all about the joint's own
    axis, once each about a parallel through itself, as along a fillet. The band takes half of the
    part's surfels, those nearest to the parent, and as many of the parent's, each in the
    order of their distance from the other: what slides over its parent is near it everywhere.

    Args:
        linkage: parts and joints.
        labels: part of each surfel ``(n,)``.
        points: the surfels at time zero ``(n, 3)``.
        part: whose joint it is, at least 1.

    Returns:
        Both ways; none if part or parent has no surfels.
    """
    parent, joint = linkage.parents[part - 1], linkage.joints[part - 1]
    inside, outside = (np.nonzero(labels == k)[0] for k in (part, parent))
    if len(inside) == 0 or len(outside) == 0:
        return ()
    within = _nearest(points, inside, outside, most=len(inside))
    beyond = _nearest(points, outside, inside, most=len(inside))
    band = np.concatenate([within, beyond])
    share = np.concatenate([0.5 + _ranks(within) / 2, 0.5 - _ranks(beyond) / 2])
    strip = np.minimum((share * _STEPS).astype(int), _STEPS - 1)
    groups = labels.copy()
    groups[band] = len(linkage.motions) + strip
    middles = [points[band[strip == k]] for k in range(_STEPS)]
    ways = (_about_one(joint), _about_each(joint, middles))
    carried = (linkage.motions[parent] @ way for way in ways)
    return tuple(Posing(groups, np.concatenate([linkage.motions, T])) for T in carried)


def _nearest(points: Array, own: Array, other: Array, *, most: int) -> Array:
    """Those of the surfels ``own`` ``(n,)`` that are in the band, nearest to ``other`` first."""
    distance = np.asarray(KDTree(points[other]).query(points[own])[0])
    count = max(int(_BAND * min(len(own), most)), 1)
    return own[np.argsort(distance, kind="stable")[:count]]


def _ranks(ordered: Array) -> Array:
    """From 0 to 1, in the middle of equal steps ``(n,)``."""
    return (np.arange(len(ordered)) + 0.5) / len(ordered)


def _about_one(joint: JointModel) -> Array:
    """Motions of the strips ``(s, t, 4, 4)``, each having made its share of the joint's."""
    shares = (np.arange(_STEPS) + 0.5) / _STEPS
    return np.stack([replace(joint, positions=x * joint.positions).motion() for x in shares])


def _about_each(joint: JointModel, strips: list[Array]) -> Array:
    """Motions of strips ``(n, 3)`` that hang on one another ``(s, t, 4, 4)``."""
    found: list[Array] = []
    T = np.eye(4)
    for k, points in enumerate(strips):
        off = points.mean(axis=0) - joint.pivot if len(points) else np.zeros(3)
        pivot = joint.pivot + off - joint.axis * (off @ joint.axis)
        step = joint.positions / _STEPS * (1.0 if k else 0.5)
        T = T @ replace(joint, pivot=pivot, positions=step).motion()
        found.append(T)
    return np.stack(found)
