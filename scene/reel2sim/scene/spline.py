"""SE(3) motion as a smooth spline of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import invert, matrix_from_quaternion, pose


def bspline_basis(times_s: Array, *, start_s: float, stop_s: float, knots: int) -> Array:
    """Weights of a uniform cubic B-spline's control points at given times.

    Args:
        times_s: ``(t,)``, clamped to ``[start_s, stop_s]``.
        start_s: time of the first sample.
        stop_s: time of the last sample.
        knots: number of control points, at least 4.

    Returns:
        ``(t, knots)``, rows sum to 1; at most four entries per row are not zero.
    """
    if knots < 4:
        raise InputError(f"a cubic spline needs at least 4 control points, got {knots}")
    spans = knots - 3
    span = max(stop_s - start_s, 1e-12)
    u = np.clip((np.asarray(times_s, dtype=np.float64) - start_s) / span, 0.0, 1.0) * spans
    first = np.minimum(u.astype(np.int64), spans - 1)
    f = u - first
    local = (
        np.stack(
            [(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3], axis=1
        )
        / 6.0
    )
    basis = np.zeros((len(u), knots))
    np.put_along_axis(basis, first[:, None] + np.arange(4), local, axis=1)
    return basis


@dataclass(frozen=True, eq=False)
class PoseSpline:
    """Rigid motion of ``b`` bones: cubic B-spline of translation and of normalised quaternion.

    Attributes:
        start_s: time of the first sample, seconds.
        stop_s: time of the last sample, seconds.
        translations: control points ``(k, b, 3)``, metres.
        rotations: control points ``(k, b, 4)``, wxyz; neighbours in ``k`` must not be antipodal.
        centers: point of each bone about which its rotations act, world at time zero
            ``(b, 3)``, metres.
    """

    start_s: float
    stop_s: float
    translations: Array
    rotations: Array
    centers: Array

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        t = checked("PoseSpline.translations", self.translations, ("k", "b", 3), sizes=sizes)
        r = checked("PoseSpline.rotations", self.rotations, ("k", "b", 4), sizes=sizes)
        c = checked("PoseSpline.centers", self.centers, ("b", 3), sizes=sizes)
        assign(self, translations=t, rotations=r, centers=c)

    def absolute(self, times_s: Array) -> Array:
        """Poses ``(t, b, 4, 4)`` before they are made relative to the start."""
        basis = bspline_basis(
            times_s, start_s=self.start_s, stop_s=self.stop_s, knots=len(self.translations)
        )
        R = matrix_from_quaternion(np.einsum("tk,kbc->tbc", basis, self.rotations))
        moved = np.einsum("tk,kbc->tbc", basis, self.translations) + self.centers
        return pose(R, moved - np.einsum("tbij,bj->tbi", R, self.centers))

    def __call__(self, times_s: Array) -> Array:
        """Motion since the start: ``(t, b, 4, 4)``, identity at ``start_s``, world to world."""
        times = np.concatenate([[self.start_s], np.atleast_1d(times_s)])
        T = self.absolute(times)
        return T[1:] @ invert(T[0])
