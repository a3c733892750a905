"""One rigid motion through all instants: robust Gauss–Newton on where its surfels were seen."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.linalg import block_diag

from reel2sim.reconstruction.bodies.evidence import Footage, Sightings
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

_SMOOTH = 0.02
"""Weight of a straight path against one fully trusted sighting, per square pixel."""
_STEP = 0.35
"""Largest turn (rad) and shift (radii) of one iteration."""


@dataclass(frozen=True, eq=False)
class Reprojection:
    """How far a body's surfels are from where they were seen, as a function of its motion.

    Attributes:
        middle: weighted mean of the sighted points at time zero ``(3,)``; steps turn about where
            it is.
        reach: root mean square distance of the sighted points from it.
        x0: point of each sighting at time zero ``(m, 3)``.
        sightings: of this body's surfels.
        footage: cameras of the views.
        sigma_px: error at which a sighting is mostly disbelieved, pixels.
    """

    middle: Array
    reach: float
    x0: Array
    sightings: Sightings
    footage: Footage
    sigma_px: float

    @classmethod
    def of(
        cls, points: Array, sightings: Sightings, footage: Footage, *, sigma_px: float
    ) -> Reprojection:
        """For ``sightings`` of some of all ``points`` ``(n, 3)``."""
        x0 = points[sightings.surfel]
        middle = np.average(x0, axis=0, weights=sightings.weight + 1e-9)
        reach = max(float(np.sqrt(((x0 - middle) ** 2).sum(1).mean())), 0.05)
        return cls(middle, reach, x0, sightings, footage, sigma_px)

    def pivots(self, T: Array) -> Array:
        """Where ``middle`` is at poses ``(t, 4, 4)``: ``(t, 3)``."""
        return T[:, :3, :3] @ self.middle + T[:, :3, 3]

    def normal_equations(self, T: Array) -> tuple[Array, Array, float, float]:
        """Of one Gauss–Newton step of robust (Geman–McClure) errors, at poses ``(t, 4, 4)``.

        Returns:
            Blocks ``(t, 6, 6)`` and right-hand sides ``(t, 6)``, turns before shifts; summed
            trust; and pixels per unit of length.
        """
        blocks, pulls, trust, scale, _ = self._accumulated(T)
        return blocks, pulls, trust, scale

    def cost(self, T: Array) -> tuple[float, float]:
        """Summed robust squared error, square pixels, and the sightings' summed weight."""
        return self._accumulated(T)[4], float(self.sightings.weight.sum())

    def _accumulated(self, T: Array) -> tuple[Array, Array, float, float, float]:
        seen, footage = self.sightings, self.footage
        return _accumulate(
            T, self.x0, self.pivots(T), seen.time, seen.view, seen.pixel, seen.weight,
            footage.K, footage.T_camera_world, self.sigma_px,
        )  # fmt: skip


def fit_trajectory(
    T: Array,
    points: Array,
    sightings: Sightings,
    footage: Footage,
    *,
    sigma_px: float,
    iterations: int = 6,
) -> Array:
    """Improve one body's motion.

    The sum of robust (Geman–McClure) reprojection errors, plus the squared second differences of
    where four points of the body go, which fills instants that no picture shows.

    Args:
        T: motion since time zero ``(t, 4, 4)``, the first the identity, which stays.
        points: all surfels at time zero ``(n, 3)``.
        sightings: of this body's surfels.
        footage: cameras of the views.
        sigma_px: error at which a sighting is mostly disbelieved, pixels.
        iterations: of reweighting.

    Returns:
        Motion ``(t, 4, 4)``.
    """
    count = len(T)
    if count < 2 or not len(sightings.surfel):
        return T
    seen = Reprojection.of(points, sightings, footage, sigma_px=sigma_px)
    arms = seen.middle + seen.reach * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    for _ in range(iterations):
        pivots = seen.pivots(T)
        blocks, pulls, trust, scale = seen.normal_equations(T)
        A, g = np.asarray(block_diag(*blocks)), pulls.ravel()
        _straighten(A, g, T, arms, pivots, _SMOOTH * trust / count * scale**2)
        A, g = A[6:, 6:], g[6:]
        damping = 1e-4 * np.diag(A) + 1e-6 * np.trace(A) / len(A) + 1e-9
        step = np.linalg.solve(A + np.diag(damping), -g).reshape(count - 1, 6)
        T = T.copy()
        T[1:] = _moved(T[1:], pivots[1:], step)
    return T


@numba.njit(cache=True)
def _accumulate(T, x0, pivots, time, view, pixel, weight, K, T_camera_world, sigma_px):
    """Blocks ``(t, 6, 6)``, right-hand sides ``(t, 6)``, trust, scale, cost of robust errors."""
    blocks, pulls = np.zeros((len(T), 6, 6)), np.zeros((len(T), 6))
    trust, scale, cost = 0.0, 0.0, 0.0
    J = np.empty((2, 6))
    r = np.empty(2)
    x, p, d = np.empty(3), np.empty(3), np.empty(3)
    for n in range(len(x0)):
        f, v = time[n], view[n]
        M, C = T[f], T_camera_world[v]
        for i in range(3):
            x[i] = M[i, 0] * x0[n, 0] + M[i, 1] * x0[n, 1] + M[i, 2] * x0[n, 2] + M[i, 3]
        for i in range(3):
            p[i] = C[i, 0] * x[0] + C[i, 1] * x[1] + C[i, 2] * x[2] + C[i, 3]
        if p[2] < 1e-3:
            continue
        a0, a1, a2 = x[0] - pivots[f, 0], x[1] - pivots[f, 1], x[2] - pivots[f, 2]
        for k in range(2):
            slope = K[v, k, k] / p[2]
            for i in range(3):
                d[i] = slope * (C[k, i] - p[k] / p[2] * C[2, i])
            r[k] = slope * p[k] + K[v, k, 2] - pixel[n, k]
            J[k, 0] = a1 * d[2] - a2 * d[1]
            J[k, 1] = a2 * d[0] - a0 * d[2]
            J[k, 2] = a0 * d[1] - a1 * d[0]
            J[k, 3], J[k, 4], J[k, 5] = d[0], d[1], d[2]
        square = r[0] ** 2 + r[1] ** 2
        cost += weight[n] * square / (1 + square / sigma_px**2)
        w = weight[n] / (1 + square / sigma_px**2) ** 2
        trust += w
        scale += w * K[v, 0, 0] / p[2]
        for i in range(6):
            pulls[f, i] += w * (J[0, i] * r[0] + J[1, i] * r[1])
            for j in range(i, 6):
                blocks[f, i, j] += w * (J[0, i] * J[0, j] + J[1, i] * J[1, j])
    for i in range(6):
        for j in range(i):
            blocks[:, i, j] = blocks[:, j, i]
    return blocks, pulls, trust, scale / max(trust, 1e-12), cost


def _straighten(A: Array, g: Array, T: Array, arms: Array, pivots: Array, weight: float) -> None:
    """Add the second differences of the images of ``arms`` to the normal equations, in place."""
    image = np.einsum("tij,pj->tpi", T[:, :3, :3], arms) + T[:, None, :3, 3]
    lever = image - pivots[:, None]
    rows = np.zeros((*lever.shape, 6))
    x, y, z = np.moveaxis(lever, -1, 0)
    rows[..., 0, 1], rows[..., 0, 2] = z, -y
    rows[..., 1, 0], rows[..., 1, 2] = -z, x
    rows[..., 2, 0], rows[..., 2, 1] = y, -x
    rows[..., 0, 3] = rows[..., 1, 4] = rows[..., 2, 5] = 1.0
    for f in range(1, len(T) - 1):
        bend = (image[f - 1] - 2 * image[f] + image[f + 1]).ravel()
        J = np.concatenate(
            [c * rows[f + k].reshape(-1, 6) for k, c in ((-1, 1.0), (0, -2.0), (1, 1.0))], axis=1
        )
        own = slice(6 * (f - 1), 6 * (f + 2))
        A[own, own] += weight * J.T @ J
        g[own] += weight * J.T @ bend


def _moved(T: Array, pivots: Array, step: Array) -> Array:
    """Poses ``(t, 4, 4)`` turned about ``pivots`` and shifted by ``step`` ``(t, 6)``, limited."""
    angle = np.linalg.norm(step[:, :3], axis=1)
    axis = step[:, :3] / np.maximum(angle[:, None], 1e-12)
    bounded = np.minimum(angle, _STEP)
    turn = axis_rotation(axis, bounded)
    shift = np.clip(step[:, 3:], -_STEP, _STEP)
    return pose(turn, pivots + shift - np.einsum("tij,tj->ti", turn, pivots)) @ T
