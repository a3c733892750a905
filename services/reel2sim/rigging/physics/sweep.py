"""How far a joint can go: the range that was seen, widened until something is in the way.

A reel rarely shows the whole travel of a joint. From both ends of what it showed the joint is
moved on in small steps, everything else at time zero's state, until a collision piece of what it
carries comes closer to another link, or deeper into it, than it was seen to. Reconstructed
surfaces interpenetrate a little where links meet; what was so in the range seen is no obstacle.

Where nothing is in the way:

- a turn ends half a turn from zero;
- a slide ends before it would leave its parent: of the length along the axis over which the two
  overlapped most, a share stays; and it goes on by no more than the range seen, because what
  holds a slide (a rail, a spring) is seldom in view;
- a joint that was hardly seen to move keeps to what was seen and a margin.

The range is never narrower than what was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.contact import Contacts
from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import Joint, JointType
from reel2sim.scene.transforms import across, pose

_SEEN_SAMPLES = 16
"""Positions of the range seen at which contact is looked at."""
_LARGEST_TURN = np.deg2rad(1.0)
"""Largest step of a turn."""
_MOST_STEPS = 360
"""Steps towards one end, at most."""
_ROUND = 0.1
"""A body of revolution reaches equally far from its axis all round, up to this share."""


@dataclass(frozen=True)
class Travel:
    """Where a joint can go.

    Attributes:
        lower: smallest position.
        upper: largest position.
        free: whether it is a turn with nothing in its way all round.
    """

    lower: float
    upper: float
    free: bool = False


@dataclass(frozen=True, eq=False)
class Sweep:
    """Moves joints until something is in the way.

    Attributes:
        contacts: of all bodies.
        pieces: convex pieces of each body, world frame at time zero.
        clearances: how far the pieces of each body are inside its surface, metres.
        config: settings.
    """

    contacts: Contacts
    pieces: Sequence[Sequence[trimesh.Trimesh]]
    clearances: Sequence[float]
    config: PhysicsConfig

    @classmethod
    def of(
        cls,
        pieces: Sequence[Sequence[trimesh.Trimesh]],
        clearances: Sequence[float],
        config: PhysicsConfig,
    ) -> Sweep:
        """A sweep over bodies given by their ``pieces``."""
        return cls(Contacts(pieces), pieces, clearances, config)

    def __call__(
        self, joint: Joint, pivot: Array, q: Array, *, parent: int, moving: Sequence[int]
    ) -> Travel:
        """How far ``joint`` can go.

        Args:
            joint: with one coordinate.
            pivot: a point on its axis at time zero ``(3,)``, metres, world.
            q: positions seen ``(t,)``, radians or metres.
            parent: body that carries the joint.
            moving: bodies that it moves, its own child first.
        """
        seen = float(q.min()), float(q.max())
        low, high = self._caps(joint, seen, parent, moving[0])
        motion = _Motion(joint, pivot, len(self.pieces), moving)
        allowed = self._allowed(motion, seen)
        step = self._step(joint, pivot, moving)
        lower, met_low = self._go(motion, allowed, seen[0], low, step)
        upper, met_high = self._go(motion, allowed, seen[1], high, step)
        turn = self.config.max_turn_rad
        free = joint.type.angular and not (met_low or met_high)
        return Travel(lower, upper, free and upper - lower >= 2 * min(turn, np.pi) - 1e-6)

    def _allowed(self, motion: _Motion, seen: tuple[float, float]) -> Array:
        """How deep each pair of pieces may be in each other ``(m, s)``, metres."""
        looks = np.linspace(*seen, _SEEN_SAMPLES)
        deepest = np.max([self.contacts.depths(motion(at), motion.moving) for at in looks], axis=0)
        first, second = self.contacts.pairs(motion.moving)
        inside = np.asarray(self.clearances)
        apart = inside[first][:, None] + inside[second]
        return np.maximum(deepest + apart / 2, -apart)

    def _go(
        self, motion: _Motion, allowed: Array, start: float, cap: float, step: float
    ) -> tuple[float, bool]:
        """The last position from ``start`` to ``cap`` without contact, and whether it met one."""
        count = min(int(np.ceil(abs(cap - start) / step - 1e-9)), _MOST_STEPS)
        last = start
        for at in np.linspace(start, cap, count + 1)[1:]:
            if (self.contacts.depths(motion(at), motion.moving) > allowed).any():
                return last, True
            last = float(at)
        return last, False

    def _caps(
        self, joint: Joint, seen: tuple[float, float], parent: int, child: int
    ) -> tuple[float, float]:
        """Where the sweep ends if nothing is in the way."""
        low, high = seen
        config = self.config
        if joint.type is JointType.PRISMATIC:
            margin = max(config.prismatic_margin * (high - low), 1e-4)
            if not joint.observed:
                return low - margin, high + margin
            inner, outer = self._held(joint.axis, seen, parent, child)
            further = max(config.max_widening * (high - low), margin)
            return min(low, max(inner, low - further)), max(high, min(outer, high + further))
        if not joint.observed:
            return low - config.revolute_margin, high + config.revolute_margin
        return min(low, -config.max_turn_rad), max(high, config.max_turn_rad)

    def _held(
        self, axis: Array, seen: tuple[float, float], parent: int, child: int
    ) -> tuple[float, float]:
        """Between which positions a slide stays in its parent; what was seen if it never is."""
        if not (self.pieces[parent] and self.pieces[child]):
            return seen
        a, b = self._extent(axis, parent), self._extent(axis, child)
        positions = np.linspace(*seen, _SEEN_SAMPLES)
        shared = np.minimum(a[1], b[1] + positions) - np.maximum(a[0], b[0] + positions)
        kept = self.config.kept_overlap * float(shared.max())
        if kept <= 0:
            return seen
        return a[0] + kept - b[1], a[1] - kept - b[0]

    def _extent(self, axis: Array, body: int) -> tuple[float, float]:
        along = np.concatenate([np.asarray(p.vertices) @ axis for p in self.pieces[body]])
        return float(along.min()), float(along.max())

    def _step(self, joint: Joint, pivot: Array, moving: Sequence[int]) -> float:
        """A step that moves nothing by much more than the bodies' clearance."""
        inside = [self.clearances[body] for body in moving if self.pieces[body]]
        fine = max(2.0 * min(inside, default=0.0), self.contacts.reach / 40)
        if not joint.type.angular:
            return fine
        reach = fine
        for body in moving:
            for piece in self.pieces[body]:
                arms = np.cross(np.asarray(piece.vertices) - pivot, joint.axis)
                reach = max(reach, float(np.linalg.norm(arms, axis=1).max()))
        return min(fine / reach, _LARGEST_TURN)


def is_round(mesh: trimesh.Trimesh, axis: Array, pivot: Array) -> bool:
    """Whether ``mesh`` reaches equally far from an axis on all sides, as a wheel does.

    A fifth of the directions may differ: a lump of noise makes no stop.
    """
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ across(axis)
    reach = ((np.asarray(mesh.vertices) - pivot) @ directions.T).max(axis=0)
    low, high = np.quantile(reach, [0.1, 0.9])
    return bool(high - low <= _ROUND * reach.mean())


class _Motion:
    """Where all bodies are when one joint alone is away from zero."""

    def __init__(self, joint: Joint, pivot: Array, count: int, moving: Sequence[int]) -> None:
        self.moving = list(moving)
        self._joint, self._count = joint, count
        self._there, self._back = pose(translation=pivot), pose(translation=-pivot)

    def __call__(self, at: float) -> Array:
        """Motions since time zero ``(b, 4, 4)``, world to world, at position ``at``."""
        motions = np.broadcast_to(np.eye(4), (self._count, 4, 4)).copy()
        motions[self.moving] = self._there @ self._joint.motion(at) @ self._back
        return motions
