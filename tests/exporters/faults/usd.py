"""Faults of the USD stage."""

from __future__ import annotations

import math
import shutil

import numpy as np

from .meshes import lopsided
from .seeding import (
    PHYSICS,
    STAGE,
    Inapplicable,
    fault,
    in_layer,
    moves,
    of_type,
    pick,
    swap,
    usd_joints,
    with_api,
)


def body_mass(folder, name, factor):
    """Scale a body's mass and moments."""
    with in_layer(folder) as stage:
        prim = next(p for p in with_api(stage, "PhysicsMassAPI") if p.GetName() == name)
        mass, moments = (prim.GetAttribute(f"physics:{key}") for key in ("mass", "diagonalInertia"))
        mass.Set(mass.Get() * factor)
        moments.Set(moments.Get() * factor)


def _bodies(stage):
    return with_api(stage, "PhysicsRigidBodyAPI")


def _set(folder, rng, choose, name, change, layer="payloads/physics.usda"):
    """Change an attribute of one of the prims that ``choose`` finds in a layer."""
    with in_layer(folder, layer) as stage:
        prim = pick(rng, [p for p in choose(stage) if p.GetAttribute(name).HasAuthoredValue()])
        attribute = prim.GetAttribute(name)
        attribute.Set(change(attribute.Get()))


def _hinges(stage):
    return of_type(stage, "PhysicsRevoluteJoint")


def _slides(stage):
    return of_type(stage, "PhysicsPrismaticJoint")


def _damped(choose):
    """Those of ``choose`` whose drives damp."""
    names = [f"drive:{kind}:physics:damping" for kind in ("angular", "linear")]
    return lambda stage: [p for p in choose(stage) if any(p.GetAttribute(n).Get() for n in names)]


def _colliders(stage):
    return with_api(stage, "PhysicsCollisionAPI")


@fault("USD", "USD001", seen="the stage does not open")
def stage_garbled(folder, rng):
    (folder / STAGE).write_text("#usda 1.0\n(((")


@fault("USD", "USD002", "USD004", seen="a reference to it is empty")
def default_prim_dropped(folder, rng):
    swap(folder / STAGE, r'defaultPrim = "[^"]*"\n', "\n")


@fault("USD", "USD004", seen="a reference to it is empty")
def default_prim_of_another_name(folder, rng):
    swap(folder / STAGE, r'defaultPrim = "', 'defaultPrim = "no_')


@fault("USD", "USD003", seen="an object of a hundredth")
def centimetres(folder, rng):
    swap(folder / STAGE, r"metersPerUnit = 1\n", "metersPerUnit = 0.01\n")


@fault("USD", "USD003", seen="an object of grams")
def grams(folder, rng):
    swap(folder / STAGE, r"kilogramsPerUnit = 1\n", "kilogramsPerUnit = 0.001\n")


@fault("USD", "USD003", seen="it lies on its side")
def y_up(folder, rng):
    swap(folder / STAGE, r'upAxis = "Z"', 'upAxis = "Y"')


@fault("USD", "USD003", "USD002", seen="centimetres are assumed")
def units_dropped(folder, rng):
    swap(folder / STAGE, r"metersPerUnit = 1\n", "\n")


@fault("USD", "WORLD002", seen="things fall upwards")
def gravity_up(folder, rng):
    swap(folder / STAGE, r"gravityDirection = \(0, 0, -1\)", "gravityDirection = (0, 0, 1)")


@fault("USD", "WORLD002", seen="things fall a hundred times too fast")
def gravity_in_centimetres(folder, rng):
    swap(folder / STAGE, r"gravityMagnitude = 9.81", "gravityMagnitude = 981")


@fault("USD", "WORLD002", seen="nothing is simulated")
def physics_scene_dropped(folder, rng):
    swap(folder / STAGE, r'def PhysicsScene "PhysicsScene"\s*\{.*?\n\}', "")


@fault("USD", "USD017", seen="a player shows a tenth of it")
def time_codes_per_second_of_another_value(folder, rng):
    """USD itself scales the payloads' times, but not the span."""
    if not moves(folder):
        raise Inapplicable
    swap(folder / STAGE, r"timeCodesPerSecond = \d+", "timeCodesPerSecond = 480")


@fault("USD", "KIN004", seen="it plays at another speed")
def motion_of_another_rate(folder, rng):
    if not moves(folder):
        raise Inapplicable
    with in_layer(folder, "payloads/motion.usdc") as stage:
        stage.SetTimeCodesPerSecond(2 * stage.GetTimeCodesPerSecond())


@fault("USD", "USD017", seen="a player stops early")
def end_time_too_early(folder, rng):
    if not moves(folder):
        raise Inapplicable
    swap(folder / STAGE, r"endTimeCode = \S+", "endTimeCode = 0.5")


@fault("USD", "USD005", seen="engines drop the scale: masses and joints are wrong")
def body_scaled(folder, rng):
    from pxr import Gf, UsdGeom

    with in_layer(folder, "payloads/motion.usdc") as stage:
        prim = pick(rng, stage.GetDefaultPrim().GetAllChildren())
        UsdGeom.Xformable(prim).AddScaleOp().Set(Gf.Vec3f(2, 2, 2))


@fault("USD", "USD005", seen="a left-handed body")
def body_mirrored(folder, rng):
    from pxr import Gf, UsdGeom

    with in_layer(folder, "payloads/motion.usdc") as stage:
        prim = pick(rng, stage.GetDefaultPrim().GetAllChildren())
        UsdGeom.Xformable(prim).AddScaleOp().Set(Gf.Vec3f(1, 1, -1))


@fault("USD", "MESH011", seen="a collider that is mirrored")
def collider_mirrored(folder, rng):
    from pxr import Gf, UsdGeom

    whole = {path.stem.rsplit("_", 1)[0] for path in lopsided(folder)}
    with in_layer(folder) as stage:
        prim = pick(rng, [p for p in _colliders(stage) if p.GetParent().GetName() in whole])
        for other in prim.GetParent().GetAllChildren():
            if "PhysicsCollisionAPI" in other.GetPrimTypeInfo().GetAppliedAPISchemas():
                UsdGeom.Xformable(other).AddScaleOp().Set(Gf.Vec3f(1, 1, -1))


@fault("USD", "USD006", seen="engines refuse it, or take the hull")
def triangle_collider(folder, rng):
    _set(folder, rng, _colliders, "physics:approximation", lambda v: "none")


@fault("USD", "USD007", seen="things fall through it")
def colliders_dropped(folder, rng):
    old = '"PhysicsCollisionAPI", "PhysicsMeshCollisionAPI"'
    swap(folder / PHYSICS, old, '"Nothing"', 0)


@fault("USD", "USD012", seen="things fall through it")
def collider_off(folder, rng):
    from pxr import UsdPhysics

    with in_layer(folder) as stage:
        UsdPhysics.CollisionAPI(pick(rng, _colliders(stage))).CreateCollisionEnabledAttr(False)


@fault("USD", "USD012", seen="it hangs in the air")
def body_kinematic(folder, rng):
    from pxr import UsdPhysics

    with in_layer(folder) as stage:
        UsdPhysics.RigidBodyAPI(pick(rng, _bodies(stage))).CreateKinematicEnabledAttr(True)


@fault("USD", "USD012", seen="a part that does not take part")
def body_off(folder, rng):
    from pxr import UsdPhysics

    with in_layer(folder) as stage:
        UsdPhysics.RigidBodyAPI(pick(rng, _bodies(stage))).CreateRigidBodyEnabledAttr(False)


@fault("USD", "USD012", seen="a part falls off")
def joint_off(folder, rng):
    from pxr import UsdPhysics

    with in_layer(folder) as stage:
        UsdPhysics.Joint(pick(rng, usd_joints(stage))).CreateJointEnabledAttr(False)


@fault("USD", "USD013", seen="a maximal-coordinate pile of bodies instead of an articulation")
def articulation_root_dropped(folder, rng):
    swap(folder / PHYSICS, r'"PhysicsArticulationRootAPI"', '"Nothing"')


@fault("USD", "USD013", seen="an engine refuses the nested articulation")
def articulation_root_twice(folder, rng):
    from pxr import UsdPhysics

    with in_layer(folder) as stage:
        if not usd_joints(stage):
            raise Inapplicable
        UsdPhysics.ArticulationRootAPI.Apply(pick(rng, _bodies(stage)))


@fault("USD", "USD014", seen="some importers drop the body")
def body_in_a_body(folder, rng):
    from pxr import UsdPhysics

    with in_layer(folder) as stage:
        UsdPhysics.RigidBodyAPI.Apply(pick(rng, _colliders(stage)))


@fault("USD", "USD008", seen="a renderer crashes or shows nothing")
def splat_nan(folder, rng):
    from pxr import Gf

    def change(values):
        return [Gf.Vec3f(float("nan"), 0, 0), *list(values)[1:]]

    _set(folder, rng, _fields, "positions", change, SPLAT_LAYER)


@fault("USD", "USD008", seen="splats are not drawn")
def splat_scale_negative(folder, rng):
    _set(folder, rng, _fields, "scales", lambda values: [-v for v in values], SPLAT_LAYER)


@fault("USD", "USD008", seen="splats glow")
def splat_opacities_as_logits(folder, rng):
    def change(values):
        return [4.0 * v - 2.0 if v > 0.6 or v < 0.4 else 3.0 for v in values]

    _set(folder, rng, _fields, "opacities", change, SPLAT_LAYER)


@fault("USD", "PLY004", seen="splats float beside the mesh")
def splats_moved(folder, rng):
    from pxr import Gf

    def change(values):
        return [v + Gf.Vec3f(0.01, 0, 0) for v in values]

    _set(folder, rng, _fields, "positions", change, SPLAT_LAYER)


@fault("USD", "PLY005", seen="surfels stand on edge")
def splat_orientations_xyzw(folder, rng):
    from pxr import Gf

    def change(values):
        return [Gf.Quatf(q.GetImaginary()[0], *q.GetImaginary()[1:], q.GetReal()) for q in values]

    _set(folder, rng, _fields, "orientations", change, SPLAT_LAYER)


@fault("USD", "PLY005", seen="splats of another size than in a viewer")
def splat_scales_as_variances(folder, rng):
    from pxr import Gf

    def change(values):
        return [Gf.Vec3f(*(x * x for x in v)) for v in values]

    _set(folder, rng, _fields, "scales", change, SPLAT_LAYER)


@fault("USD", "PLY005", seen="splats of other colours than in a viewer")
def splat_colours_lost(folder, rng):
    def change(values):
        return [0 * v for v in values]

    name = "radiance:sphericalHarmonicsCoefficients"
    _set(folder, rng, _fields, name, change, SPLAT_LAYER)


SPLAT_LAYER = "payloads/splats.usdc"


def _fields(stage):
    return of_type(stage, "ParticleField3DGaussianSplat")


@fault("USD", "USD009", seen="the package lacks its physics elsewhere")
def payload_outside(folder, rng):
    shutil.move(folder / PHYSICS, folder / "physics.usda")
    swap(folder / STAGE, r"\./payloads/physics.usda", "../../physics.usda")


@fault("USD", "USD009", seen="an empty stage")
def payload_dropped(folder, rng):
    name = pick(rng, ["geometry.usdc", "physics.usda", "motion.usdc"])
    (folder / "usd/scene/payloads" / name).unlink()


@fault("USD", "TREE003", seen="a lookup by name fails")
def body_renamed(folder, rng):
    with in_layer(folder) as stage:
        name = pick(rng, _bodies(stage)).GetName()
    swap(folder / PHYSICS, rf'def Xform "{name}"', 'def Xform "lid_9"')


@fault("USD", "TREE003", seen="it turns where it should slide")
def joint_of_another_type(folder, rng):
    with in_layer(folder) as stage:
        prim = pick(rng, usd_joints(stage))
        other = {"PhysicsRevoluteJoint": "Prismatic", "PhysicsPrismaticJoint": "Revolute"}
        prim.SetTypeName(f"Physics{other[prim.GetTypeName()]}Joint")


@fault("USD", "TREE003", seen="a part falls off")
def joint_dropped(folder, rng):
    with in_layer(folder) as stage:
        stage.RemovePrim(pick(rng, usd_joints(stage)).GetPath())


@fault("USD", "TREE003", seen="a part hangs on another")
def joint_between_other_bodies(folder, rng):
    with in_layer(folder) as stage:
        prim = pick(rng, usd_joints(stage))
        prim.GetRelationship("physics:body1").SetTargets([stage.GetDefaultPrim().GetPath()])


@fault("USD", "KIN003", seen="a door opens downwards")
def joint_frame_turned(folder, rng):
    from pxr import Gf

    choose = usd_joints
    _set(folder, rng, choose, "physics:localRot0", lambda q: Gf.Quatf(0.8, 0, 0.6, 0) * q)


@fault("USD", "KIN003", seen="a door opens downwards")
def joint_frame_xyzw(folder, rng):
    from pxr import Gf

    def change(q):
        turned = Gf.Quatf(q.GetImaginary()[0], *q.GetImaginary()[1:], q.GetReal())
        if abs(Gf.Dot(q, turned)) > 0.999:
            raise Inapplicable
        return turned

    _set(folder, rng, usd_joints, "physics:localRot0", change)


@fault("USD", "KIN003", seen="opens to the other side in USD")
def joint_axis_flipped(folder, rng):
    """Both frames turned by half: at rest nothing moves."""
    from pxr import Gf

    with in_layer(folder) as stage:
        prim = pick(rng, usd_joints(stage))
        for side in (0, 1):
            attribute = prim.GetAttribute(f"physics:localRot{side}")
            attribute.Set(attribute.Get() * Gf.Quatf(0, 0, 1, 0))


@fault("USD", "KIN003", seen="a hinge about another of its frame's axes")
def joint_axis_of_another_letter(folder, rng):
    _set(folder, rng, usd_joints, "physics:axis", lambda v: "Y")


@fault("USD", "USD018", seen="an engine stops")
def joint_frame_nan(folder, rng):
    from pxr import Gf

    _set(folder, rng, usd_joints, "physics:localPos0", lambda v: Gf.Vec3f(float("nan"), 0, 0))


@fault("USD", "USD018", "LIM003", seen="a joint that is locked")
def limits_swapped(folder, rng):
    with in_layer(folder) as stage:
        limited = [p for p in usd_joints(stage) if p.GetAttribute("physics:lowerLimit").HasValue()]
        bounded = [p for p in limited if abs(p.GetAttribute("physics:lowerLimit").Get()) < 1e30]
        prim = pick(rng, bounded)
        low, high = (prim.GetAttribute(f"physics:{end}Limit") for end in ("lower", "upper"))
        values = low.Get(), high.Get()
        low.Set(values[1])
        high.Set(values[0])


@fault("USD", "LIM003", seen="a door that opens by a degree")
def limits_in_radians(folder, rng):
    _set(folder, rng, _hinges, "physics:upperLimit", math.radians)


@fault("USD", "LIM003", seen="a joint without a stop")
def limit_dropped(folder, rng):
    _set(folder, rng, usd_joints, "physics:upperLimit", lambda v: float("inf"))


@fault("USD", "LIM003", seen="no motor moves it, or any does")
def drive_of_another_force(folder, rng):
    name = pick(rng, ["angular", "linear"])
    for kind in (name, "linear" if name == "angular" else "angular"):
        try:
            _set(folder, rng, usd_joints, f"drive:{kind}:physics:maxForce", lambda v: 1e9)
        except Inapplicable:
            continue
        return
    raise Inapplicable


@fault("USD", "LIM003", seen="a speed limit of another unit")
def speed_in_radians(folder, rng):
    _set(folder, rng, _hinges, "physxJoint:maxJointVelocity", math.radians)


@fault("USD", "DYN003", seen="57 times as stiff as elsewhere")
def damping_per_radian(folder, rng):
    _set(folder, rng, _damped(_hinges), "drive:angular:physics:damping", math.degrees)


@fault("USD", "DYN003", seen="a spring pulls the joint to zero")
def drive_with_stiffness(folder, rng):
    _set(folder, rng, _hinges, "drive:angular:physics:stiffness", lambda v: 10.0)


@fault("USD", "DYN003", seen="slides on in USD alone")
def linear_damping_dropped(folder, rng):
    _set(folder, rng, _damped(_slides), "drive:linear:physics:damping", lambda v: 0.0)


@fault("USD", "DYN003", seen="falls shut in Newton alone")
def joint_friction_of_another_value(folder, rng):
    _set(folder, rng, usd_joints, "newton:friction", lambda v: 3.21)


@fault("USD", "MASS003", seen="a part of another weight")
def mass_of_another_value(folder, rng):
    _set(folder, rng, _bodies, "physics:mass", lambda v: 1e-3 * v)


@fault("USD", "USD018", "MASS003", seen="an engine refuses it, or guesses")
def mass_negative(folder, rng):
    _set(folder, rng, _bodies, "physics:mass", lambda v: -v)


@fault("USD", "USD018", seen="an engine refuses it, or mends it silently")
def inertia_of_no_body(folder, rng):
    from pxr import Gf

    def change(v):
        return Gf.Vec3f(max(v), max(v), 5 * max(v))

    _set(folder, rng, _bodies, "physics:diagonalInertia", change)


@fault("USD", "MASS003", seen="it tumbles about another axis")
def inertia_not_turned(folder, rng):
    from pxr import Gf

    def turned(prim):
        """Whether the axes matter for the body's inertia."""
        q, moments = (
            prim.GetAttribute(f"physics:{key}").Get()
            for key in ("principalAxes", "diagonalInertia")
        )
        R = np.array(Gf.Matrix3d(Gf.Quatd(q))).T
        gap = np.abs(R @ np.diag(moments) @ R.T - np.diag(moments)).max()
        return gap > 5e-3 * max(moments)

    def choose(stage):
        return [prim for prim in _bodies(stage) if turned(prim)]

    _set(folder, rng, choose, "physics:principalAxes", lambda q: Gf.Quatf(1, 0, 0, 0))


@fault("USD", "MASS003", seen="it tips over on another side")
def centre_of_mass_moved(folder, rng):
    from pxr import Gf

    _set(folder, rng, _bodies, "physics:centerOfMass", lambda v: v + Gf.Vec3f(0.2, 0, 0))


@fault("USD", "MIM003", seen="the follower hangs loose")
def mimic_dropped(folder, rng):
    swap(folder / PHYSICS, r'"NewtonMimicAPI"', '"Nothing"')


@fault("USD", "MIM003", seen="the follower hangs loose")
def mimic_disabled(folder, rng):
    swap(folder / PHYSICS, r"(float newton:mimicCoef0)", r"bool newton:mimicEnabled = 0\n\1")


@fault("USD", "MIM003", seen="the follower is off by a factor of 57")
def mimic_offset_in_radians(folder, rng):
    def change(value):
        if abs(value) < 1e-6:
            raise Inapplicable
        return math.radians(value)

    _set(folder, rng, _hinges, "newton:mimicCoef0", change)


@fault("USD", "MIM003", seen="the follower follows nobody")
def mimic_of_a_joint_elsewhere(folder, rng):
    swap(folder / PHYSICS, r"newton:mimicJoint = <[^>]*>", "newton:mimicJoint = </thing/joint0>")


@fault("USD", "PAIR003", seen="a drawer explodes out of its case")
def joint_with_collisions(folder, rng):
    from pxr import UsdPhysics

    with in_layer(folder) as stage:
        solid = {p.GetParent().GetPath() for p in _colliders(stage)}
        joints = [
            p
            for p in usd_joints(stage)
            if all(p.GetRelationship(f"physics:body{i}").GetTargets()[0] in solid for i in (0, 1))
        ]
        UsdPhysics.Joint(pick(rng, joints)).CreateCollisionEnabledAttr(True)


@fault("USD", "MAT003", seen="slides in USD, sticks in PyBullet")
def friction_of_another_value(folder, rng):
    with in_layer(folder) as stage:
        used = {
            str(path)
            for prim in _colliders(stage)
            for path in prim.GetRelationship("material:binding:physics").GetTargets()
        }
        prim = stage.GetPrimAtPath(pick(rng, sorted(used)))
        prim.GetAttribute("physics:dynamicFriction").Set(0.011)


@fault("USD", "MAT003", seen="default friction")
def physics_material_unbound(folder, rng):
    with in_layer(folder) as stage:
        prim = pick(rng, _colliders(stage))
        prim.RemoveProperty("material:binding:physics")


@fault("USD", "LOOK002", seen="a grey part")
def material_unbound(folder, rng):
    if (folder / "usd/scene/payloads/skin.usdc").exists():
        raise Inapplicable  # the skin is seen in the links' place
    with in_layer(folder, GEOMETRY) as stage:
        drawn = [p for p in _drawn(stage) if p.GetRelationship("material:binding")]
        pick(rng, drawn).RemoveProperty("material:binding")


@fault("USD", "LOOK002", seen="a grey part")
def color_dropped(folder, rng):
    if (folder / "usd/scene/payloads/skin.usdc").exists():
        raise Inapplicable  # the skin is seen in the links' place
    with in_layer(folder, GEOMETRY) as stage:
        drawn = [
            p for p in _drawn(stage) if p.GetAttribute("primvars:displayColor").HasAuthoredValue()
        ]
        pick(rng, drawn).RemoveProperty("primvars:displayColor")


GEOMETRY = "payloads/geometry.usdc"


def _drawn(stage):
    """Meshes of the links that are seen: a skin takes their place."""
    return [p for p in of_type(stage, "Mesh") if p.GetAttribute("purpose").Get() == "default"]


def _meshes(stage):
    return of_type(stage, "Mesh")


@fault("USD", "USD015", seen="culled from view, or framed wrongly")
def extent_dropped(folder, rng):
    with in_layer(folder, GEOMETRY) as stage:
        pick(rng, _meshes(stage)).RemoveProperty("extent")


@fault("USD", "USD015", seen="culled from view")
def extent_too_small(folder, rng):
    _set(folder, rng, _meshes, "extent", lambda v: [0.5 * x for x in v], GEOMETRY)


@fault("USD", "MESH014", seen="lit from the wrong side")
def normals_inverted(folder, rng):
    _set(folder, rng, _meshes, "normals", lambda values: [-v for v in values], GEOMETRY)


@fault("USD", "MESH012", seen="seen through from the front")
def mesh_inside_out(folder, rng):
    _set(folder, rng, _meshes, "faceVertexIndices", lambda v: list(v)[::-1], GEOMETRY)


@fault("USD", "MESH015", seen="a crash, or spikes")
def face_beyond_vertices(folder, rng):
    _set(folder, rng, _meshes, "faceVertexIndices", lambda v: [9999, *list(v)[1:]], GEOMETRY)


@fault("USD", "MESH011", seen="a part of another size")
def mesh_in_millimetres(folder, rng):
    _set(folder, rng, _meshes, "points", lambda values: [1000 * v for v in values], GEOMETRY)


@fault("USD", "USD016", seen="no splats can be chosen")
def variant_renamed(folder, rng):
    swap(folder / STAGE, r'"splats" \(', '"gaussians" (')


@fault("USD", "USD016", seen="splats stay empty")
def variant_without_payload(folder, rng):
    swap(folder / STAGE, r"prepend payload = @./payloads/splats.usdc@", "")


@fault("USD", "USD016", seen="opens as splats where the mesh was promised")
def variant_of_splats_chosen(folder, rng):
    swap(folder / STAGE, r'string appearance = "mesh"', 'string appearance = "splats"')


@fault("USD", "USD016", seen="mesh and splats drawn over each other")
def splats_do_not_hide_the_mesh(folder, rng):
    with in_layer(folder, SPLAT_LAYER) as stage:
        hidden = [p for p in stage.TraverseAll() if p.GetAttribute("visibility").HasAuthoredValue()]
        pick(rng, hidden).RemoveProperty("visibility")


@fault("USD", "KIN004", seen="the replay shows another motion")
def samples_shifted(folder, rng):
    from pxr import Gf

    with in_layer(folder, "payloads/motion.usdc") as stage:
        prim = pick(rng, stage.GetDefaultPrim().GetAllChildren())
        place = prim.GetAttribute("xformOp:translate")
        for code in place.GetTimeSamples():
            place.Set(place.Get(code) + Gf.Vec3d(0.01, 0, 0), code)


@fault("USD", "KIN004", seen="the replay turns bodies about")
def samples_xyzw(folder, rng):
    from pxr import Gf

    with in_layer(folder, "payloads/motion.usdc") as stage:
        prim = pick(rng, stage.GetDefaultPrim().GetAllChildren())
        turn = prim.GetAttribute("xformOp:orient")
        for code in turn.GetTimeSamples():
            q = turn.Get(code)
            turn.Set(Gf.Quatd(q.GetImaginary()[0], *q.GetImaginary()[1:], q.GetReal()), code)


@fault("USD", "BASE001", seen="a fixed object falls")
def world_joint_dropped(folder, rng):
    with in_layer(folder) as stage:
        held = [
            p
            for p in of_type(stage, "PhysicsFixedJoint")
            if not p.GetRelationship("physics:body0").GetTargets()
        ]
        stage.RemovePrim(pick(rng, held).GetPath())


@fault("USD", "BASE002", seen="the object jumps at the first step")
def world_joint_moved(folder, rng):
    from pxr import Gf

    with in_layer(folder) as stage:
        held = [
            p
            for p in of_type(stage, "PhysicsFixedJoint")
            if not p.GetRelationship("physics:body0").GetTargets()
        ]
        place = pick(rng, held).GetAttribute("physics:localPos0")
        place.Set(place.Get() + Gf.Vec3f(0, 0, 0.5))


@fault("USD", "USD019", seen="a browser shows a blank")
def thumbnail_dropped(folder, rng):
    (folder / "usd/scene/.thumbs/256x256/scene.usda.png").unlink()


@fault("USD", "USD019", seen="a browser shows a blank")
def thumbnail_no_picture(folder, rng):
    (folder / "usd/scene/.thumbs/256x256/scene.usda.png").write_bytes(rng.bytes(100))


@fault("USD", "USD020", seen="a catalogue lists another mass")
def metadata_of_another_mass(folder, rng):
    swap(folder / STAGE, r"double mass = \S+", "double mass = 0.5")


@fault("USD", "USD020", seen="a catalogue does not list it")
def metadata_dropped(folder, rng):
    swap(folder / STAGE, r"dictionary SimReady_Metadata", "dictionary Metadata")
