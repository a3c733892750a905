"""Free rigid motion of small point sets from their image positions, many sets at once."""

from __future__ import annotations

import numpy as np

from reel2sim.rigging.pictures.observations import Observations
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import pose

KERNEL_PX = 2.0
"""Scale of the Geman–McClure kernel, pixels."""


def skew(v: Array) -> Array:
    """Cross-product matrices ``(..., 3, 3)`` of vectors ``(..., 3)``."""
    x, y, z = np.moveaxis(v, -1, 0)
    o = np.zeros_like(x)
    return np.stack(
        [np.stack([o, -z, y], -1), np.stack([z, o, -x], -1), np.stack([-y, x, o], -1)], -2
    )


def exp_rotation(w: Array) -> Array:
    """Rotation matrices of rotation vectors ``(..., 3)``."""
    angle = np.linalg.norm(w, axis=-1)[..., None, None]
    K = skew(w / np.maximum(angle[..., 0], 1e-12))
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)


def rigid_motions(points: Array, ways: Array, weights: Array) -> Array:
    """Rigid motions ``(t, 4, 4)`` that best take ``points`` ``(n, 3)`` to ``ways`` ``(t, n, 3)``.

    Weighted orthogonal Procrustes (Kabsch 1976) at every instant.

    Args:
        points: before.
        ways: at every instant.
        weights: of the points, not negative, ``(n,)`` or ``(t, n)``; an instant without any gets
            a rotation of no meaning.
    """
    w = np.broadcast_to(weights, ways.shape[:2])
    share = w / np.maximum(w.sum(axis=1), 1e-9)[:, None]
    before, after = share @ points, np.einsum("tn,tni->ti", share, ways)
    H = np.einsum("tn,tni,tnj->tij", share, ways - after[:, None], points - before[:, None])
    left, _, right = np.linalg.svd(H)
    left[:, :, 2] *= np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)[:, None]
    R = left @ right
    return pose(R, after - np.einsum("tij,tj->ti", R, before))


def projection_jacobian(p_camera: Array, intrinsics: Array) -> tuple[Array, Array]:
    """Pixels ``(..., 2)`` and their derivative ``(..., 2, 3)`` by camera coordinates."""
    z = np.maximum(p_camera[..., 2], 0.05)
    fx, fy, cx, cy = np.moveaxis(intrinsics, -1, 0)
    u, v = p_camera[..., 0] / z, p_camera[..., 1] / z
    o = np.zeros_like(z)
    jacobian = np.stack(
        [np.stack([fx / z, o, -fx * u / z], -1), np.stack([o, fy / z, -fy * v / z], -1)], -2
    )
    return np.stack([u * fx + cx, v * fy + cy], -1), jacobian


def fit_motions(
    observations: Observations,
    groups: Array,
    *,
    start: Array | None = None,
    iterations: int = 3,
    stiffness: float = 2e-3,
    sweeps: int = 1,
    kernel_px: float = KERNEL_PX,
    slides: Array | None = None,
) -> Array:
    """Rigid motion of each group of points, frame by frame (Gauss–Newton, robust).

    Every frame is pulled towards its neighbours in time by ``stiffness`` (a share of the
    information of all points), which carries a motion over frames where few points are seen.

    Args:
        observations: the points.
        groups: indices into them ``(b, k)``; −1 pads short groups.
        start: trajectories to refine ``(b, t, 4, 4)``; default chains from the previous frame.
        iterations: Gauss–Newton steps a frame and sweep.
        stiffness: weight of the pull.
        sweeps: passes over the frames.
        kernel_px: scale of the robust kernel.
        slides: displacement of each group's points along their rays ``(b, k)``.

    Returns:
        Motions since time zero ``(b, t, 4, 4)``.
    """
    b, instants = len(groups), observations.instants
    pad = groups < 0
    index = np.where(pad, 0, groups)
    X = observations.points[index]
    if slides is not None:
        X = X + slides[..., None] * observations.rays[index]
    stream, whiten = observations.stream[index], observations.whiten[index]
    T = np.tile(np.eye(4), (b, instants, 1, 1)) if start is None else start.copy()
    for sweep in range(sweeps):
        for t in range(1, instants):
            if start is None and sweep == 0:
                prior = T[:, t - 1]
                guess = prior
            else:
                prior = _mean_pose(T[:, t - 1], T[:, min(t + 1, instants - 1)])
                guess = T[:, t]
            seen = observations.seen[index, t] & ~pad
            T[:, t] = _fit_frame(
                X,
                observations.pixels[index, t],
                seen.astype(np.float64),
                whiten,
                observations.T_camera_world[t][stream],
                observations.intrinsics[t][stream],
                guess=guess,
                prior=prior,
                iterations=iterations,
                stiffness=stiffness,
                kernel_px=kernel_px,
            )
    return T


def refine_motions(
    observations: Observations,
    groups: Array,
    start: Array,
    *,
    iterations: int = 3,
    stiffness: float = 2e-3,
    sweeps: int = 1,
    kernel_px: float = KERNEL_PX,
) -> Array:
    """Refine trajectories ``(b, t, 4, 4)``, letting each point slide along its ray."""
    slides = np.zeros(groups.shape)
    for row, group in enumerate(groups):
        members = group[group >= 0]
        found = observations.select(members).residuals(start[row])[1]
        slides[row, : len(members)] = found
    return fit_motions(
        observations,
        groups,
        start=start,
        iterations=iterations,
        stiffness=stiffness,
        sweeps=sweeps,
        kernel_px=kernel_px,
        slides=slides,
    )


def _mean_pose(a: Array, b: Array) -> Array:
    mean = (a + b) / 2
    u, _, vt = np.linalg.svd(mean[:, :3, :3])
    mean[:, :3, :3] = u @ vt
    return mean


def _fit_frame(
    X: Array,
    pixels: Array,
    weight: Array,
    whiten: Array,
    view: Array,
    intrinsics: Array,
    *,
    guess: Array,
    prior: Array,
    iterations: int,
    stiffness: float,
    kernel_px: float,
) -> Array:
    count = weight.sum(axis=1)
    enough = count >= 3
    n = np.maximum(count, 1.0)[:, None]
    center = (weight[..., None] * X).sum(1) / n
    spread = (weight * ((X - center[:, None]) ** 2).sum(-1)).sum(1) / n[:, 0] + 4e-4
    # Information of n points that each pin the motion to a pixel, seen from a few radii away.
    f = intrinsics[:, 0, 0]
    pull = stiffness * count * f * f / 12 + 1e-6
    T = guess.copy()
    for _ in range(iterations):
        moved = np.einsum("bij,bkj->bki", T[:, :3, :3], X) + T[:, None, :3, 3]
        pivot = np.einsum("bij,bj->bi", T[:, :3, :3], center) + T[:, :3, 3]
        p = np.einsum("bkij,bkj->bki", view[..., :3, :3], moved) + view[..., :3, 3]
        predicted, dp = projection_jacobian(p, intrinsics)
        residual = np.einsum("bkij,bkj->bki", whiten, pixels - predicted)
        dx = whiten @ (dp @ view[..., :3, :3])
        J = np.concatenate([-dx @ skew(moved - pivot[:, None]), dx], axis=-1)
        w = weight * (kernel_px**2 / (kernel_px**2 + (residual**2).sum(-1))) ** 2
        w = w * (p[..., 2] > 0.05)
        H = np.einsum("bk,bkri,bkrj->bij", w, J, J, optimize=True)
        g = np.einsum("bk,bkri,bkr->bi", w, J, residual, optimize=True)
        H[:, [0, 1, 2], [0, 1, 2]] += (pull * spread)[:, None]
        H[:, [3, 4, 5], [3, 4, 5]] += pull[:, None]
        turn = prior[:, :3, :3] @ T[:, :3, :3].swapaxes(1, 2)
        twist = 0.5 * np.stack(
            [
                turn[:, 2, 1] - turn[:, 1, 2],
                turn[:, 0, 2] - turn[:, 2, 0],
                turn[:, 1, 0] - turn[:, 0, 1],
            ],
            -1,
        )
        goal = np.einsum("bij,bj->bi", prior[:, :3, :3], center) + prior[:, :3, 3]
        g[:, :3] += (pull * spread)[:, None] * twist
        g[:, 3:] += pull[:, None] * (goal - pivot)
        step = np.clip(np.linalg.solve(H, g[..., None])[..., 0], -0.4, 0.4)
        R = exp_rotation(step[:, :3])
        shift = np.einsum("bij,bj->bi", R, T[:, :3, 3] - pivot) + pivot + step[:, 3:]
        T = pose(R @ T[:, :3, :3], shift)
    T[~enough] = prior[~enough]
    return T
