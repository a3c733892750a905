"""Residuals of tracks that one joint moves, their normal equations, and the descent by them."""

from __future__ import annotations

import numpy as np
from numba import njit

from reel2sim.scene.arrays import Array

LINE = 6
"""Unknowns that are not states: two of the axis, three of the pivot, one of the focal length."""
_NEAR = 0.02
"""Depth under which nothing is projected, in units of the scene."""
_LARGEST = np.array([0.4, 0.4, 0.3, 0.3, 0.3, 0.2])
"""Of a step of the line; of states and depths follow."""
_LARGEST_STATE, _LARGEST_DEPTH = 0.5, 0.3
_TRIES = 6
_GAIN = 1e-5
"""Share of the cost under which a step was the last."""


@njit(cache=True, fastmath=False)
def _moved(turns: bool, axis: Array, pivot: Array, dq: float, at: Array, out: Array) -> None:
    """Where a point goes when the joint moves on by ``dq``."""
    if not turns:
        for k in range(3):
            out[k] = at[k] + dq * axis[k]
        return
    c, s = np.cos(dq), np.sin(dq)
    x, y, z = at[0] - pivot[0], at[1] - pivot[1], at[2] - pivot[2]
    along = (x * axis[0] + y * axis[1] + z * axis[2]) * (1.0 - c)
    out[0] = pivot[0] + c * x + s * (axis[1] * z - axis[2] * y) + along * axis[0]
    out[1] = pivot[1] + c * y + s * (axis[2] * x - axis[0] * z) + along * axis[1]
    out[2] = pivot[2] + c * z + s * (axis[0] * y - axis[1] * x) + along * axis[2]


@njit(cache=True)
def _anchored(ray: Array, depth: float, back: Array, out: Array) -> None:
    """World point at a depth along a ray of the camera that found it."""
    for k in range(3):
        out[k] = depth * (back[k, 0] * ray[0] + back[k, 1] * ray[1] + back[k, 2] * ray[2])
        out[k] += back[k, 3]


@njit(cache=True)
def squared_errors(
    turns: bool,
    axis: Array,
    pivot: Array,
    focal: float,
    states: Array,
    log_depth: Array,
    pixels: Array,
    seen: Array,
    first: Array,
    center: Array,
    poses: Array,
    backs: Array,
) -> Array:
    """Squared distances of prediction and track ``(n, t)``, pixels²; zero where not seen."""
    n, t = seen.shape
    out = np.zeros((n, t))
    ray, at, here, view = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for i in range(n):
        a = first[i]
        ray[0] = (pixels[i, a, 0] - center[0]) / focal
        ray[1] = (pixels[i, a, 1] - center[1]) / focal
        ray[2] = 1.0
        _anchored(ray, np.exp(log_depth[i]), backs[a], at)
        for j in range(t):
            if not seen[i, j]:
                continue
            _moved(turns, axis, pivot, states[j] - states[a], at, here)
            P = poses[j]
            for k in range(3):
                view[k] = P[k, 0] * here[0] + P[k, 1] * here[1] + P[k, 2] * here[2] + P[k, 3]
            z = max(view[2], _NEAR)
            u = focal * view[0] / z + center[0] - pixels[i, j, 0]
            v = focal * view[1] / z + center[1] - pixels[i, j, 1]
            out[i, j] = u * u + v * v
    return out


@njit(cache=True)
def normal_equations(
    turns: bool,
    axis: Array,
    across: Array,
    pivot: Array,
    focal: float,
    states: Array,
    log_depth: Array,
    pixels: Array,
    seen: Array,
    first: Array,
    weights: Array,
    center: Array,
    poses: Array,
    backs: Array,
    damping: float,
    prior: Array,
    prior_mean: Array,
    H: Array,
    g: Array,
    own: Array,
    shared: Array,
) -> None:
    """Add to ``H`` and ``g`` what tracks say of line and states, their depths eliminated.

    Unknowns are two turns of the axis across itself, the pivot, the logarithm of the focal length
    and a state a frame; a track's own is the logarithm of its depth where it was found.

    Args:
        turns: whether the joint is a hinge; else it slides.
        axis: unit ``(3,)``, world.
        across: two units across it ``(2, 3)``.
        pivot: point on the axis ``(3,)``.
        focal: pixels.
        states: ``(t,)``.
        log_depth: of each track where it was found ``(n,)``.
        pixels: ``(n, t, 2)``.
        seen: ``(n, t)``.
        first: frame each was found in ``(n,)``.
        weights: of each residual ``(n, t)``.
        center: principal point ``(2,)``, pixels.
        poses: T_camera_world ``(t, 4, 4)``.
        backs: their inverses.
        damping: share of a depth's curvature that is added to it (Levenberg–Marquardt).
        prior: weight of each logarithm of depth ``(n,)``.
        prior_mean: what it is drawn to ``(n,)``.
        H: ``(6 + t, 6 + t)``, added to.
        g: gradient ``(6 + t,)``, added to.
        own: out: curvature and gradient of each depth ``(n, 2)``.
        shared: out: mixed derivatives of depth and the other unknowns ``(n, 6 + t)``.
    """
    n, t = seen.shape
    m = LINE + t
    ray, at, here, view = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    rot, proj = np.empty((3, 3)), np.empty((2, 3))
    D = np.empty((9, 3))  # of the world point: 2 axis, 3 pivot, focal, state, depth (and spare)
    J = np.empty((8, 2))
    for i in range(n):
        a = first[i]
        depth = np.exp(log_depth[i])
        ray[0] = (pixels[i, a, 0] - center[0]) / focal
        ray[1] = (pixels[i, a, 1] - center[1]) / focal
        ray[2] = 1.0
        B = backs[a]
        _anchored(ray, depth, B, at)
        hs, gs = prior[i], prior[i] * (log_depth[i] - prior_mean[i])
        for k in range(m):
            shared[i, k] = 0.0
        for j in range(t):
            w = weights[i, j]
            if not seen[i, j] or w <= 0.0:
                continue
            dq = states[j] - states[a]
            _moved(turns, axis, pivot, dq, at, here)
            c, s = np.cos(dq), np.sin(dq)
            # How the moved point follows the anchor.
            if turns:
                for r in range(3):
                    for k in range(3):
                        rot[r, k] = (1.0 - c) * axis[r] * axis[k] + (c if r == k else 0.0)
                rot[0, 1] -= s * axis[2]
                rot[0, 2] += s * axis[1]
                rot[1, 0] += s * axis[2]
                rot[1, 2] -= s * axis[0]
                rot[2, 0] -= s * axis[1]
                rot[2, 1] += s * axis[0]
            else:
                for r in range(3):
                    for k in range(3):
                        rot[r, k] = 1.0 if r == k else 0.0
            for b in range(2):
                u0, u1, u2 = across[b, 0], across[b, 1], across[b, 2]
                if turns:
                    x, y, z = at[0] - pivot[0], at[1] - pivot[1], at[2] - pivot[2]
                    da = x * axis[0] + y * axis[1] + z * axis[2]
                    du = x * u0 + y * u1 + z * u2
                    D[b, 0] = s * (u1 * z - u2 * y) + (1 - c) * (u0 * da + axis[0] * du)
                    D[b, 1] = s * (u2 * x - u0 * z) + (1 - c) * (u1 * da + axis[1] * du)
                    D[b, 2] = s * (u0 * y - u1 * x) + (1 - c) * (u2 * da + axis[2] * du)
                else:
                    D[b, 0], D[b, 1], D[b, 2] = dq * u0, dq * u1, dq * u2
            for k in range(3):
                for r in range(3):
                    D[2 + k, r] = (1.0 if r == k else 0.0) - rot[r, k] if turns else 0.0
            if turns:
                x, y, z = here[0] - pivot[0], here[1] - pivot[1], here[2] - pivot[2]
                D[6, 0] = axis[1] * z - axis[2] * y
                D[6, 1] = axis[2] * x - axis[0] * z
                D[6, 2] = axis[0] * y - axis[1] * x
            else:
                D[6, 0], D[6, 1], D[6, 2] = axis[0], axis[1], axis[2]
            for r in range(3):
                f_r, s_r = 0.0, 0.0
                for k in range(3):
                    wide = B[k, 0] * ray[0] + B[k, 1] * ray[1]
                    f_r -= rot[r, k] * depth * wide
                    s_r += rot[r, k] * depth * (wide + B[k, 2])
                D[5, r], D[7, r] = f_r, s_r
            P = poses[j]
            for k in range(3):
                view[k] = P[k, 0] * here[0] + P[k, 1] * here[1] + P[k, 2] * here[2] + P[k, 3]
            z = max(view[2], _NEAR)
            for k in range(3):
                proj[0, k] = focal * (P[0, k] / z - view[0] / (z * z) * P[2, k])
                proj[1, k] = focal * (P[1, k] / z - view[1] / (z * z) * P[2, k])
            ru = focal * view[0] / z + center[0] - pixels[i, j, 0]
            rv = focal * view[1] / z + center[1] - pixels[i, j, 1]
            for k in range(8):
                J[k, 0] = proj[0, 0] * D[k, 0] + proj[0, 1] * D[k, 1] + proj[0, 2] * D[k, 2]
                J[k, 1] = proj[1, 0] * D[k, 0] + proj[1, 1] * D[k, 1] + proj[1, 2] * D[k, 2]
            J[5, 0] += focal * view[0] / z
            J[5, 1] += focal * view[1] / z
            for k in range(LINE):
                g[k] += w * (J[k, 0] * ru + J[k, 1] * rv)
                for r in range(k + 1):
                    H[k, r] += w * (J[k, 0] * J[r, 0] + J[k, 1] * J[r, 1])
            hs += w * (J[7, 0] * J[7, 0] + J[7, 1] * J[7, 1])
            gs += w * (J[7, 0] * ru + J[7, 1] * rv)
            for k in range(LINE):
                shared[i, k] += w * (J[k, 0] * J[7, 0] + J[k, 1] * J[7, 1])
            if j == a:
                continue
            jj, ja = LINE + j, LINE + a
            qq = w * (J[6, 0] * J[6, 0] + J[6, 1] * J[6, 1])
            qr = w * (J[6, 0] * ru + J[6, 1] * rv)
            qs = w * (J[6, 0] * J[7, 0] + J[6, 1] * J[7, 1])
            H[jj, jj] += qq
            H[ja, ja] += qq
            H[max(jj, ja), min(jj, ja)] -= qq
            g[jj] += qr
            g[ja] -= qr
            shared[i, jj] += qs
            shared[i, ja] -= qs
            for k in range(LINE):
                mixed = w * (J[k, 0] * J[6, 0] + J[k, 1] * J[6, 1])
                H[jj, k] += mixed
                H[ja, k] -= mixed
        own[i, 0], own[i, 1] = hs, gs
        full = hs * (1.0 + damping) + 1e-12
        for k in range(m):
            if shared[i, k] == 0.0:
                continue
            e = shared[i, k] / full
            g[k] -= e * gs
            for r in range(k + 1):
                H[k, r] -= e * shared[i, r]


@njit(cache=True)
def _across(axis: Array) -> Array:
    """Two units across a unit ``(2, 3)``."""
    small = 0
    for k in range(1, 3):
        if abs(axis[k]) < abs(axis[small]):
            small = k
    sides = np.zeros((2, 3))
    sides[0, (small + 1) % 3] = axis[(small + 2) % 3]
    sides[0, (small + 2) % 3] = -axis[(small + 1) % 3]
    sides[0] /= np.sqrt((sides[0] ** 2).sum())
    sides[1, 0] = axis[1] * sides[0, 2] - axis[2] * sides[0, 1]
    sides[1, 1] = axis[2] * sides[0, 0] - axis[0] * sides[0, 2]
    sides[1, 2] = axis[0] * sides[0, 1] - axis[1] * sides[0, 0]
    return sides


@njit(cache=True)
def _clipped(value: float, most: float) -> float:
    return min(max(value, -most), most)


@njit(cache=True)
def descend(  # noqa: D417
    turns: bool,
    axis: Array,
    pivot: Array,
    focal: float,
    states: Array,
    log_depth: Array,
    pixels: Array,
    seen: Array,
    first: Array,
    center: Array,
    poses: Array,
    backs: Array,
    free: Array,
    calm: Array,
    depth_prior: Array,
    depth_mean: Array,
    focal_prior: float,
    focal_mean: float,
    stiffness: Array,
    kernel_px: float,
    steps: int,
) -> tuple[Array, Array, float, Array, Array, float]:
    """Levenberg-Marquardt on a Geman-McClure cost, from a start.

    What is not described here is as in :func:`normal_equations`.

    Args:
        free: which of the line's unknowns and states may change ``(6 + t,)`` bool.
        calm: curvature of the price of uneven states ``(t, t)``.
        depth_prior: weight of each logarithm of depth about ``depth_mean`` ``(n,)``.
        focal_prior: weight of the logarithm of the focal length about that of ``focal_mean``.
        stiffness: what each track's squared errors are multiplied by ``(n,)``.
        kernel_px: scale of the robust cost, pixels.
        steps: iterations at most.

    Returns:
        Axis, pivot, focal length, states, logarithms of depth, cost.
    """
    n, t = seen.shape
    m = LINE + t
    damping = 1e-3
    c2 = kernel_px * kernel_px
    own, shared = np.zeros((n, 2)), np.zeros((n, m))
    stiff = stiffness.reshape(n, 1)
    errors = squared_errors(turns, axis, pivot, focal, states, log_depth, pixels, seen, first,
                            center, poses, backs) * stiff  # fmt: skip
    cost = _cost(errors, states, log_depth, focal, calm, depth_prior, depth_mean, focal_prior,
                 focal_mean, c2)  # fmt: skip
    for _ in range(steps):
        weights = stiff * (c2 / (c2 + errors)) ** 2
        sides = _across(axis)
        found, gain = False, 0.0
        for _ in range(_TRIES):
            H, g = np.zeros((m, m)), np.zeros(m)
            normal_equations(turns, axis, sides, pivot, focal, states, log_depth, pixels, seen,
                             first, weights, center, poses, backs, damping, depth_prior, depth_mean,
                             H, g, own, shared)  # fmt: skip
            for r in range(m):
                for k in range(r):
                    H[k, r] = H[r, k]
            H[LINE:, LINE:] += calm
            g[LINE:] += calm @ states
            H[5, 5] += focal_prior
            g[5] += focal_prior * np.log(focal / focal_mean)
            for k in range(m):
                H[k, k] += damping * abs(H[k, k]) + 1e-6
                if not free[k]:
                    H[k, :], H[:, k], g[k] = 0.0, 0.0, 0.0
                    H[k, k] = 1.0
            step = -np.linalg.solve(H, g)
            next_axis = axis + _clipped(step[0], _LARGEST[0]) * sides[0]
            next_axis += _clipped(step[1], _LARGEST[1]) * sides[1]
            next_axis /= np.sqrt((next_axis**2).sum())
            next_pivot = pivot.copy()
            for k in range(3):
                next_pivot[k] += _clipped(step[2 + k], _LARGEST[2 + k])
            next_focal = focal * np.exp(_clipped(step[5], _LARGEST[5]))
            next_states, next_depth = states.copy(), log_depth.copy()
            for k in range(t):
                next_states[k] += _clipped(step[LINE + k], _LARGEST_STATE)
            deeper = shared @ step
            for i in range(n):
                by = -(own[i, 1] + deeper[i]) / (own[i, 0] * (1.0 + damping) + 1e-12)
                next_depth[i] += _clipped(by, _LARGEST_DEPTH)
            next_errors = squared_errors(turns, next_axis, next_pivot, next_focal, next_states,
                                         next_depth, pixels, seen, first, center, poses,
                                         backs) * stiff  # fmt: skip
            next_cost = _cost(next_errors, next_states, next_depth, next_focal, calm, depth_prior,
                              depth_mean, focal_prior, focal_mean, c2)  # fmt: skip
            if next_cost < cost:
                found = True
                gain = (cost - next_cost) / max(cost, 1e-9)
                axis, pivot, focal = next_axis, next_pivot, next_focal
                states, log_depth = next_states, next_depth
                errors, cost = next_errors, next_cost
                break
            damping *= 6.0
        if not found or gain < _GAIN:
            break
        damping = max(damping / 4.0, 1e-7)
    return axis, pivot, focal, states, log_depth, cost


@njit(cache=True)
def _cost(
    errors: Array,
    states: Array,
    log_depth: Array,
    focal: float,
    calm: Array,
    depth_prior: Array,
    depth_mean: Array,
    focal_prior: float,
    focal_mean: float,
    c2: float,
) -> float:
    total = (c2 * errors / (c2 + errors)).sum()
    total += (depth_prior * (log_depth - depth_mean) ** 2).sum()
    return total + states @ (calm @ states) + focal_prior * np.log(focal / focal_mean) ** 2
