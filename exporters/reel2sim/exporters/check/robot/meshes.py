"""Mesh files of the URDF: where they are, whether they can be read, and their shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from reel2sim.exporters.check.looks.surfaces import Surface, joined
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.materials import check_library
from reel2sim.exporters.check.robot.model import Robot, RobotLink, Shape
from reel2sim.scene.transforms import apply

MAX_PIECES = 32
_READ_BY_ALL = (".obj", ".stl")
_CONVEX = 0.99
"""Share of its hull that a convex piece fills; less is a dent and not rounding."""


@dataclass(frozen=True)
class Surfaces:
    """Each link's meshes in the link's frame, where all could be read."""

    visual: dict[str, Surface] = field(default_factory=dict[str, Surface])
    collision: dict[str, Surface] = field(default_factory=dict[str, Surface])


Finder = Callable[[str, str], Path | None]
"""Finds the file that something, the first argument, names as the second; notes why not."""


def check_meshes(notes: Notes, robot: Robot, files: Finder | None = None) -> Surfaces:
    """Note what is wrong with the files the URDF names, and with links that lack some.

    Args:
        notes: of the bundle.
        robot: the URDF.
        files: finds meshes elsewhere than in the bundle.
    """
    files = files or partial(_inside, notes)
    notes.counts["meshes"] = 0
    surfaces = Surfaces()
    axes = _between_axes(robot)
    for link in robot.links:
        _check_amounts(notes, robot.file, link, axis=link.name in axes)
        where = f"{robot.file}: link {link.name}"
        seen = [_load(notes, files, where, shape) for shape in link.visuals]
        _note_surface(surfaces.visual, link.name, link.visuals, seen)
        for shape, mesh in zip(link.visuals, seen, strict=True):
            if mesh is not None and not mesh.is_watertight:
                notes.add("MESH010", f"{shape.file}", f"visual of {link.name} has open edges")
            elif mesh is not None:
                _check_winding(notes, shape, mesh)
        pieces = [_load(notes, files, where, shape) for shape in link.collisions]
        _note_surface(surfaces.collision, link.name, link.collisions, pieces)
        for shape, mesh in zip(link.collisions, pieces, strict=True):
            if mesh is not None:
                _check_convex(notes, shape, mesh)
                if mesh.is_watertight:
                    _check_winding(notes, shape, mesh)
    return surfaces


def _between_axes(robot: Robot) -> set[str]:
    """Links that only stand between two movable joints, as in a ball joint of three hinges."""
    moving = [joint for joint in robot.joints if joint.type != "fixed"]
    above = {joint.child for joint in moving}
    below = [joint.parent for joint in robot.joints]
    single = {joint.parent for joint in moving if below.count(joint.parent) == 1}
    return above & single


def _note_surface(
    surfaces: dict[str, Surface], name: str, shapes: tuple[Shape, ...], meshes: list[Any | None]
) -> None:
    parts = [
        Surface(apply(shape.T_link_shape, mesh.vertices * shape.scale), mesh.faces)
        for shape, mesh in zip(shapes, meshes, strict=True)
        if mesh is not None
    ]
    if parts and len(parts) == len(shapes):
        surfaces[name] = joined(parts)


def _check_amounts(notes: Notes, file: str, link: RobotLink, *, axis: bool) -> None:
    where = f"{file}: link {link.name}"
    if len(link.collisions) > MAX_PIECES:
        notes.add("MESH007", where, f"has {len(link.collisions)} collision pieces")
    if link.visuals and not link.collisions:
        notes.add("MESH008", where, "has a visual and no collision")
    if not link.visuals and not link.collisions and not axis:
        notes.add("MESH009", where, "has neither visual nor collision")


def _load(notes: Notes, files: Finder, where: str, shape: Shape) -> Any | None:
    """The mesh as trimesh reads it; None after noting why not, or for a primitive."""
    if shape.file is None:
        return None
    path = files(where, shape.file)
    if path is None:
        return None
    if path.suffix.lower() not in _READ_BY_ALL:
        notes.add("MESH005", shape.file, f"{path.suffix or 'no suffix'} is not read by all loaders")
    mesh = None
    with notes.guard("MESH004", shape.file):
        if path.suffix.lower() == ".obj":
            check_library(notes, shape.file, path)
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


def _check_winding(notes: Notes, shape: Shape, mesh: Any) -> None:
    """A closed mesh must enclose something, seen from outside counter-clockwise."""
    # A negative scale turns faces over, or two of them back.
    volume = float(mesh.volume) * float(np.prod(np.sign(shape.scale)))
    if not mesh.is_winding_consistent:
        notes.add("MESH013", f"{shape.file}", "neighbouring faces are wound against each other")
    elif volume < 0:
        notes.add("MESH013", f"{shape.file}", f"encloses {volume:.3g} m³")


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
