"""Geometric prims as triangles in their own coordinates."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import manifold3d
import numpy as np
import trimesh
from pxr import Usd, UsdGeom

from reel2sim.importers import shapes
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

_AXES = {"X": [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], "Y": [[1, 0, 0], [0, 0, 1], [0, -1, 0]]}
"""Rotations of +Z to an axis; USD's capsules, cylinders, cones and planes have one."""
_SECTIONS = 32
_FLAT = 1e-6
"""Turn of a corner inwards, over the polygon's area, that single precision may make."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of one prim, in its own coordinates.

    Attributes:
        points: ``(v, 3)``, units of the stage.
        faces: ``(f, 3)`` counter-clockwise from outside.
        face: the prim's face that each triangle is of ``(f,)``; None for a shape without faces.
        corner: place of each triangle's corners in the prim's ``faceVertexIndices`` ``(f, 3)``.
    """

    points: Array
    faces: Array
    face: Array | None = None
    corner: Array | None = None


def surface_of(prim: Any, time: Usd.TimeCode) -> Surface | None:
    """The triangles of a ``Gprim``; None for a kind that has no inside, such as curves.

    Raises:
        InputError: naming the prim, if its numbers make no surface.
    """
    try:
        if prim.IsA(UsdGeom.Mesh):
            return _mesh(UsdGeom.Mesh(prim), time)
        solid = _solid(prim, time)
    except InputError as fault:
        raise InputError(fault.message, source=str(prim.GetPath()), field=fault.source) from fault
    if solid is None:
        return None
    return Surface(np.asarray(solid.vertices, np.float64), np.asarray(solid.faces, np.int64))


def _solid(prim: Any, time: Usd.TimeCode) -> trimesh.Trimesh | None:
    kind = str(prim.GetTypeName())
    if kind == "Cube":
        return shapes.box(np.full(3, _number(prim, "size", time)))
    if kind == "Sphere":
        return shapes.sphere(_number(prim, "radius", time))
    if kind in ("Capsule", "Cylinder", "Cone"):
        radius, height = _number(prim, "radius", time), _number(prim, "height", time)
    elif kind in ("Capsule_1", "Cylinder_1"):  # two radii; a hull of both ends
        radii = [_number(prim, name, time) for name in ("radiusBottom", "radiusTop")]
        return _turned(_tapered(kind, radii, _number(prim, "height", time)), prim, time)
    elif kind == "Plane":
        return _turned(_rectangle(prim, time), prim, time)
    else:
        return None
    if kind == "Cone":
        made = trimesh.creation.cone(
            radius=_positive(radius, "radius"),
            height=_positive(height, "height"),
            sections=_SECTIONS,
        )
        made.apply_translation([0, 0, -height / 2])
    elif kind == "Capsule" and height > 0:
        made = shapes.capsule(radius, height)
    elif kind == "Capsule":
        made = shapes.sphere(radius)
    else:
        made = shapes.cylinder(radius, height)
    return _turned(made, prim, time)


def _tapered(kind: str, radii: list[float], height: float) -> trimesh.Trimesh:
    """A cylinder or capsule along z whose ends differ."""
    bottom, top = radii
    _positive(max(radii), "radius")
    _positive(height, "height")
    if min(radii) < 0:
        raise InputError(f"must not be negative, got {min(radii)}", source="radius")
    if kind == "Capsule_1":
        ends = [shapes.sphere(max(r, 1e-6 * max(radii))) for r in radii]
        points = [
            np.asarray(end.vertices) + np.array([0, 0, s * height / 2])
            for end, s in zip(ends, (-1, 1), strict=True)
        ]
    else:
        angle = np.linspace(0, 2 * np.pi, _SECTIONS, endpoint=False)
        ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(_SECTIONS)], axis=1)
        points = [ring * bottom - [0, 0, height / 2], ring * top + [0, 0, height / 2]]
    return trimesh.Trimesh(np.concatenate(points)).convex_hull


def _rectangle(prim: Any, time: Usd.TimeCode) -> trimesh.Trimesh:
    """A plane of finite size, seen from both sides."""
    x, y = (_positive(_number(prim, n, time), n) / 2 for n in ("width", "length"))
    points = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]])
    return trimesh.Trimesh(points, [[0, 1, 2], [0, 2, 3], [0, 2, 1], [0, 3, 2]], process=False)


def _turned(made: trimesh.Trimesh, prim: Any, time: Usd.TimeCode) -> trimesh.Trimesh:
    axis = str(prim.GetAttribute("axis").Get(time))
    if axis in _AXES:
        turn = np.eye(4)
        turn[:3, :3] = _AXES[axis]
        made.apply_transform(turn)
    return made


def _number(prim: Any, name: str, time: Usd.TimeCode) -> float:
    value = prim.GetAttribute(name).Get(time)
    if value is None or not math.isfinite(value):
        raise InputError(f"is {value}", source=name)
    return float(value)


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise InputError(f"must be positive, got {value}", source=name)
    return value


def _mesh(mesh: UsdGeom.Mesh, time: Usd.TimeCode) -> Surface:
    points = _rows(mesh.GetPointsAttr().Get(time), np.float64, 3)
    counts = _rows(mesh.GetFaceVertexCountsAttr().Get(time), np.int64)
    indices = _rows(mesh.GetFaceVertexIndicesAttr().Get(time), np.int64)
    if (counts < 0).any() or counts.sum() != len(indices):
        raise InputError(
            f"names {len(indices)} corners and counts {counts.sum()}", source="faceVertexCounts"
        )
    if len(indices) and (indices.min() < 0 or indices.max() >= len(points)):
        raise InputError("refers to a point that is not there", source="faceVertexIndices")
    if not np.isfinite(points).all():
        raise InputError("is not finite", source="points")
    holes = set(_rows(mesh.GetHoleIndicesAttr().Get(time), np.int64).tolist())
    corner, face = triangulated(points, counts, indices, holes)
    if str(mesh.GetOrientationAttr().Get(time)) == "leftHanded":
        corner = corner[:, ::-1]
    return Surface(points, indices[corner].reshape(-1, 3), face, corner)


def _rows(values: Any, kind: Any, width: int = 0) -> Array:
    shape = (0, width) if width else (0,)
    return (
        np.zeros(shape, kind) if values is None else np.array(values, kind).reshape(-1, *shape[1:])
    )


def triangulated(
    points: Array, counts: Array, indices: Array, holes: set[int] | None = None
) -> tuple[Array, Array]:
    """Triangles of polygons: their corners ``(t, 3)``, and the polygon of each ``(t,)``.

    Polygons that are not convex are cut at their ears, so that no triangle leaves them.

    Args:
        points: ``(v, 3)``.
        counts: corners of each polygon ``(p,)``.
        indices: the point of each corner ``(c,)``.
        holes: polygons that are left out.
    """
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
    keep = counts >= 3
    if holes:
        keep &= ~np.isin(np.arange(len(counts)), sorted(holes))
    corners, faces = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for n in np.unique(counts[keep]):
        which = np.nonzero(keep & (counts == n))[0]
        at = starts[which][:, None] + np.arange(n)
        bent = _bent(points[indices[at]]) if n > 3 else np.zeros(len(which), bool)
        fan = np.stack([np.zeros(n - 2, int), np.arange(1, n - 1), np.arange(2, n)], axis=1)
        corners.append(at[~bent][:, fan].reshape(-1, 3))
        faces.append(np.repeat(which[~bent], n - 2))
        for polygon, own in zip(which[bent], at[bent], strict=True):
            cut = _cut(points[indices[own]], fan)
            corners.append(own[cut])
            faces.append(np.full(len(cut), polygon))
    corner, face = np.concatenate(corners), np.concatenate(faces)
    order = np.argsort(face, kind="stable")
    return corner[order], face[order]


def _normal(polygons: Array) -> Array:
    """Newell's normals ``(p, 3)`` of polygons ``(p, n, 3)``; twice their area long."""
    from_middle = polygons - polygons.mean(axis=1, keepdims=True)
    return np.cross(from_middle, np.roll(from_middle, -1, axis=1)).sum(axis=1)


def _bent(polygons: Array) -> Array:
    """Which of polygons ``(p, n, 3)`` have a corner that turns inwards."""
    ahead = np.roll(polygons, -1, axis=1) - polygons
    turn = np.cross(np.roll(ahead, 1, axis=1), ahead)
    normal = _normal(polygons)
    against = np.einsum("pnk,pk->pn", turn, normal)
    return (against < -_FLAT * (normal**2).sum(axis=1, keepdims=True)).any(axis=1)


def _cut(polygon: Array, fan: Array) -> Array:
    """Triangles ``(n - 2, 3)`` of one polygon ``(n, 3)``; a fan where it has no plane."""
    normal = _normal(polygon[None])[0]
    length = np.linalg.norm(normal)
    if not length > 0:
        return fan
    plane = np.linalg.svd(normal[None] / length)[2][1:]
    if np.linalg.det(np.stack([*plane, normal / length])) < 0:
        plane = plane[::-1]
    flat = np.ascontiguousarray((polygon - polygon[0]) @ plane.T)
    found = np.asarray(manifold3d.triangulate([flat]), np.int64)
    return found if len(found) == len(fan) else fan
