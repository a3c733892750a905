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


def spreads(linkage: Linkage, labels: Array, points: Array, part: int) -> tuple[Posing, ...]:
    """The linkage with the motion of one joint shared out over a band on both sides of its seam.

    Strips of the band move from parent to part in equal steps: once all about the joint's own
    axis, once each about a parallel through itself, as along a fillet. The band reaches as far
    into part and parent as half of the part's surfels are from the parent.

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
    depth = np.asarray(KDTree(points[outside]).query(points[inside])[0])
    height = np.asarray(KDTree(points[inside]).query(points[outside])[0])
    width = max(float(np.median(depth)), 1e-9)
    band, above = np.concatenate([inside, outside]), np.concatenate([depth, -height])
    share = 0.5 + above / (2 * width)
    between = (share > 0) & (share < 1)
    band = band[between]
    strip = np.minimum((share[between] * _STEPS).astype(int), _STEPS - 1)
    groups = labels.copy()
    groups[band] = len(linkage.motions) + strip
    middles = [points[band[strip == k]] for k in range(_STEPS)]
    ways = (_about_one(joint), _about_each(joint, middles))
    carried = (linkage.motions[parent] @ way for way in ways)
    return tuple(Posing(groups, np.concatenate([linkage.motions, T])) for T in carried)


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
