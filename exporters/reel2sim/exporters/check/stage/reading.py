"""The object as a physics engine would read it from UsdPhysics, and as a player shows it."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics, UsdShade

from reel2sim.exporters.check.looks.surfaces import Surface, fans, joined
from reel2sim.exporters.check.robot.model import Body, Robot, RobotMimic
from reel2sim.exporters.check.robot.reading import Contact, JointKind, JointReading, Reading
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, axis_rotation, invert, matrix_from_quaternion, pose

_AXES = {"X": np.array([1.0, 0, 0]), "Y": np.array([0, 1.0, 0]), "Z": np.array([0, 0, 1.0])}


def bodies_of(stage: Usd.Stage) -> list[Usd.Prim]:
    """Prims that move as rigid bodies."""
    return [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)]


def read_stage(
    stage: Usd.Stage, where: str, robot: Robot, states: Mapping[str, Array], count: int
) -> Reading:
    """Poses from the joints' frames alone, masses, and limits in radians."""
    joints = [UsdPhysics.Joint(prim) for prim in stage.Traverse() if prim.IsA(UsdPhysics.Joint)]
    anchors = [joint for joint in joints if len(_ends(joint)) < 2]
    inner = [joint for joint in joints if len(_ends(joint)) == 2]
    bodies = bodies_of(stage)
    still = np.tile(np.eye(4), (count, 1, 1))
    root = robot.roots[0] if robot.roots else ""
    poses = {prim.GetName(): still for prim in bodies if prim.GetName() == root}
    waiting = inner
    while waiting:
        ready = [joint for joint in waiting if _ends(joint)[0] in poses]
        if not ready:
            break
        for joint in ready:
            parent, child = _ends(joint)
            q = states.get(joint.GetPrim().GetName(), np.zeros(count))
            poses[child] = (
                poses[parent] @ _frame(joint, 0) @ _motion(joint, q) @ invert(_frame(joint, 1))
            )
        waiting = [joint for joint in waiting if joint not in ready]
    # Only joints to the world may be there that no file else names.
    named = {joint.GetPrim().GetName(): _joint(joint) for joint in inner}
    named |= {j.GetPrim().GetName(): _joint(j) for j in anchors if not _is_fixed(j)}
    masses = {prim.GetName(): _body(prim) for prim in bodies}
    poses = {name: T for name, T in poses.items() if name in masses}
    mimics = {
        joint.GetPrim().GetName(): mimic
        for joint in joints
        if (mimic := _mimic(joint.GetPrim())) is not None
    }
    contacts = {prim.GetName(): _contacts(prim) for prim in bodies}
    return Reading("USD joints", where, poses, masses, named, mimics, contacts)


def replayed_poses(stage: Usd.Stage, times_s: Array) -> dict[str, Array]:
    """``T_world_body`` ``(t, 4, 4)`` by body name, at times of the stage's clock."""
    rate = stage.GetTimeCodesPerSecond()
    bodies = bodies_of(stage)
    poses = {prim.GetName(): np.empty((len(times_s), 4, 4)) for prim in bodies}
    for k, time in enumerate(times_s):
        cache = UsdGeom.XformCache(float(time) * rate)
        for prim in bodies:
            poses[prim.GetName()][k] = np.array(cache.GetLocalToWorldTransform(prim)).T
    return poses


def mesh_surfaces(stage: Usd.Stage) -> tuple[dict[str, Surface], dict[str, Surface]]:
    """Meshes in the body's frame, by body name: what is seen, what collides."""
    cache = UsdGeom.XformCache(Usd.TimeCode.Default())
    found: tuple[dict[str, list[Surface]], ...] = ({}, {})
    for body in bodies_of(stage):
        T_body_world = invert(np.array(cache.GetLocalToWorldTransform(body)).T)
        for prim in Usd.PrimRange(body):
            if not prim.IsA(UsdGeom.Mesh):
                continue
            T = T_body_world @ np.array(cache.GetLocalToWorldTransform(prim)).T
            surface = mesh_surface(UsdGeom.Mesh(prim))
            table = found[prim.HasAPI(UsdPhysics.CollisionAPI)]
            moved = Surface(apply(T, surface.points), surface.faces)
            table.setdefault(body.GetName(), []).append(moved)
    seen, solid = ({name: joined(parts) for name, parts in table.items()} for table in found)
    return seen, solid


def mesh_surface(mesh: UsdGeom.Mesh) -> Surface:
    """The mesh as triangles, in its own frame.

    Raises:
        ValueError: if faces name vertices that are not there, or vertices are not finite.
    """
    points = np.array(mesh.GetPointsAttr().Get(), dtype=np.float64).reshape(-1, 3)
    counts = np.array(mesh.GetFaceVertexCountsAttr().Get(), dtype=np.int64)
    indices = np.array(mesh.GetFaceVertexIndicesAttr().Get(), dtype=np.int64)
    if not np.isfinite(points).all():
        raise ValueError("holds points that are not finite")
    if counts.sum() != len(indices) or ((indices < 0) | (indices >= len(points))).any():
        raise ValueError("its faces name vertices that are not there")
    faces = fans(counts, indices)
    if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded:
        faces = faces[:, ::-1]
    return Surface(points, faces)


def _contacts(body: Usd.Prim) -> list[Contact]:
    """Friction and restitution of every collider; NaN where no physics material is bound."""
    found: list[Contact] = []
    for prim in Usd.PrimRange(body):
        if not prim.HasAPI(UsdPhysics.CollisionAPI):
            continue
        material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial("physics")
        bound = material.GetPrim() if material else None
        if bound is None or not bound.HasAPI(UsdPhysics.MaterialAPI):
            found.append((math.nan, math.nan))
            continue
        api = UsdPhysics.MaterialAPI(bound)
        bounce = float(api.GetRestitutionAttr().Get())
        for friction in (api.GetStaticFrictionAttr(), api.GetDynamicFrictionAttr()):
            found.append((float(friction.Get()), bounce))
    return found


def _ends(joint: UsdPhysics.Joint) -> list[str]:
    relations = (joint.GetBody0Rel(), joint.GetBody1Rel())
    return [path.name for relation in relations for path in relation.GetTargets()[:1]]


def _is_fixed(joint: UsdPhysics.Joint) -> bool:
    return joint.GetPrim().IsA(UsdPhysics.FixedJoint)


def _rotation(quaternion: Any) -> Array:
    return matrix_from_quaternion(np.array([quaternion.GetReal(), *quaternion.GetImaginary()]))


def _frame(joint: UsdPhysics.Joint, side: int) -> Array:
    place = (joint.GetLocalPos0Attr, joint.GetLocalPos1Attr)[side]().Get()
    turn = (joint.GetLocalRot0Attr, joint.GetLocalRot1Attr)[side]().Get()
    return pose(_rotation(turn), np.array(place, dtype=np.float64))


def _motion(joint: UsdPhysics.Joint, q: Array) -> Array:
    prim = joint.GetPrim()
    if prim.IsA(UsdPhysics.RevoluteJoint):
        return pose(axis_rotation(_AXES[UsdPhysics.RevoluteJoint(prim).GetAxisAttr().Get()], q))
    if prim.IsA(UsdPhysics.PrismaticJoint):
        axis = _AXES[UsdPhysics.PrismaticJoint(prim).GetAxisAttr().Get()]
        return pose(translation=q[:, None] * axis)
    return np.eye(4)


def _joint(joint: UsdPhysics.Joint) -> JointReading:
    """A joint with degrees turned to radians; an infinite bound is none."""
    prim = joint.GetPrim()
    kind = _kind(prim)
    if kind not in ("hinge", "slide"):
        return JointReading(kind)
    unit = math.pi / 180 if kind == "hinge" else 1.0
    low, high = (_finite(prim, f"physics:{side}Limit") for side in ("lower", "upper"))
    name = "angular" if kind == "hinge" else "linear"
    drive = UsdPhysics.DriveAPI.Get(prim, name)
    effort, damping, spring = (
        drive.GetPrim().GetAttribute(f"drive:{name}:physics:{key}").Get() if drive else None
        for key in ("maxForce", "damping", "stiffness")
    )
    speed, friction = (
        _finite(prim, key) for key in ("physxJoint:maxJointVelocity", "newton:friction")
    )
    return JointReading(
        kind,
        None if low is None else low * unit,
        None if high is None else high * unit,
        # A bundle's drives carry the effort, so no drive is no effort at all.
        float("nan") if effort is None else float(effort),
        None if speed is None else speed * unit,
        # A drive's damping and stiffness are per degree where its joint turns.
        float("nan") if damping is None else float(damping) / unit,
        float("nan") if friction is None else friction,
        float(spring or 0.0) / unit,
    )


def _mimic(prim: Usd.Prim) -> RobotMimic | None:
    """What NewtonMimicAPI says, with degrees turned to radians."""
    # GetAppliedSchemas passes over schemas whose plugin is not installed.
    if "NewtonMimicAPI" not in prim.GetPrimTypeInfo().GetAppliedAPISchemas():
        return None
    enabled = prim.GetAttribute("newton:mimicEnabled")
    leaders = prim.GetRelationship("newton:mimicJoint").GetTargets()
    if not leaders or (enabled and enabled.Get() is False):
        return None
    offset = _finite(prim, "newton:mimicCoef0") or 0.0
    multiplier = _finite(prim, "newton:mimicCoef1")
    unit = math.pi / 180 if _kind(prim) == "hinge" else 1.0
    # Another joint may have the leader's name elsewhere on the stage.
    home = leaders[0].GetParentPath() == prim.GetPath().GetParentPath()
    leader = leaders[0].name if home else str(leaders[0])
    return RobotMimic(leader, 1.0 if multiplier is None else multiplier, offset * unit)


def _kind(prim: Usd.Prim) -> JointKind:
    if prim.IsA(UsdPhysics.FixedJoint):
        return "fixed"
    if prim.IsA(UsdPhysics.RevoluteJoint):
        return "hinge"
    return "slide" if prim.IsA(UsdPhysics.PrismaticJoint) else "other"


def _finite(prim: Usd.Prim, name: str) -> float | None:
    attribute = prim.GetAttribute(name)
    value = attribute.Get() if attribute else None
    return None if value is None or math.isinf(value) else float(value)


def _body(prim: Usd.Prim) -> Body:
    api = UsdPhysics.MassAPI(prim)
    R = _rotation(api.GetPrincipalAxesAttr().Get())
    moments = np.array(api.GetDiagonalInertiaAttr().Get(), dtype=np.float64)
    center = np.array(api.GetCenterOfMassAttr().Get(), dtype=np.float64)
    return Body(float(api.GetMassAttr().Get()), center, R @ np.diag(moments) @ R.T)
