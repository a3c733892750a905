"""Mesh files of the URDF: where they are, whether they can be read, and their shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot import Robot, RobotLink, Shape
from reel2sim.exporters.check.urdf import URDF
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

MAX_PIECES = 32
_READ_BY_ALL = (".obj", ".stl")
_CONVEX = 0.99
"""Share of its hull that a convex piece fills; less is a dent and not rounding."""


@dataclass(frozen=True)
class Extents:
    """Bounds ``(2, 3)`` of each link's meshes in the link's frame, where all could be read."""

    visual: dict[str, Array] = field(default_factory=dict[str, Array])
    collision: dict[str, Array] = field(default_factory=dict[str, Array])


def check_meshes(notes: Notes, robot: Robot) -> Extents:
    """Note what is wrong with the files the URDF names, and with links that lack some."""
    notes.counts["meshes"] = 0
    extents = Extents()
    axes = _between_axes(robot)
    for link in robot.links:
        _check_amounts(notes, link, axis=link.name in axes)
        seen = [_load(notes, link, shape) for shape in link.visuals]
        _note_bounds(extents.visual, link.name, link.visuals, seen)
        for shape, mesh in zip(link.visuals, seen, strict=True):
            if mesh is not None and not mesh.is_watertight:
                notes.add("MESH010", f"{shape.file}", f"visual of {link.name} has open edges")
        pieces = [_load(notes, link, shape) for shape in link.collisions]
        _note_bounds(extents.collision, link.name, link.collisions, pieces)
        for shape, mesh in zip(link.collisions, pieces, strict=True):
            if mesh is not None:
                _check_convex(notes, shape, mesh)
    return extents


def _between_axes(robot: Robot) -> set[str]:
    """Links that only stand between two movable joints, as in a ball joint of three hinges."""
    moving = [joint for joint in robot.joints if joint.type != "fixed"]
    above = {joint.child for joint in moving}
    below = [joint.parent for joint in robot.joints]
    single = {joint.parent for joint in moving if below.count(joint.parent) == 1}
    return above & single


def _note_bounds(
    bounds: dict[str, Array], name: str, shapes: tuple[Shape, ...], meshes: list[Any | None]
) -> None:
    if not meshes or any(mesh is None for mesh in meshes):
        return
    points = np.concatenate(
        [
            apply(shape.T_link_shape, mesh.vertices * shape.scale)
            for shape, mesh in zip(shapes, meshes, strict=True)
            if mesh is not None
        ]
    )
    bounds[name] = np.stack([points.min(axis=0), points.max(axis=0)])


def compare_bounds(
    notes: Notes, where: str, expected: dict[str, Array], found: dict[str, Array]
) -> None:
    """Note links whose meshes in another format reach elsewhere than those of the URDF."""
    for name in sorted(set(expected) & set(found)):
        gap = float(np.abs(found[name] - expected[name]).max())
        if not gap <= 1e-5 * max(1.0, float(np.abs(expected[name]).max())):
            notes.add("MESH011", f"{where}: {name}", f"bounds differ by {gap:.3g} m")


def _check_amounts(notes: Notes, link: RobotLink, *, axis: bool) -> None:
    where = f"{URDF}: link {link.name}"
    if len(link.collisions) > MAX_PIECES:
        notes.add("MESH007", where, f"has {len(link.collisions)} collision pieces")
    if link.visuals and not link.collisions:
        notes.add("MESH008", where, "has a visual and no collision")
    if not link.visuals and not link.collisions and not axis:
        notes.add("MESH009", where, "has neither visual nor collision")


def _load(notes: Notes, link: RobotLink, shape: Shape) -> Any | None:
    """The mesh as trimesh reads it; None after noting why not, or for a primitive."""
    if shape.file is None:
        return None
    path = _inside(notes, f"{URDF}: link {link.name}", shape.file)
    if path is None:
        return None
    if path.suffix.lower() not in _READ_BY_ALL:
        notes.add("MESH005", shape.file, f"{path.suffix or 'no suffix'} is not read by all loaders")
    mesh = None
    with notes.guard("MESH004", shape.file):
        mesh = _read(path)
        notes.counts["meshes"] += 1
    return mesh


def _read(path: Path) -> Any:
    import trimesh

    mesh = trimesh.load(path, force="mesh", process=False, skip_materials=True)
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        raise ValueError("holds no triangles")
    if not np.isfinite(mesh.vertices).all():
        raise ValueError("holds vertices that are not finite")
    # Only the order of vertices may differ from the file; seams would look like holes.
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def _inside(notes: Notes, where: str, file: str) -> Path | None:
    """The file's path, if it is a relative one of an existing file in the bundle."""
    rooted = PurePosixPath(file).is_absolute() or PureWindowsPath(file).is_absolute()
    if "://" in file or rooted:
        notes.add("MESH001", where, f"names {file!r}")
        return None
    path = (notes.root / file).resolve()
    if not path.is_relative_to(notes.root.resolve()):
        notes.add("MESH002", where, f"names {file!r}")
        return None
    if not path.is_file():
        notes.add("MESH003", where, f"names {file!r}, which is not there")
        return None
    return path


def _check_convex(notes: Notes, shape: Shape, mesh: Any) -> None:
    from scipy.spatial import ConvexHull, QhullError

    where = f"{shape.file}"
    try:
        hull = float(ConvexHull(mesh.vertices).volume)
    except (QhullError, ValueError):
        notes.add("MESH006", where, "is flat")
        return
    share = float(abs(mesh.volume)) / hull if hull > 0 else 0.0
    if not mesh.is_watertight:
        notes.add("MESH006", where, "is not closed")
    elif not _CONVEX <= share <= 2 - _CONVEX:
        notes.add("MESH006", where, f"fills {share:.0%} of its convex hull")
