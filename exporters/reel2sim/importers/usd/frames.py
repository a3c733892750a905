"""Where prims are, in metres with Z up."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import matrix_from_quaternion, pose

_UP = {
    "Z": np.eye(3),
    "Y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "X": np.array([[0, 1.0, 0], [0, 0, 1], [1, 0, 0]]),
}


class Frames:
    """Poses of prims at one time, and the stage's units in ours.

    Attributes:
        stage: the stage.
        rest: when bodies are at rest: default values, or the first sample where some have none.
        metre: metres per unit of length.
        kilogram: kilograms per unit of mass.
        turn: rotation of the stage's axes to ours ``(3, 3)``.
    """

    def __init__(self, stage: Usd.Stage) -> None:
        self.stage = stage
        self.metre = _unit(UsdGeom.GetStageMetersPerUnit(stage), "metersPerUnit")
        self.kilogram = _unit(UsdPhysics.GetStageKilogramsPerUnit(stage), "kilogramsPerUnit")
        self.up = str(UsdGeom.GetStageUpAxis(stage))
        self.turn = _UP.get(self.up, _UP["Y"])
        self.rest = _rest(stage)
        self._caches: dict[Usd.TimeCode, UsdGeom.XformCache] = {}

    @property
    def force(self) -> float:
        """Newtons per unit of force."""
        return self.kilogram * self.metre

    @property
    def torque(self) -> float:
        """Newton metres per unit of torque."""
        return self.kilogram * self.metre**2

    def affine(self, prim: Any, time: Usd.TimeCode | None = None) -> Array:
        """Local coordinates of ``prim`` to the world ``(4, 4)``, scale and all.

        Raises:
            InputError: if it is not finite.
        """
        time = self.rest if time is None else time
        cache = self._caches.get(time)
        if cache is None:
            cache = self._caches[time] = UsdGeom.XformCache(time)
        local = np.array(cache.GetLocalToWorldTransform(prim), dtype=np.float64).T
        if not np.isfinite(local).all():
            raise InputError("has a transform that is not finite", source=str(prim.GetPath()))
        return self.world(local)

    def rigid(self, prim: Any, time: Usd.TimeCode | None = None) -> Array:
        """Pose of ``prim`` in the world without its scale ``(4, 4)``."""
        found = rigid_part(self.affine(prim, time))
        if found is None:
            raise InputError("is scaled to nothing", source=str(prim.GetPath()), field="xformOp")
        return found

    def world(self, local_to_stage: Array) -> Array:
        """A transform to the stage's coordinates as one to ours ``(4, 4)``."""
        out = np.eye(4)
        out[:3] = self.metre * self.turn @ local_to_stage[:3]
        return out

    def forget(self) -> None:
        """Drop cached poses, after the stage was changed or many times were asked for."""
        self._caches.clear()


def rigid_part(affine: Array) -> Array | None:
    """The pose nearest to an affine map ``(4, 4)``; None where it is flat.

    A mirror counts as negative scale on all three axes, as in USD's own factoring.
    """
    A = affine[:3, :3]
    size = np.linalg.norm(A, axis=0)
    if not size.min() > 1e-12:
        return None
    R = A / size
    if np.abs(R.T @ R - np.eye(3)).max() > 1e-12:
        left, values, right = np.linalg.svd(A)
        if not values[-1] > 1e-12 * max(values[0], 1.0):
            return None
        R = left @ right
    return pose(R if np.linalg.det(R) > 0 else -R, affine[:3, 3])


def is_scaled(affine: Array, *, unit: float) -> bool:
    """Whether an affine map does more than move and change the unit of length."""
    A = affine[:3, :3] / unit
    return bool(np.abs(A.T @ A - np.eye(3)).max() > 1e-6 or np.linalg.det(A) < 0)


def rotation(quaternion: Any) -> Array:
    """A ``Gf.Quat`` as a matrix ``(3, 3)``; the identity for one without length."""
    q = np.array([quaternion.GetReal(), *quaternion.GetImaginary()], dtype=np.float64)
    if not np.isfinite(q).all() or np.linalg.norm(q) < 1e-9:
        return np.eye(3)
    return matrix_from_quaternion(q)


def decimal(value: Any) -> float:
    """The shortest decimal that has the value of a single-precision number: 0.6, not 0.60000002."""
    return float(str(np.float32(value)))


def number(prim: Any, name: str) -> float | None:
    """A finite attribute of ``prim``; None where it is not said or not finite."""
    attribute = prim.GetAttribute(name)
    value = attribute.Get() if attribute else None
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return decimal(value)


def _unit(value: float, name: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"is {value}", source="stage", field=name, remedy="set it above zero")
    return float(value)


def _rest(stage: Usd.Stage) -> Usd.TimeCode:
    """Default values, unless something moves without having one."""
    for prim in stage.Traverse():
        if not prim.IsA(UsdGeom.Xformable):
            continue
        for op in UsdGeom.Xformable(prim).GetOrderedXformOps():
            if op.GetNumTimeSamples() and op.Get(Usd.TimeCode.Default()) is None:
                return Usd.TimeCode.EarliestTime()
    return Usd.TimeCode.Default()
