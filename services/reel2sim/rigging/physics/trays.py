"""Parts that slide out level and are open above: drawers.

A camera looks into an open drawer at a slant. It sees the front, the sides and some of their
inner faces, hardly ever the floor or the back. Closing such a surface like any other gives a wedge
between front and sides. The sides and the open rim say that it holds things, so it is closed as a
box open above instead: walls under the faces that were seen, the sides' far end as the back, and a
floor at their lower edge or where it was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.rigging.physics.samples import Samples
from reel2sim.scene.arrays import Array

_LEVEL = 0.3
"""Sine of the steepest slope that counts as level."""
_FACING = 0.7
"""Cosine under which a sample faces a direction."""
_SIDE_COVER = 0.25
"""Share of each side that must have been seen."""
_OPEN_COVER = 0.5
"""Share of the mouth that may be covered from above."""
_FILLED = 0.15
"""Share of the samples behind the front that may lie amid the box."""
_INNER_COVER = 0.1
"""Area of inner faces that must have been seen, as a share of front and sides."""
_FLOOR_COVER = 0.3
"""Share of the floor that must have been seen to tell how high it is."""


@dataclass(frozen=True, eq=False)
class Tray:
    """A box open above, in axes of its own.

    Attributes:
        axes: rows: level, from the front inwards; level, across; up ``(3, 3)``.
        lower: lowest corner of the outside in these axes ``(3,)``, metres.
        upper: highest corner, at the rim.
        inner_lower: lowest corner of the inside; upwards the inside has no end.
        inner_upper: highest corner of the inside, of which the third entry is the rim's.
    """

    axes: Array
    lower: Array
    upper: Array
    inner_lower: Array
    inner_upper: Array

    def walls(self, points: Array) -> Array:
        """Depth of ``points`` ``(n, 3)`` inside the walls and the floor, metres ``(n,)``."""
        return np.minimum(
            _depth(points @ self.axes.T, self.lower, self.upper), -self.hollow(points)
        )

    def hollow(self, points: Array) -> Array:
        """Depth of ``points`` ``(n, 3)`` inside the hollow and above it, metres ``(n,)``."""
        endless = np.append(self.inner_upper[:2], np.inf)
        return _depth(points @ self.axes.T, self.inner_lower, endless)

    def swept(self, points: Array, direction: Array, low: float, high: float) -> Array:
        """Depth of ``points`` in all that the closed box passes from ``low`` to ``high``, metres.

        Args:
            points: ``(n, 3)``.
            direction: unit ``(3,)``, along or against the box's first axis.
            low: first position along ``direction``, metres.
            high: last one.
        """
        ends = np.outer([low, high], self.axes @ direction * [1.0, 0.0, 0.0])
        lower, upper = self.lower + ends.min(0), self.upper + ends.max(0)
        return _depth(points @ self.axes.T, lower, upper)


def find_tray(own: Samples, axis: Array, *, thickness: float) -> Tray | None:
    """The tray that a sliding part is, or None.

    Args:
        own: samples of the part.
        axis: unit direction of its slide ``(3,)``.
        thickness: of walls and floor, metres.
    """
    if abs(axis[2]) > _LEVEL:
        return None
    inwards = np.array([axis[0], axis[1], 0.0]) / np.hypot(axis[0], axis[1])
    front = _front(own, inwards)
    if front is None:
        return None
    inwards, start = front
    axes = np.stack([inwards, np.cross([0.0, 0.0, 1.0], inwards), [0.0, 0.0, 1.0]])
    p, n = own.points @ axes.T, own.normals @ axes.T
    behind = p[:, 0] > start + thickness
    left = _side(p[behind], n[behind], own.areas[behind], -1.0)
    right = _side(p[behind], n[behind], own.areas[behind], 1.0)
    if left is None or right is None:
        return None
    lower = np.array([start, left.face, min(left.low, right.low)])
    upper = np.array([max(left.far, right.far), right.face, max(left.high, right.high)])
    size = upper - lower
    whole_side = size[0] * size[2]
    if (size < 3.0 * thickness).any() or min(left.area, right.area) < _SIDE_COVER * whole_side:
        return None
    above = p[:, 2] > lower[2] + thickness
    front_wall, left_wall, right_wall = (
        _wall(p[above], n[above], axis, sign, outer, thickness)
        for axis, sign, outer in ((0, 1.0, lower[0]), (1, 1.0, lower[1]), (1, -1.0, upper[1]))
    )
    inner_lower = lower + np.array([front_wall, left_wall, thickness])
    inner_upper = upper - np.array([thickness, right_wall, 0.0])
    amid = ((p > inner_lower + thickness) & (p < inner_upper - thickness)).all(1)
    amid &= n[:, 2] < _FACING  # what faces up is the floor or a lid
    if np.count_nonzero(amid) > _FILLED * np.count_nonzero(behind):
        return None
    within = ((p > lower + thickness / 2) & (p < upper - [0.0, thickness / 2, 0.0])).all(1)
    middle = (inner_lower + inner_upper)[:2] / 2
    towards = middle - p[:, :2]
    towards /= np.maximum(np.linalg.norm(towards, axis=1), 1e-9)[:, None]
    inwards_facing = within & ((n[:, :2] * towards).sum(1) > 0.5)
    if own.areas[inwards_facing].sum() < _INNER_COVER * (whole_side * 2 + size[1] * size[2]):
        return None
    inside = ((p > inner_lower) & (p < inner_upper))[:, :2].all(1) & (n[:, 2] > _FACING)
    high = p[:, 2] > lower[2] + size[2] / 2
    cell = 1.5 * float(np.median(own.spacing))
    if _cover(p[inside & high], inner_lower, inner_upper, cell) > _OPEN_COVER:
        return None
    floor = p[inside & ~high]
    if _cover(floor, inner_lower, inner_upper, cell) > _FLOOR_COVER:
        inner_lower[2] = max(inner_lower[2], float(np.median(floor[:, 2])))
    return Tray(axes, lower, upper, inner_lower, inner_upper)


def _front(own: Samples, along: Array) -> tuple[Array, float] | None:
    """Direction from the front inwards, and where along it the front's outer face is."""
    found: list[tuple[float, Array, float]] = []
    for inwards in (along, -along):
        facing = own.normals @ inwards < -_FACING
        at, areas = own.points[facing] @ inwards, own.areas[facing]
        if len(at) < 8:
            continue
        step = 2.0 * float(np.median(own.spacing))
        bins = np.floor((at - at.min()) / step).astype(int)
        weight = np.bincount(bins, areas)
        near = np.abs(bins - weight.argmax()) <= 1
        # The sides are behind the front: the rest of the part lies further in on the whole.
        start = float(np.median(at[near]))
        beyond = own.areas[own.points @ inwards > start + 2 * step].sum()
        if beyond > own.areas[own.points @ inwards < start - 2 * step].sum():
            found.append((float(weight.max()), inwards, start))
    if not found:
        return None
    _, inwards, start = max(found, key=lambda each: each[0])
    return inwards, start


@dataclass(frozen=True)
class _Side:
    """What was seen of a side's outer face, metres in the tray's axes.

    Attributes:
        face: where it is across.
        far: how far in it goes.
        low: its lower edge.
        high: its upper edge.
        area: of what was seen, m².
    """

    face: float
    far: float
    low: float
    high: float
    area: float


def _side(p: Array, n: Array, areas: Array, sign: float) -> _Side | None:
    """The side that faces along (``sign`` 1) or against (-1) the second axis, if it was seen."""
    if len(p) < 8:
        return None
    low, high = p[:, 1].min(), p[:, 1].max()
    outer = sign * (p[:, 1] - (low + high) / 2) > (high - low) / 4
    facing = outer & (sign * n[:, 1] > _FACING)
    if np.count_nonzero(facing) < 8:
        return None
    q = p[facing]
    return _Side(
        face=float(np.median(q[:, 1])),
        far=float(np.quantile(q[:, 0], 0.97)),
        low=float(np.quantile(q[:, 2], 0.02)),
        high=float(np.quantile(q[:, 2], 0.98)),
        area=float(areas[facing].sum()),
    )


def _wall(p: Array, n: Array, axis: int, sign: float, outer: float, thickness: float) -> float:
    """How thick a wall is: to its inner face where that was seen, else ``thickness``."""
    depth = sign * (p[:, axis] - outer)
    near = (depth > thickness / 2) & (depth < 3.0 * thickness)
    facing = near & (sign * n[:, axis] > _FACING)
    return float(np.median(depth[facing])) if np.count_nonzero(facing) >= 8 else thickness


def _cover(p: Array, lower: Array, upper: Array, cell: float) -> float:
    """Share of the plan from ``lower`` to ``upper`` that has points, in cells."""
    shape = np.maximum(np.ceil((upper - lower)[:2] / cell).astype(int), 1)
    at = np.floor((p[:, :2] - lower[:2]) / cell).astype(int)
    return len(np.unique(at, axis=0)) / float(np.prod(shape))


def _depth(p: Array, lower: Array, upper: Array) -> Array:
    """Depth inside a box with sides along the axes, negative outside ``(n,)``."""
    return np.minimum(p - lower, upper - p).min(axis=1)
