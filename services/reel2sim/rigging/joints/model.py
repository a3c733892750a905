"""A joint with its positions: how it moves its part, and how that changes with its parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.rigging.joints.rigid_fit import exp_rotation
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across, pose

_AXIAL = frozenset({JointType.REVOLUTE, JointType.PRISMATIC, JointType.SCREW})
_PIVOTED = frozenset({JointType.REVOLUTE, JointType.SCREW, JointType.SPHERICAL})


@dataclass(frozen=True, eq=False)
class JointModel:
    """A joint between a part and its parent, normalised space at time zero.

    A *line* is what does not change in time: axis, pivot and pitch, as far as the type has them.

    Attributes:
        type: revolute, prismatic, screw, spherical or free.
        axis: unit ``(3,)``; of no meaning for a spherical or free joint.
        pivot: point on the axis, or that the joint turns about ``(3,)``.
        positions: ``(t,)`` radians or normalised lengths; of a spherical joint rotation vectors
            ``(t, 3)``, of a free one these and the way of the pivot ``(t, 6)``. Zero at time zero.
        pitch: way along the axis per radian, of a screw.
    """

    type: JointType
    axis: Array
    pivot: Array
    positions: Array
    pitch: float = 0.0

    @property
    def dof(self) -> int:
        """Numbers that say where the joint is."""
        return self.type.dof

    @property
    def line_size(self) -> int:
        """Parameters of the line: two of an axis, two or three of a pivot, one of a pitch."""
        return 2 * (self.type in _AXIAL) + len(self.shifts) + (self.type is JointType.SCREW)

    @property
    def shifts(self) -> Array:
        """Directions ``(m, 3)`` in which the pivot is a parameter."""
        if self.type not in _PIVOTED:
            return np.zeros((0, 3))
        return np.eye(3) if self.type is JointType.SPHERICAL else across(self.axis)

    @property
    def coordinates(self) -> Array:
        """The positions as ``(t, dof)``."""
        return self.positions.reshape(len(self.positions), -1)

    @property
    def span(self) -> float:
        """Range of the position; of several coordinates the farthest from time zero, by angle."""
        if self.dof == 1:
            return float(np.ptp(self.positions))
        return float(np.linalg.norm(self.positions[:, :3], axis=1).max())

    @property
    def at_rest(self) -> JointModel:
        """The joint on the same line, never moved."""
        return replace(self, positions=np.zeros_like(self.positions))

    def reach(self, points: Array) -> float:
        """Distance of the axis from the middle of points ``(n, 3)``."""
        arm = np.cross(self.pivot - points.mean(axis=0), self.axis)
        return float(np.linalg.norm(arm))

    def motion(self) -> Array:
        """Motion relative to the parent since time zero ``(t, 4, 4)``."""
        q = self.positions
        if self.type is JointType.PRISMATIC:
            return pose(translation=q[:, None] * self.axis)
        R = exp_rotation(q[:, None] * self.axis if self.dof == 1 else q[:, :3])
        return pose(R, self.pivot - R @ self.pivot + self._way())

    def trajectory(self, parent: Array) -> Array:
        """Motion since time zero ``(t, 4, 4)`` given the parent's."""
        return parent @ self.motion()

    def _way(self) -> Array:
        """Of the pivot since time zero ``(t, 3)``."""
        if self.dof == 6:
            return self.positions[:, 3:]
        if self.dof == 1:
            return (self.pitch * self.positions)[:, None] * self.axis
        return np.zeros((len(self.positions), 3))

    def twists(self) -> tuple[Array, Array]:
        """How the part moves when a parameter does, with the parent standing still.

        A twist ``(w, v)`` moves a point ``x`` by ``w × x + v`` (Murray, Li & Sastry 1994).

        Returns:
            Of the line's parameters ``(m, t, 6)`` — the axis leaning two ways, the pivot shifting
            along :attr:`shifts`, the pitch — and of the coordinates ``(dof, t, 6)``; those of a
            rotation vector are turns about the fixed axes.
        """
        q, axis = self.positions, self.axis
        none = np.zeros((len(q), 3))
        fixed = np.broadcast_to(np.eye(3)[:, None], (3, len(q), 3))
        if self.type is JointType.PRISMATIC:
            lines = [(none, q[:, None] * u) for u in across(axis)]
            return _stacked(lines, len(q)), _stacked([(none, none + axis)], len(q))
        at = self.pivot + self._way()
        lag = np.eye(3) - self.motion()[:, :3, :3]
        shifting = [(none, lag @ u) for u in self.shifts]
        if self.dof > 1:
            along = [(w, -np.cross(w, at)) for w in fixed]
            along += [(none, v) for v in fixed] if self.dof == 6 else []
            return _stacked(shifting, len(q)), _stacked(along, len(q))
        leans = [(lag @ np.cross(axis, u), u) for u in across(axis)]
        rise = (self.pitch * q)[:, None]
        lines = [(w, rise * u - np.cross(w, at)) for w, u in leans] + shifting
        if self.type is JointType.SCREW:
            lines.append((none, q[:, None] * axis))
        turn = none + axis
        along = [(turn, self.pitch * turn - np.cross(turn, self.pivot))]
        return _stacked(lines, len(q)), _stacked(along, len(q))

    def stepped(self, line: Array, along: Array) -> JointModel:
        """The joint with its parameters changed by a small step.

        Args:
            line: step of the line's parameters ``(m,)``.
            along: step of the coordinates ``(t, dof)``, in the sense of :meth:`twists`.
        """
        axis, used = self.axis, 0
        if self.type in _AXIAL:
            axis = self.axis + line[:2] @ across(self.axis)
            axis, used = axis / np.linalg.norm(axis), 2
        shift = line[used : used + len(self.shifts)] @ self.shifts
        pitch = self.pitch + float(line[-1]) if self.type is JointType.SCREW else self.pitch
        positions = self.positions + along.reshape(self.positions.shape)
        if self.dof > 1:
            turned = exp_rotation(along[:, :3]) @ exp_rotation(self.positions[:, :3])
            positions[:, :3] = rotation_vectors(turned)
        return replace(self, axis=axis, pivot=self.pivot + shift, positions=positions, pitch=pitch)


def rotation_vectors(R: Array) -> Array:
    """Rotation vectors ``(t, 3)`` of ``(t, 3, 3)``, with no jumps in time."""
    turns = Rotation.from_matrix(R).as_rotvec()
    for i in range(1, len(turns)):
        angle = np.linalg.norm(turns[i])
        if angle > 1e-9:
            full = turns[i] / angle * 2 * np.pi
            turns[i] += full * np.round((turns[i - 1] - turns[i]) @ full / (full @ full))
    return turns


def _stacked(pairs: list[tuple[Array, Array]], instants: int) -> Array:
    """Twists ``(m, t, 6)`` of pairs ``(w, v)``."""
    if not pairs:
        return np.zeros((0, instants, 6))
    return np.stack([np.concatenate(pair, axis=-1) for pair in pairs])
