"""Parts on joints: forward kinematics and how every part moves when a joint does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reel2sim.rigging.joints.model import JointModel
from reel2sim.scene.arrays import Array


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

    def with_joint(self, part: int, joint: JointModel) -> Linkage:
        """The same tree with another joint above ``part``."""
        return replace(self, joints=(*self.joints[: part - 1], joint, *self.joints[part:]))

    def below(self) -> Array:
        """Whether part ``j`` is ``i`` or hangs below it ``(p, p)``."""
        count = len(self.parents) + 1
        inside = np.eye(count, dtype=bool)
        for part in reversed(self.order):
            inside[self.parents[part - 1]] |= inside[part]
        return inside

    def twists(self, part: int) -> tuple[Array, Array]:
        """How ``part`` and all below it move when its joint changes, at every instant.

        Returns:
            Twists in the world of the line's parameters ``(m, t, 6)`` and of the coordinates
            ``(dof, t, 6)``, as :meth:`JointModel.twists` has them in the parent.
        """
        parent = self.motions[self.parents[part - 1]]
        lines, along = self.joints[part - 1].twists()
        return _carried(parent, lines), _carried(parent, along)


def _carried(T: Array, twists: Array) -> Array:
    """Twists ``(m, t, 6)`` given in a frame that has moved by ``T`` ``(t, 4, 4)``."""
    R, shift = T[:, :3, :3], T[:, :3, 3]
    w = np.einsum("tij,mtj->mti", R, twists[..., :3])
    v = np.einsum("tij,mtj->mti", R, twists[..., 3:])
    return np.concatenate([w, v - np.cross(w, shift)], axis=-1)
