"""Joints that account for how one body was seen to move against another."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import pose

STILL_RAD, STILL_SHARE = 1e-4, 1e-5
"""Turns and shifts, as a share of the scene's size, that are rounding."""
_CLOSE_RAD, _CLOSE_SHARE = 2e-3, 2e-4
"""How far a joint of one axis may leave the samples."""


@dataclass(frozen=True, eq=False)
class Step:
    """A joint with one axis.

    Attributes:
        type: revolute, continuous or prismatic.
        axis: unit, in the child's frame at zero ``(3,)``.
        positions: at the samples ``(t,)``, radians or metres, the first zero.
    """

    type: JointType
    axis: Array
    positions: Array

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest position."""
        return float(self.positions.min()), float(self.positions.max())


@dataclass(frozen=True, eq=False)
class Movement:
    """What joints make a child move as it was seen.

    Attributes:
        steps: from the parent outwards; none if it stands still.
        pivot: origin of all their frames in the child's frame ``(3,)``.
    """

    steps: tuple[Step, ...]
    pivot: Array


def movement_of(T: Array, *, size: float) -> Movement:
    """The fewest joints of one axis that explain a motion, one after the other.

    Args:
        T: pose of a child since the first sample, in its own first frame ``(t, 4, 4)``.
        size: of the scene, metres.
    """
    turns = Rotation.from_matrix(T[:, :3, :3])
    p = T[:, :3, 3]
    turned = float(turns.magnitude().max()) > STILL_RAD
    shifted = float(np.linalg.norm(p, axis=1).max()) > STILL_SHARE * size
    if not (turned or shifted):
        return Movement((), np.zeros(3))
    if not turned:
        return Movement(_slides(p, size), np.zeros(3))
    axis, angles = _about_one_axis(turns)
    if axis is None:
        return Movement((*_slides(p, size), *_gimbal(turns)), np.zeros(3))
    hinge = _hinge(axis, angles)
    pivot = _pivot(T, size) if shifted else np.zeros(3)
    if pivot is not None:
        return Movement((hinge,), pivot)
    return Movement((*_slides(p, size), hinge), np.zeros(3))


def _about_one_axis(turns: Rotation) -> tuple[Array | None, Array]:
    """The axis that all turns share, and angles unwrapped over turns ``(t,)``; None if none."""
    q = turns.as_quat()
    axis = np.linalg.svd(q[:, :3], full_matrices=False)[2][0]
    along = q[:, :3] @ axis
    off = np.linalg.norm(q[:, :3] - along[:, None] * axis, axis=1)
    if 2 * float(off.max()) > _CLOSE_RAD:
        return None, along
    return axis, np.unwrap(2 * np.arctan2(along, q[:, 3]))


def _hinge(axis: Array, angles: Array) -> Step:
    axis, angles = _most_positive(axis, angles - angles[0])
    kind = JointType.CONTINUOUS if np.ptp(angles) > 2 * np.pi + 1e-3 else JointType.REVOLUTE
    return Step(kind, axis, angles)


def _pivot(T: Array, size: float) -> Array | None:
    """The point nearest to the child's origin that stays in place ``(3,)``; None if none does."""
    away = np.eye(3) - T[:, :3, :3]
    rows, shifts = away.reshape(-1, 3), T[:, :3, 3].reshape(-1)
    point = np.linalg.lstsq(rows, shifts, rcond=1e-4)[0]
    left = np.linalg.norm((rows @ point - shifts).reshape(-1, 3), axis=1)
    return point if float(left.max()) <= _CLOSE_SHARE * size else None


def _slides(p: Array, size: float) -> tuple[Step, ...]:
    """As many slides as the shifts ``(t, 3)`` have directions."""
    p = p - p[0]
    if float(np.linalg.norm(p, axis=1).max()) <= STILL_SHARE * size:
        return ()
    directions = np.linalg.svd(p, full_matrices=False)[2]
    found: list[Step] = []
    for axis in directions:
        if float(np.linalg.norm(p, axis=1).max()) <= (_CLOSE_SHARE if found else 0) * size:
            break
        along = p @ axis
        p = p - along[:, None] * axis
        found.append(Step(JointType.PRISMATIC, *_most_positive(axis, along)))
    return tuple(found)


def _gimbal(turns: Rotation) -> tuple[Step, ...]:
    """Three hinges, about x, then y, then z of the child, from zero on without jumps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at the poles one of two angles is free, and set to 0
        found = turns.as_euler("XYZ")
    both = np.stack([found, found * [1, -1, 1] + np.pi])  # two triples mean the same turn
    angles, last = np.zeros_like(found), np.zeros(3)
    for i in range(1, len(found)):
        near = both[:, i] + 2 * np.pi * np.round((last - both[:, i]) / (2 * np.pi))
        last = angles[i] = near[np.abs(near - last).sum(axis=1).argmin()]
    return tuple(
        Step(JointType.CONTINUOUS, axis, column)
        for axis, column in zip(np.eye(3), angles.T, strict=True)
    )


def _most_positive(axis: Array, positions: Array) -> tuple[Array, Array]:
    """Axis and positions so that the largest is positive; of equal ones, the larger component."""
    low, high = -float(positions.min()), float(positions.max())
    tied = abs(low - high) <= 1e-6 * max(low, high)
    flip = axis[np.abs(axis).argmax()] < 0 if tied else low > high
    return (-axis, -positions) if flip else (axis, positions)


def replayed(movement: Movement) -> Array:
    """Poses of the child since zero ``(t, 4, 4)`` that the joints give."""
    count = len(movement.steps[0].positions) if movement.steps else 1
    T = np.tile(pose(translation=movement.pivot), (count, 1, 1))
    for step in movement.steps:
        shift = step.positions[:, None] * step.axis
        if step.type is JointType.PRISMATIC:
            T = T @ pose(translation=shift)
        else:
            T = T @ pose(Rotation.from_rotvec(shift).as_matrix())
    return T @ pose(translation=-movement.pivot)
