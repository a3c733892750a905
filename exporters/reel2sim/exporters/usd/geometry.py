"""Meshes of the bodies: what is seen, and what collides."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdShade, Vt

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.exporters.normals import vertex_normals
from reel2sim.exporters.obj import NEUTRAL
from reel2sim.exporters.usd.materials import author_surfaces, material_paths
from reel2sim.exporters.usd.stage import PrimPaths, vec3f_array, write_extent
from reel2sim.scene import RiggedAsset, TriangleMesh
from reel2sim.scene.arrays import Array

VISUAL = "visual"
_SAME_M = 1e-6
"""Metres up to which SimReady takes vertices for the same."""


def collider_name(piece: int) -> str:
    """Name of a body's ``piece``-th convex piece."""
    return f"collision_{piece:02d}"


def author_geometry(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """Visual meshes with vertex colours and materials, and colliders as guides."""
    paths = PrimPaths.of(asset)
    author_surfaces(stage, asset)
    materials = material_paths(asset)
    for link in asset.links:
        body = paths.body(link.name)
        UsdGeom.Xform.Define(stage, body)
        if len(link.visual.faces):
            mesh = define_mesh(stage, body.AppendChild(VISUAL), link.visual)
            author_colors(mesh, link.visual)
            binding = UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim())
            binding.Bind(UsdShade.Material(stage.GetPrimAtPath(materials[link.material])))
        for k, piece in enumerate(link.collision):
            guide = define_mesh(stage, body.AppendChild(collider_name(k)), piece)
            guide.CreatePurposeAttr(UsdGeom.Tokens.guide)
            if _same_shape(piece, link.visual):  # two meshes in one place are taken for a mistake
                guide.CreateVisibilityAttr(UsdGeom.Tokens.invisible)


def _same_shape(a: TriangleMesh, b: TriangleMesh) -> bool:
    """Whether two meshes have the same triangles, in single precision and the same order."""
    if a.vertices.shape != b.vertices.shape or not np.array_equal(a.faces, b.faces):
        return False
    return bool(np.allclose(a.vertices, b.vertices, rtol=0.0, atol=_SAME_M))


def define_mesh(stage: Usd.Stage, path: Sdf.Path, mesh: TriangleMesh) -> UsdGeom.Mesh:
    """A triangle mesh prim with extent, normals and no subdivision."""
    prim = UsdGeom.Mesh.Define(stage, path)
    prim.CreatePointsAttr(vec3f_array(mesh.vertices))
    prim.CreateFaceVertexCountsAttr(Vt.IntArray(len(mesh.faces), 3))
    prim.CreateFaceVertexIndicesAttr(_int_array(mesh.faces.ravel()))
    prim.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    prim.CreateNormalsAttr(vec3f_array(vertex_normals(mesh)))
    prim.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    prim.CreateExtentAttr(write_extent(mesh.vertices))
    return prim


def _int_array(values: Array) -> Vt.IntArray:
    return Vt.IntArray.FromNumpy(np.ascontiguousarray(values, dtype=np.int32))


def author_colors(mesh: UsdGeom.Mesh, source: TriangleMesh) -> None:
    """Linear ``displayColor``, with an index where vertices share colours."""
    colors = np.array([NEUTRAL]) if source.colors is None else source.colors
    table, index = np.unique(colors.astype(np.float32), axis=0, return_inverse=True)
    constant = len(table) == 1
    primvar = mesh.CreateDisplayColorPrimvar(
        UsdGeom.Tokens.constant if constant else UsdGeom.Tokens.vertex
    )
    if constant or len(table) == len(colors):
        table, index = (table if constant else colors), None
    primvar.Set(vec3f_array(linear_from_srgb(table)))
    if index is not None:
        primvar.SetIndices(_int_array(index.ravel()))
