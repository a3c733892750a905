"""Parts that are each other's mirror image or copy, with the joints they hang on."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.scene.arrays import Array

_ALIKE = 0.25
"""Largest difference of two parts' sizes, as a share of the larger."""
_PARALLEL = np.cos(np.radians(12.0))
_OFF = 0.25
"""How far a joint's axis may lie from its twin's image, as a share of the parts' size."""


def are_twins(articulation: Articulation, points: Array, a: int, b: int) -> bool:
    """Whether two parts look like the fingers of one gripper.

    They hang on one parent by joints of one type, are alike in size, no farther from each other
    than they are large, and their axes are images of each other: in the plane between the parts,
    or by a shift from one part to the other.

    Args:
        articulation: parts and joints.
        points: surfels' positions at time zero ``(n, 3)``, metres.
        a: a moving part.
        b: another one.
    """
    first, second = articulation.joints[a - 1], articulation.joints[b - 1]
    if first.parent != second.parent or first.type is not second.type:
        return False
    mine, other = (points[articulation.part_of_surfel == part] for part in (a, b))
    if len(mine) < 8 or len(other) < 8:
        return False
    sizes = np.array([_sizes(mine, first), _sizes(other, second)])
    size = float(sizes[:, 0].max())
    if (np.ptp(sizes, axis=0) > _ALIKE * size).any():
        return False
    gap = KDTree(mine).query(other)[0].min()
    return bool(gap <= size) and _axes_are_images(first, second, mine, other, size)


def _sizes(points: Array, joint: JointEstimate) -> Array:
    """Extents ``(4,)`` that no rotation or reflection of part and joint changes."""
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(points.T))[::-1].clip(0)) * np.sqrt(12)
    return np.concatenate([[np.linalg.norm(spread)], spread])


def _axes_are_images(
    first: JointEstimate, second: JointEstimate, mine: Array, other: Array, size: float
) -> bool:
    step = other.mean(axis=0) - mine.mean(axis=0)
    length = float(np.linalg.norm(step))
    if length < 1e-9:
        return False
    normal = step / length
    middle = (other.mean(axis=0) + mine.mean(axis=0)) / 2
    mirrored = first.axis - 2 * (first.axis @ normal) * normal
    in_mirror = first.pivot - 2 * ((first.pivot - middle) @ normal) * normal
    images = [(mirrored, in_mirror), (first.axis, first.pivot + step)]
    return any(_on_axis(second, axis, point, size) for axis, point in images)


def _on_axis(joint: JointEstimate, axis: Array, point: Array, size: float) -> bool:
    if abs(axis @ joint.axis) < _PARALLEL:
        return False
    if not joint.type.angular:  # a slide has no place, only a direction
        return True
    away = np.cross(point - joint.pivot, joint.axis)
    return bool(np.linalg.norm(away) <= _OFF * size)
