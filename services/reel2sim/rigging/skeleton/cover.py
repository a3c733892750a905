"""The skin: one closed mesh over the whole subject, carried by the links of its asset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial import KDTree
from trimesh.graph import connected_component_labels

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.meshing import closed_mesh, vertex_colors
from reel2sim.rigging.physics.samples import Samples, take_samples
from reel2sim.rigging.physics.solids import solidify
from reel2sim.scene import Influences, RiggedAsset, Skin, Surfels, TriangleMesh
from reel2sim.scene.arrays import Array

_MORE_FACES = 3
"""Triangles against those of a single part: the skin is seen in place of all of them."""
_SLIVER = 0.01
"""Closed pieces with less than this share of the largest one's volume are left over from making the
mesh simpler."""
_NEAREST = 8
_SMOOTHING = 3
"""Passes over the mesh in which weights even out: they come with the grain of surfels."""


def covered(
    asset: RiggedAsset, weights: Array, labels: Array, *, config: PhysicsConfig
) -> RiggedAsset:
    """The asset with a skin.

    Args:
        asset: whose links were made of parts.
        weights: of the parts for each surfel ``(n, p)``, rows sum to 1.
        labels: part of each surfel ``(n,)``; tells which link a part became.
        config: how fine a mesh.

    Returns:
        The asset, as it was if its surfels are too few for a surface.
    """
    one = np.zeros(len(asset.surfels), np.int32)
    samples = take_samples(asset.surfels, one, min_opacity=config.min_opacity, volume=None)
    mesh = _one_mesh(samples, config)
    if mesh is None:
        return asset
    carried = np.zeros((len(weights), len(asset.links)))
    for part in range(weights.shape[1]):
        own = asset.surfel_links[labels == part]
        # A part that no surfel belongs to most is carried by what most of its surfels belong to.
        link = np.bincount(own if len(own) else asset.surfel_links[weights[:, part] > 0]).argmax()
        carried[:, link] += weights[:, part]
    surfels = Influences.strongest(carried)
    vertices = Influences.strongest(_on_vertices(mesh, asset.surfels, carried))
    skin = Skin(_triangles(mesh, samples), vertices, surfels)
    return replace(asset, skin=skin, metrics={**asset.metrics, **_figures(mesh)})


def _one_mesh(samples: Samples, config: PhysicsConfig) -> trimesh.Trimesh | None:
    """The closed surface of samples of one part."""
    solids = solidify(samples, [0], config=config)
    if 0 not in solids:
        return None
    mesh = closed_mesh(solids[0], max_faces=_MORE_FACES * config.max_faces)
    return None if mesh is None else _without_slivers(mesh)


def _without_slivers(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    piece = connected_component_labels(mesh.face_adjacency, node_count=len(mesh.faces))
    corners = np.asarray(mesh.triangles)
    share = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    volumes = np.abs(np.bincount(piece, weights=share))
    keep = (volumes >= _SLIVER * volumes.max())[piece]
    if not keep.all():
        mesh.update_faces(keep)
        mesh.remove_unreferenced_vertices()
    return mesh


def _triangles(mesh: trimesh.Trimesh, samples: Samples) -> TriangleMesh:
    vertices = np.asarray(mesh.vertices, np.float64)
    colors = vertex_colors(vertices, np.asarray(mesh.vertex_normals), samples)
    return TriangleMesh(vertices, np.asarray(mesh.faces), colors)


def _on_vertices(mesh: trimesh.Trimesh, surfels: Surfels, carried: Array) -> Array:
    """Weights ``(v, l)`` of the vertices: those of surfels near that face the same way, evened.

    The side a surfel faces keeps apart what lies close and moves differently, such as an arm and
    the hip beside it.
    """
    points = np.asarray(mesh.vertices, np.float64)
    k = min(_NEAREST, len(surfels))
    distance, index = KDTree(surfels.means.astype(np.float64)).query(points, k=k)
    distance, index = distance.reshape(-1, k), index.reshape(-1, k)
    facing = np.einsum("vkd,vd->vk", surfels.normals[index], np.asarray(mesh.vertex_normals)) > 0
    reach = np.maximum(np.median(distance, axis=1, keepdims=True), 1e-9)
    near = (
        np.exp(-((distance / reach) ** 2)) * np.where(facing, 1.0, 1e-3) * surfels.opacities[index]
    )
    near += 1e-12
    near /= near.sum(axis=1, keepdims=True)
    weights = np.einsum("vk,vkl->vl", near, carried[index])
    average = _average(mesh)
    for _ in range(_SMOOTHING):
        weights = average @ weights
    return weights


def _average(mesh: trimesh.Trimesh) -> csr_matrix:
    """Matrix ``(v, v)`` that gives half of each vertex to itself and half to its neighbours."""
    n = len(mesh.vertices)
    edges = np.concatenate([mesh.edges_unique, mesh.edges_unique[:, ::-1]])
    neighbours = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    degree = np.maximum(np.asarray(neighbours.sum(axis=1)).ravel(), 1)
    own = coo_matrix((np.ones(n), (np.arange(n), np.arange(n))), shape=(n, n)).tocsr()
    scaled = coo_matrix((1.0 / degree, (np.arange(n), np.arange(n))), shape=(n, n)).tocsr()
    return (0.5 * own + 0.5 * (scaled @ neighbours)).tocsr()


def _figures(mesh: trimesh.Trimesh) -> dict[str, float]:
    return {"skin_faces": float(len(mesh.faces)), "skin_volume_m3": float(mesh.volume)}
