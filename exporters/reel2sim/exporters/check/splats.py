"""``splats.ply``: header, fields, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.scene.arrays import Array

PLY = "splats.ply"
_FIELDS = (
    "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
    "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
)  # fmt: skip
_HEADER_LIMIT = 65_536


def check_splats(notes: Notes, manifest: Mapping[str, Any] | None) -> Array | None:
    """Note what is wrong; positions ``(n, 3)`` of the surfels, world frame, if they can be read."""
    table = None
    with notes.guard("PLY001", PLY):
        table = read_splats(notes.root / PLY)
    if table is None:
        return None
    count = len(table["x"])
    notes.counts["surfels"] = count
    for name, values in table.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            notes.add("PLY002", f"{PLY}: {name}", f"{bad} of {count} values are not finite")
    turns = np.stack([table[f"rot_{i}"] for i in range(4)], axis=1)
    if (np.linalg.norm(turns, axis=1) < 1e-6).any():
        notes.add("PLY002", f"{PLY}: rot", "a rotation is zero")
    listed = None if manifest is None else manifest["asset"].get("surfels")
    if listed is not None and listed != count:
        notes.add("PLY003", PLY, f"holds {count} surfels, the manifest says {listed}")
    return np.stack([table[axis] for axis in "xyz"], axis=1).astype(np.float64)


def read_splats(path: Path) -> dict[str, Array]:
    """Columns of a binary little-endian PLY of single-precision vertices.

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
    missing = sorted(set(_FIELDS) - set(names))
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
