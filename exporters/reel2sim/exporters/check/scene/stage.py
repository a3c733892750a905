"""The stage of several assets."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.scene.whole import (
    Whole,
    compare_gravity,
    compare_ground,
    compare_links,
)
from reel2sim.exporters.check.stage.reading import bodies_of
from reel2sim.exporters.check.stage.stage import (
    STAGE,
    check_layers,
    check_units,
    open_stage,
    validate,
)
from reel2sim.scene.arrays import Array


def check_scene_stage(notes: Notes, whole: Whole) -> None:
    """Note what is wrong with ``usd/scene/scene.usda`` of a scene."""
    stage = None
    with notes.guard("USD001", STAGE):
        stage = open_stage(notes.root / STAGE)
    if stage is None:
        return
    check_layers(notes, stage)
    check_units(notes, STAGE, stage)
    validate(notes, STAGE, stage)
    root = stage.GetDefaultPrim()
    if not root:
        notes.add("USD004", STAGE, "has no default prim")
        return
    with notes.guard("SCENE005", STAGE):
        compare_links(notes, "USD scene", STAGE, whole, _placed(stage), "SCENE005")
        for body in bodies_of(stage):
            name = _name(body)
            mass = UsdPhysics.MassAPI(body).GetMassAttr().Get()
            wanted = whole.masses.get(name, mass)
            if not abs(mass - wanted) <= 1e-4 * wanted:
                notes.add("SCENE005", f"{STAGE}: {name}", f"weighs {mass:.6g} kg, not {wanted:.6g}")
        _check_articulations(notes, stage, whole)
        _check_world(notes, stage, whole)


def _name(body: Usd.Prim) -> str:
    """``asset/link`` of a body."""
    return str(body.GetPath().MakeRelativePath(body.GetStage().GetDefaultPrim().GetPath()))


def _placed(stage: Usd.Stage) -> dict[str, Array]:
    cache = UsdGeom.XformCache(Usd.TimeCode.Default())
    return {
        _name(body): np.array(cache.GetLocalToWorldTransform(body)).T for body in bodies_of(stage)
    }


def _check_articulations(notes: Notes, stage: Usd.Stage, whole: Whole) -> None:
    roots = {_name(p) for p in stage.Traverse() if p.HasAPI(UsdPhysics.ArticulationRootAPI)}
    wanted = {name for name, robot in whole.robots.items() if robot.joints}
    for name in sorted(roots ^ wanted):
        text = "is no articulation" if name in wanted else "should be no articulation root"
        notes.add("SCENE005", f"{STAGE}: {name}", text)


def _check_world(notes: Notes, stage: Usd.Stage, whole: Whole) -> None:
    scenes = [UsdPhysics.Scene(p) for p in stage.Traverse() if p.IsA(UsdPhysics.Scene)]
    if len(scenes) != 1:
        notes.add("SCENE008", STAGE, f"has {len(scenes)} physics scenes, not one")
    for scene in scenes:
        way = np.array(scene.GetGravityDirectionAttr().Get(), dtype=np.float64)
        gravity = float(scene.GetGravityMagnitudeAttr().Get()) * way
        compare_gravity(notes, STAGE, whole, gravity, tolerance=1e-5)
    cache = UsdGeom.XformCache(Usd.TimeCode.Default())
    planes = [
        float(np.array(cache.GetLocalToWorldTransform(p))[3, 2])
        for p in stage.Traverse()
        if p.IsA(UsdGeom.Plane) and p.HasAPI(UsdPhysics.CollisionAPI)
    ]
    compare_ground(notes, STAGE, whole, planes)
    lights = sum(p.GetTypeName() in ("DistantLight", "SphereLight") for p in stage.Traverse())
    cameras = sum(p.IsA(UsdGeom.Camera) for p in stage.Traverse())
    for what, count, wanted in (
        ("lights", lights, whole.lights),
        ("cameras", cameras, whole.cameras),
    ):
        if count != wanted:
            notes.add("SCENE008", STAGE, f"has {count} {what}, not {wanted}")
