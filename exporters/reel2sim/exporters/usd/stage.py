"""Layers, prim names and placement that all parts of the stage share."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, Vt

from reel2sim.exporters.names import free_name
from reel2sim.scene import RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import ExportError
from reel2sim.scene.transforms import quaternion_from_matrix


@dataclass(frozen=True)
class PrimPaths:
    """Where things are on the stage.

    Attributes:
        root: the default prim.
        joints: scope of the joints.
        materials: scope of the materials.
    """

    root: Sdf.Path
    joints: Sdf.Path
    materials: Sdf.Path

    @classmethod
    def of(cls, asset: RiggedAsset) -> PrimPaths:
        """Paths that no link of ``asset`` occupies."""
        root = Sdf.Path.absoluteRootPath.AppendChild(asset.name)
        links = [link.name for link in asset.links]
        joints = free_name("Joints", links)
        materials = free_name("Looks", [*links, joints])
        return cls(root, root.AppendChild(joints), root.AppendChild(materials))

    def body(self, link: str) -> Sdf.Path:
        """Path of a link's body."""
        return self.root.AppendChild(link)


def frame_rate(asset: RiggedAsset) -> float:
    """Time codes per second: the reel's own median rate, a whole number in 1..240."""
    steps = np.diff(asset.motion.times_s)
    return float(np.clip(np.round(1.0 / np.median(steps)), 1, 240)) if len(steps) else 24.0


def new_stage(path: Path, root: Sdf.Path, *, rate: float) -> Usd.Stage:
    """An empty stage with the project's units, whose default prim is the transform ``root``.

    Z up, metres, kilograms; time code = seconds × ``rate``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(rate)
    stage.SetFramesPerSecond(rate)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, root).GetPrim())
    return stage


def set_span(stage: Usd.Stage, start_s: float, stop_s: float) -> None:
    """Let the stage play from ``start_s`` to ``stop_s``, seconds."""
    stage.SetStartTimeCode(start_s * stage.GetTimeCodesPerSecond())
    stage.SetEndTimeCode(stop_s * stage.GetTimeCodesPerSecond())


def save(stage: Usd.Stage) -> None:
    """Write the stage's own layer.

    Raises:
        ExportError: if that fails.
    """
    layer = stage.GetRootLayer()
    if not layer.Save():
        raise ExportError("could not be written", source=layer.realPath)


def place(prim: Usd.Prim, T: Array) -> None:
    """Give a body its rest pose ``(4, 4)`` as translate and orient ops."""
    translate, orient = placement_ops(prim)
    translate.Set(vec3d(T[:3, 3]))
    orient.Set(quatd(T[:3, :3]))


def placement_ops(prim: Usd.Prim) -> tuple[UsdGeom.XformOp, UsdGeom.XformOp]:
    """The translate and orient ops of a body, in that order; double precision."""
    xform = UsdGeom.Xformable(prim)
    precision = UsdGeom.XformOp.PrecisionDouble
    return xform.AddTranslateOp(precision), xform.AddOrientOp(precision)


def vec3d(v: Array) -> Gf.Vec3d:
    """A double vector."""
    return Gf.Vec3d(*(float(x) + 0.0 for x in v))


def vec3f(v: Array) -> Gf.Vec3f:
    """A single-precision vector."""
    return Gf.Vec3f(*(float(x) + 0.0 for x in v))


def quatd(rotation: Array) -> Gf.Quatd:
    """A double quaternion of a rotation matrix ``(3, 3)``."""
    w, x, y, z = (float(v) for v in quaternion_from_matrix(rotation))
    return Gf.Quatd(w, x, y, z)


def quatf(rotation: Array) -> Gf.Quatf:
    """A single-precision quaternion of a rotation matrix ``(3, 3)``."""
    return Gf.Quatf(quatd(rotation))


def vec3f_array(values: Array) -> Any:
    """A ``Vt.Vec3fArray`` of rows ``(n, 3)``."""
    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, dtype=np.float32))


def write_extent(points: Array) -> Any:
    """Bounds ``(2, 3)`` of ``points`` ``(n, 3)`` as USD writes an extent."""
    values = np.asarray(points, dtype=np.float32)
    return vec3f_array(np.stack([values.min(axis=0), values.max(axis=0)]))
