"""Arithmetic of every step, compiled: on a few numbers NumPy's calls cost more than the physics.

``nan`` becomes 0 and numbers beyond a bound the bound, so that what an agent sees is in its space
even when a simulation has blown up.
"""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True)
def bounded(x, bound):
    """``x`` within ±``bound``; 0 if it is not a number."""
    if math.isnan(x):
        return 0.0
    return min(max(x, -bound), bound)


@numba.njit(cache=True)
def pose_of(v):
    """The pose ``(4, 4)`` of a position and a unit quaternion xyzw ``(7,)``."""
    x, y, z, w = v[3], v[4], v[5], v[6]
    T = np.zeros((4, 4))
    T[0, 0], T[1, 1] = 1 - 2 * (y * y + z * z), 1 - 2 * (x * x + z * z)
    T[2, 2] = 1 - 2 * (x * x + y * y)
    T[0, 1], T[1, 0] = 2 * (x * y - z * w), 2 * (x * y + z * w)
    T[0, 2], T[2, 0] = 2 * (x * z + y * w), 2 * (x * z - y * w)
    T[1, 2], T[2, 1] = 2 * (y * z - x * w), 2 * (y * z + x * w)
    T[0, 3], T[1, 3], T[2, 3], T[3, 3] = v[0], v[1], v[2], 1.0
    return T


@numba.njit(cache=True)
def astray(x, bounds):
    """Whether any of ``x`` ``(k,)`` is not finite, or not between ``bounds`` ``(2, k)``."""
    for i in range(len(x)):  # noqa: SIM110 - compiled
        if not bounds[0, i] <= x[i] <= bounds[1, i]:
            return True
    return False


@numba.njit(cache=True)
def joint_columns(x, index, scale, bounds, out, at):
    """Positions as −1..1 of their ranges, then velocities over their limits, from ``out[at]`` on.

    Args:
        x: positions of all joints, then their velocities ``(2n,)``.
        index: joints that are wanted ``(m,)``.
        scale: middle and half width of their ranges, and speed limits ``(3, m)``.
        bounds: of positions and of velocities ``(2,)``.
        out: observation, float32.
        at: where to start.
    """
    m, count = len(index), len(x) // 2
    for n in range(m):
        i = index[n]
        out[at + n] = bounded((x[i] - scale[0, n]) / scale[1, n], bounds[0])
        out[at + m + n] = bounded(x[count + i] / scale[2, n], bounds[1])


@numba.njit(cache=True)
def goal_columns(x, i, low, span, scale, bounds, goal, out):
    """How far one joint is from its goal: exactly, and between numbers of 32 bits.

    Args:
        x: positions of all joints, then their velocities ``(2n,)``.
        i: the joint.
        low: lower end of its range.
        span: width of its range.
        scale: middle and half width of its range, and its speed limit ``(3, 1)``.
        bounds: of position and velocity ``(2,)``.
        goal: as a share of the range, float32 ``(1,)``.
        out: receives position and velocity as in :func:`joint_columns`, and the share of the range
            within −0.5..1.5, float32 ``(3,)``.
    """
    out[0] = bounded((x[i] - scale[0, 0]) / scale[1, 0], bounds[0])
    out[1] = bounded(x[len(x) // 2 + i] / scale[2, 0], bounds[1])
    share = (x[i] - low) / span
    share = 0.0 if math.isnan(share) else min(max(share, -0.5), 1.5)
    out[2] = share
    return abs(share - goal[0]), abs(np.float32(share) - goal[0])


@numba.njit(cache=True)
def root_columns(vector, linear, angular, T_start_world, L_start_world, size, bounds, out, at):
    """Pose of the root since the start, and its velocities: 13 numbers from ``out[at]`` on.

    Args:
        vector: pose ``[x, y, z, qw, qx, qy, qz]``, world frame.
        linear: velocity of its centre of mass ``(3,)``.
        angular: angular velocity ``(3,)``.
        T_start_world: takes the world to the root's frame at the start ``(4, 4)``.
        L_start_world: the same for quaternions, as a matrix ``(4, 4)``.
        size: unit of length, metres.
        bounds: of position, rotation, velocity and rate ``(4,)``.
        out: observation, float32.
        at: where to start.
    """
    for r in range(3):
        x = T_start_world[r, 3]
        for c in range(3):
            x += T_start_world[r, c] * vector[c]
        out[at + r] = bounded(x / size, bounds[0])
        out[at + 7 + r] = bounded(linear[r] / size, bounds[2])
        out[at + 10 + r] = bounded(angular[r], bounds[3])
    sign = 0.0
    for r in range(4):
        x = 0.0
        for c in range(4):
            x += L_start_world[r, c] * vector[3 + c]
        if r == 0:
            sign = -1.0 if x < 0 else 1.0
        out[at + 3 + r] = bounded(sign * x, bounds[1])
