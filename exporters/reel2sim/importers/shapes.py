"""Geometry of descriptions as triangles with vertex colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from trimesh.visual import ColorVisuals, TextureVisuals

from reel2sim.importers.roots import RootedResolver, Roots
from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply

FORMATS = ("obj", "stl", "dae", "ply", "glb", "gltf", "off")
"""Mesh files that are read."""
NOTHING = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
_MOST_FACES = 2_000_000
_GREY = 0.7
_FLAT = 1e-9
"""Volume of what has no inside, as a share of the cube of its size."""
_SECTIONS = 32
"""Sides of a cylinder."""


def read_mesh(file: Path, roots: Roots) -> list[trimesh.Trimesh]:
    """The meshes of a file, placed as it places them, colours at vertices.

    Raises:
        InputError: if it is of an unknown format, or no mesh can be read from it.
    """
    kind = file.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise InputError(
            f"is not one of the mesh formats {', '.join(FORMATS)}",
            source=file,
            remedy="convert it to one of them",
        )
    try:
        scene = trimesh.load_scene(
            io.BytesIO(file.read_bytes()),
            file_type=kind,
            resolver=RootedResolver(roots, file.parent),
            process=False,
        )
        found = [_colored(mesh) for mesh in scene.dump() if isinstance(mesh, trimesh.Trimesh)]
    except MemoryError:
        raise
    except Exception as cause:  # readers of untrusted bytes raise anything
        text = " ".join(str(cause).split())[:200]
        raise InputError(f"cannot be read as {kind}: {text}", source=file) from cause
    found = [mesh for mesh in found if len(mesh.faces)]
    if not found:
        raise InputError("holds no triangles", source=file)
    if sum(len(mesh.faces) for mesh in found) > _MOST_FACES:
        raise InputError(
            f"has over {_MOST_FACES} triangles", source=file, remedy="decimate it first"
        )
    if not all(mesh.vertices.shape[1:] == mesh.faces.shape[1:] == (3,) for mesh in found):
        raise InputError("has points or faces without three corners", source=file)
    if not all(np.isfinite(mesh.vertices).all() for mesh in found):
        raise InputError("has vertices that are not finite", source=file)
    return found


def box(size: Array) -> trimesh.Trimesh:
    """A box of edges ``size`` ``(3,)``, metres."""
    return trimesh.creation.box(extents=_positive(size, "box size"))


def cylinder(radius: float, length: float) -> trimesh.Trimesh:
    """A cylinder along z."""
    radius, length = _positive(np.array([radius, length]), "cylinder")
    return trimesh.creation.cylinder(radius=radius, height=length, sections=_SECTIONS)


def capsule(radius: float, length: float) -> trimesh.Trimesh:
    """A cylinder along z of ``length`` with half a sphere at each end."""
    radius, length = _positive(np.array([radius, length]), "capsule")
    made = trimesh.creation.capsule(radius=radius, height=length, count=[_SECTIONS, _SECTIONS])
    made.apply_translation(-made.bounds.mean(axis=0))
    return made


def sphere(radius: float) -> trimesh.Trimesh:
    """A sphere of flat triangles."""
    (radius,) = _positive(np.array([radius]), "sphere radius")
    return trimesh.creation.icosphere(subdivisions=3, radius=radius)


def placed(mesh: trimesh.Trimesh, T: Array, scale: Array, color: Array | None) -> TriangleMesh:
    """A mesh scaled, then moved by ``T`` ``(4, 4)``; ``color`` (sRGB) goes before its own."""
    vertices = apply(T, np.asarray(mesh.vertices, np.float64) * scale)
    faces = np.asarray(mesh.faces, np.int64)
    if np.prod(scale) < 0:  # a mirror turns triangles inside out
        faces = faces[:, ::-1]
    colors = np.tile(color, (len(vertices), 1)) if color is not None else vertex_colors(mesh)
    return TriangleMesh(vertices, faces, colors)


def joined(meshes: Sequence[TriangleMesh]) -> TriangleMesh:
    """One mesh of several; grey where only some have colours."""
    if not meshes:
        return NOTHING
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    colored = any(mesh.colors is not None for mesh in meshes)
    grey = [
        mesh.colors if mesh.colors is not None else np.full((len(mesh.vertices), 3), _GREY)
        for mesh in meshes
    ]
    return TriangleMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([m.faces + s for m, s in zip(meshes, starts, strict=True)]),
        np.concatenate(grey) if colored else None,
    )


def solid_hull(mesh: TriangleMesh) -> TriangleMesh | None:
    """The convex hull of a mesh; None where that has no inside."""
    try:
        with np.errstate(all="ignore"):
            hull = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).convex_hull
            size = float(np.linalg.norm(np.ptp(np.asarray(hull.vertices), axis=0)))
            if not float(hull.volume) > _FLAT * size**3:
                return None
    except Exception:  # Qhull's own error, where points lie in a plane
        return None
    return TriangleMesh(np.asarray(hull.vertices), np.asarray(hull.faces, np.int64))


def vertex_colors(mesh: trimesh.Trimesh) -> Array | None:
    """SRGB ``(v, 3)``, 0..1; None where the file has no colours."""
    visual = mesh.visual
    if not isinstance(visual, ColorVisuals) or visual.kind is None:
        return None
    colors = np.asarray(visual.vertex_colors, np.float64)
    if colors.ndim != 2 or colors.shape[0] != len(mesh.vertices) or colors.shape[1] < 3:
        return None
    return colors[:, :3] / 255.0


def _colored(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with its texture at its vertices; their own colours go before a bare material."""
    visual = mesh.visual
    if not isinstance(visual, TextureVisuals):
        return mesh
    mesh = mesh.copy()
    own = np.asarray(mesh.vertex_attributes.get("color", ()), np.float64)
    if visual.uv is None and own.shape == mesh.vertices.shape and np.isfinite(own).all():
        eight_bits = np.round(255 * np.clip(own, 0, 1)).astype(np.uint8)
        mesh.visual = ColorVisuals(mesh, vertex_colors=eight_bits)
    elif visual.uv is None:  # a material without a picture
        color = np.asarray(visual.material.main_color)
        mesh.visual = ColorVisuals(mesh, vertex_colors=np.tile(color, (len(mesh.vertices), 1)))
    else:
        mesh.visual = visual.to_color()
    return mesh


def _positive(sizes: Array, what: str) -> Array:
    sizes = np.asarray(sizes, np.float64)
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise InputError(f"must be positive, got {sizes.tolist()}", source=what)
    return sizes
