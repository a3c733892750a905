"""Bodies, colliders and joints of a stage, as physics engines take them."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.exporters.check.stage.reading import bodies_of
from reel2sim.scene.arrays import Array

_SWITCHES = {
    UsdPhysics.RigidBodyAPI: (("rigidBodyEnabled", True), ("kinematicEnabled", False)),
    UsdPhysics.CollisionAPI: (("collisionEnabled", True),),
}
_ROUGH = (UsdPhysics.Tokens.none, UsdPhysics.Tokens.meshSimplification)
_UNIT = 1e-3


def check_bodies(notes: Notes, where: str, stage: Usd.Stage, robot: Robot | None) -> None:
    """Note bodies that scale, lie below another, are off, or weigh what nothing weighs."""
    cache = UsdGeom.XformCache(Usd.TimeCode.Default())
    links = {} if robot is None else {link.name: link for link in robot.links}
    bodies = bodies_of(stage)
    paths = {body.GetPath() for body in bodies}
    for body in bodies:
        at = f"{where}: {body.GetPath()}"
        R = np.array(cache.GetLocalToWorldTransform(body))[:3, :3]
        if not np.abs(R @ R.T - np.eye(3)).max() < 1e-5 or np.linalg.det(R) < 0:
            notes.add("USD005", at, f"axes have lengths {np.linalg.norm(R, axis=1).round(6)}")
        above = body.GetPath().GetParentPath()
        if any(above.HasPrefix(path) for path in paths):
            notes.add("USD014", at, "is inside of another body")
        _check_switches(notes, where, body)
        _check_mass(notes, at, body)
        colliders = [p for p in Usd.PrimRange(body) if p.HasAPI(UsdPhysics.CollisionAPI)]
        link = links.get(body.GetName())
        if link is not None and link.collisions and not colliders:
            notes.add("USD007", at, f"the URDF has {len(link.collisions)} pieces")
        for prim in colliders:
            _check_switches(notes, where, prim)
            _check_collider(notes, where, prim, moves=_moves(body))


def check_joints(notes: Notes, where: str, stage: Usd.Stage) -> None:
    """Note joints that are off, and joints with frames or limits that no engine can use."""
    for prim in stage.Traverse():
        if not prim.IsA(UsdPhysics.Joint):
            continue
        joint = UsdPhysics.Joint(prim)
        at = f"{where}: {prim.GetPath()}"
        if joint.GetJointEnabledAttr().Get() is False:
            notes.add("USD012", at, "jointEnabled is false")
        places = [a().Get() for a in (joint.GetLocalPos0Attr, joint.GetLocalPos1Attr)]
        turns = [a().Get() for a in (joint.GetLocalRot0Attr, joint.GetLocalRot1Attr)]
        if not np.isfinite(np.array(places, dtype=np.float64)).all():
            notes.add("USD018", at, "its frames are not finite")
        lengths = [float(np.linalg.norm([q.GetReal(), *q.GetImaginary()])) for q in turns]
        if not all(abs(length - 1) <= _UNIT for length in lengths):
            notes.add("USD018", at, f"rotations of its frames have lengths {lengths}")
        low, high = (prim.GetAttribute(f"physics:{end}Limit").Get() for end in ("lower", "upper"))
        if isinstance(low, float) and isinstance(high, float) and not low <= high:
            notes.add("USD018", at, f"lower limit {low:g} is not below the upper, {high:g}")


def check_articulation(notes: Notes, where: str, stage: Usd.Stage, robot: Robot) -> None:
    """Joints make one articulation, a single body makes none."""
    roots = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.ArticulationRootAPI)]
    if len(roots) != bool(robot.joints):
        names = ", ".join(str(p.GetPath()) for p in roots)
        notes.add("USD013", where, f"has {len(roots)} articulation roots {names}".rstrip())


def _moves(body: Usd.Prim) -> bool:
    api = UsdPhysics.RigidBodyAPI(body)
    enabled, scripted = (
        a().Get() for a in (api.GetRigidBodyEnabledAttr, api.GetKinematicEnabledAttr)
    )
    return bool(enabled) and not scripted


def _check_switches(notes: Notes, where: str, prim: Usd.Prim) -> None:
    for schema, switches in _SWITCHES.items():
        for name, usual in switches if prim.HasAPI(schema) else ():
            if prim.GetAttribute(f"physics:{name}").Get() != usual:
                notes.add("USD012", f"{where}: {prim.GetPath()}", f"{name} is {not usual}")


def _check_mass(notes: Notes, at: str, body: Usd.Prim) -> None:
    """Zeros are what stands for an unknown mass, and -inf for an unknown centre."""
    if not body.HasAPI(UsdPhysics.MassAPI):
        return
    api = UsdPhysics.MassAPI(body)
    mass, density = (float(a().Get() or 0.0) for a in (api.GetMassAttr, api.GetDensityAttr))
    if not (np.isfinite([mass, density]).all() and mass >= 0 and density >= 0):
        notes.add("USD018", at, f"mass is {mass:g}, density {density:g}")
    moments = np.sort(np.array(api.GetDiagonalInertiaAttr().Get(), dtype=np.float64))
    if moments.any() and not _possible(moments):
        notes.add("USD018", at, f"no body has the principal moments {moments}")
    axes = api.GetPrincipalAxesAttr().Get()
    length = float(np.linalg.norm([axes.GetReal(), *axes.GetImaginary()]))
    if length and not abs(length - 1) <= _UNIT:
        notes.add("USD018", at, f"principal axes are a quaternion of length {length:g}")


def _possible(moments: Array) -> bool:
    finite = np.isfinite(moments).all()
    return bool(finite and moments[0] > 0 and moments[2] <= moments[:2].sum() * (1 + 1e-5))


def _check_collider(notes: Notes, where: str, prim: Usd.Prim, *, moves: bool) -> None:
    """A mesh that moves must say that it is to be taken as a hull; primitives are convex."""
    if not prim.IsA(UsdGeom.Mesh):
        return
    api = UsdPhysics.MeshCollisionAPI(prim) if prim.HasAPI(UsdPhysics.MeshCollisionAPI) else None
    how = api.GetApproximationAttr().Get() if api else UsdPhysics.Tokens.none
    # Elsewhere other convex stand-ins will do, and for what stands still the mesh itself.
    fine = (
        moves is False or how not in _ROUGH if notes.alone else how == UsdPhysics.Tokens.convexHull
    )
    if not fine:
        notes.add("USD006", f"{where}: {prim.GetPath()}", f"approximation is {how or 'none'}")
