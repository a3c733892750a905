"""Splines through sampled poses."""

from __future__ import annotations

import numpy as np

from reel2sim.scene import PoseSpline
from reel2sim.scene.arrays import Array
from reel2sim.scene.spline import bspline_basis
from reel2sim.scene.transforms import quaternion_from_matrix


def spline_through(times_s: Array, motions: Array, centers: Array) -> PoseSpline:
    """Least-squares spline through motions since the first instant.

    Args:
        times_s: ``(t,)``, ascending.
        motions: world to world ``(t, b, 4, 4)``.
        centers: point of each bone about which its rotations act ``(b, 3)``, metres.
    """
    t = len(times_s)
    knots = max(4, min(t, 64))
    basis = bspline_basis(times_s, start_s=times_s[0], stop_s=times_s[-1], knots=knots)
    inverse = np.linalg.pinv(basis)
    q = quaternion_from_matrix(motions[..., :3, :3])
    for i in range(1, t):  # the short way from each sample to the next
        q[i] *= np.where((q[i] * q[i - 1]).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    moved = np.einsum("tbij,bj->tbi", motions[..., :3, :3], centers) + motions[..., :3, 3]
    return PoseSpline(
        float(times_s[0]),
        float(times_s[-1]),
        np.einsum("kt,tbc->kbc", inverse, moved - centers),
        np.einsum("kt,tbc->kbc", inverse, q),
        centers,
    )
