"""The USD stage: Pixar's rules, ours, and the single-file package."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Plug, Usd, UsdGeom, UsdPhysics, UsdUtils, UsdValidation

from reel2sim.exporters.check.meshes import Extents, compare_bounds
from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.reading import USD_IDS, compare, compare_poses
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot import Robot
from reel2sim.exporters.check.skins import SkinReading
from reel2sim.exporters.check.stage_reading import (
    bodies_of,
    mesh_bounds,
    read_stage,
    replayed_poses,
)
from reel2sim.exporters.check.stage_skin import read_skin
from reel2sim.scene.arrays import Array

STAGE, PACKAGE = "usd/scene/scene.usda", "scene.usdz"
_SPLATS = "ParticleField3DGaussianSplat"


def check_stage(
    notes: Notes,
    robot: Robot | None,
    extents: Extents,
    replay: Replay | None,
    states: Mapping[str, Array],
    expected: Mapping[str, Array] | None,
    surfels: Array | None,
) -> SkinReading | None:
    """Note what is wrong with ``usd/scene/scene.usda``; its skin if there is one.

    Args:
        notes: of the bundle.
        robot: the URDF, if it could be read.
        extents: bounds of its meshes.
        replay: the motion, if it can be replayed.
        states: joint positions ``(s,)`` by joint.
        expected: ``T_root_link`` ``(s, 4, 4)`` at these states.
        surfels: positions ``(n, 3)`` of ``splats.ply``.
    """
    stage = None
    with notes.guard("USD001", STAGE):
        stage = _open(notes.root / STAGE)
    if stage is None:
        return None
    _check_layers(notes, stage)
    _check_units(notes, stage)
    if not stage.GetDefaultPrim():
        notes.add("USD004", STAGE, "has no default prim")
    _validate(notes, STAGE, stage)
    _check_bodies(notes, stage, robot)
    with notes.guard("MESH011", STAGE):
        visual, collision = mesh_bounds(stage)
        compare_bounds(notes, f"{STAGE}: visual", extents.visual, visual)
        compare_bounds(notes, f"{STAGE}: collision", extents.collision, collision)
    if robot is not None:
        count = len(next(iter(expected.values()))) if expected else 1
        with notes.guard("TREE003", STAGE):
            compare(notes, robot, expected, read_stage(stage, STAGE, robot, states, count), USD_IDS)
        if replay is not None and robot.finite:
            with notes.guard("KIN004", STAGE):
                found = replayed_poses(stage, replay.times_s)
                wanted = replay.link_poses(robot)
                compare_poses(notes, "USD replay", STAGE, wanted, found, "KIN004")
    with notes.guard("USD008", STAGE):
        _check_splats(notes, stage, surfels)
    with notes.guard("USD001", STAGE):
        return read_skin(stage, STAGE)


def check_package(notes: Notes) -> None:
    """Note what is wrong with ``scene.usdz``."""
    root = notes.root
    folder = (root / STAGE).parent
    with notes.guard("USD010", PACKAGE):
        with zipfile.ZipFile(root / PACKAGE) as archive:
            damaged = archive.testzip()
            if damaged:
                raise ValueError(f"{damaged} is damaged")
            packed = {info.filename: archive.read(info) for info in archive.infolist()}
        for name in sorted(set(packed) | _visible(folder)):
            path = folder / name
            if name not in packed or not path.is_file() or packed[name] != path.read_bytes():
                notes.add("USD011", f"{PACKAGE}: {name}", "is not the file in usd/scene")
        stage = _open(root / PACKAGE)
        _validate(notes, PACKAGE, stage)


def _visible(folder: Path) -> set[str]:
    files = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {p.as_posix() for p in files if not any(part.startswith(".") for part in p.parts)}


def _open(path: Path) -> Usd.Stage:
    stage = Usd.Stage.Open(str(path))
    if not stage:
        raise ValueError("does not open")
    # Layers are cached by path within a process, and the file may have changed since.
    stage.Reload()
    # What we switch on while looking must never reach the file.
    stage.SetEditTarget(stage.GetSessionLayer())
    return stage


def _check_layers(notes: Notes, stage: Usd.Stage) -> None:
    folder = (notes.root / STAGE).parent.resolve()
    with notes.guard("USD009", STAGE):
        layers, assets, unresolved = UsdUtils.ComputeAllDependencies(str(notes.root / STAGE))
        for path in unresolved:
            notes.add("USD009", STAGE, f"{path} cannot be found")
        for path in [layer.realPath for layer in layers] + list(assets):
            if not Path(path).resolve().is_relative_to(folder):
                notes.add("USD009", STAGE, f"{path} is outside of {Path(STAGE).parent}")


def _check_units(notes: Notes, stage: Usd.Stage) -> None:
    found = {
        "upAxis": (UsdGeom.GetStageUpAxis(stage), "Z"),
        "metersPerUnit": (UsdGeom.GetStageMetersPerUnit(stage), 1.0),
        "kilogramsPerUnit": (UsdPhysics.GetStageKilogramsPerUnit(stage), 1.0),
    }
    for name, (value, wanted) in found.items():
        if value != wanted:
            notes.add("USD003", f"{STAGE}: {name}", f"is {value}, not {wanted}")


def _validate(notes: Notes, where: str, stage: Usd.Stage) -> None:
    """Run all of Pixar's validators on every appearance of the stage."""
    with notes.guard("USD002", where):
        for plugin in Plug.Registry().GetAllPlugins():
            if plugin.name.endswith("Validators"):
                plugin.Load()
        validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
        notes.counts["usd_validators"] = len(validators)
        context = UsdValidation.ValidationContext(validators)
        said: set[tuple[str, str]] = set()
        for _ in _appearances(stage):
            for error in context.Validate(stage):
                sites = [str(s.GetPrim().GetPath()) for s in error.GetSites() if s.IsPrim()]
                place = f"{where}: {sites[0]}" if sites else where
                text = f"{error.GetName()}: {error.GetMessage()}"[:300]
                if (place, text) not in said:
                    said.add((place, text))
                    notes.add("USD002", place, text)


def _appearances(stage: Usd.Stage) -> Any:
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


def _check_bodies(notes: Notes, stage: Usd.Stage, robot: Robot | None) -> None:
    cache = UsdGeom.XformCache(Usd.TimeCode.Default())
    links = {} if robot is None else {link.name: link for link in robot.links}
    for body in bodies_of(stage):
        where = f"{STAGE}: {body.GetPath()}"
        R = np.array(cache.GetLocalToWorldTransform(body))[:3, :3]
        if not np.abs(R @ R.T - np.eye(3)).max() < 1e-5 or np.linalg.det(R) < 0:
            notes.add("USD005", where, f"axes have lengths {np.linalg.norm(R, axis=1).round(6)}")
        colliders = [p for p in Usd.PrimRange(body) if p.HasAPI(UsdPhysics.CollisionAPI)]
        link = links.get(body.GetName())
        if link is not None and link.collisions and not colliders:
            notes.add("USD007", where, f"the URDF has {len(link.collisions)} pieces")
        for prim in colliders:
            _check_collider(notes, prim)


def _check_collider(notes: Notes, prim: Usd.Prim) -> None:
    """A mesh that moves must say that it is to be taken as a hull; primitives are convex."""
    if not prim.IsA(UsdGeom.Mesh):
        return
    api = UsdPhysics.MeshCollisionAPI(prim) if prim.HasAPI(UsdPhysics.MeshCollisionAPI) else None
    how = api.GetApproximationAttr().Get() if api else UsdPhysics.Tokens.none
    if how != UsdPhysics.Tokens.convexHull:
        notes.add("USD006", f"{STAGE}: {prim.GetPath()}", f"approximation is {how or 'none'}")


def _check_splats(notes: Notes, stage: Usd.Stage, surfels: Array | None) -> None:
    """Look at the splats of every appearance; they must be where ``splats.ply`` has them."""
    for name in _appearances(stage):
        fields = [p for p in stage.Traverse() if p.GetTypeName() == _SPLATS]
        if not fields:
            continue
        cache = UsdGeom.XformCache(Usd.TimeCode.Default())
        points = [_check_field(notes, prim, cache) for prim in fields]
        if surfels is not None:
            _compare_splats(notes, f"{STAGE}: appearance={name}", np.vstack(points), surfels)


def _check_field(notes: Notes, prim: Usd.Prim, cache: UsdGeom.XformCache) -> Array:
    """Positions ``(n, 3)`` in the world, after noting values that no renderer can draw."""
    where = f"{STAGE}: {prim.GetPath()}"
    columns = {
        name: np.array(prim.GetAttribute(name).Get(), dtype=np.float64)
        for name in ("positions", "scales", "opacities")
    }
    turns = prim.GetAttribute("orientations").Get()
    table = np.array([[q.GetReal(), *q.GetImaginary()] for q in turns], dtype=np.float64)
    columns["orientations"] = table
    for name, values in columns.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            notes.add("USD008", f"{where}.{name}", f"{bad} values are not finite")
        if len(values) != len(columns["positions"]):
            notes.add("USD008", f"{where}.{name}", "has another length than positions")
    if (columns["scales"] <= 0).any():
        notes.add("USD008", f"{where}.scales", "holds scales that are not positive")
    if ((columns["opacities"] < 0) | (columns["opacities"] > 1)).any():
        notes.add("USD008", f"{where}.opacities", "leaves 0..1")
    if (np.linalg.norm(table, axis=1) < 1e-6).any():
        notes.add("USD008", f"{where}.orientations", "holds a zero quaternion")
    T = np.array(cache.GetLocalToWorldTransform(prim)).T
    return columns["positions"] @ T[:3, :3].T + T[:3, 3]


def _compare_splats(notes: Notes, where: str, found: Array, surfels: Array) -> None:
    """Compare two sets of points in no order."""
    from scipy.spatial import cKDTree

    if len(found) != len(surfels):
        notes.add("PLY004", where, f"holds {len(found)} splats, splats.ply {len(surfels)}")
        return
    if not (np.isfinite(found).all() and np.isfinite(surfels).all()):
        return
    gaps = [cKDTree(a).query(b)[0].max() for a, b in ((found, surfels), (surfels, found))]
    notes.agreement["USD splats"] = float(max(gaps))
    size = max(1.0, float(np.abs(surfels).max()))
    if max(gaps) > 1e-5 * size:
        notes.add("PLY004", where, f"is off by {max(gaps):.3g} m")
