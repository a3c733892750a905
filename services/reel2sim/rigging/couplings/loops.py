"""Closed loops: joints between parts that the tree does not join.

A tree of joints has no loops, so a mechanism with one is cut somewhere. The cut shows: two parts
that touch, far from each other in the tree, move against each other as if by a joint of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

_CONTACT = 2.0
"""How far apart surfels that touch may be, in surfel sizes."""
_LEAST_TURN = np.radians(10.0)
"""Least rotation of two parts against each other."""
_LEAST_TRAVEL = 5.0
"""Least travel of their contact, in surfel sizes."""
_STRAIGHT = 0.02
"""What a slide may come apart, as a share of its travel: a short arc is nearly straight."""
_BREAKS = 3.0
"""How far a joint must come apart where another is held still, in surfel sizes."""


@dataclass(frozen=True, eq=False)
class Loop:
    """A joint that closes a loop of the tree.

    Attributes:
        first: a part.
        second: a part that hangs on it beyond the tree's own joints.
        type: revolute or prismatic.
        axis: unit direction ``(3,)``, world at time zero.
        pivot: the point of the axis closest to the contact ``(3,)``, metres, world at time zero.
        residual: root mean square of what the joint comes apart over time, metres.
    """

    first: int
    second: int
    type: JointType
    axis: Array
    pivot: Array
    residual: float


def find_loops(articulation: Articulation, points: Array, *, size: float) -> tuple[Loop, ...]:
    """Find pairs of touching parts whose relative motion is that of a hinge or a slide there.

    Many pairs are so by the tree alone, such as two drawers that slide one way. A loop is more:
    its joint holds only because the positions of the joints between the parts fit each other.
    With any of them held still, it must come apart.

    Args:
        articulation: parts, joints and motion.
        points: surfels' positions at time zero ``(n, 3)``, metres.
        size: of a surfel, metres; what a joint may come apart.
    """
    motions = articulation.part_motions()
    trees = {
        part: KDTree(points[articulation.part_of_surfel == part])
        for part in range(articulation.part_count)
        if (articulation.part_of_surfel == part).any()
    }
    loops = []
    for a, b in combinations(sorted(trees), 2):
        path = _between(articulation, a, b)
        if sum(_moves(articulation.joints[part - 1]) for part in path) < 2:
            continue
        contact = _contact(trees[a], trees[b], _CONTACT * size)
        if contact is None:
            continue
        loop = _joint(motions, a, b, contact, size)
        if loop is not None and _needs_the_motion(articulation, path, loop, size):
            loops.append(loop)
    return tuple(loops)


def _between(articulation: Articulation, a: int, b: int) -> list[int]:
    """Parts whose joints lie on the way from ``a`` to ``b`` in the tree."""

    def up(part: int) -> list[int]:
        way = []
        while part:
            way.append(part)
            part = articulation.joints[part - 1].parent
        return way

    return sorted(set(up(a)) ^ set(up(b)))


def _moves(joint: JointEstimate) -> bool:
    return joint.type.dof > 0 and bool(np.abs(joint.positions).max() > 1e-6)


def _contact(first: KDTree, second: KDTree, reach: float) -> Array | None:
    """Points of the second part that touch the first ``(k, 3)``, or None."""
    near = second.data[first.query(second.data, distance_upper_bound=reach)[0] < reach]
    return near if len(near) >= 3 else None


def _joint(motions: Array, a: int, b: int, contact: Array, size: float) -> Loop | None:
    """The hinge or slide at ``contact`` that explains how ``b`` moves against ``a``."""
    relative = invert(motions[:, a]) @ motions[:, b]
    turns = Rotation.from_matrix(relative[:, :3, :3]).as_rotvec()
    center = contact.mean(axis=0)
    if np.linalg.norm(turns, axis=1).max() < _LEAST_TURN:
        return _slide(relative, a, b, contact, size)
    axis = np.linalg.svd(turns, full_matrices=False)[2][0]
    # Points of the axis stay where they are: (R - 1) p = -t at every instant.
    A = (relative[:, :3, :3] - np.eye(3)).reshape(-1, 3)
    pivot = center + np.linalg.lstsq(A, -(A @ center) - relative[:, :3, 3].ravel(), rcond=1e-3)[0]
    pivot = pivot + axis * (axis @ (center - pivot))
    reach = float(np.linalg.norm(contact - center, axis=1).max()) + size
    loop = Loop(a, b, JointType.REVOLUTE, axis, pivot, 0.0)
    residual = _apart(relative, loop, reach)
    if residual > size or np.linalg.norm(pivot - center) > reach:
        return None
    return Loop(a, b, JointType.REVOLUTE, axis, pivot, residual)


def _slide(relative: Array, a: int, b: int, contact: Array, size: float) -> Loop | None:
    center = contact.mean(axis=0)
    path = apply(relative, center[None])[:, 0] - center
    axis = np.linalg.svd(path, full_matrices=False)[2][0]
    travel = float(np.ptp(path @ axis))
    if travel < _LEAST_TRAVEL * size:
        return None
    reach = float(np.linalg.norm(contact - center, axis=1).max()) + size
    residual = _apart(relative, Loop(a, b, JointType.PRISMATIC, axis, center, 0.0), reach)
    if residual > min(size, _STRAIGHT * travel):
        return None
    return Loop(a, b, JointType.PRISMATIC, axis, center, residual)


def _apart(relative: Array, loop: Loop, reach: float) -> float:
    """How far the joint comes apart, root mean square over time, metres.

    Of a hinge, two points of the axis must stay; of a slide, all points must move along the axis
    alike.
    """
    if loop.type.angular:
        ends = loop.pivot + np.outer([-reach, reach], loop.axis)
        left = apply(relative, ends) - ends
    else:
        ends = loop.pivot + reach * np.vstack([np.eye(3), -np.eye(3)])
        path = apply(relative, ends) - ends
        along = (path @ loop.axis).mean(axis=1)
        left = path - along[:, None, None] * loop.axis
    return float(np.sqrt((left**2).sum(axis=-1).mean()))


def _needs_the_motion(articulation: Articulation, path: list[int], loop: Loop, size: float) -> bool:
    """Whether the joint comes apart with any moving joint on the way held still."""
    for part in path:
        if not _moves(articulation.joints[part - 1]):
            continue
        motions = _without(articulation, part)
        relative = invert(motions[:, loop.first]) @ motions[:, loop.second]
        if _apart(relative, loop, size) < _BREAKS * size:
            return False
    return True


def _without(articulation: Articulation, part: int) -> Array:
    """Motions of all parts with one joint held where it was at first ``(t, p, 4, 4)``."""
    joints = list(articulation.joints)
    still = np.zeros_like(joints[part - 1].positions)
    joints[part - 1] = replace(joints[part - 1], positions=still)
    return replace(articulation, joints=tuple(joints)).part_motions()
