"""Real spherical harmonics, in the order and signs of 3DGS files: values and rotation."""

from __future__ import annotations

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

SH_C0 = 0.28209479177387814
SH_C1 = 0.4886025119029199
SH_C2 = (1.0925484305920792, 0.31539156525252005, 0.5462742152960396)
SH_C3 = (
    0.5900435899266435,
    2.890611442640554,
    0.4570457994644658,
    0.3731763325901154,
    1.445305721320277,
)
# Well spread directions, more than the 16 coefficients of degree 3, along which a function on the
# sphere is sampled to find its coefficients after a turn.
_COUNT = 48
_HEIGHT = 1 - (2 * np.arange(_COUNT) + 1) / _COUNT
_TURN = np.pi * (1 + 5**0.5) * np.arange(_COUNT)
_WIDTH = np.sqrt(1 - _HEIGHT**2)
_DIRECTIONS = np.stack([_WIDTH * np.cos(_TURN), _WIDTH * np.sin(_TURN), _HEIGHT], axis=1)


def sh_basis(directions: Array, bands: int) -> Array:
    """Values ``(n, bands)`` of the first ``bands`` harmonics along unit ``directions`` ``(n, 3)``.

    Args:
        directions: ``(..., 3)``.
        bands: 1, 4, 9 or 16, for degree 0 to 3.

    Raises:
        InputError: for any other number of bands.
    """
    if bands not in (1, 4, 9, 16):
        raise InputError(f"has {bands} coefficients; degree 3 (16) is the most", source="sh")
    x, y, z = np.moveaxis(np.asarray(directions), -1, 0)
    basis = [np.full_like(x, SH_C0)]
    if bands > 1:
        basis += [-SH_C1 * y, SH_C1 * z, -SH_C1 * x]
    if bands > 4:
        a, b, c = SH_C2
        basis += [
            a * x * y,
            -a * y * z,
            b * (2 * z * z - x * x - y * y),
            -a * x * z,
            c * (x * x - y * y),
        ]
    if bands > 9:
        xx, yy, zz = x * x, y * y, z * z
        a, b, c, d, e = SH_C3
        basis += [
            -a * y * (3 * xx - yy),
            b * x * y * z,
            -c * y * (4 * zz - xx - yy),
            d * z * (2 * zz - 3 * xx - 3 * yy),
            -c * x * (4 * zz - xx - yy),
            e * z * (xx - yy),
            -a * x * (xx - 3 * yy),
        ]
    return np.stack(basis, axis=-1)


def rotate_sh(sh: Array, R: Array) -> Array:
    """Coefficients of a function on the sphere after it is turned.

    Args:
        sh: ``(n, k, 3)``, k of 1, 4, 9 or 16.
        R: rotation matrices ``(n, 3, 3)``, or one for all ``(1, 3, 3)``.

    Returns:
        Coefficients ``(n, k, 3)`` whose value along ``R d`` is that of ``sh`` along ``d``.
    """
    bands = sh.shape[1]
    turned = np.array(sh, dtype=np.float64)
    if bands > 1:  # along d, -C1 (y, -z, x) · sh[1:4] = C1 d · v with v = (-sh[3], -sh[1], sh[2])
        v = R @ (sh[:, [3, 1, 2]] * np.array([-1.0, -1.0, 1.0])[:, None])
        turned[:, 1], turned[:, 2], turned[:, 3] = -v[:, 1], v[:, 2], -v[:, 0]
    if bands > 4:
        basis = sh_basis(_DIRECTIONS @ R, bands)  # seen along where each direction came from
        for degree in range(2, round(bands**0.5)):
            own = slice(degree**2, (degree + 1) ** 2)
            fit = np.linalg.pinv(sh_basis(_DIRECTIONS, bands)[:, own])
            turned[:, own] = fit @ basis[:, :, own] @ sh[:, own]
    return turned
