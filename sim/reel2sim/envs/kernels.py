"""Arithmetic of every step, compiled: on a few numbers NumPy's calls cost more than the physics.

``nan`` becomes 0 and numbers beyond a bound the bound, so that what an agent sees is in its space
even when a simulation has blown up.
"""

from __future__ import annotations

import math

import numba


@numba.njit(cache=True)
def _bounded(x, bound):
    if math.isnan(x):
        return 0.0
    return min(max(x, -bound), bound)


@numba.njit(cache=True)
def astray(q, qd, index, center, most):
    """Whether any state is not finite, or a joint farther than ``most`` from ``center``.

    Args:
        q: positions of all joints ``(n,)``.
        qd: velocities ``(n,)``.
        index: joints that are looked at ``(m,)``.
        center: ``(m,)``.
        most: ``(m,)``.
    """
    for i in range(len(q)):
        if not (math.isfinite(q[i]) and math.isfinite(qd[i])):
            return True
    far = False
    for n in range(len(index)):
        far |= abs(q[index[n]] - center[n]) > most[n]
    return far


@numba.njit(cache=True)
def joint_columns(q, qd, index, center, half, velocity, bounds, out, at):
    """Positions as −1..1 of their ranges, then velocities over their limits, from ``out[at]`` on.

    Args:
        q: positions of all joints ``(n,)``.
        qd: velocities ``(n,)``.
        index: joints that are wanted ``(m,)``.
        center: middle of their ranges ``(m,)``.
        half: half widths ``(m,)``.
        velocity: speed limits ``(m,)``.
        bounds: of positions and of velocities ``(2,)``.
        out: observation, float32.
        at: where to start.
    """
    m = len(index)
    for n in range(m):
        i = index[n]
        out[at + n] = _bounded((q[i] - center[n]) / half[n], bounds[0])
        out[at + m + n] = _bounded(qd[i] / velocity[n], bounds[1])


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
        out[at + r] = _bounded(x / size, bounds[0])
        out[at + 7 + r] = _bounded(linear[r] / size, bounds[2])
        out[at + 10 + r] = _bounded(angular[r], bounds[3])
    sign = 0.0
    for r in range(4):
        x = 0.0
        for c in range(4):
            x += L_start_world[r, c] * vector[3 + c]
        if r == 0:
            sign = -1.0 if x < 0 else 1.0
        out[at + 3 + r] = _bounded(sign * x, bounds[1])


@numba.njit(cache=True)
def tracking_terms(
    q, qd, centers, T_world_root, driven, q_ref, qd_ref, centers_ref, ranges, speeds, size,
    sharpness, distances,
):  # fmt: skip
    """How well positions, velocities and links meet the reference: exp(−sharpness · error) each.

    Args:
        q: positions of all joints ``(n,)``.
        qd: velocities ``(n,)``.
        centers: centres of mass of the links ``(l, 3)``, world frame.
        T_world_root: of the root ``(4, 4)``.
        driven: joints that count ``(m,)``.
        q_ref: where all joints should be ``(n,)``.
        qd_ref: their velocities there ``(n,)``.
        centers_ref: where the links should be ``(l, 3)``, root's frame.
        ranges: unit of each position ``(m,)``.
        speeds: unit of each velocity ``(m,)``.
        size: unit of length.
        sharpness: of the three terms ``(3,)``.
        distances: receives the distance of each joint from the reference ``(m,)``.

    Returns:
        The three terms, the mean share of the ranges, and the links' mean distance in metres.
    """
    m, links = len(driven), len(centers)
    position = velocity = place = share = away = 0.0
    for n in range(m):
        i = driven[n]
        distances[n] = abs(q[i] - q_ref[i])
        off = distances[n] / ranges[n]
        rate = (qd[i] - qd_ref[i]) / speeds[n]
        position += off * off
        velocity += rate * rate
        share += off
    for k in range(links):
        square = 0.0
        for c in range(3):
            x = 0.0
            for r in range(3):
                x += (centers[k, r] - T_world_root[r, 3]) * T_world_root[r, c]
            x -= centers_ref[k, c]
            square += x * x
        place += square
        away += math.sqrt(square)
    bodies = max(links, 1)
    return (
        math.exp(-sharpness[0] * position / m),
        math.exp(-sharpness[1] * velocity / m),
        math.exp(-sharpness[2] * place / bodies / size**2),
        share / m,
        away / bodies,
    )
