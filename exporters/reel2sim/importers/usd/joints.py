"""Joints of a stage as frames on two bodies and the axes that are free between them.

Between the frame on body 0 and that on body 1 lies ``M(q)``: first slides along x, y and z, then
turns about x, y and z, of those axes that are free. All UsdPhysics joints are of this form.
"""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pxr import Usd, UsdPhysics

from reel2sim.importers.usd.frames import Frames, number, rigid_part, rotation
from reel2sim.importers.usd.shapes import carrier
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, axis_rotation, invert, pose

_FREEDOMS = ("transX", "transY", "transZ", "rotX", "rotY", "rotZ")
_LETTERS = "XYZ"
_PER_RADIAN = 180.0 / math.pi


@dataclass(frozen=True)
class Follows:
    """A joint that follows another: ``multiplier * q + offset``.

    Attributes:
        leader: path of the other joint.
        multiplier: of its position.
        offset: radians or metres.
    """

    leader: str
    multiplier: float
    offset: float


@dataclass(frozen=True)
class Freedom:
    """One axis on which body 1 may move against body 0; radians, metres, newtons.

    Attributes:
        place: 0..2 for slides along x, y, z; 3..5 for turns about them.
        low: smallest position; ``-inf`` for none.
        high: largest position; ``inf`` for none.
        effort: largest force or torque; None if not said.
        velocity: largest speed; None if not said.
        damping: N·s/m or N·m·s/rad.
        friction: N or N·m.
        follows: the joint it follows.
    """

    place: int
    low: float = -math.inf
    high: float = math.inf
    effort: float | None = None
    velocity: float | None = None
    damping: float = 0.0
    friction: float = 0.0
    follows: Follows | None = None

    @property
    def turns(self) -> bool:
        """Whether it is an angle."""
        return self.place >= 3


@dataclass(frozen=True, eq=False)
class Constraint:
    """A joint.

    Attributes:
        path: of the prim.
        name: of the prim.
        ends: paths of both bodies; empty for the world.
        frames: pose of the joint's frame in each body, or in the world, ``(4, 4)`` each.
        freedoms: axes that are free, in the order of their places.
        excluded: whether the file keeps it out of the articulation.
    """

    path: str
    name: str
    ends: tuple[str, str]
    frames: tuple[Array, Array]
    freedoms: tuple[Freedom, ...]
    excluded: bool = False

    @property
    def loose(self) -> bool:
        """Whether it holds nothing: all six axes are free and without bounds."""
        unbounded = [f for f in self.freedoms if math.isinf(f.low) and math.isinf(f.high)]
        return len(unbounded) == len(_FREEDOMS)


def constraints_of(frames: Frames, bodies: Mapping[str, Any]) -> tuple[list[Constraint], list[str]]:
    """All joints that hold something, in the stage's order, and notes on those left out.

    Raises:
        InputError: if a joint names a prim that is not there, or has numbers that make no sense.
    """
    reader = _Reader(frames, bodies)
    for prim in Usd.PrimRange.Stage(frames.stage, Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdPhysics.Joint):
            reader.joint(UsdPhysics.Joint(prim))
        elif str(prim.GetTypeName()).startswith("PhysxPhysics"):
            reader.notes.append(f"{prim.GetPath()} is a {prim.GetTypeName()} and left out")
    return reader.found, reader.notes


class _Reader:
    def __init__(self, frames: Frames, bodies: Mapping[str, Any]) -> None:
        self.frames, self.bodies = frames, bodies
        self.found: list[Constraint] = []
        self.notes: list[str] = []

    def joint(self, joint: UsdPhysics.Joint) -> None:
        prim = joint.GetPrim()
        path = str(prim.GetPath())
        if joint.GetJointEnabledAttr().Get() is False:
            self.notes.append(f"{path} is switched off and left out")
            return
        if prim.IsA(UsdPhysics.DistanceJoint):
            self.notes.append(f"{path} keeps a distance, which no tree of joints can; left out")
            return
        first, second = self._end(joint, 0), self._end(joint, 1)
        if first[0] == second[0]:
            what = f"{first[0]} to itself" if first[0] else "nothing that moves"
            self.notes.append(f"{path} holds {what} and is left out")
            return
        made = Constraint(
            path,
            str(prim.GetName()),
            (first[0], second[0]),
            (first[1], second[1]),
            tuple(self._freedoms(prim)),
            joint.GetExcludeFromArticulationAttr().Get() is True,
        )
        if made.loose:
            self.notes.append(f"{path} leaves all six axes free and is left out")
            return
        if joint.GetCollisionEnabledAttr().Get() is True:
            self.notes.append(f"{path} lets what it joins collide; here it never does")
        self.found.append(made)

    def _end(self, joint: UsdPhysics.Joint, side: int) -> tuple[str, Array]:
        """Body and frame of one side; the target may be any prim below the body."""
        path = str(joint.GetPrim().GetPath())
        relation = (joint.GetBody0Rel, joint.GetBody1Rel)[side]()
        place = (joint.GetLocalPos0Attr, joint.GetLocalPos1Attr)[side]().Get()
        turn = (joint.GetLocalRot0Attr, joint.GetLocalRot1Attr)[side]().Get()
        at = np.array(place, np.float64)
        if not np.isfinite(at).all():
            raise InputError("is not finite", source=path, field=f"localPos{side}")
        targets = relation.GetForwardedTargets()
        if not targets:
            affine = self.frames.world(np.eye(4))
            return "", _frame(affine, affine, at, rotation(turn))
        if len(targets) > 1:
            self.notes.append(f"{path} names several bodies on one side; the first is taken")
        prim = self.frames.stage.GetPrimAtPath(targets[0])
        if not prim:
            raise InputError(
                f"names {targets[0]}, which is not there",
                source=path,
                field=f"body{side}",
                remedy="mend the relationship, or disable the joint",
            )
        affine = self.frames.affine(prim)
        T_world_joint = _frame(affine, self.frames.rigid(prim), at, rotation(turn))
        body = carrier(prim, self.bodies)
        if not body:
            return "", T_world_joint
        return body, invert(self.frames.rigid(self.bodies[body])) @ T_world_joint

    def _freedoms(self, prim: Any) -> list[Freedom]:
        if prim.IsA(UsdPhysics.FixedJoint):
            return []
        if prim.IsA(UsdPhysics.SphericalJoint):
            joint = UsdPhysics.SphericalJoint(prim)
            cones = (joint.GetConeAngle0LimitAttr().Get(), joint.GetConeAngle1LimitAttr().Get())
            if any(math.isfinite(c) and c >= 0 for c in cones):
                self.notes.append(f"{prim.GetPath()} has a cone of freedom, which is left out")
            return [Freedom(place) for place in (3, 4, 5)]
        for kind, first, instance in (
            (UsdPhysics.RevoluteJoint, 3, "angular"),
            (UsdPhysics.PrismaticJoint, 0, "linear"),
        ):
            if prim.IsA(kind):
                joint = kind(prim)
                place = first + _LETTERS.index(str(joint.GetAxisAttr().Get()))
                low, high = joint.GetLowerLimitAttr().Get(), joint.GetUpperLimitAttr().Get()
                return [self._freedom(prim, place, low, high, instance)]
        return self._generic(prim)

    def _generic(self, prim: Any) -> list[Freedom]:
        """What the limits of a joint without a type leave free."""
        found: list[Freedom] = []
        for place, name in enumerate(_FREEDOMS):
            low, high = -math.inf, math.inf
            if prim.HasAPI(UsdPhysics.LimitAPI, name):
                limit = UsdPhysics.LimitAPI(prim, name)
                low, high = limit.GetLowAttr().Get(), limit.GetHighAttr().Get()
                if low > high or low == high == 0:
                    continue
            found.append(self._freedom(prim, place, low, high, name))
        if prim.HasAPI(UsdPhysics.LimitAPI, "distance"):
            self.notes.append(f"{prim.GetPath()} limits a distance, which is left out")
        return found

    def _freedom(self, prim: Any, place: int, low: float, high: float, instance: str) -> Freedom:
        turns, frames, path = place >= 3, self.frames, str(prim.GetPath())
        if math.isnan(low) or math.isnan(high) or low > high:
            raise InputError(
                f"its limits are {low:g} to {high:g}",
                source=path,
                field="limit",
                remedy="swap them",
            )
        length = 1 / _PER_RADIAN if turns else frames.metre
        force = frames.torque if turns else frames.force
        effort, damping = self._drive(prim, instance)
        speed = number(prim, "newton:velocityLimit")
        speed = number(prim, "physxJoint:maxJointVelocity") if speed is None else speed
        friction = number(prim, "newton:friction") or 0.0
        # Torque per degree and second, or force per unit of length and second.
        rate = frames.torque * _PER_RADIAN if turns else frames.kilogram
        return Freedom(
            place,
            float(low) * length,
            float(high) * length,
            None if effort is None else effort * force,
            None if speed is None else speed * length,
            max(damping, 0.0) * rate,
            max(friction, 0.0) * force,
            _leader(prim, length),
        )

    def _drive(self, prim: Any, instance: str) -> tuple[float | None, float]:
        """Largest force and damping of a drive, in the stage's units."""
        if not prim.HasAPI(UsdPhysics.DriveAPI, instance):
            return None, 0.0
        drive, path = UsdPhysics.DriveAPI(prim, instance), prim.GetPath()
        prefix = f"drive:{instance}:physics:"
        effort = number(prim, f"{prefix}maxForce")
        damping = number(prim, f"{prefix}damping") or 0.0
        if number(prim, f"{prefix}stiffness"):
            self.notes.append(f"{path} is driven to a position; its stiffness is left out")
        if str(drive.GetTypeAttr().Get()) == "acceleration":
            self.notes.append(f"{path} is driven by accelerations; its damping is left out")
            damping = 0.0
        return effort, damping


def _frame(affine: Array, rigid: Array, at: Array, turn: Array) -> Array:
    """A point in a prim's coordinates, scaled with it, turned by its rotation."""
    upright = rigid_part(rigid)
    assert upright is not None
    return pose(upright[:3, :3] @ turn, apply(affine, at[None])[0])


def _leader(prim: Any, length: float) -> Follows | None:
    """What NewtonMimicAPI says: ``q = coef0 + coef1 * q_leader``, the first in degrees or units."""
    # GetAppliedSchemas passes over schemas whose plugin is not installed.
    if "NewtonMimicAPI" not in prim.GetPrimTypeInfo().GetAppliedAPISchemas():
        return None
    enabled, relation = (
        prim.GetAttribute("newton:mimicEnabled"),
        prim.GetRelationship("newton:mimicJoint"),
    )
    targets = relation.GetForwardedTargets() if relation else []
    if not targets or (enabled and enabled.Get() is False):
        return None
    offset, multiplier = number(prim, "newton:mimicCoef0"), number(prim, "newton:mimicCoef1")
    return Follows(
        str(targets[0]), 1.0 if multiplier is None else multiplier, (offset or 0.0) * length
    )


def between(q: Array, freedoms: tuple[Freedom, ...]) -> Array:
    """``M(q)`` ``(n, 4, 4)`` of positions ``(n, k)``."""
    M = np.tile(np.eye(4), (len(q), 1, 1))
    for k, freedom in enumerate(freedoms):
        axis = np.eye(3)[freedom.place % 3]
        if freedom.turns:
            M = M @ pose(axis_rotation(axis, q[:, k]))
        else:
            M = M @ pose(translation=q[:, k, None] * axis)
    return M


def positions(M: Array, freedoms: tuple[Freedom, ...]) -> Array:
    """Positions ``(n, k)`` whose ``M(q)`` comes nearest to ``M`` ``(n, 4, 4)``; turns unwound."""
    q = np.zeros((len(M), len(freedoms)))
    turns = [k for k, freedom in enumerate(freedoms) if freedom.turns]
    for k, freedom in enumerate(freedoms):
        if not freedom.turns:
            q[:, k] = M[:, freedom.place, 3]
    if turns:
        axes = [freedoms[k].place - 3 for k in turns]
        q[:, turns] = _angles(M[:, :3, :3], axes)
    return q


def _angles(R: Array, axes: list[int]) -> Array:
    """Angles ``(n, k)`` of turns about the coordinate ``axes``, one after another."""
    if len(axes) == 1:
        i, j = (axes[0] + 1) % 3, (axes[0] + 2) % 3
        one = np.arctan2(R[:, j, i] - R[:, i, j], R[:, i, i] + R[:, j, j])
        return np.unwrap(one)[:, None]
    # R = Rx(a) Ry(b) Rz(c) has two solutions; the one continues what was before.
    b = np.arctan2(R[:, 0, 2], np.hypot(R[:, 0, 0], R[:, 0, 1]))
    a, c = np.arctan2(-R[:, 1, 2], R[:, 2, 2]), np.arctan2(-R[:, 0, 1], R[:, 0, 0])
    locked = np.cos(b) < 1e-9
    a = np.where(locked, np.arctan2(R[:, 2, 1], R[:, 1, 1]), a)
    c = np.where(locked, 0.0, c)
    both = np.stack([np.stack([a, b, c], 1), np.stack([a + np.pi, np.pi - b, c + np.pi], 1)], 1)
    unused = [k for k in range(3) if k not in axes]
    found = np.zeros((len(R), 3))
    before = np.zeros(3)
    for n, options in enumerate(both):
        options = before + (options - before + np.pi) % (2 * np.pi) - np.pi
        off = np.abs((options[:, unused] + np.pi) % (2 * np.pi) - np.pi).sum(axis=1)
        cost = 1e3 * off + np.abs(options - before).sum(axis=1)
        before = found[n] = options[int(cost.argmin())]
    return found[:, axes]
