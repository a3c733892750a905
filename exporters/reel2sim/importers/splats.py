"""Splat files as surfels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import expit
from trimesh.exchange.ply import load_ply

from reel2sim.scene import Surfels
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import matrix_from_quaternion, quaternion_from_matrix

_MOST_BYTES = 2 * 2**30
_LEAST_SCALE_M = 1e-7
_REST = {0: 1, 9: 4, 24: 9, 45: 16}
"""Coefficients a channel by the number of ``f_rest`` fields."""


def load_splats(path: Path) -> Surfels:
    """Surfels of a PLY in the layout of 3D Gaussian Splatting (Kerbl et al. 2023), or of 2DGS.

    Scales are logarithms and opacities logits there. A Gaussian with three scales is laid flat
    along its shortest axis, which becomes the surfel's normal.

    Args:
        path: the file.

    Raises:
        InputError: if it is no such file, or holds numbers that are not finite.
    """
    path = Path(path)
    fields = _fields(path)
    need = ["x", "y", "z", "opacity", "f_dc_0", "f_dc_1", "f_dc_2", "scale_0", "scale_1"]
    need += [f"rot_{i}" for i in range(4)]
    missing = [name for name in need if name not in fields]
    if missing:
        raise InputError(f"has no field {missing[0]!r}, as splats have", source=path)
    rest = sum(name.startswith("f_rest_") for name in fields)
    if rest not in _REST:
        raise InputError(f"has {rest} f_rest fields, which is no degree", source=path)
    table = {name: np.asarray(fields[name], np.float64) for name in fields}
    for name in [*need, *(f"f_rest_{i}" for i in range(rest)), "scale_2"]:
        if name in table and not np.isfinite(table[name]).all():
            raise InputError("holds numbers that are not finite", source=path, field=name)

    def stacked(names: list[str]) -> np.ndarray:
        return np.stack([table[name] for name in names], axis=1)

    rotations, scales = _flat(stacked([f"rot_{i}" for i in range(4)]), table, path)
    base = stacked([f"f_dc_{i}" for i in range(3)])[:, None]
    more = np.zeros((len(base), _REST[rest] - 1, 3))
    if rest:  # channel by channel in the file
        flat = stacked([f"f_rest_{i}" for i in range(rest)])
        more = flat.reshape(len(base), 3, -1).transpose(0, 2, 1)
    return Surfels(
        stacked(["x", "y", "z"]),
        rotations,
        scales,
        expit(table["opacity"]),
        np.concatenate([base, more], axis=1),
        np.ones(len(base)),
    )


def _fields(path: Path) -> dict[str, np.ndarray]:
    """Columns of the file's vertices, by name."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"is over {_MOST_BYTES // 2**30} GiB", source=path)
        with path.open("rb") as stream:
            loaded = load_ply(stream, skip_materials=True, prefer_color=None)
        data = loaded["metadata"]["_ply_raw"]["vertex"]["data"]
        return {name: data[name].ravel() for name in data.dtype.names}
    except (InputError, MemoryError):
        raise
    except Exception as cause:  # readers of untrusted bytes raise anything
        text = " ".join(str(cause).split())[:200]
        raise InputError(f"cannot be read as PLY: {text}", source=path) from cause


def _flat(
    quaternions: np.ndarray, table: dict[str, np.ndarray], path: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations ``(n, 4)`` and the two larger scales ``(n, 2)``, the shortest axis as normal."""
    if len(quaternions) and np.linalg.norm(quaternions, axis=1).min() < 1e-6:
        raise InputError("has a zero quaternion", source=path, field="rot")
    with np.errstate(over="ignore"):
        logs = [np.exp(table[f"scale_{i}"]) for i in range(3) if f"scale_{i}" in table]
    if not all(np.isfinite(scale).all() for scale in logs):
        raise InputError("holds a scale without bounds", source=path, field="scale")
    if len(logs) == 2:
        return quaternions, np.maximum(np.stack(logs, axis=1), _LEAST_SCALE_M)
    scales = np.stack(logs, axis=1)
    unit = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)
    axes = matrix_from_quaternion(unit)
    # A cyclic change of axes keeps them right-handed: the shortest comes last.
    order = (np.argmin(scales, axis=1)[:, None] + np.array([1, 2, 3])) % 3
    turned = np.take_along_axis(axes, order[:, None, :], axis=2)
    kept = np.take_along_axis(scales, order, axis=1)[:, :2]
    still = (order == [0, 1, 2]).all(axis=1)
    rotations = np.where(still[:, None], unit, quaternion_from_matrix(turned))
    return rotations, np.maximum(kept, _LEAST_SCALE_M)
