"""Control points of splines near given poses, and the weights that belong to instants."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.training import Clock
from reel2sim.scene.arrays import Array
from reel2sim.scene.spline import bspline_basis
from reel2sim.scene.transforms import quaternion_from_matrix

REFINEMENT_KNOTS = 5
MIN_KNOTS = 4
BEND = 0.05
"""Weight of a spline's second differences against one tracked pose."""


def motion_basis(times_s: Array, config: ReconstructionConfig) -> Array:
    """Spline weights ``(t, k)`` of the bones' motion at the instants."""
    count = len(times_s)
    knots = max(MIN_KNOTS, min(count + 2, round(config.knots_per_time * count) + 3))
    return bspline_basis(times_s, start_s=0.0, stop_s=float(times_s[-1]), knots=knots)


def clock_of(times_s: Array, *, like: Tensor, config: ReconstructionConfig) -> Clock:
    """Spline rows of the instants ``times_s`` ``(t,)``, of the dtype and device of ``like``."""
    knots = REFINEMENT_KNOTS if config.refinement else 0
    return Clock.of(times_s, motion_basis(times_s, config), knots=knots, like=like)


def lay_spline(
    poses: Array, centers: Array, basis: Array, *, bend: float = BEND
) -> tuple[Array, Array]:
    """Control points of the smoothest spline near tracked poses.

    Args:
        poses: ``(t, b, 4, 4)`` since time zero; instant 0 is the identity.
        centers: of the bones ``(b, 3)``.
        basis: ``(t, k)``.
        bend: weight of its second differences against one pose.

    Returns:
        Translations ``(k, b, 3)`` and wxyz rotations ``(k, b, 4)``.
    """
    q = quaternion_from_matrix(poses[..., :3, :3])
    for f in range(1, len(q)):
        q[f] *= np.where((q[f] * q[f - 1]).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    t = np.einsum("tbij,bj->tbi", poses[..., :3, :3], centers) + poses[..., :3, 3] - centers
    values = np.concatenate([t, q], axis=-1)
    control = control_points(basis, values.reshape(len(basis), -1), bend=bend)
    control = control.reshape(-1, *values.shape[1:])
    rotations = control[..., 3:]
    return control[..., :3], rotations / np.linalg.norm(rotations, axis=-1, keepdims=True)


def control_points(basis: Array, values: Array, *, bend: float) -> Array:
    """Control points ``(k, c)`` of the spline near ``values`` ``(t, c)``, smooth by ``bend``."""
    weight = np.ones((len(basis), 1))
    weight[0] = 5.0
    rows = bend * np.diff(np.eye(basis.shape[1]), n=2, axis=0)
    # The bend rows alone leave straight lines free, so the system has full rank with two instants.
    system = np.concatenate([basis * weight, rows])
    right = np.concatenate([values * weight, np.zeros((len(rows), values.shape[1]))])
    return np.linalg.lstsq(system, right, rcond=None)[0]
