"""Closed triangle meshes of solids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

from reel2sim.rigging.physics.samples import Samples
from reel2sim.rigging.physics.solids import PartSolid
from reel2sim.scene.arrays import Array

_SMALLEST_BODY = 0.08
"""Separate bodies with less than this share of the largest one's volume are dropped."""
_LEAST_LEFT = 0.5
"""Share of a solid's volume that must be left when its surface is moved inwards."""
_SMOOTHING = 12
"""Passes of Taubin's filter, which takes off grain but keeps volume."""


def closed_mesh(solid: PartSolid, *, max_faces: int) -> trimesh.Trimesh | None:
    """The surface of ``solid`` with at most ``max_faces`` triangles, world frame.

    Always watertight, consistently wound and of positive volume. Where simplifying breaks that,
    a coarser grid is meshed instead; where nothing helps, the convex hull is returned.

    Returns:
        The mesh, or None if the solid is empty.
    """
    finest = _surface(solid, 1)
    if finest is None:
        return None
    for candidate in (finest, _surface(solid, 2), _surface(solid, 3)):
        if candidate is None or not sound(candidate):
            continue
        simple = simplified(candidate, max_faces, step=0.2 * solid.grid.voxel)
        if simple is not None and _faithful(simple, finest):
            return simple
    return finest.convex_hull


def inset_mesh(
    solid: PartSolid, mesh: trimesh.Trimesh, *, inset: float, max_faces: int
) -> trimesh.Trimesh | None:
    """The surface ``inset`` voxels inside that of ``solid``, for collision pieces.

    Pieces of it leave room for the neighbours and still meet one another without cracks, which
    pieces of ``mesh`` would not if each were made smaller.

    Args:
        solid: where the part is solid.
        mesh: its surface, from :func:`closed_mesh`.
        inset: voxels.
        max_faces: triangles of the result, at most.

    Returns:
        The mesh, or None where walls are too thin to lose that much.
    """
    for stride in (1, 2):
        found = _surface(replace(solid, field=solid.field - inset), stride)
        if found is None or not sound(found) or found.volume < _LEAST_LEFT * mesh.volume:
            continue
        simple = simplified(found, max_faces, step=0.2 * solid.grid.voxel)
        if simple is not None and _faithful(simple, found):
            return simple
    return None


def sound(mesh: trimesh.Trimesh) -> bool:
    """Whether ``mesh`` bounds a solid."""
    return bool(
        len(mesh.faces) >= 4
        and mesh.is_watertight
        and mesh.is_winding_consistent
        and np.isfinite(mesh.vertices).all()
        and mesh.volume > 0
    )


def pinched(mesh: trimesh.Trimesh) -> bool:
    """Whether sheets of a closed ``mesh`` touch in a vertex: it has more than one fan of faces."""
    corner = np.arange(mesh.faces.size).reshape(-1, 3)
    pairs, ends = mesh.face_adjacency, mesh.face_adjacency_edges
    if not len(pairs):
        return False
    rows, columns = (
        np.concatenate(
            [corner[pairs[:, side]][mesh.faces[pairs[:, side]] == ends[:, [end]]] for end in (0, 1)]
        )
        for side in (0, 1)
    )
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(corner.size,) * 2)
    fans = connected_components(links, directed=False)[0]
    return bool(fans > len(np.unique(mesh.faces)))


def vertex_colors(points: Array, normals: Array, samples: Samples) -> Array:
    """Colours ``(v, 3)`` of mesh vertices from the nearest samples that face the same way."""
    k = min(8, len(samples))
    distance, index = KDTree(samples.points).query(points, k=k)
    distance, index = distance.reshape(len(points), k), index.reshape(len(points), k)
    facing = np.einsum("vkd,vd->vk", samples.normals[index], normals) > 0.0
    sigma = 0.7 * samples.spacing[index[:, :1]] + 0.5 * distance[:, :1]
    weight = np.exp(-((distance / sigma) ** 2)) * np.where(facing, 1.0, 1e-3) + 1e-12
    mixed = np.einsum("vk,vkc->vc", weight, samples.colors[index])
    return np.clip(mixed / weight.sum(1, keepdims=True), 0.0, 1.0)


def _surface(solid: PartSolid, stride: int) -> trimesh.Trimesh | None:
    """Marching cubes on every ``stride``-th grid point, without specks."""
    field = solid.field[::stride, ::stride, ::stride]
    field = np.pad(field, 1, constant_values=-1.0)
    # A value of exactly zero makes triangles of no area.
    field = np.where(np.abs(field) < 1e-4, -1e-4, field)
    if field.max() <= 0:
        return None
    vertices, faces, _, _ = marching_cubes(field, 0.0, gradient_direction="ascent")
    world = solid.grid.to_world((vertices - 1.0) * stride)
    mesh = trimesh.Trimesh(world, faces, process=True)
    if mesh.volume < 0:
        mesh.invert()
    mesh = _without_specks(mesh)
    trimesh.smoothing.filter_taubin(mesh, lamb=0.5, nu=0.526, iterations=_SMOOTHING)
    return mesh


def _without_specks(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Keep outer bodies of a fair size; drop specks and closed bubbles inside."""
    bodies = list(mesh.split(only_watertight=False))
    if len(bodies) < 2:
        return mesh
    volumes = np.array([body.volume for body in bodies])
    keep = [b for b, v in zip(bodies, volumes, strict=True) if v > _SMALLEST_BODY * volumes.max()]
    faces = [body.faces + start for body, start in zip(keep, _starts(keep), strict=True)]
    vertices = np.concatenate([body.vertices for body in keep])
    return trimesh.Trimesh(vertices, np.concatenate(faces), process=False)


def _starts(bodies: list[trimesh.Trimesh]) -> Array:
    """Index of each body's first vertex when all are put in a row."""
    return np.cumsum([0, *(len(body.vertices) for body in bodies[:-1])])


def simplified(mesh: trimesh.Trimesh, max_faces: int, *, step: float) -> trimesh.Trimesh | None:
    """A sound mesh of at most ``max_faces``, or None.

    Quadric collapse gives the better triangles but can pinch the surface; Manifold's simplifier
    never does, so it is asked next, with tolerances of ``step`` metres and up.
    """
    if len(mesh.faces) <= max_faces:
        return mesh
    import fast_simplification
    import manifold3d

    vertices = np.ascontiguousarray(mesh.vertices, np.float64)
    for aggressiveness in (3.0, 4.0):
        found = fast_simplification.simplify(
            vertices,
            np.ascontiguousarray(mesh.faces, np.int32),
            target_count=max_faces,
            agg=aggressiveness,
        )
        simple = trimesh.Trimesh(found[0], found[1], process=False)
        if len(simple.faces) <= max_faces and sound(simple) and not pinched(simple):
            return simple
    solid = manifold3d.Manifold(
        manifold3d.Mesh64(vertices, np.ascontiguousarray(mesh.faces, np.uint64))
    )
    for factor in (1.0, 2.0, 3.5, 5.0, 7.0):
        answer = solid.simplify(factor * step).to_mesh64()
        corners = np.array(answer.vert_properties)[:, :3]
        simple = trimesh.Trimesh(corners, np.array(answer.tri_verts, np.int64), process=False)
        if 4 <= len(simple.faces) <= max_faces and sound(simple):
            return simple
    return None


def _faithful(simple: trimesh.Trimesh, full: trimesh.Trimesh) -> bool:
    """Whether simplifying kept the volume."""
    return bool(abs(simple.volume / full.volume - 1.0) < 0.2)
