"""Spherical harmonics up to degree 2 in torch; the twins of :mod:`reel2sim.scene.harmonics`."""

from __future__ import annotations

import torch
from torch import Tensor

_C1 = 0.4886025119029199
_A, _B, _C = 1.0925484305920792, 0.31539156525252005, 0.5462742152960396


def higher_bands(directions: Tensor, bands: int) -> Tensor:
    """Harmonics after the constant one ``(n, bands - 1)`` along unit ``directions`` ``(n, 3)``.

    Args:
        directions: ``(n, 3)``.
        bands: 4 or 9, for degree 1 or 2.
    """
    x, y, z = directions.unbind(-1)
    basis = [-_C1 * y, _C1 * z, -_C1 * x]
    if bands == 9:
        square = _C * (x * x - y * y)
        basis += [_A * x * y, -_A * y * z, _B * (2 * z * z - x * x - y * y), -_A * x * z, square]
    return torch.stack(basis, dim=-1)
