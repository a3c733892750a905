"""GLB: a tree of nodes with coloured meshes and the reel's motion as an animation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.exporters.gltf_buffer import INDICES, VERTICES, Buffer, container
from reel2sim.exporters.gltf_tree import document_of, finished, joint_facts
from reel2sim.exporters.names import free_name
from reel2sim.exporters.normals import vertex_normals
from reel2sim.exporters.obj import mean_color
from reel2sim.scene import Link, Material, RiggedAsset, Skin, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

SKIN = "skin"
"""Name of the skin, and of its node unless a link has it."""


def write_glb(asset: RiggedAsset, path: Path) -> None:
    """Write ``asset`` to ``path``; see :func:`glb_document`."""
    path.write_bytes(container(*glb_document(asset)))


def glb_document(asset: RiggedAsset) -> tuple[dict[str, Any], bytes]:
    """``asset`` as a glTF document and the contents of its only buffer.

    A node per link, named after it, below its parent's; the nodes' rest pose is the zero state.
    The animation holds the motion at its samples, linear in between. An asset with a skin shows
    that and not the links' meshes: the same nodes are then the joints that carry it.

    What glTF cannot say is in ``extras``: ``joint`` and ``link`` of a node, with collision pieces
    as meshes that no node shows, and ``reel2sim`` of the scene.
    """
    buffer = Buffer()
    document = document_of(asset)
    nodes = document["nodes"][1:]
    for link, node in zip(asset.links, nodes, strict=True):
        if asset.skin is None and len(link.visual.faces):
            node["mesh"] = _add_mesh(
                document, buffer, link.visual, name=link.name, material=link.material
            )
    for link, node in zip(asset.links, nodes, strict=True):
        pieces = _add_collision(document, buffer, link, asset.name)
        node["extras"] = {"link": _link_facts(link, pieces)}
    for joint, node in zip(asset.joints, nodes[1:], strict=True):
        node["extras"]["joint"] = joint_facts(joint)
    document["scenes"][0]["extras"] = {"reel2sim": _asset_facts(asset)}
    if asset.skin is not None:
        _add_skin(document, buffer, asset, asset.skin)
    return finished(document, asset, buffer), bytes(buffer.data)


def _add_mesh(
    document: dict[str, Any],
    buffer: Buffer,
    mesh: TriangleMesh,
    *,
    name: str,
    material: Material,
    more: Mapping[str, int] | None = None,
) -> int:
    """Add a mesh and its material; ``more`` are accessors of further attributes."""
    attributes = {
        "POSITION": buffer.add(mesh.vertices, "VEC3", bounds=True, target=VERTICES),
        "NORMAL": buffer.add(vertex_normals(mesh), "VEC3", target=VERTICES),
    }
    factor = [1.0, 1.0, 1.0]
    if mesh.colors is None:
        factor = linear_from_srgb(np.array(mean_color(mesh))).tolist()
    else:
        colors = linear_from_srgb(mesh.colors)
        attributes["COLOR_0"] = buffer.add(colors, "VEC3", target=VERTICES)
    indices = buffer.add(mesh.faces.ravel(), "SCALAR", target=INDICES)
    document["materials"].append(
        {
            "name": f"{name}_{material.name}",
            "pbrMetallicRoughness": {
                "baseColorFactor": [*factor, 1.0],
                "metallicFactor": 0.0,
                "roughnessFactor": 0.7,
            },
        }
    )
    primitive = {
        "attributes": {**attributes, **(more or {})},
        "indices": indices,
        "material": len(document["materials"]) - 1,
    }
    document["meshes"].append({"name": name, "primitives": [primitive]})
    return len(document["meshes"]) - 1


def _add_skin(document: dict[str, Any], buffer: Buffer, asset: RiggedAsset, skin: Skin) -> None:
    """A mesh whose joints are the links' nodes.

    What holds a skinned mesh does not move it, so its node is a root of the scene by itself.
    """
    nodes = document["nodes"]
    inverse = np.swapaxes(invert(asset.rest_poses), 1, 2).reshape(-1, 16)
    document["skins"] = [
        {
            "name": SKIN,
            "inverseBindMatrices": buffer.add(inverse, "MAT4"),
            "joints": list(range(1, 1 + len(asset.links))),
            "skeleton": 1,
        }
    ]
    influences = skin.vertices
    more = {
        "JOINTS_0": buffer.add(influences.links.astype(np.uint16), "VEC4", target=VERTICES),
        "WEIGHTS_0": buffer.add(_unit_sum(influences.weights), "VEC4", target=VERTICES),
    }
    material = asset.links[0].material
    name = free_name(SKIN, [node["name"] for node in nodes])
    mesh = _add_mesh(document, buffer, skin.mesh, name=name, material=material, more=more)
    document["scenes"][0]["nodes"].append(len(nodes))
    nodes.append({"name": name, "mesh": mesh, "skin": 0})


def _unit_sum(weights: Array) -> Array:
    """Weights whose sums are 1 in single precision too, as the specification asks."""
    single = weights.astype(np.float32)
    return single / single.sum(axis=1, keepdims=True)


def _link_facts(link: Link, collision: list[str]) -> dict[str, Any]:
    """Mass properties in the node's frame, kg and kg·m², material, and names of meshes."""
    body = link.inertial
    return {
        "mass": float(body.mass),
        "center": body.center.tolist(),
        "inertia": body.inertia.tolist(),
        "material": dataclasses.asdict(link.material),
        "collision": collision,
    }


def _asset_facts(asset: RiggedAsset) -> dict[str, Any]:
    return {
        "fixed_base": bool(asset.fixed_base),
        "never_collide": [list(pair) for pair in asset.interpenetrating],
        "notes": list(asset.notes),
    }


def _add_collision(document: dict[str, Any], buffer: Buffer, link: Link, owner: str) -> list[str]:
    """Add the collision pieces as meshes without a node; their names, which no link can have.

    Args:
        document: to add to.
        buffer: to add to.
        link: whose pieces.
        owner: name of the asset, for one file may hold several.
    """
    solid = [piece for piece in link.collision if len(piece.faces)]
    names = [f"{owner}/{link.name}/collision/{k:02d}" for k in range(len(solid))]
    for name, piece in zip(names, solid, strict=True):
        points = buffer.add(piece.vertices, "VEC3", bounds=True, target=VERTICES)
        faces = buffer.add(piece.faces.ravel(), "SCALAR", target=INDICES)
        primitive = {"attributes": {"POSITION": points}, "indices": faces}
        document["meshes"].append({"name": name, "primitives": [primitive]})
    return names
