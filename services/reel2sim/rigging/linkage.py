"""Parts on joints: forward kinematics and how every part moves when a joint does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reel2sim.rigging.joint_fit import JointModel
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across


@dataclass(frozen=True, eq=False)
class Linkage:
    """A tree of joints, normalised space.

    Attributes:
        parents: of parts 1, 2, … ``(p - 1,)``.
        joints: of the same parts.
        base: motion of part 0 since time zero ``(t, 4, 4)``.
    """

    parents: tuple[int, ...]
    joints: tuple[JointModel, ...]
    base: Array

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Parts with joints, every parent before its children."""
        found: list[int] = []
        level = [0]
        while level:
            level = [k for k, parent in enumerate(self.parents, 1) if parent in level]
            found += level
        return tuple(found)

    @cached_property
    def motions(self) -> Array:
        """Of all parts since time zero ``(p, t, 4, 4)``."""
        T = np.tile(self.base, (len(self.parents) + 1, 1, 1, 1))
        for part in self.order:
            T[part] = self.joints[part - 1].trajectory(T[self.parents[part - 1]])
        return T

    def below(self) -> Array:
        """Whether part ``j`` is ``i`` or hangs below it ``(p, p)``."""
        count = len(self.parents) + 1
        inside = np.eye(count, dtype=bool)
        for part in reversed(self.order):
            inside[self.parents[part - 1]] |= inside[part]
        return inside

    def twists(self, part: int) -> tuple[Array, Array]:
        """How ``part`` and all below it move when its joint changes, at every instant.

        A twist ``(w, v)`` moves a point ``x`` by ``w × x + v`` (Murray, Li & Sastry 1994).

        Returns:
            Of the line's parameters ``(m, t, 6)`` — the axis leaning two ways and, unless the
            joint is prismatic, the pivot shifting the same two ways — and of the position
            ``(t, 6)``.
        """
        joint = self.joints[part - 1]
        parent = self.motions[self.parents[part - 1]]
        leaning, q = across(joint.axis), joint.positions
        none = np.zeros((len(q), 3))
        if joint.type is JointType.PRISMATIC:
            lines = [(none, q[:, None] * u) for u in leaning]
            along = (none, np.broadcast_to(joint.axis, none.shape))
        else:
            lag = np.eye(3) - joint.motion()[:, :3, :3]
            leans = [lag @ np.cross(joint.axis, u) for u in leaning]
            lines = [(w, -np.cross(w, joint.pivot)) for w in leans]
            lines += [(none, lag @ u) for u in leaning]
            w = np.broadcast_to(joint.axis, none.shape)
            along = (w, -np.cross(w, joint.pivot))
        return np.stack([_carried(parent, *line) for line in lines]), _carried(parent, *along)


def _carried(T: Array, w: Array, v: Array) -> Array:
    """Twists ``(t, 6)`` given in a frame that has moved by ``T`` ``(t, 4, 4)``."""
    R, shift = T[:, :3, :3], T[:, :3, 3]
    turned = np.einsum("tij,tj->ti", R, w)
    return np.concatenate([turned, np.einsum("tij,tj->ti", R, v) - np.cross(turned, shift)], axis=1)
