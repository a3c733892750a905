"""The base and the name of the object, which every format tells in its own way."""

# MuJoCo and usd-core fill their modules at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.check.gltf.reading import read_document
from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import matrix_from_quaternion, pose

CONVENTIONS = {
    "up_axis": "Z",
    "length": "metre",
    "angle": "radian",
    "time": "second",
    "quaternion": "wxyz",
}
_CLOSE = 1e-5


@dataclass(frozen=True, eq=False)
class Base:
    """What a format tells of the base.

    Attributes:
        name: of the object.
        fixed: whether the root is fixed to the world.
        T_world_root: where it is held or starts ``(4, 4)``; None if the format does not say.
    """

    name: str
    fixed: bool
    T_world_root: Array | None = None


def check_base(
    notes: Notes,
    there: set[str],
    manifest: Mapping[str, Any],
    robot: Robot,
    replay: Replay | None,
) -> None:
    """Note formats that disagree on the object's name, its base, or where that is."""
    conventions = manifest["conventions"]
    for key, wanted in CONVENTIONS.items():
        if conventions.get(key) != wanted:
            text = f"is {conventions.get(key)!r}, not {wanted!r}"
            notes.add("MAN004", f"manifest.json: conventions.{key}", text)
    name, fixed = manifest["asset"].get("name"), manifest["asset"].get("fixed_base")
    if robot.name != name:
        notes.add("MAN005", robot.file, f"is about {robot.name!r}, the manifest about {name!r}")
    readers: dict[str, Callable[[Path, Robot], Base | None]] = {
        "scene.srdf": _srdf,
        "scene.xml": _mjcf,
        "usd/scene/scene.usda": _usd,
        "asset.glb": _glb,
    }
    for file, read in readers.items():
        base = None
        if file in there:
            # What cannot be read is a finding of another check.
            try:
                base = read(notes.root / file, robot)
            except Exception:
                continue
        if base is None:
            continue
        if base.name != name:
            notes.add("MAN005", file, f"is about {base.name!r}, the manifest about {name!r}")
        if base.fixed != fixed:
            said, other = ("fixed" if x else "free" for x in (base.fixed, fixed))
            notes.add("BASE001", file, f"its base is {said}, in the manifest {other}")
        if replay is not None and base.T_world_root is not None:
            gap = float(np.abs(base.T_world_root - replay.base_poses[0]).max())
            if not gap <= _CLOSE * max(1.0, float(np.abs(replay.base_poses[0]).max())):
                notes.add("BASE002", file, f"the root is off by {gap:.3g}")


def _srdf(path: Path, robot: Robot) -> Base:
    root = ET.parse(path).getroot()
    held = root.find("virtual_joint")
    return Base(root.get("name", ""), held is not None and held.get("type") == "fixed")


def _mjcf(path: Path, robot: Robot) -> Base | None:
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(path))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    body = model.body(robot.roots[0])
    T = pose(data.body(body.id).xmat.reshape(3, 3), data.body(body.id).xpos)
    free = body.jntnum[0] and int(model.jnt_type[body.jntadr[0]]) == 0
    name = bytes(model.names).split(b"\0", 1)[0].decode()
    return Base(name, not free, T)


def _usd(path: Path, robot: Robot) -> Base | None:
    """A fixed joint with one body holds that body where the joint's frames meet."""
    from pxr import Usd, UsdPhysics

    stage = Usd.Stage.Open(str(path))
    stage.Reload()
    name = stage.GetDefaultPrim().GetName()
    for prim in stage.Traverse():
        if not prim.IsA(UsdPhysics.FixedJoint):
            continue
        joint = UsdPhysics.FixedJoint(prim)
        ends = [r.GetTargets() for r in (joint.GetBody0Rel(), joint.GetBody1Rel())]
        if not ends[0] and [p.name for p in ends[1]] == [robot.roots[0]]:
            frames = [
                _frame(joint.GetLocalPos0Attr().Get(), joint.GetLocalRot0Attr().Get()),
                _frame(joint.GetLocalPos1Attr().Get(), joint.GetLocalRot1Attr().Get()),
            ]
            return Base(name, True, frames[0] @ np.linalg.inv(frames[1]))
    return Base(name, False)


def _glb(path: Path, robot: Robot) -> Base:
    """Where the root is, is in its node; see :mod:`reel2sim.exporters.check.gltf.glb`."""
    document = read_document(path, lambda uri: None).json
    scene = document["scenes"][document.get("scene", 0)]
    return Base(scene.get("name", ""), bool(scene["extras"]["reel2sim"]["fixed_base"]))


def _frame(place: Any, turn: Any) -> Array:
    R = matrix_from_quaternion(np.array([turn.GetReal(), *turn.GetImaginary()]))
    return pose(R, np.array(place, dtype=np.float64))
