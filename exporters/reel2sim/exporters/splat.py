"""``splats.ply``: the canonical surfels in the field layout that 3DGS viewers read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reel2sim.scene import Surfels
from reel2sim.scene.arrays import Array

FLAT_SCALE_M = 1e-6
"""Standard deviation written along the normal: 3DGS has three scales and needs them positive."""


def write_splats(surfels: Surfels, path: Path) -> None:
    """Write ``surfels`` as a binary little-endian PLY.

    Fields as in the 3DGS release: position, normal, ``f_dc``, ``f_rest`` (channel by channel),
    opacity as a logit, scales as logarithms, rotation wxyz. World frame at time zero, metres.
    """
    rest = surfels.sh.shape[1] - 1
    opacity = np.clip(surfels.opacities.astype(np.float64), 1e-6, 1 - 1e-6)
    flat = np.full((len(surfels), 1), np.log(FLAT_SCALE_M))
    columns: list[tuple[list[str], Array]] = [
        (["x", "y", "z"], surfels.means),
        (["nx", "ny", "nz"], surfels.normals),
        ([f"f_dc_{i}" for i in range(3)], surfels.sh[:, 0]),
        (
            [f"f_rest_{i}" for i in range(3 * rest)],
            surfels.sh[:, 1:].transpose(0, 2, 1).reshape(len(surfels), 3 * rest),
        ),
        (["opacity"], np.log(opacity / (1 - opacity))[:, None]),
        ([f"scale_{i}" for i in range(3)], np.hstack([np.log(surfels.scales), flat])),
        ([f"rot_{i}" for i in range(4)], surfels.rotations),
    ]
    names = [name for fields, _ in columns for name in fields]
    table = np.hstack([values for _, values in columns]).astype("<f4")
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(surfels)}",
        *(f"property float {name}" for name in names),
        "end_header",
    ]
    path.write_bytes(("\n".join(header) + "\n").encode("ascii") + table.tobytes())
