"""The USD stage: Pixar's rules, ours, and the single-file package."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pxr import Plug, Usd, UsdGeom, UsdPhysics, UsdUtils, UsdValidation

from reel2sim.exporters.check.looks.skins import SkinReading
from reel2sim.exporters.check.looks.splats import Splats
from reel2sim.exporters.check.looks.surfaces import compare_surfaces
from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.meshes import Surfaces
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.exporters.check.robot.reading import USD_IDS, compare, compare_poses
from reel2sim.exporters.check.stage.bodies import check_articulation, check_bodies, check_joints
from reel2sim.exporters.check.stage.looks import (
    appearances,
    check_looks,
    check_meshes_of_stage,
    check_span,
)
from reel2sim.exporters.check.stage.package import check_archive
from reel2sim.exporters.check.stage.reading import mesh_surfaces, read_stage, replayed_poses
from reel2sim.exporters.check.stage.skin import read_skin
from reel2sim.exporters.check.stage.splats import check_stage_splats
from reel2sim.scene.arrays import Array

STAGE, PACKAGE = "usd/scene/scene.usda", "scene.usdz"
GRAVITY = np.array([0.0, 0.0, -9.81])


def check_stage(
    notes: Notes,
    robot: Robot | None,
    surfaces: Surfaces,
    replay: Replay | None,
    states: Mapping[str, Array],
    expected: Mapping[str, Array] | None,
    splats: Splats | None,
) -> SkinReading | None:
    """Note what is wrong with ``usd/scene/scene.usda``; its skin if there is one.

    Args:
        notes: of the bundle.
        robot: the URDF, if it could be read.
        surfaces: its meshes.
        replay: the motion, if it can be replayed.
        states: joint positions ``(s,)`` by joint.
        expected: ``T_root_link`` ``(s, 4, 4)`` at these states.
        splats: those of ``splats.ply``, if they could be read.
    """
    stage = None
    with notes.guard("USD001", STAGE):
        stage = open_stage(notes.root / STAGE)
    if stage is None:
        return None
    check_layers(notes, stage)
    check_units(notes, STAGE, stage)
    if not stage.GetDefaultPrim():
        notes.add("USD004", STAGE, "has no default prim")
    validate(notes, STAGE, stage)
    with notes.guard("USD018", STAGE):
        check_bodies(notes, STAGE, stage, robot)
        check_joints(notes, STAGE, stage)
    with notes.guard("WORLD002", STAGE):
        _check_world(notes, stage)
    with notes.guard("USD016", STAGE):
        check_meshes_of_stage(notes, STAGE, stage)
        check_looks(notes, STAGE, stage, surfels=bool(splats and len(splats.points)))
    with notes.guard("MESH011", STAGE):
        visual, collision = mesh_surfaces(stage)
        compare_surfaces(notes, f"{STAGE}: visual", surfaces.visual, visual)
        compare_surfaces(notes, f"{STAGE}: collision", surfaces.collision, collision)
    if replay is not None:
        check_span(notes, STAGE, stage, replay.times_s)
    if robot is not None:
        _compare_with_robot(notes, stage, robot, replay, states, expected)
    with notes.guard("USD008", STAGE):
        check_stage_splats(notes, STAGE, stage, splats)
    with notes.guard("USD001", STAGE):
        return read_skin(stage, STAGE)


def _compare_with_robot(
    notes: Notes,
    stage: Usd.Stage,
    robot: Robot,
    replay: Replay | None,
    states: Mapping[str, Array],
    expected: Mapping[str, Array] | None,
) -> None:
    check_articulation(notes, STAGE, stage, robot)
    count = len(next(iter(expected.values()))) if expected else 1
    with notes.guard("TREE003", STAGE):
        compare(notes, robot, expected, read_stage(stage, STAGE, robot, states, count), USD_IDS)
    if replay is not None and robot.finite:
        with notes.guard("KIN004", STAGE):
            found = replayed_poses(stage, replay.times_s)
            wanted = replay.link_poses(robot)
            compare_poses(notes, "USD replay", STAGE, wanted, found, "KIN004")


def check_package(notes: Notes) -> None:
    """Note what is wrong with ``scene.usdz``."""
    root = notes.root
    folder = (root / STAGE).parent
    with notes.guard("USD010", PACKAGE):
        packed = check_archive(notes, PACKAGE)
        for name in sorted(set(packed) | _visible(folder)):
            path = folder / name
            if name not in packed or not path.is_file() or packed[name] != path.read_bytes():
                notes.add("USD011", f"{PACKAGE}: {name}", "is not the file in usd/scene")
        stage = open_stage(root / PACKAGE)
        validate(notes, PACKAGE, stage)


def _visible(folder: Path) -> set[str]:
    files = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {p.as_posix() for p in files if not any(part.startswith(".") for part in p.parts)}


def open_stage(path: Path) -> Usd.Stage:
    """The stage at ``path``, as the file has it now.

    Raises:
        ValueError: if it does not open.
        pxr.Tf.ErrorException: if USD says why.
    """
    stage = Usd.Stage.Open(str(path))
    if not stage:
        raise ValueError("does not open")
    # Layers are cached by path within a process, and the file may have changed since.
    stage.Reload()
    # What we switch on while looking must never reach the file.
    stage.SetEditTarget(stage.GetSessionLayer())
    return stage


def check_layers(notes: Notes, stage: Usd.Stage) -> None:
    """Note layers and assets that are missing, or outside of the stage's folder."""
    folder = (notes.root / STAGE).parent.resolve()
    with notes.guard("USD009", STAGE):
        layers, assets, unresolved = UsdUtils.ComputeAllDependencies(str(notes.root / STAGE))
        for path in unresolved:
            notes.add("USD009", STAGE, f"{path} cannot be found")
        for path in [layer.realPath for layer in layers] + list(assets):
            if not Path(path).resolve().is_relative_to(folder):
                notes.add("USD009", STAGE, f"{path} is outside of {Path(STAGE).parent}")


def check_units(notes: Notes, where: str, stage: Usd.Stage) -> None:
    """Note an up axis and units that are not those of a bundle."""
    found = {
        "upAxis": (UsdGeom.GetStageUpAxis(stage), "Z"),
        "metersPerUnit": (UsdGeom.GetStageMetersPerUnit(stage), 1.0),
        "kilogramsPerUnit": (UsdPhysics.GetStageKilogramsPerUnit(stage), 1.0),
    }
    for name, (value, wanted) in found.items():
        if value != wanted:
            notes.add("USD003", f"{where}: {name}", f"is {value}, not {wanted}")


def _check_world(notes: Notes, stage: Usd.Stage) -> None:
    """Gravity, and the articulation's hold on the world."""
    scenes = [UsdPhysics.Scene(p) for p in stage.Traverse() if p.IsA(UsdPhysics.Scene)]
    if len(scenes) != 1:
        notes.add("WORLD002", STAGE, f"has {len(scenes)} physics scenes, not one")
    for scene in scenes:
        down = np.array(scene.GetGravityDirectionAttr().Get(), dtype=np.float64)
        size = float(scene.GetGravityMagnitudeAttr().Get())
        if not np.abs(size * down - GRAVITY).max() <= 1e-5:
            notes.add("WORLD002", f"{STAGE}: {scene.GetPath()}", f"is {size:g} along {down}")


def validate(notes: Notes, where: str, stage: Usd.Stage) -> None:
    """Run all of Pixar's validators on every appearance of the stage."""
    with notes.guard("USD002", where):
        for plugin in Plug.Registry().GetAllPlugins():
            if plugin.name.endswith("Validators"):
                plugin.Load()
        validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
        notes.counts["usd_validators"] = len(validators)
        context = UsdValidation.ValidationContext(validators)
        said: set[tuple[str, str]] = set()
        for _ in appearances(stage):
            for error in context.Validate(stage):
                sites = [str(s.GetPrim().GetPath()) for s in error.GetSites() if s.IsPrim()]
                place = f"{where}: {sites[0]}" if sites else where
                text = f"{error.GetName()}: {error.GetMessage()}"[:300]
                if (place, text) not in said:
                    said.add((place, text))
                    mild = error.GetType() != UsdValidation.ValidationErrorType.Error
                    notes.add(
                        "USD002", place, text, severity="info" if mild and notes.alone else None
                    )
