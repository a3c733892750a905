"""What a stage shows: meshes with materials and normals, extents, appearances, thumbnail."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics, UsdShade, UsdVol

from reel2sim.exporters.check.looks.surfaces import Surface, against_normals
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.stage.reading import mesh_surface

SPLATS = "ParticleField3DGaussianSplat"
_THUMBNAIL = ".thumbs/256x256"
_SLACK = 1e-4


def appearances(stage: Usd.Stage) -> Iterator[str]:
    """Switch the stage through its appearances, and back."""
    root = stage.GetDefaultPrim()
    variants = root.GetVariantSet("appearance") if root else None
    names = variants.GetVariantNames() if variants else []
    if not variants or not names:
        yield ""
        return
    before = variants.GetVariantSelection()
    for name in names:
        variants.SetVariantSelection(name)
        yield name
    variants.SetVariantSelection(before)


def check_meshes_of_stage(notes: Notes, where: str, stage: Usd.Stage) -> None:
    """Note meshes whose faces, normals or extents are wrong, and splats without an extent."""
    for prim in stage.Traverse():
        at = f"{where}: {prim.GetPath()}"
        if prim.IsA(UsdGeom.Mesh):
            _check_mesh(notes, at, UsdGeom.Mesh(prim))
        elif prim.GetTypeName() == SPLATS:
            positions = UsdVol.ParticleField3DGaussianSplat(prim).GetPositionsAttr().Get()
            _check_extent(notes, at, prim, np.array(positions, dtype=np.float64).reshape(-1, 3))


def _check_mesh(notes: Notes, at: str, mesh: UsdGeom.Mesh) -> None:
    if mesh.GetPointsAttr().Get() is None or mesh.GetFaceVertexCountsAttr().Get() is None:
        return  # a mesh that something else fills in
    surface = None
    with notes.guard("MESH015", at):
        surface = mesh_surface(mesh)
    if surface is None or not len(surface.points):
        return
    _check_extent(notes, at, mesh.GetPrim(), surface.points)
    normals = mesh.GetNormalsAttr().Get()
    smooth = mesh.GetNormalsInterpolation() == UsdGeom.Tokens.vertex
    if normals is not None and smooth:
        table = np.array(normals, dtype=np.float64)
        _check_normals(notes, at, surface, table)


def _check_normals(notes: Notes, at: str, surface: Surface, normals: np.ndarray) -> None:
    if len(normals) != len(surface.points):
        text = f"{len(normals)} normals for {len(surface.points)} vertices"
    else:
        text = against_normals(surface, normals)
    if text:
        notes.add("MESH014", at, text)


def _check_extent(notes: Notes, at: str, prim: Usd.Prim, points: np.ndarray) -> None:
    extent = UsdGeom.Boundable(prim).GetExtentAttr().Get()
    if extent is None or len(extent) != 2:
        notes.add("USD015", at, "has no extent")
        return
    low, high = np.array(extent, dtype=np.float64)
    slack = _SLACK * max(1.0, float(np.abs(points).max(initial=0.0)))
    out = max((low - points).max(initial=-1.0), (points - high).max(initial=-1.0))
    if np.isfinite(points).all() and not out <= slack:
        notes.add("USD015", at, f"points reach {out:.3g} beyond the extent")


def check_looks(notes: Notes, where: str, stage: Usd.Stage, *, surfels: bool) -> None:
    """Note what a bundle's stage promises to show and does not; ``surfels`` if there are any."""
    for prim in stage.Traverse():
        solid = prim.HasAPI(UsdPhysics.CollisionAPI)
        if not prim.IsA(UsdGeom.Mesh) or solid or _purpose(prim) == UsdGeom.Tokens.guide:
            continue
        at = f"{where}: {prim.GetPath()}"
        material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
        if not material:
            notes.add("LOOK002", at, "no material is bound")
        elif not material.ComputeSurfaceSource()[0]:
            notes.add("LOOK002", at, f"{material.GetPath()} has no surface shader")
        color = UsdGeom.Gprim(prim).GetDisplayColorPrimvar()
        pictured = UsdGeom.PrimvarsAPI(prim).HasPrimvar("st")
        if not pictured and (not color or not color.HasValue()):
            notes.add("LOOK002", at, "has no displayColor")
    _check_appearances(notes, where, stage, surfels=surfels)
    _check_metadata(notes, where, stage)
    _check_thumbnail(notes, where)


def _purpose(prim: Usd.Prim) -> str:
    return UsdGeom.Imageable(prim).ComputePurpose()


def _check_appearances(notes: Notes, where: str, stage: Usd.Stage, *, surfels: bool) -> None:
    root = stage.GetDefaultPrim()
    names = root.GetVariantSet("appearance").GetVariantNames() if root else []
    if sorted(names) != ["mesh", "splats"]:
        found = ", ".join(names) or "none"
        notes.add("USD016", where, f"variants of appearance are {found}, not mesh and splats")
        return
    selected = root.GetVariantSet("appearance").GetVariantSelection()
    if selected != "mesh":
        notes.add("USD016", where, f"appearance is {selected or 'not chosen'}, not mesh")
    for name in appearances(stage):
        meshes, fields = (sum(1 for _ in _seen(stage, kind)) for kind in ("Mesh", SPLATS))
        shown, hidden = (meshes, fields) if name == "mesh" else (fields, meshes)
        if hidden:
            notes.add("USD016", f"{where}: appearance={name}", "shows meshes and splats at once")
        if not shown and (surfels if name == "splats" else _drawn_meshes(stage)):
            notes.add("USD016", f"{where}: appearance={name}", "shows nothing of its kind")


def _drawn_meshes(stage: Usd.Stage) -> bool:
    """Whether there are meshes to be seen, shown or not."""
    meshes = (p for p in stage.Traverse() if p.IsA(UsdGeom.Mesh))
    return any(_purpose(prim) == UsdGeom.Tokens.default_ for prim in meshes)


def _seen(stage: Usd.Stage, kind: str) -> Iterator[Usd.Prim]:
    for prim in stage.Traverse():
        drawn = prim.GetTypeName() == kind and _purpose(prim) == UsdGeom.Tokens.default_
        if drawn and UsdGeom.Imageable(prim).ComputeVisibility() != UsdGeom.Tokens.invisible:
            yield prim


def _check_metadata(notes: Notes, where: str, stage: Usd.Stage) -> None:
    told = stage.GetRootLayer().customLayerData.get("SimReady_Metadata")
    if not told:
        notes.add("USD020", where, "has no SimReady_Metadata")
        return
    bodies = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.RigidBodyAPI)]
    mass = sum(float(UsdPhysics.MassAPI(p).GetMassAttr().Get() or 0.0) for p in bodies)
    if told.get("rigid_body_count") != len(bodies):
        text = f"says {told.get('rigid_body_count')} bodies, there are {len(bodies)}"
        notes.add("USD020", where, text)
    if not abs(float(told.get("mass", "nan")) - mass) <= 1e-4 * mass:
        notes.add("USD020", where, f"says {told.get('mass')} kg, bodies weigh {mass:.6g}")


def _check_thumbnail(notes: Notes, where: str) -> None:
    from PIL import Image

    path = Path(where)
    picture = path.parent / _THUMBNAIL / f"{path.name}.png"
    with notes.guard("USD019", picture.as_posix()):
        with Image.open(notes.root / picture) as image:
            image.load()
            size = image.size
        if size != (256, 256):
            raise ValueError(f"is {size[0]} × {size[1]} pixels, not 256 × 256")


def check_span(notes: Notes, where: str, stage: Usd.Stage, times_s: np.ndarray) -> None:
    """Note a stage whose players would show less or more than the motion."""
    rate = stage.GetTimeCodesPerSecond()
    span = (stage.GetStartTimeCode() / rate, stage.GetEndTimeCode() / rate)
    if not np.abs(np.array(span) - times_s[[0, -1]]).max() <= 1e-6 * max(1.0, abs(times_s[-1])):
        text = f"is {span[0]:g}..{span[1]:g} s, the motion {times_s[0]:g}..{times_s[-1]:g} s"
        notes.add("USD017", where, text)
