"""Surfaces in one form, so that those of different formats can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.scene.arrays import Array

_CLOSE = 1e-4
"""Share of a surface's size by which single precision may move its sums."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles in a link's frame.

    Attributes:
        points: ``(v, 3)``, m.
        faces: ``(f, 3)``, counter-clockwise seen from outside.
    """

    points: Array
    faces: Array

    @property
    def bounds(self) -> Array:
        """``(2, 3)`` of all vertices."""
        return np.stack([self.points.min(axis=0), self.points.max(axis=0)])

    @property
    def sums(self) -> tuple[Array, float]:
        """Area times centre ``(3,)`` and signed volume: neither depends on the order of faces.

        Mirroring moves the first, turning faces inside out changes the sign of the second. Both
        are counted from the middle of the bounds.
        """
        corners = (self.points - self.bounds.mean(axis=0))[self.faces]
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        volume = float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6)
        return areas @ corners.mean(axis=1), volume


def joined(parts: Iterable[Surface]) -> Surface:
    """All parts as one."""
    points, faces, start = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    for part in parts:
        points.append(part.points)
        faces.append(part.faces + start)
        start += len(part.points)
    return Surface(np.concatenate(points), np.concatenate(faces))


def fans(counts: Array, indices: Array) -> Array:
    """Polygons of ``counts`` corners each, as triangles ``(f, 3)`` around their first corner."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    corners = [
        (indices[start], indices[start + k], indices[start + k + 1])
        for start, count in zip(starts, counts, strict=True)
        for k in range(1, count - 1)
    ]
    return np.array(corners, dtype=np.int64).reshape(-1, 3)


def compare_surfaces(
    notes: Notes, where: str, expected: Mapping[str, Surface], found: Mapping[str, Surface]
) -> None:
    """Note links whose meshes in another format are not those of the URDF."""
    for name in sorted(set(expected) & set(found)):
        wanted, seen = expected[name], found[name]
        gap = float(np.abs(seen.bounds - wanted.bounds).max())
        if not gap <= 1e-5 * max(1.0, float(np.abs(wanted.bounds).max())):
            notes.add("MESH011", f"{where}: {name}", f"bounds differ by {gap:.3g} m")
            continue
        size = float(np.linalg.norm(np.ptp(wanted.bounds, axis=0)))
        (moment, volume), (other, turned) = wanted.sums, seen.sums
        if not np.abs(moment - other).max() <= _CLOSE * size**3:
            notes.add("MESH012", f"{where}: {name}", "its area lies elsewhere within the bounds")
        elif not abs(volume - turned) <= _CLOSE * size**3:
            text = f"encloses {turned:.4g} m³, in the URDF {volume:.4g}"
            notes.add("MESH012", f"{where}: {name}", text)


def against_normals(surface: Surface, normals: Array) -> str:
    """What is wrong with one normal per vertex ``(v, 3)``; empty if nothing is."""
    lengths = np.linalg.norm(normals, axis=1)
    bad = int((~(np.abs(lengths - 1) <= 1e-2)).sum())
    if bad:
        return f"{bad} of {len(normals)} normals are not of unit length"
    a, b, c = (surface.points[surface.faces[:, k]] for k in range(3))
    fronts = np.cross(b - a, c - a)
    along = np.einsum("ni,ni->n", fronts, normals[surface.faces].mean(axis=1))
    share = float(np.abs(fronts[along < 0]).sum() / max(np.abs(fronts).sum(), 1e-300))
    return f"normals of {share:.0%} of the area point inwards" if share > 0.5 else ""
