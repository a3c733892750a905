"""Bodies, colliders and joints in UsdPhysics."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from reel2sim.exporters.joints import rotation_x_to, start_poses
from reel2sim.exporters.names import free_name
from reel2sim.exporters.usd.geometry import collider_name
from reel2sim.exporters.usd.materials import author_contacts, material_paths
from reel2sim.exporters.usd.stage import PrimPaths, place, quatf, vec3f
from reel2sim.scene import Inertial, Joint, JointType, Link, Mimic, RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.contacts import meeting_links

_PER_DEGREE = math.pi / 180.0
"""N·m/rad to USD's N·m/degree."""


def author_physics(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """Write everything a simulator needs below the default prim.

    Bodies are siblings, because some importers drop nested ones. The articulation's root is the
    default prim; a fixed base is a joint between the world and the root link.
    """
    paths = PrimPaths.of(asset)
    if asset.joints:  # a single body is no articulation
        UsdPhysics.ArticulationRootAPI.Apply(stage.GetDefaultPrim())
    author_contacts(stage, asset)
    materials = material_paths(asset)
    poses = start_poses(asset)
    for link, T in zip(asset.links, poses, strict=True):
        _author_body(stage, paths.body(link.name), link, T, materials[link.material])
    UsdGeom.Scope.Define(stage, paths.joints)
    if asset.fixed_base:
        _author_world_joint(stage, asset, paths, poses[0])
    for joint in asset.joints:
        _author_joint(stage, paths, joint)
    _filter_pairs(stage, asset, paths)


def _filter_pairs(stage: Usd.Stage, asset: RiggedAsset, paths: PrimPaths) -> None:
    """Let no joint's sides collide; those that one joint joins do not already.

    Links without colliders are left out: they cannot collide, and Newton warns of such pairs.
    """
    idle = {frozenset((joint.parent, joint.child)) for joint in asset.joints}
    solid = {link.name for link in asset.links if link.collision}
    for first, second in meeting_links(asset):
        if {first, second} <= solid and frozenset((first, second)) not in idle:
            pairs = UsdPhysics.FilteredPairsAPI.Apply(stage.GetPrimAtPath(paths.body(first)))
            pairs.CreateFilteredPairsRel().AddTarget(paths.body(second))


def _author_body(
    stage: Usd.Stage, path: Sdf.Path, link: Link, T: Array, material: Sdf.Path
) -> None:
    prim = UsdGeom.Xform.Define(stage, path).GetPrim()
    place(prim, T)
    UsdPhysics.RigidBodyAPI.Apply(prim)
    _author_mass(prim, link.inertial)
    for k in range(len(link.collision)):
        collider = stage.OverridePrim(path.AppendChild(collider_name(k)))
        UsdPhysics.CollisionAPI.Apply(collider)
        hull = UsdPhysics.MeshCollisionAPI.Apply(collider)
        hull.CreateApproximationAttr(UsdPhysics.Tokens.convexHull)
        binding = UsdShade.MaterialBindingAPI.Apply(collider)
        surface = UsdShade.Material(stage.GetPrimAtPath(material))
        binding.Bind(surface, materialPurpose="physics")


def _author_mass(prim: Usd.Prim, inertial: Inertial) -> None:
    moments, axes = np.linalg.eigh(inertial.inertia)
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    api = UsdPhysics.MassAPI.Apply(prim)
    api.CreateMassAttr(inertial.mass)
    api.CreateCenterOfMassAttr(vec3f(inertial.center))
    api.CreateDiagonalInertiaAttr(vec3f(moments))
    api.CreatePrincipalAxesAttr(quatf(axes))


def _author_world_joint(
    stage: Usd.Stage, asset: RiggedAsset, paths: PrimPaths, T_world_root: Array
) -> None:
    name = free_name("root_joint", [joint.name for joint in asset.joints])
    joint = UsdPhysics.FixedJoint.Define(stage, paths.joints.AppendChild(name))
    joint.CreateBody1Rel().SetTargets([paths.body(asset.links[0].name)])
    _author_frames(joint, T_world_root, np.eye(4))


def _author_joint(stage: Usd.Stage, paths: PrimPaths, joint: Joint) -> None:
    path = paths.joints.AppendChild(joint.name)
    if joint.type is JointType.FIXED:
        prim = UsdPhysics.FixedJoint.Define(stage, path)
    elif joint.type is JointType.PRISMATIC:
        prim = UsdPhysics.PrismaticJoint.Define(stage, path)
    else:
        prim = UsdPhysics.RevoluteJoint.Define(stage, path)
    prim.CreateBody0Rel().SetTargets([paths.body(joint.parent)])
    prim.CreateBody1Rel().SetTargets([paths.body(joint.child)])
    T_child_joint = np.eye(4)
    if joint.type is not JointType.FIXED:
        T_child_joint[:3, :3] = rotation_x_to(joint.axis)
    T_parent_joint = T_child_joint.copy()
    T_parent_joint[:3, 3] = joint.origin
    _author_frames(prim, T_parent_joint, T_child_joint)
    if not isinstance(prim, UsdPhysics.FixedJoint):
        prim.CreateAxisAttr(UsdPhysics.Tokens.x)
        _author_limits(prim, joint)
        _author_drive(prim.GetPrim(), joint)
        if joint.mimic is not None:
            _author_mimic(prim.GetPrim(), joint, joint.mimic, paths)


def _author_frames(joint: UsdPhysics.Joint, T_body0: Array, T_body1: Array) -> None:
    joint.CreateLocalPos0Attr(vec3f(T_body0[:3, 3]))
    joint.CreateLocalRot0Attr(quatf(T_body0[:3, :3]))
    joint.CreateLocalPos1Attr(vec3f(T_body1[:3, 3]))
    joint.CreateLocalRot1Attr(quatf(T_body1[:3, :3]))


def _author_limits(
    prim: UsdPhysics.RevoluteJoint | UsdPhysics.PrismaticJoint, joint: Joint
) -> None:
    if joint.type is JointType.CONTINUOUS:
        return
    unit = math.degrees(1.0) if joint.type.angular else 1.0
    prim.CreateLowerLimitAttr(joint.limits.lower * unit)
    prim.CreateUpperLimitAttr(joint.limits.upper * unit)


def _author_drive(prim: Usd.Prim, joint: Joint) -> None:
    """A drive without stiffness carries damping and the largest force.

    Core UsdPhysics has no friction or speed limit of a joint. They are written under the names
    that PhysX (speed) and Newton (both) read; others ignore them. PhysX's own friction is a
    coefficient and not a torque, so it gets none.
    """
    angular = joint.type.angular
    drive = UsdPhysics.DriveAPI.Apply(prim, "angular" if angular else "linear")
    drive.CreateTypeAttr(UsdPhysics.Tokens.force)
    drive.CreateStiffnessAttr(0.0)
    drive.CreateDampingAttr(joint.damping * (_PER_DEGREE if angular else 1.0))
    drive.CreateTargetVelocityAttr(0.0)
    drive.CreateMaxForceAttr(joint.limits.effort)
    speed = joint.limits.velocity * (math.degrees(1.0) if angular else 1.0)
    extras = {
        "PhysxJointAPI": {"physxJoint:maxJointVelocity": speed},
        "NewtonJointAPI": {"newton:velocityLimit": speed, "newton:friction": joint.friction},
    }
    for schema, attributes in extras.items():
        prim.AddAppliedSchema(schema)
        for name, value in attributes.items():
            prim.CreateAttribute(name, Sdf.ValueTypeNames.Float, False).Set(value)


def _author_mimic(prim: Usd.Prim, joint: Joint, mimic: Mimic, paths: PrimPaths) -> None:
    """Core UsdPhysics cannot say it; Newton's schema can, and supersedes that of PhysX.

    NewtonMimicAPI: ``q = mimicCoef0 + mimicCoef1 * q_leader``, the first in degrees or metres.
    """
    prim.AddAppliedSchema("NewtonMimicAPI")
    leader = prim.CreateRelationship("newton:mimicJoint", custom=False)
    leader.SetTargets([paths.joints.AppendChild(mimic.joint)])
    unit = math.degrees(1.0) if joint.type.angular else 1.0
    values = {"newton:mimicCoef0": mimic.offset * unit, "newton:mimicCoef1": mimic.multiplier}
    for name, value in values.items():
        prim.CreateAttribute(name, Sdf.ValueTypeNames.Float, False).Set(value)


def author_gravity(stage: Usd.Stage, gravity: Array) -> None:
    """The physics scene. Beside the default prim, so that referencing that adds none."""
    scene = UsdPhysics.Scene.Define(stage, "/PhysicsScene")
    size = float(np.linalg.norm(gravity))
    # A direction of zero would mean: down, whatever the size.
    way = np.asarray(gravity) / size if size > 0 else np.array([0.0, 0.0, -1.0])
    scene.CreateGravityDirectionAttr(vec3f(way))
    scene.CreateGravityMagnitudeAttr(size)
