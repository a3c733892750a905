"""A serial chain of joints: forward kinematics, and inverse by damped least squares.

PyBullet's own solver depends on what it was asked before and on a body being loaded; this one
depends on its arguments alone. Frames: "base" is the chain's first link, "tool" its end.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

_DAMPING = 0.03
"""Damping of the least squares in units of the chain's length: steps near a singular posture stay
short (Wampler 1986)."""

_REST_PULL = 0.05
"""Share of the way to the rest posture that redundant joints go in one iteration."""


_NOWHERE = np.eye(4)


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain of ``n`` hinges, each turning about an axis through its frame's origin.

    Attributes:
        origins: of each joint's frame in the one before, at zero ``(n, 4, 4)``.
        axes: unit axes in the joints' frames ``(n, 3)``.
        T_last_tool: the tool in the last joint's frame ``(4, 4)``.
        lower: smallest positions ``(n,)``, radians.
        upper: largest positions ``(n,)``.
        rest: posture that redundancy is spent on ``(n,)``.
        length: unit in which positions weigh as much as radians, metres.
    """

    origins: Array
    axes: Array
    T_last_tool: Array
    lower: Array
    upper: Array
    rest: Array
    length: float

    @property
    def numbers(self) -> tuple[Array, Array, Array, Array, Array, Array, float]:
        """All attributes, in their order."""
        return (
            self.origins, self.axes, self.T_last_tool, self.lower, self.upper, self.rest,
            self.length,
        )  # fmt: skip

    def tool_pose(self, q: Array, T_world_base: Array | None = None) -> Array:
        """``T_base_tool`` ``(4, 4)`` at positions ``q`` ``(n,)``, or ``T_world_tool``."""
        base = _NOWHERE if T_world_base is None else T_world_base
        return tool_in(base, self.origins, self.axes, self.T_last_tool, q)

    def solve(self, T_base_tool: Array, q: Array, *, iterations: int) -> tuple[Array, float, float]:
        """Positions that bring the tool as close as can be to ``T_base_tool``.

        Args:
            T_base_tool: wanted pose ``(4, 4)``.
            q: where to begin ``(n,)``; a close start gives a close solution.
            iterations: at most so many.

        Returns:
            Positions ``(n,)`` within the limits, and what is left: metres and radians.
        """
        return solve_chain(*self.numbers, np.ascontiguousarray(T_base_tool), q, iterations)

    def dexterity(self, q: Array) -> float:
        """Smallest singular value of the Jacobian in units of :attr:`length`; 0 is singular."""
        J = np.empty((6, len(q)))
        _forward(self.origins, self.axes, self.T_last_tool, q, np.empty((4, 4)), J)
        scaled = J / np.array([self.length] * 3 + [1.0] * 3)[:, None]
        return float(np.linalg.svd(scaled, compute_uv=False)[-1])


def read_chain(
    urdf: Path, tool_link: str, T_link_tool: Array, rest: tuple[float, ...], *, scale: float
) -> tuple[Chain, tuple[str, ...]]:
    """The hinges from the root of a robot description to one of its links, and their names.

    Args:
        urdf: the robot description.
        tool_link: name of the link that holds the tool.
        T_link_tool: the tool in that link, unscaled ``(4, 4)``.
        rest: the posture redundancy is spent on.
        scale: of all lengths.
    """
    joints = {_of(j, "child", "link"): j for j in ET.parse(urdf).getroot().findall("joint")}
    path: list[ET.Element] = []
    link = tool_link
    while link in joints:
        path.insert(0, joints[link])
        link = _of(joints[link], "parent", "link")
    origins, axes, names, lower, upper = [], [], [], [], []
    T = np.eye(4)
    for joint in path:
        T = T @ _origin(joint)
        if joint.get("type") != "revolute":
            continue
        origins.append(T)
        axes.append(_vector(_of(joint, "axis", "xyz")))
        names.append(joint.get("name", ""))
        lower.append(float(_of(joint, "limit", "lower")))
        upper.append(float(_of(joint, "limit", "upper")))
        T = np.eye(4)
    found = np.array(origins)
    end = T @ T_link_tool
    found[:, :3, 3] *= scale
    end[:3, 3] *= scale
    length = float(np.linalg.norm(found[1:, :3, 3], axis=1).sum() + np.linalg.norm(end[:3, 3]))
    chain = Chain(
        found, np.array(axes), end, np.array(lower), np.array(upper), np.array(rest), length
    )
    return chain, tuple(names)


def _of(element: ET.Element, tag: str, key: str) -> str:
    found = element.find(tag)
    return "0 0 0" if found is None else found.get(key, "0 0 0")


def _vector(text: str) -> Array:
    return np.array([float(x) for x in text.split()])


def _origin(joint: ET.Element) -> Array:
    R = np.eye(3)
    for angle, axis in zip(
        _vector(_of(joint, "origin", "rpy"))[::-1], np.eye(3)[::-1], strict=True
    ):
        R = R @ axis_rotation(axis, angle)
    return pose(R, _vector(_of(joint, "origin", "xyz")))


# Compiled, and without a temporary: products of small matrices by loops cost a tenth of BLAS's.


@numba.njit(cache=True)
def compose(A, B, out):
    """The product of two poses ``(4, 4)`` into ``out``, which is neither."""
    for r in range(3):
        for c in range(4):
            x = A[r, 3] if c == 3 else 0.0
            for k in range(3):
                x += A[r, k] * B[k, c]
            out[r, c] = x
    out[3, 0] = out[3, 1] = out[3, 2] = 0.0
    out[3, 3] = 1.0


@numba.njit(cache=True)
def turn_about(axis, angle, out):
    """The rotation about unit ``axis`` ``(3,)`` by ``angle`` into ``out``, by Rodrigues."""
    s, c = np.sin(angle), np.cos(angle)
    x, y, z = axis[0], axis[1], axis[2]
    v = 1 - c
    out[0, 0], out[0, 1], out[0, 2] = c + x * x * v, x * y * v - z * s, x * z * v + y * s
    out[1, 0], out[1, 1], out[1, 2] = y * x * v + z * s, c + y * y * v, y * z * v - x * s
    out[2, 0], out[2, 1], out[2, 2] = z * x * v - y * s, z * y * v + x * s, c + z * z * v


@numba.njit(cache=True)
def _forward(origins, axes, T_last_tool, q, T, J):
    """The tool's pose into ``T``, the Jacobian into ``J`` ``(6, n)``: of its origin, then turns."""
    n = len(q)
    A, R = np.eye(4), np.eye(4)
    points = np.empty((n, 3))
    T[:] = A
    for i in range(n):
        compose(T, origins[i], A)
        for r in range(3):
            points[i, r] = A[r, 3]
            J[3 + r, i] = A[r, 0] * axes[i, 0] + A[r, 1] * axes[i, 1] + A[r, 2] * axes[i, 2]
        turn_about(axes[i], q[i], R)
        compose(A, R, T)
    compose(T, T_last_tool, A)
    T[:] = A
    for i in range(n):
        d0, d1, d2 = T[0, 3] - points[i, 0], T[1, 3] - points[i, 1], T[2, 3] - points[i, 2]
        w0, w1, w2 = J[3, i], J[4, i], J[5, i]
        J[0, i], J[1, i], J[2, i] = w1 * d2 - w2 * d1, w2 * d0 - w0 * d2, w0 * d1 - w1 * d0


@numba.njit(cache=True)
def tool_in(T_world_base, origins, axes, T_last_tool, q):
    """``T_world_tool`` ``(4, 4)`` at positions ``q`` ``(n,)``."""
    T, found = np.empty((4, 4)), np.empty((4, 4))
    _forward(origins, axes, T_last_tool, q, T, np.empty((6, len(q))))
    compose(T_world_base, T, found)
    return found


@numba.njit(cache=True)
def rotation_vector(R_from, R_to):
    """Axis times angle ``(3,)`` of the turn that takes ``R_from`` to ``R_to``, world axes.

    Both may be poses.
    """
    R = np.empty((3, 3))
    for r in range(3):
        for c in range(3):
            x = 0.0
            for k in range(3):
                x += R_to[r, k] * R_from[c, k]
            R[r, c] = x
    v = np.empty(3)
    v[0], v[1], v[2] = (R[2, 1] - R[1, 2]) / 2, (R[0, 2] - R[2, 0]) / 2, (R[1, 0] - R[0, 1]) / 2
    s = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    c = (R[0, 0] + R[1, 1] + R[2, 2] - 1) / 2
    angle = np.arctan2(s, c)
    if s > 1e-9:
        return v * (angle / s)
    if c > 0:
        return v
    # Half a turn: the axis is the largest column of R + 1.
    best = 0
    for i in range(1, 3):
        if R[i, i] > R[best, best]:
            best = i
    axis = R[:, best].copy()
    axis[best] += 1.0
    return axis * (np.pi / np.sqrt(axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2))


@numba.njit(cache=True)
def quaternion(R):
    """Unit quaternion wxyz with w ≥ 0 ``(4,)`` of a rotation matrix."""
    v = rotation_vector(np.eye(3), R)
    angle = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    out = np.empty(4)
    out[0] = np.cos(angle / 2)
    out[1:] = v * (np.sin(angle / 2) / angle if angle > 1e-12 else 0.5)
    return out


@numba.njit(cache=True)
def _damped(J, e, out):
    """``(J Jᵀ + damping) ⁻¹ e`` ``(6,)`` into ``out``, by Cholesky's decomposition."""
    n = J.shape[1]
    L = np.empty((6, 6))
    for r in range(6):
        for c in range(r + 1):
            x = _DAMPING**2 if r == c else 0.0
            for i in range(n):
                x += J[r, i] * J[c, i]
            for k in range(c):
                x -= L[r, k] * L[c, k]
            L[r, c] = np.sqrt(x) if r == c else x / L[c, c]
    for r in range(6):
        x = e[r]
        for k in range(r):
            x -= L[r, k] * out[k]
        out[r] = x / L[r, r]
    for r in range(5, -1, -1):
        x = out[r]
        for k in range(r + 1, 6):
            x -= L[k, r] * out[k]
        out[r] = x / L[r, r]


@numba.njit(cache=True)
def solve_chain(
    origins, axes, T_last_tool, lower, upper, rest, length, T_goal, start, iterations
):  # fmt: skip
    """See :meth:`Chain.solve`."""
    n = len(start)
    q, e, f = start.copy(), np.empty(6), np.empty(6)
    T, J, pull = np.empty((4, 4)), np.empty((6, n)), np.empty(n)
    away = turned = 0.0
    for iteration in range(iterations + 1):
        _forward(origins, axes, T_last_tool, q, T, J)
        for r in range(3):
            e[r] = (T_goal[r, 3] - T[r, 3]) / length
        e[3:] = rotation_vector(T, T_goal)
        away = np.sqrt(e[0] ** 2 + e[1] ** 2 + e[2] ** 2) * length
        turned = np.sqrt(e[3] ** 2 + e[4] ** 2 + e[5] ** 2)
        if iteration == iterations or (away < 1e-5 * length and turned < 1e-5):
            break
        # Long ways are gone in parts, on which the Jacobian still holds.
        part = min(1.0, 0.5 / max(turned, away / length, 1e-9))
        for i in range(n):
            pull[i] = _REST_PULL * (rest[i] - q[i])
            for r in range(3):
                J[r, i] /= length
        for r in range(6):
            e[r] *= part
            for i in range(n):
                e[r] -= J[r, i] * pull[i]
        _damped(J, e, f)
        for i in range(n):
            x = q[i] + pull[i]
            for r in range(6):
                x += J[r, i] * f[r]
            q[i] = min(max(x, lower[i]), upper[i])
    return q, away, turned
