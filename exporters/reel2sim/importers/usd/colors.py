"""Colours of prims at the corners of their triangles."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdShade

from reel2sim.exporters.color import srgb_from_linear
from reel2sim.importers.usd.geometry import Surface
from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array


def colored(prim: Any, surface: Surface, time: Usd.TimeCode) -> TriangleMesh:
    """The surface with what colours it: its materials', else its ``displayColor``.

    Where colours meet within a vertex, the vertex is doubled.
    """
    whole = _material_color(_bound(prim))
    parts = _part_colors(prim, surface)
    table = None if whole is not None else _display_colors(prim, surface, time)
    if whole is None and table is None and not parts:
        return TriangleMesh(surface.points, surface.faces)
    corners = np.full((len(surface.faces), 3, 3), 0.5)  # linear; by triangle and corner
    if whole is not None:
        corners[:] = whole
    elif table is not None:
        corners[:] = table
    for mask, color in parts:
        corners[mask] = color
    return _joined(surface, srgb_from_linear(corners))


def _joined(surface: Surface, corners: Array) -> TriangleMesh:
    """One vertex for each point and colour ``(f, 3, 3)`` that meet."""
    index = surface.faces.ravel()
    flat = corners.reshape(-1, 3)
    first = np.full((len(surface.points), 3), 0.7)
    first[index[::-1]] = flat[::-1]
    if not len(index) or np.abs(first[index] - flat).max() < 1e-9:
        return TriangleMesh(surface.points, surface.faces, first)
    keyed = np.column_stack([index, np.round(flat * 65535)])
    _, place, inverse = np.unique(keyed, axis=0, return_index=True, return_inverse=True)
    return TriangleMesh(surface.points[index[place]], inverse.reshape(-1, 3), flat[place])


def _bound(prim: Any) -> Any:
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
    return material


def _material_color(material: Any) -> Array | None:
    """The constant linear diffuse colour of a preview surface ``(3,)``; None if it has none."""
    if not material:
        return None
    source = material.ComputeSurfaceSource()
    shader = source[0] if isinstance(source, tuple) else source
    if not shader:
        return None
    entry = shader.GetInput("diffuseColor")
    if not entry or entry.HasConnectedSource():
        return None
    value = entry.Get()
    if value is None:
        return None
    color = np.array(value, np.float64)
    return color if color.shape == (3,) and np.isfinite(color).all() else None


def has_texture(prim: Any) -> bool:
    """Whether a picture colours ``prim``, which then has another colour here."""
    material = _bound(prim)
    source = material.ComputeSurfaceSource() if material else None
    shader = source[0] if isinstance(source, tuple) else source
    entry = shader.GetInput("diffuseColor") if shader else None
    if not entry or not entry.HasConnectedSource():
        return False
    other = UsdShade.Shader(entry.GetConnectedSource()[0].GetPrim())
    return bool(other) and str(other.GetIdAttr().Get()) == "UsdUVTexture"


def _part_colors(prim: Any, surface: Surface) -> list[tuple[Array, Array]]:
    """Triangles of each subset with a material of its own, and its colour."""
    if surface.face is None or not prim.IsA(UsdGeom.Mesh):
        return []
    found: list[tuple[Array, Array]] = []
    for subset in UsdGeom.Subset.GetAllGeomSubsets(UsdGeom.Imageable(prim)):
        color = _material_color(_bound(subset.GetPrim()))
        if color is not None:
            faces = np.array(subset.GetIndicesAttr().Get() or [], np.int64)
            found.append((np.isin(surface.face, faces), color))
    return found


def _display_colors(prim: Any, surface: Surface, time: Usd.TimeCode) -> Array | None:
    """Linear colours, for all ``(3,)`` or by corner ``(f, 3, 3)``; None if there are none."""
    primvar = UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance("displayColor")
    value = primvar.ComputeFlattened(time) if primvar else None
    if value is None or not len(value):
        return None
    table = np.array(value, np.float64)
    if table.ndim != 2 or table.shape[1] != 3 or not np.isfinite(table).all():
        return None
    if len(table) == 1:
        return table[0]
    way = str(primvar.GetInterpolation())
    place = {"vertex": surface.faces, "varying": surface.faces, "faceVarying": surface.corner}.get(
        way
    )
    if way == "uniform" and surface.face is not None:
        place = np.repeat(surface.face[:, None], 3, axis=1)
    if place is None or (len(place) and place.max() >= len(table)):
        return table.mean(axis=0)
    return table[place]
