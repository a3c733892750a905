"""Articulated models with exact joints: meshes of the parts at rest, and how joints move them."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
import yourdfpy

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import axis_rotation, pose

SWEEP = 0.85
"""Share of the way to the far end of its range that a joint travels."""

LARGEST_TURN = 1.6
"""Radians a revolute joint travels at most: full turns hide the start from every camera."""


@dataclass(frozen=True, eq=False)
class ModelJoint:
    """A 1-DoF joint, its axis and pivot in the world frame at rest.

    ``travel`` is signed; ``bounds`` are those of the file, from rest.
    """

    name: str
    type: JointType
    parent: str
    child: str
    axis: Array
    pivot: Array
    travel: float
    bounds: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Model:
    """Parts in the world frame at rest, and joints ordered so that parents come first."""

    name: str
    parts: dict[str, trimesh.Trimesh]
    joints: tuple[ModelJoint, ...]

    def scaled(self, amplitude: float) -> Model:
        """The same, every joint travelling ``amplitude`` times as far."""
        joints = (replace(joint, travel=amplitude * joint.travel) for joint in self.joints)
        return replace(self, joints=tuple(joints))

    @property
    def diagonal(self) -> float:
        """Bounding box diagonal at rest, metres."""
        low = np.min([mesh.bounds[0] for mesh in self.parts.values()], axis=0)
        high = np.max([mesh.bounds[1] for mesh in self.parts.values()], axis=0)
        return float(np.linalg.norm(high - low))

    def poses(self, positions: Array) -> dict[str, Array]:
        """Motion of every part since rest ``(4, 4)`` at joint ``positions`` ``(j,)``."""
        T = {name: np.eye(4) for name in self.parts}
        for joint, q in zip(self.joints, positions, strict=True):
            T[joint.child] = T[joint.parent] @ _screw(joint, float(q))
        return T

    def positions(self, shares: Array) -> Array:
        """Positions of every joint relative to its start at shares 0..1 ``(n,)``: ``(n, j)``."""
        count = len(self.joints)
        each = [_profile(shares, i, count) * j.travel for i, j in enumerate(self.joints)]
        return np.stack(each, axis=1) if each else np.zeros((len(shares), 0))

    def trajectory(self, frames: int) -> Array:
        """:meth:`positions` at even times: ``(frames, j)``, first row zero."""
        return self.positions(np.linspace(0.0, 1.0, frames))


def _screw(joint: ModelJoint, q: float) -> Array:
    if joint.type is JointType.PRISMATIC:
        return pose(translation=q * joint.axis)
    R = axis_rotation(joint.axis, q)
    return pose(R, joint.pivot - R @ joint.pivot)


def _profile(u: Array, index: int, count: int) -> Array:
    """Smooth 0 → 1 → part of the way back; joints of one object peak and settle apart."""
    spread = index / max(count - 1, 1) if count > 1 else 0.5
    start, peak, settle = 0.15 * spread * (count > 1), 0.45 + 0.3 * spread, 0.2 + 0.3 * spread
    rise = np.clip((u - start) / (peak - start), 0.0, 1.0)
    fall = np.clip((u - peak) / (1.0 - peak), 0.0, 1.0)
    return 0.5 * (1 - np.cos(np.pi * rise)) - (1 - settle) * 0.5 * (1 - np.cos(np.pi * fall))


def load_exact(folder: Path) -> Model:
    """Read ``gt.json``, ``base.obj`` and the moving parts' meshes of an object."""
    record = json.loads((folder / "gt.json").read_text(encoding="utf-8"))
    parts = {"base": load_mesh(folder / "base.obj")}
    joints: list[ModelJoint] = []
    for item in record["joints"]:
        child = Path(item["part"]).stem
        parts[child] = load_mesh(folder / item["part"])
        low, high = item["range"]
        joints.append(
            ModelJoint(
                name=f"{child}_joint",
                type=JointType(item["type"]),
                parent="base",
                child=child,
                axis=np.array(item["axis"], dtype=np.float64),
                pivot=np.array(item["anchor"], dtype=np.float64),
                travel=travel_of(low, high, start=item["qpos0"]),
                bounds=(low - item["qpos0"], high - item["qpos0"]),
            )
        )
    return Model(folder.name, parts, tuple(joints))


def load_urdf(path: Path, *, only: tuple[str, ...] = ()) -> Model:
    """Read a URDF: links welded together become one part.

    Args:
        path: the file; its meshes are found beside it.
        only: joints that move; the others are welded. Empty: all that can.

    Raises:
        InputError: if a joint in ``only`` is not there or a moving part has no geometry.
    """
    text = re.sub(r"\$\(optenv \w+ ([^)]*)\)", r"\1", path.read_text(encoding="utf-8"))
    urdf = yourdfpy.URDF.load(
        io.BytesIO(text.encode()), filename_handler=lambda fname: _beside(path, fname)
    )
    movable = {
        name: joint
        for name, joint in urdf.joint_map.items()
        if joint.type in ("revolute", "continuous", "prismatic") and joint.mimic is None
    }
    if set(only) - set(movable):
        raise InputError(f"has no moving joints {sorted(set(only) - set(movable))}", source=path)
    moving = {n: j for n, j in movable.items() if not only or n in only}
    owner = {joint.child: joint for joint in urdf.joint_map.values()}
    moved_by = {joint.child for joint in moving.values()}

    def part_of(link: str) -> str:
        while link in owner and link not in moved_by:
            link = owner[link].parent
        return link

    def depth(link: str) -> int:
        return 1 + depth(owner[link].parent) if link in owner else 0

    parts = _merge_links(urdf, part_of)
    joints: list[ModelJoint] = []
    for name, joint in sorted(moving.items(), key=lambda item: depth(item[1].child)):
        parent, child = part_of(joint.parent), joint.child
        if parent not in parts or child not in parts:
            raise InputError("joins a part without geometry", source=path, field=name)
        T = np.asarray(urdf.get_transform(child))
        low, high = (-np.pi / 2, np.pi / 2) if joint.limit is None else _limits(joint)
        joints.append(
            ModelJoint(
                name=name,
                type=JointType.PRISMATIC if joint.type == "prismatic" else JointType.REVOLUTE,
                parent=parent,
                child=child,
                axis=T[:3, :3] @ np.asarray(joint.axis) / np.linalg.norm(joint.axis),
                pivot=T[:3, 3].copy(),
                travel=travel_of(low, high, start=0.0, turn=joint.type != "prismatic"),
                bounds=(low, high),
            )
        )
    return Model(path.stem, parts, tuple(joints))


def _beside(urdf: Path, name: str) -> str:
    """Where a mesh is that a URDF names, however it names it: under its folder or one above."""
    tail = Path(name.split("://")[-1].lstrip("/")).parts
    for folder in urdf.absolute().parents:
        for skip in range(len(tail)):
            found = folder.joinpath(*tail[skip:])
            if found.is_file():
                return str(found)
    raise InputError(f"names a mesh that is not there: {name}", source=urdf)


def _limits(joint: yourdfpy.Joint) -> tuple[float, float]:
    low, high = joint.limit.lower or 0.0, joint.limit.upper or 0.0
    return (low, high) if high > low else (-np.pi / 2, np.pi / 2)


def _merge_links(urdf: yourdfpy.URDF, part_of) -> dict[str, trimesh.Trimesh]:
    pieces: dict[str, list[trimesh.Trimesh]] = {}
    scene = urdf.scene
    for node in scene.graph.nodes_geometry:
        T, geometry = scene.graph[node]
        link = node
        while link not in urdf.link_map:
            link = scene.graph.transforms.parents[link]
        mesh = scene.geometry[geometry].copy()
        mesh.apply_transform(T)
        pieces.setdefault(part_of(link), []).append(mesh)
    return {name: clean(trimesh.util.concatenate(found)) for name, found in pieces.items()}


def travel_of(low: float, high: float, *, start: float, turn: bool = False) -> float:
    """How far a joint goes from ``start`` towards the far end of its range; signed."""
    far = high if abs(high - start) >= abs(low - start) else low
    travel = SWEEP * (far - start)
    return float(np.clip(travel, -LARGEST_TURN, LARGEST_TURN)) if turn else float(travel)


def load_mesh(path: Path) -> trimesh.Trimesh:
    """All of a mesh file as one bare mesh."""
    return clean(trimesh.load(path, force="mesh"))


def clean(mesh) -> trimesh.Trimesh:
    """The mesh without its looks, equal vertices merged."""
    bare = trimesh.Trimesh(vertices=mesh.vertices, faces=mesh.faces, process=True)
    bare.merge_vertices()
    return bare
