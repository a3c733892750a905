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

    def tool_pose(self, q: Array) -> Array:
        """``T_base_tool`` ``(4, 4)`` at positions ``q`` ``(n,)``."""
        return _forward(self.origins, self.axes, self.T_last_tool, q)[0]

    def solve(self, T_base_tool: Array, q: Array, *, iterations: int) -> tuple[Array, float, float]:
        """Positions that bring the tool as close as can be to ``T_base_tool``.

        Args:
            T_base_tool: wanted pose ``(4, 4)``.
            q: where to begin ``(n,)``; a close start gives a close solution.
            iterations: at most so many.

        Returns:
            Positions ``(n,)`` within the limits, and what is left: metres and radians.
        """
        return _solve(
            self.origins, self.axes, self.T_last_tool, self.lower, self.upper, self.rest,
            self.length, np.ascontiguousarray(T_base_tool), q, iterations,
        )  # fmt: skip

    def dexterity(self, q: Array) -> float:
        """Smallest singular value of the Jacobian in units of :attr:`length`; 0 is singular."""
        _, J = _forward(self.origins, self.axes, self.T_last_tool, q)
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


@numba.njit(cache=True)
def _forward(origins, axes, T_last_tool, q):
    """The tool's pose and the Jacobian ``(6, n)``: velocity of its origin, then angular."""
    n = len(q)
    T = np.eye(4)
    points = np.zeros((n, 3))
    turns = np.zeros((n, 3))
    for i in range(n):
        T = T @ origins[i]
        a = axes[i]
        points[i] = T[:3, 3]
        for r in range(3):
            turns[i, r] = T[r, 0] * a[0] + T[r, 1] * a[1] + T[r, 2] * a[2]
        s, c = np.sin(q[i]), np.cos(q[i])
        R = np.eye(4)
        x, y, z = a[0], a[1], a[2]
        R[0, 0], R[0, 1], R[0, 2] = (
            c + x * x * (1 - c),
            x * y * (1 - c) - z * s,
            x * z * (1 - c) + y * s,
        )
        R[1, 0], R[1, 1], R[1, 2] = (
            y * x * (1 - c) + z * s,
            c + y * y * (1 - c),
            y * z * (1 - c) - x * s,
        )
        R[2, 0], R[2, 1], R[2, 2] = (
            z * x * (1 - c) - y * s,
            z * y * (1 - c) + x * s,
            c + z * z * (1 - c),
        )
        T = T @ R
    T = T @ T_last_tool
    J = np.zeros((6, n))
    for i in range(n):
        d0, d1, d2 = T[0, 3] - points[i, 0], T[1, 3] - points[i, 1], T[2, 3] - points[i, 2]
        w0, w1, w2 = turns[i, 0], turns[i, 1], turns[i, 2]
        J[0, i], J[1, i], J[2, i] = w1 * d2 - w2 * d1, w2 * d0 - w0 * d2, w0 * d1 - w1 * d0
        J[3, i], J[4, i], J[5, i] = w0, w1, w2
    return T, J


@numba.njit(cache=True)
def rotation_vector(R_from, R_to):
    """Axis times angle ``(3,)`` of the turn that takes ``R_from`` to ``R_to``, world axes."""
    R = R_to @ R_from.T
    v = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
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
def _solve(origins, axes, T_last_tool, lower, upper, rest, length, T_goal, q, iterations):
    n = len(q)
    q = q.copy()
    e = np.zeros(6)
    away = turned = 0.0
    for iteration in range(iterations + 1):
        T, J = _forward(origins, axes, T_last_tool, q)
        e[:3] = (T_goal[:3, 3] - T[:3, 3]) / length
        e[3:] = rotation_vector(
            np.ascontiguousarray(T[:3, :3]), np.ascontiguousarray(T_goal[:3, :3])
        )
        away = np.sqrt(e[0] ** 2 + e[1] ** 2 + e[2] ** 2) * length
        turned = np.sqrt(e[3] ** 2 + e[4] ** 2 + e[5] ** 2)
        if iteration == iterations or (away < 1e-5 * length and turned < 1e-5):
            break
        J[:3] /= length
        pull = _REST_PULL * (rest - q)
        A = J @ J.T
        for i in range(6):
            A[i, i] += _DAMPING**2
        # Long ways are gone in parts, on which the Jacobian still holds.
        part = min(1.0, 0.5 / max(turned, away / length, 1e-9))
        q += pull + J.T @ np.linalg.solve(A, part * e - J @ pull)
        for i in range(n):
            q[i] = min(max(q[i], lower[i]), upper[i])
    return q, away, turned
