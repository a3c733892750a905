"""One instant's bones: robust Gauss–Newton on where the views want the surfels to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.reconstruction.bone_kernels import add_flow
from reel2sim.reconstruction.bones import Skeleton
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, blend_dual_quaternions, pose

_ARMS = 0.12 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
"""Probe points in radii that tie two poses in place and in rotation."""
_INERTIA = 0.005
"""Weight of the expected pose against what is seen."""
_SHARE = 2e-3
"""Least skinning weight by which a bone is told what a surfel wants."""
_GAP_PX = 1.5
"""Gap between touching bones from which they count as parting, pixels."""


@dataclass(frozen=True, eq=False)
class FlowTargets:
    """Where one view wants surfels to be.

    Attributes:
        index: surfels that are visible ``(m,)``.
        pixels: where each should project ``(m, 2)``.
        weight: trust ``(m,)``, 0..1.
        K: ``(3, 3)``.
        T_camera_world: ``(4, 4)``.
    """

    index: Array
    pixels: Array
    weight: Array
    K: Array
    T_camera_world: Array


def solve_bones(
    T: Array,
    rest: Array,
    skin: Array,
    skeleton: Skeleton,
    targets: Sequence[FlowTargets],
    *,
    sigma_px: float,
    tie: float,
    expected: Array | None = None,
    iterations: int = 3,
) -> Array:
    """Robust Gauss–Newton for all bones at one instant.

    Args:
        T: current poses ``(b, 4, 4)``.
        rest: surfel centres at time zero ``(n, 3)``.
        skin: weights ``(n, b)``.
        skeleton: the bones.
        targets: what the views want.
        sigma_px: residual at which an observation is mostly disbelieved, pixels.
        tie: weight of neighbouring bones moving as one.
        expected: poses ``(b, 4, 4)`` to stay near where the views say little, such as along
            their rays.
        iterations: of reweighting.

    Returns:
        Better poses ``(b, 4, 4)``.
    """
    bones = len(T)
    owner, bone = np.nonzero(skin > _SHARE)
    shares = skin[owner, bone]
    starts = np.searchsorted(owner, np.arange(len(skin) + 1))
    wanted = [seen for seen in targets if len(seen.index)]
    trust = float(sum(seen.weight.sum() for seen in wanted))
    for _ in range(iterations):
        pivots = np.einsum("bij,bj->bi", T[:, :3, :3], skeleton.centers) + T[:, :3, 3]
        A = np.zeros((6 * bones, 6 * bones))
        g = np.zeros(6 * bones)
        M = blend_dual_quaternions(skin, T)
        x = np.einsum("nij,nj->ni", M[:, :3, :3], rest) + M[:, :3, 3]
        for seen in wanted:
            add_flow(
                A, g, x, pivots, starts, bone, shares,
                seen.index, seen.pixels, seen.weight, seen.K, seen.T_camera_world, sigma_px,
            )  # fmt: skip
        A += np.triu(A, 1).T
        pixels_per_radius = _scale(x, wanted[-1]) if wanted else 1.0
        _tie_bones(A, g, T, pivots, skeleton, tie * max(trust, 1.0), pixels_per_radius)
        if expected is not None:
            _hold(A, g, T, expected, pivots, skeleton, _INERTIA * trust, pixels_per_radius)
        damping = 1e-3 * np.diag(A) + 1e-4 * np.trace(A) / len(A) + 1e-9
        step = np.linalg.solve(A + np.diag(damping), -g).reshape(bones, 6)
        angle = np.linalg.norm(step[:, :3], axis=1)
        limited = np.minimum(angle, 0.4) / np.maximum(angle, 1e-12)
        axis = step[:, :3] / np.maximum(angle[:, None], 1e-12)
        turn = axis_rotation(axis, angle * limited)
        T = moved(T, pivots, turn, np.clip(step[:, 3:], -0.3, 0.3))
    return T


def _scale(x: Array, seen: FlowTargets) -> float:
    """Pixels per radius at the surfels ``x`` ``(n, 3)`` that a view shows."""
    z = x[seen.index] @ seen.T_camera_world[2, :3] + seen.T_camera_world[2, 3]
    return float(np.median(seen.K[0, 0] / np.maximum(z, 1e-3)))


def _tie_bones(
    A: Array,
    g: Array,
    T: Array,
    pivots: Array,
    skeleton: Skeleton,
    strength: float,
    pixels_per_radius: float,
) -> None:
    """Add the pull between touching bones to the normal equations, in place.

    The pull fades with the distance between the two images of common probe points, so that a
    joint opens where the pictures ask for it and nowhere else, and once open stays free.
    """
    edges = len(skeleton.pairs)
    if not edges:
        return
    probes = skeleton.contacts[:, None] + _ARMS
    k, m = skeleton.pairs.T
    image = [_image(T[b], probes) for b in (k, m)]
    gap = (image[0] - image[1]) * pixels_per_radius
    weight = strength / (4 * edges) / (1 + (gap**2).sum((1, 2)) / 4 / _GAP_PX**2)
    first, second = (
        _point_rows(points - pivots[b][:, None]) * pixels_per_radius
        for b, points in zip((k, m), image, strict=True)
    )
    for e in range(edges):
        rows = np.concatenate([first[e], -second[e]], axis=-1).reshape(-1, 12)
        where = np.concatenate([np.arange(6) + 6 * k[e], np.arange(6) + 6 * m[e]])
        A[np.ix_(where, where)] += weight[e] * rows.T @ rows
        g[where] += weight[e] * rows.T @ gap[e].ravel()


def _hold(
    A: Array,
    g: Array,
    T: Array,
    expected: Array,
    pivots: Array,
    skeleton: Skeleton,
    strength: float,
    pixels_per_radius: float,
) -> None:
    """Add a pull of every bone to its expected pose to the normal equations, in place."""
    bones = len(T)
    probes = skeleton.centers[:, None] + _ARMS
    here = _image(T, probes)
    gap = (here - _image(expected, probes)) * pixels_per_radius
    rows = _point_rows(here - pivots[:, None]) * pixels_per_radius
    weight = strength / (4 * bones)
    for b in range(bones):
        J = rows[b].reshape(-1, 6)
        where = slice(6 * b, 6 * b + 6)
        A[where, where] += weight * J.T @ J
        g[where] += weight * J.T @ gap[b].ravel()


def _image(T: Array, points: Array) -> Array:
    """Points ``(m, p, 3)`` moved by ``(m, 4, 4)``."""
    return np.einsum("mij,mpj->mpi", T[:, :3, :3], points) + T[:, None, :3, 3]


def _point_rows(arm: Array) -> Array:
    """Jacobian ``(m, p, 3, 6)`` of points at ``arm`` ``(m, p, 3)`` by turn and shift."""
    cross = np.zeros((*arm.shape[:2], 3, 3))
    x, y, z = np.moveaxis(arm, -1, 0)
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = z, -y, x
    cross -= np.swapaxes(cross, -1, -2)
    return np.concatenate([cross, np.broadcast_to(np.eye(3), cross.shape)], -1)


def moved(T: Array, pivots: Array, turn: Array, shift: Array) -> Array:
    """Poses ``(b, 4, 4)`` turned about ``pivots`` and shifted."""
    offset = pivots + shift - np.einsum("bij,bj->bi", turn, pivots)
    return pose(turn, offset) @ T
