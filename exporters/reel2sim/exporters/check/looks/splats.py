"""``splats.ply``: header, fields, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import matrix_from_quaternion

PLY = "splats.ply"
_FIELDS = (
    "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
    "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
)  # fmt: skip
_HEADER_LIMIT = 65_536
_FEW = 12
"""Splats below which opacities may all be in 0..1 by chance."""
_ALONG = 1e-3


@dataclass(frozen=True, eq=False)
class Splats:
    """Splats of any format in one form.

    Attributes:
        points: ``(n, 3)``, world frame.
        turns: rotation matrices ``(n, 3, 3)`` from the splat's axes to the world's.
        scales: ``(n, 3)``, m.
        opacities: ``(n,)``, 0..1.
        sh: coefficients ``(n, k, 3)``.
    """

    points: Array
    turns: Array
    scales: Array
    opacities: Array
    sh: Array

    def select(self, index: Array) -> Splats:
        """Those at ``index``."""
        fields = (self.points, self.turns, self.scales, self.opacities, self.sh)
        return Splats(*(values[index] for values in fields))


def joined_splats(parts: Sequence[Splats]) -> Splats:
    """All parts as one.

    Raises:
        ValueError: if their harmonics are of different degrees.
    """
    names = ("points", "turns", "scales", "opacities", "sh")
    return Splats(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def check_splats(
    notes: Notes, manifest: Mapping[str, Any] | None, file: str = PLY
) -> Splats | None:
    """Note what is wrong with splats in a PLY; the splats if they can be read."""
    table = None
    with notes.guard("PLY001", file):
        table = read_splats(notes.root / file, normals=not notes.alone)
    if table is None:
        return None
    count = len(table["x"])
    notes.counts["surfels"] = count
    for name, values in table.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            notes.add("PLY002", f"{file}: {name}", f"{bad} of {count} values are not finite")
    turns = columns(table, "rot_", 4)
    if (np.linalg.norm(turns, axis=1) < 1e-6).any():
        notes.add("PLY002", f"{file}: rot", "a rotation is zero")
    content = {} if manifest is None else manifest.get("asset") or manifest.get("scene") or {}
    listed = content.get("surfels")
    if listed is not None and listed != count:
        notes.add("PLY003", file, f"holds {count} surfels, the manifest says {listed}")
    found = _splats(table)
    if count:
        _check_units(notes, file, table)
        # Other tools leave normals at zero, or out.
        if not notes.alone:
            _check_normals(notes, file, table, found)
    return found


def columns(table: Mapping[str, Array], prefix: str, count: int) -> Array:
    """Fields ``prefix0`` … side by side ``(n, count)``."""
    return np.stack([table[f"{prefix}{i}"] for i in range(count)], axis=1).astype(np.float64)


def _splats(table: Mapping[str, Array]) -> Splats:
    """Undo logarithms and logits; ``f_rest`` goes channel by channel."""
    rest = sum(name.startswith("f_rest_") for name in table)
    more = columns(table, "f_rest_", rest).reshape(-1, 3, rest // 3) if rest else None
    first = columns(table, "f_dc_", 3)[:, None, :]
    with np.errstate(all="ignore"):
        return Splats(
            np.stack([table[axis] for axis in "xyz"], axis=1).astype(np.float64),
            matrix_from_quaternion(columns(table, "rot_", 4)),
            np.exp(columns(table, "scale_", 3)),
            1 / (1 + np.exp(-table["opacity"].astype(np.float64))),
            first if more is None else np.concatenate([first, more.swapaxes(1, 2)], axis=1),
        )


def _check_units(notes: Notes, file: str, table: Mapping[str, Array]) -> None:
    """No capture is made of splats that are all wider than a metre."""
    scales, opacity = columns(table, "scale_", 3), table["opacity"]
    if len(opacity) >= _FEW and scales.min() > 0:
        text = f"all splats would be wider than 1 m, up to {np.exp(scales.max()):.3g} m"
        notes.add("PLY006", f"{file}: scale", text)
    if len(opacity) >= _FEW and opacity.min() >= 0 and opacity.max() <= 1:
        notes.add("PLY006", f"{file}: opacity", "all values are in 0..1")


def _check_normals(notes: Notes, file: str, table: Mapping[str, Array], splats: Splats) -> None:
    normals = np.stack([table[f"n{axis}"] for axis in "xyz"], axis=1).astype(np.float64)
    gap = np.linalg.norm(normals - splats.turns[:, :, 2], axis=1)
    off = int((gap > _ALONG).sum())
    if off:
        notes.add("PLY007", f"{file}: rot", f"{off} of {len(gap)} normals lie elsewhere")


def read_splats(path: Path, *, normals: bool = True) -> dict[str, Array]:
    """Columns of a binary little-endian PLY of single-precision vertices.

    Args:
        path: the file.
        normals: whether it must hold normals.

    Raises:
        ValueError: if the header, its fields or the file's size are not as documented.
    """
    data = path.read_bytes()
    head = re.match(rb"ply\r?\n.*?end_header\r?\n", data[:_HEADER_LIMIT], re.DOTALL)
    if head is None:
        raise ValueError("has no PLY header")
    lines = head.group().decode("ascii", errors="replace").split("\n")
    if "format binary_little_endian 1.0" not in lines:
        raise ValueError("is not binary little-endian")
    elements = [line.split() for line in lines if line.startswith("element ")]
    if len(elements) != 1 or elements[0][1] != "vertex":
        raise ValueError("must hold one element, vertex")
    properties = [line.split() for line in lines if line.startswith("property ")]
    if any(len(p) != 3 or p[1] != "float" for p in properties):
        raise ValueError("all properties must be float")
    names = [p[2] for p in properties]
    rest = [name for name in names if name.startswith("f_rest_")]
    needed = set(_FIELDS) if normals else set(_FIELDS) - {"nx", "ny", "nz"}
    missing = sorted(needed - set(names))
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    if len(rest) not in (0, 9, 24, 45):
        raise ValueError(f"has {len(rest)} f_rest fields, which is no degree")
    count = int(elements[0][2])
    body = data[head.end() :]
    if len(body) != 4 * count * len(names):
        raise ValueError(f"holds {len(body)} bytes for {count} surfels of {len(names)} fields")
    table = np.frombuffer(body, "<f4").reshape(count, len(names))
    return {name: table[:, i] for i, name in enumerate(names)}
