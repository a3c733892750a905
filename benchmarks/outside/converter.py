"""Whether NVIDIA's conversion of a URDF to USD says the same as a stage.

Runs where urdf-usd-converter is, which brings an OpenUSD of its own.
``converter.py REPORT URDF STAGE`` writes findings to REPORT as JSON. Compared: the tree, poses
against the root, masses, centres, inertia tensors, and of joints the type, frame, axis, limits,
effort, speed, damping, friction and what they follow. Effort the converter keeps under a name of
its own and not in a drive. What it does not write is noted and is no finding.
"""

import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdPhysics

TOLERANCE = 1e-5
SNAPPED = 1.0 - 1e-6
"""Cosine of the angle within which the converter takes an axis for a main one."""
COSINE = 2.0**-23
"""By how much a cosine that goes through single precision, there and back, may be off."""
AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}


def main(report: str, urdf: str, stage: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).with_name("urdf_usd_converter")
        done = subprocess.run([program, urdf, folder], capture_output=True, text=True, check=False)
        made = [*Path(folder).glob("*.usd*")]
        if done.returncode or len(made) != 1:
            sys.exit(f"urdf_usd_converter: {done.stdout[-500:]} {done.stderr[-500:]}")
        said = [x for x in done.stderr.splitlines() + done.stdout.splitlines() if "Warning" in x]
        theirs = Model.read(made[0])
    ours = Model.read(Path(stage))
    findings = [{"where": "urdf_usd_converter", "message": text} for text in said]
    findings += [{"where": where, "message": message} for where, message in gaps(ours, theirs)]
    notes = [f"{what} not written by the converter" for what in lost(ours, theirs)]
    turned = [
        name for name in theirs.joints if name in ours.joints and moved_axis(ours, theirs, name)
    ]
    notes += [f"axis of {name} rounded by the converter" for name in turned]
    Path(report).write_text(json.dumps({"findings": findings, "notes": notes}), encoding="utf-8")


@dataclass(frozen=True)
class Body:
    """A body: pose against the root, kilograms, centre and tensor in its own frame."""

    pose: np.ndarray
    mass: np.ndarray
    center: np.ndarray
    inertia: np.ndarray


@dataclass(frozen=True)
class Joint:
    """A joint in radians or metres; None where the stage does not say it.

    Frames and axis are those of the joint at rest, in the root's frame.
    """

    type: str
    parent: str
    child: str
    place: np.ndarray
    axis: np.ndarray | None
    lower: float | None
    upper: float | None
    effort: float | None
    velocity: float | None
    damping: float | None
    friction: float | None
    leader: str
    multiplier: float
    offset: float


@dataclass(frozen=True)
class Model:
    bodies: dict[str, Body]
    joints: dict[str, Joint]

    @classmethod
    def read(cls, path: Path) -> "Model":
        stage = Usd.Stage.Open(str(path))
        prims = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.RigidBodyAPI)]
        joints = [UsdPhysics.Joint(p) for p in stage.Traverse() if p.IsA(UsdPhysics.Joint)]
        inner = [j for j in joints if j.GetBody0Rel().GetTargets() and not held_by_world(stage, j)]
        held = {j.GetBody1Rel().GetTargets()[0] for j in inner}
        (root,) = [p for p in prims if p.GetPath() not in held]
        cache = UsdGeom.XformCache()
        T_root_world = np.linalg.inv(world(cache, root))
        bodies = {p.GetName(): read_body(p, T_root_world @ world(cache, p)) for p in prims}
        found = {j.GetPrim().GetName(): read_joint(j, bodies) for j in inner}
        return cls(bodies, found)


def held_by_world(stage: Usd.Stage, joint: UsdPhysics.Joint) -> bool:
    (path,) = joint.GetBody0Rel().GetTargets()
    return not stage.GetPrimAtPath(path).HasAPI(UsdPhysics.RigidBodyAPI)


def world(cache: UsdGeom.XformCache, prim: Usd.Prim) -> np.ndarray:
    return np.array(cache.GetLocalToWorldTransform(prim)).T


def read_body(prim: Usd.Prim, pose: np.ndarray) -> Body:
    api = UsdPhysics.MassAPI(prim)
    R = rotation(api.GetPrincipalAxesAttr().Get())
    tensor = R @ np.diag(np.array(api.GetDiagonalInertiaAttr().Get(), float)) @ R.T
    mass = np.array(api.GetMassAttr().Get(), float)
    return Body(pose, mass, np.array(api.GetCenterOfMassAttr().Get(), float), tensor)


def read_joint(joint: UsdPhysics.Joint, bodies: dict[str, Body]) -> Joint:
    prim = joint.GetPrim()
    parent, child = (r.GetTargets()[0].name for r in (joint.GetBody0Rel(), joint.GetBody1Rel()))
    frames = []
    for side, name in enumerate((parent, child)):
        T = np.eye(4)
        T[:3, :3] = rotation(prim.GetAttribute(f"physics:localRot{side}").Get())
        T[:3, 3] = prim.GetAttribute(f"physics:localPos{side}").Get()
        frames.append(bodies[name].pose @ T)
    kind = prim.GetTypeName().removeprefix("Physics").removesuffix("Joint")
    angular = kind == "Revolute"
    unit = math.pi / 180.0 if angular else 1.0
    axis = None
    if kind in ("Revolute", "Prismatic"):
        local = AXES[prim.GetAttribute("physics:axis").Get()]
        axis = np.concatenate([frame[:3, :3] @ local for frame in frames])
    drive = f"drive:{'angular' if angular else 'linear'}:physics"
    leader = prim.GetRelationship("newton:mimicJoint")
    multiplier, offset = value(prim, "newton:mimicCoef1"), value(prim, "newton:mimicCoef0")
    return Joint(
        type=kind,
        parent=parent,
        child=child,
        place=np.concatenate([frame[:3, 3] for frame in frames]),
        axis=axis,
        lower=scaled(value(prim, "physics:lowerLimit"), unit),
        upper=scaled(value(prim, "physics:upperLimit"), unit),
        effort=value(prim, f"{drive}:maxForce", "urdf:limit:effort"),
        velocity=scaled(value(prim, "newton:velocityLimit"), unit),
        damping=scaled(value(prim, f"{drive}:damping", "newton:damping"), 1.0 / unit),
        friction=value(prim, "newton:friction"),
        leader=leader.GetTargets()[0].name if leader and leader.GetTargets() else "",
        multiplier=1.0 if multiplier is None else multiplier,
        offset=(offset or 0.0) * unit,
    )


def value(prim: Usd.Prim, *names: str) -> float | None:
    """The first of the attributes that someone wrote."""
    for name in names:
        attribute = prim.GetAttribute(name)
        if attribute and attribute.HasAuthoredValue():
            return float(attribute.Get())
    return None


def scaled(number: float | None, unit: float) -> float | None:
    return None if number is None or not math.isfinite(number) else number * unit


def rotation(q: Gf.Quatf) -> np.ndarray:
    """Of a quaternion, whose length single precision may have left off 1."""
    return np.array(Gf.Matrix3d(Gf.Quatd(q).GetNormalized())).T


def gaps(ours: Model, theirs: Model) -> list[tuple[str, str]]:
    """Where and how two models differ."""
    found = []
    for kind in ("bodies", "joints"):
        mine, other = getattr(ours, kind), getattr(theirs, kind)
        for name in sorted(set(mine) ^ set(other)):
            found.append((name, f"only in {'our' if name in mine else 'the converted'} stage"))
        for name in sorted(set(mine) & set(other)):
            for field in fields(mine[name]):
                a, b = getattr(mine[name], field.name), getattr(other[name], field.name)
                relative = field.name in ("mass", "inertia")
                if b is None or same(a, b, relative=relative):
                    continue
                if field.name != "axis" or not rounded(a, b):
                    found.append((name, f"{field.name}: {shown(a)} here, {shown(b)} converted"))
    return found


def same(a: object, b: object, *, relative: bool) -> bool:
    """Whether equal: numbers up to the tolerance, of the largest one if ``relative`` or above 1."""
    if a is None or isinstance(a, str):
        return a == b
    most = float(np.abs(b).max())
    return bool(
        np.abs(np.subtract(a, b)).max() <= TOLERANCE * (most if relative else max(1.0, most))
    )


def moved_axis(ours: Model, theirs: Model, name: str) -> bool:
    a, b = ours.joints[name].axis, theirs.joints[name].axis
    if a is None or b is None or same(a, b, relative=False):
        return False
    return rounded(a, b)


def rounded(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether the axis, in both frames of a joint, differs by what the converter rounds."""
    pairs = zip(np.split(ours, 2), np.split(theirs, 2), strict=True)
    return all(snapped(a, b) or tilted(a, b) for a, b in pairs)


def snapped(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether the converter took a main axis for one that is almost that, as it does."""
    main = np.isclose(np.abs(theirs).max(), 1.0, rtol=0.0, atol=1e-9)
    return bool(main and ours @ theirs > SNAPPED)


def tilted(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether the tilt off the nearest main axis alone is off, and by a rounded cosine.

    The converter turns a main axis by the arc cosine of a product in single precision: of an axis
    7e-4 rad off, that is 5e-5 rad wrong, in the plane of both.
    """
    main = int(np.abs(ours).argmax())
    aside = np.arange(3) != main
    mine, other = ours[aside], theirs[aside]
    tilt = np.linalg.norm(mine), np.linalg.norm(other)
    same_plane = np.linalg.norm(mine * tilt[1] - other * tilt[0]) <= TOLERANCE * tilt[0]
    cosines = [
        np.copysign(np.sqrt(1.0 - t**2), x[main]) for t, x in zip(tilt, (ours, theirs), strict=True)
    ]
    return bool(same_plane and abs(cosines[0] - cosines[1]) <= COSINE)


def lost(ours: Model, theirs: Model) -> list[str]:
    """What the converted stage leaves open of all joints that we say it of."""
    both = [
        (ours.joints[name], theirs.joints[name]) for name in ours.joints if name in theirs.joints
    ]
    names = [f.name for f in fields(Joint)]
    return [
        name
        for name in names
        if any(
            getattr(a, name) not in (None, 0.0) and getattr(b, name) is None
            for a, b in both
            if not isinstance(getattr(a, name), np.ndarray)
        )
    ]


def shown(x: object) -> str:
    return np.array2string(x, precision=7) if isinstance(x, np.ndarray) else str(x)


if __name__ == "__main__":
    main(*sys.argv[1:])
