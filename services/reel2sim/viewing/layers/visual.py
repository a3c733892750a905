"""Meshes with their colours, as simulators draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.exporters.gltf_buffer import INDICES, VERTICES, Buffer, container
from reel2sim.exporters.normals import vertex_normals
from reel2sim.exporters.obj import mean_color
from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.skin import Influences, Skin
from reel2sim.scene.transforms import quaternion_from_matrix
from reel2sim.viewing.layers.layer import Figure, Layer

if TYPE_CHECKING:
    from viser import SceneApi


class Visual(Layer):
    """The closed mesh of every link; of a subject that bends, its one skin."""

    name, title = "visual", "Visual meshes"

    def add_asset(self, api: SceneApi, figure: Figure) -> Sequence[Any]:
        """One node a link, or the skin."""
        if figure.asset.skin is not None:
            return [_add_skin(api, figure, figure.asset.skin)]
        return [
            api.add_glb(f"{figure.link(i)}/visual", glb_of(link.visual))
            for i, link in enumerate(figure.asset.links)
            if len(link.visual.faces)
        ]

    def posed(self, handles: Sequence[Any], figure: Figure, poses: Array) -> None:
        """Bend the skin; meshes of links move with them."""
        if figure.asset.skin is None:
            return
        turns = quaternion_from_matrix(poses[:, :3, :3])
        for bone, wxyz, T in zip(handles[0].bones, turns, poses, strict=True):
            bone.wxyz, bone.position = wxyz, T[:3, 3]


def glb_of(mesh: TriangleMesh) -> bytes:
    """``mesh`` as a GLB of its own."""
    buffer = Buffer()
    attributes = {
        "POSITION": buffer.add(mesh.vertices, "VEC3", bounds=True, target=VERTICES),
        "NORMAL": buffer.add(vertex_normals(mesh), "VEC3", target=VERTICES),
    }
    factor = [1.0, 1.0, 1.0]
    if mesh.colors is None:
        factor = linear_from_srgb(np.array(mean_color(mesh))).tolist()
    else:
        attributes["COLOR_0"] = buffer.add(linear_from_srgb(mesh.colors), "VEC3", target=VERTICES)
    indices = buffer.add(mesh.faces.ravel(), "SCALAR", target=INDICES)
    surface = {"baseColorFactor": [*factor, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": surface}],
        **buffer.tables(),
    }
    return container(document, bytes(buffer.data))


def _add_skin(api: SceneApi, figure: Figure, skin: Skin) -> Any:
    rest = figure.asset.rest_poses
    return api.add_mesh_skinned(
        f"{figure.root}/skin",
        skin.mesh.vertices,
        skin.mesh.faces,
        bone_wxyzs=quaternion_from_matrix(rest[:, :3, :3]),
        bone_positions=rest[:, :3, 3],
        skin_weights=_dense(skin.vertices, len(rest)),
        color=mean_color(skin.mesh),
        side="double",
    )


def _dense(influences: Influences, links: int) -> Array:
    """Weights of all links ``(v, l)``."""
    table = np.zeros((len(influences), links))
    rows = np.arange(len(influences))[:, None]
    np.add.at(table, (rows, influences.links), influences.weights)
    return table
