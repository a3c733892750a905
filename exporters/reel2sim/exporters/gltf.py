"""GLB: a tree of nodes with coloured meshes and the reel's motion as an animation."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.exporters.names import free_name
from reel2sim.exporters.normals import vertex_normals
from reel2sim.exporters.obj import mean_color
from reel2sim.scene import Joint, JointType, Link, Material, RiggedAsset, Skin, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert, quaternion_from_matrix

_FLOAT, _UNSIGNED_INT, _UNSIGNED_SHORT = 5126, 5125, 5123
_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963
_Y_FROM_Z_UP = [-float(np.sqrt(0.5)), 0.0, 0.0, float(np.sqrt(0.5))]
"""Quaternion xyzw of the top node: glTF has Y up."""
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
    buffer = _Buffer()
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "reel2sim"},
        "scene": 0,
        "scenes": [{"name": asset.name, "nodes": [0], "extras": {"reel2sim": _asset_facts(asset)}}],
        "nodes": [{"name": f"{asset.name}_y_up", "rotation": _Y_FROM_Z_UP, "children": [1]}],
        "meshes": [],
        "materials": [],
    }
    for link in asset.links:
        shown = link.visual if asset.skin is None else None
        document["nodes"].append(_node(document, buffer, link, shown))
    for link, node in zip(asset.links, document["nodes"][1:], strict=True):
        pieces = _add_collision(document, buffer, link)
        node["extras"] = {"link": _link_facts(link, pieces)}
    _arrange(document["nodes"][1:], asset)
    if asset.skin is not None:
        _add_skin(document, buffer, asset, asset.skin)
    document["animations"] = [_animation(asset, buffer)]
    document |= buffer.tables()
    if not document["animations"][0]["channels"]:
        del document["animations"]
    for key in ("meshes", "materials", "accessors", "bufferViews"):
        if not document[key]:
            del document[key]
    return document, bytes(buffer.data)


class _Buffer:
    """Collects arrays, and the accessors that describe them."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(
        self, values: Array, kind: str, *, bounds: bool = False, target: int | None = None
    ) -> int:
        """Append ``values`` and return the index of their accessor."""
        short = values.dtype == np.uint16
        whole = values.dtype.kind in "iu"
        dtype = "<u2" if short else "<u4" if whole else "<f4"
        packed = np.ascontiguousarray(values, dtype=dtype)
        view: dict[str, Any] = {
            "buffer": 0,
            "byteOffset": len(self.data),
            "byteLength": packed.nbytes,
        }
        if target is not None:
            view["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": len(self.views),
            "componentType": (_UNSIGNED_SHORT if short else _UNSIGNED_INT if whole else _FLOAT),
            "count": len(packed),
            "type": kind,
        }
        if bounds:
            table = packed.reshape(len(packed), -1)
            accessor["min"] = table.min(axis=0).tolist()
            accessor["max"] = table.max(axis=0).tolist()
        self.data += packed.tobytes()
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def tables(self) -> dict[str, Any]:
        """The document's entries for what was added."""
        buffers = [{"byteLength": len(self.data)}] if self.data else []
        found = {"bufferViews": self.views, "accessors": self.accessors}
        return {**found, "buffers": buffers} if buffers else found


def _node(
    document: dict[str, Any], buffer: _Buffer, link: Link, mesh: TriangleMesh | None
) -> dict[str, Any]:
    node: dict[str, Any] = {"name": link.name}
    if mesh is not None and len(mesh.faces):
        node["mesh"] = _add_mesh(document, buffer, mesh, name=link.name, material=link.material)
    return node


def _add_mesh(
    document: dict[str, Any],
    buffer: _Buffer,
    mesh: TriangleMesh,
    *,
    name: str,
    material: Material,
    more: Mapping[str, int] | None = None,
) -> int:
    """Add a mesh and its material; ``more`` are accessors of further attributes."""
    attributes = {
        "POSITION": buffer.add(mesh.vertices, "VEC3", bounds=True, target=_ARRAY_BUFFER),
        "NORMAL": buffer.add(vertex_normals(mesh), "VEC3", target=_ARRAY_BUFFER),
    }
    factor = [1.0, 1.0, 1.0]
    if mesh.colors is None:
        factor = linear_from_srgb(np.array(mean_color(mesh))).tolist()
    else:
        colors = linear_from_srgb(mesh.colors)
        attributes["COLOR_0"] = buffer.add(colors, "VEC3", target=_ARRAY_BUFFER)
    indices = buffer.add(mesh.faces.ravel(), "SCALAR", target=_ELEMENT_BUFFER)
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


def _add_skin(document: dict[str, Any], buffer: _Buffer, asset: RiggedAsset, skin: Skin) -> None:
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
        "JOINTS_0": buffer.add(influences.links.astype(np.uint16), "VEC4", target=_ARRAY_BUFFER),
        "WEIGHTS_0": buffer.add(_unit_sum(influences.weights), "VEC4", target=_ARRAY_BUFFER),
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


def _arrange(nodes: list[dict[str, Any]], asset: RiggedAsset) -> None:
    """Hang the links' nodes below each other, at zero state."""
    start = asset.motion.base_poses[0]
    nodes[0]["translation"] = (start[:3, 3] + 0.0).tolist()
    nodes[0]["rotation"] = _xyzw(start[:3, :3]).tolist()
    index = asset.link_index
    for i, joint in enumerate(asset.joints, start=1):
        nodes[i]["translation"] = (joint.origin + 0.0).tolist()
        nodes[i]["extras"]["joint"] = _facts(joint)
        nodes[index[joint.parent]].setdefault("children", []).append(i + 1)


def _facts(joint: Joint) -> dict[str, Any]:
    """What a node cannot say of its joint: SI units, radians, None for what has no bound."""
    limits = joint.limits
    facts: dict[str, Any] = {
        "name": joint.name,
        "type": joint.type.value,
        "axis": joint.axis.tolist(),
        "limits": [_number(limits.lower), _number(limits.upper)],
        "effort": _number(limits.effort),
        "velocity": _number(limits.velocity),
        "damping": float(joint.damping),
        "friction": float(joint.friction),
        "confidence": float(joint.confidence),
        "observed": bool(joint.observed),
    }
    if joint.reason:
        facts["reason"] = joint.reason
    if joint.pitch:
        facts["pitch"] = float(joint.pitch)
    if joint.mimic is not None:
        facts["mimic"] = dataclasses.asdict(joint.mimic)
    if joint.observed_range is not None:
        facts["observed_range"] = [float(q) for q in joint.observed_range]
    if joint.certainty is not None:
        facts["certainty"] = dataclasses.asdict(joint.certainty)
    return facts


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


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _add_collision(document: dict[str, Any], buffer: _Buffer, link: Link) -> list[str]:
    """Add the collision pieces as meshes without a node; their names, which no link can have."""
    solid = [piece for piece in link.collision if len(piece.faces)]
    names = [f"{link.name}/collision/{k:02d}" for k in range(len(solid))]
    for name, piece in zip(names, solid, strict=True):
        points = buffer.add(piece.vertices, "VEC3", bounds=True, target=_ARRAY_BUFFER)
        faces = buffer.add(piece.faces.ravel(), "SCALAR", target=_ELEMENT_BUFFER)
        primitive = {"attributes": {"POSITION": points}, "indices": faces}
        document["meshes"].append({"name": name, "primitives": [primitive]})
    return names


def _animation(asset: RiggedAsset, buffer: _Buffer) -> dict[str, Any]:
    motion = asset.motion
    times: int | None = None
    channels: list[dict[str, Any]] = []
    samplers: list[dict[str, Any]] = []

    def add(node: int, path: str, values: Array) -> None:
        nonlocal times
        if times is None:
            times = buffer.add(motion.times_s, "SCALAR", bounds=True)
        kind = "VEC4" if path == "rotation" else "VEC3"
        samplers.append(
            {"input": times, "output": buffer.add(values, kind), "interpolation": "LINEAR"}
        )
        target = {"node": node, "path": path}
        channels.append({"sampler": len(samplers) - 1, "target": target})

    if not np.allclose(motion.base_poses, motion.base_poses[0], atol=1e-12):
        add(1, "translation", motion.base_poses[:, :3, 3])
        add(1, "rotation", _xyzw(motion.base_poses[:, :3, :3]))
    for i, joint in enumerate(asset.joints, start=1):
        if joint.type is JointType.FIXED:
            continue
        T = joint.motion(motion.positions[joint.name])
        if joint.type.angular:
            add(i + 1, "rotation", _xyzw(T[:, :3, :3]))
        if joint.type in (JointType.PRISMATIC, JointType.SCREW):
            add(i + 1, "translation", T[:, :3, 3] + joint.origin)
    return {"name": "reel", "channels": channels, "samplers": samplers}


def _xyzw(rotations: Array) -> Array:
    return np.roll(quaternion_from_matrix(rotations), -1, axis=-1)


def container(document: dict[str, Any], data: bytes) -> bytes:
    """A binary glTF file of a document and its buffer."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    chunks = [(b"JSON", text + b" " * (-len(text) % 4))]
    if data:
        chunks.append((b"BIN\0", data + b"\0" * (-len(data) % 4)))
    body = b"".join(struct.pack("<I", len(c)) + name + c for name, c in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body
