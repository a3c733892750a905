"""Several assets in one GLB: their documents, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.gltf import glb_document
from reel2sim.exporters.gltf_buffer import container
from reel2sim.scene import Camera, Light, LightKind, Scene
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import opencv_from_opengl
from reel2sim.scene.transforms import pose, quaternion_from_matrix

_LISTS = ("nodes", "meshes", "materials", "skins", "accessors", "bufferViews")
_LIGHTS = "KHR_lights_punctual"
_NEAR = 0.01
_Y_FROM_Z_UP = pose(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]))


def write_scene_glb(scene: Scene, path: Path) -> None:
    """Write all assets of ``scene`` to ``path``, their motions in one animation.

    Names of links may repeat from asset to asset: the node above an asset's links, named after it,
    tells them apart. Lights are punctual lights (``KHR_lights_punctual``). A shifted principal
    point of a camera is left out, which glTF cannot say, and so are the ground and the background.
    """
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "reel2sim"},
        "scene": 0,
        "scenes": [{"name": scene.name, "nodes": []}],
        **{key: [] for key in _LISTS},
        "animations": [{"name": "reel", "channels": [], "samplers": []}],
    }
    data = bytearray()
    for asset in scene.assets:
        _join(document, data, *glb_document(asset))
    _add_lights(document, scene.lights)
    _add_cameras(document, scene.cameras)
    if not document["animations"][0]["channels"]:
        del document["animations"]
    document = {key: value for key, value in document.items() if value != []}
    if data:
        document["buffers"] = [{"byteLength": len(data)}]
    path.write_bytes(container(document, bytes(data)))


def _join(document: dict[str, Any], data: bytearray, other: Mapping[str, Any], more: bytes) -> None:
    """Append another document: whatever it counts goes on from what is there."""
    first = {key: len(document[key]) for key in _LISTS}
    data += b"\0" * (-len(data) % 4)
    for view in other.get("bufferViews", []):
        document["bufferViews"].append({**view, "byteOffset": view["byteOffset"] + len(data)})
    data += more
    for accessor in other.get("accessors", []):
        at = accessor["bufferView"] + first["bufferViews"]
        document["accessors"].append({**accessor, "bufferView": at})
    document["materials"] += other.get("materials", [])
    document["meshes"] += [_mesh(mesh, first) for mesh in other.get("meshes", [])]
    document["skins"] += [_skin(skin, first) for skin in other.get("skins", [])]
    document["nodes"] += [_node(node, first) for node in other["nodes"]]
    document["scenes"][0]["nodes"] += [n + first["nodes"] for n in other["scenes"][0]["nodes"]]
    for animation in other.get("animations", []):
        _join_animation(document["animations"][0], animation, first)


def _mesh(mesh: Mapping[str, Any], first: Mapping[str, int]) -> dict[str, Any]:
    primitives: list[dict[str, Any]] = []
    for part in mesh["primitives"]:
        attributes = {k: v + first["accessors"] for k, v in part["attributes"].items()}
        moved = {**part, "attributes": attributes, "indices": part["indices"] + first["accessors"]}
        if "material" in part:  # what collides has none
            moved["material"] += first["materials"]
        primitives.append(moved)
    return {**mesh, "primitives": primitives}


def _skin(skin: Mapping[str, Any], first: Mapping[str, int]) -> dict[str, Any]:
    return {
        **skin,
        "inverseBindMatrices": skin["inverseBindMatrices"] + first["accessors"],
        "joints": [node + first["nodes"] for node in skin["joints"]],
        "skeleton": skin["skeleton"] + first["nodes"],
    }


def _node(node: Mapping[str, Any], first: Mapping[str, int]) -> dict[str, Any]:
    moved = dict(node)
    for key, what in (("mesh", "meshes"), ("skin", "skins")):
        if key in moved:
            moved[key] += first[what]
    if "children" in moved:
        moved["children"] = [child + first["nodes"] for child in moved["children"]]
    return moved


def _join_animation(
    into: dict[str, Any], animation: Mapping[str, Any], first: Mapping[str, int]
) -> None:
    count = len(into["samplers"])
    for sampler in animation["samplers"]:
        ends = {key: sampler[key] + first["accessors"] for key in ("input", "output")}
        into["samplers"].append({**sampler, **ends})
    for channel in animation["channels"]:
        target = {**channel["target"], "node": channel["target"]["node"] + first["nodes"]}
        into["channels"].append({"sampler": channel["sampler"] + count, "target": target})


def _add_lights(document: dict[str, Any], lights: Sequence[Light]) -> None:
    if not lights:
        return
    kinds = {LightKind.SUN: "directional", LightKind.POINT: "point"}
    document["extensionsUsed"] = [_LIGHTS]
    document["extensions"] = {
        _LIGHTS: {
            "lights": [
                {
                    "name": light.name,
                    "type": kinds[light.kind],
                    "color": np.minimum(light.color / max(light.color.max(), 1.0), 1.0).tolist(),
                    "intensity": float(light.strength * max(light.color.max(), 1.0)),
                }
                for light in lights
            ]
        }
    }
    for i, light in enumerate(lights):
        _add_node(document, light.name, light.T_world_light, extensions={_LIGHTS: {"light": i}})


def _add_cameras(document: dict[str, Any], cameras: Mapping[str, Camera]) -> None:
    if not cameras:
        return
    document["cameras"] = [
        {
            "name": name,
            "type": "perspective",
            "perspective": {
                "yfov": float(2 * np.arctan(camera.height / 2 / camera.fy)),
                "aspectRatio": float(camera.width / camera.fx * camera.fy / camera.height),
                "znear": _NEAR,
            },
        }
        for name, camera in cameras.items()
    ]
    for i, (name, camera) in enumerate(cameras.items()):
        # glTF's cameras look along −Z with Y up.
        T = opencv_from_opengl(camera.T_world_camera)
        _add_node(document, name, T, camera=i)


def _add_node(document: dict[str, Any], name: str, T_world: Array, **more: Any) -> None:
    """A node at the top, in the Y-up world of the file."""
    T = _Y_FROM_Z_UP @ T_world
    rotation = np.roll(quaternion_from_matrix(T[:3, :3]), -1)
    at = {"translation": (T[:3, 3] + 0.0).tolist(), "rotation": rotation.tolist()}
    document["scenes"][0]["nodes"].append(len(document["nodes"]))
    document["nodes"].append({"name": name, **at, **more})
