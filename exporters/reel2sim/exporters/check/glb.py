"""``asset.glb``: read by trimesh for its meshes, and by us for its animation."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from reel2sim.exporters.check.meshes import Extents, compare_bounds
from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.reading import compare_poses
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot import Robot
from reel2sim.exporters.check.skins import SkinReading, blended
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

GLB = "asset.glb"
_Z_UP_FROM_Y_UP = pose(axis_rotation(np.array([1.0, 0.0, 0.0]), np.pi / 2))
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_FLOAT = 5126
_WHOLE = {5121: "<u1", 5123: "<u2"}


def check_glb(
    notes: Notes, robot: Robot, extents: Extents, replay: Replay | None
) -> SkinReading | None:
    """Note what is wrong, and where the animation leaves the motion; the skin if there is one."""
    skin = None
    with notes.guard("GLB001", GLB):
        scene = _Scene(notes.root / GLB)
        _load_meshes(notes.root / GLB)
        names = {link.name for link in robot.links}
        missing = sorted(names - scene.names)
        for name in missing:
            notes.add("GLB002", GLB, f"has no node {name}")
        skin = scene.skin()
        # A skin is shown in place of the links' own meshes.
        seen = {link.name for link in robot.links if link.visuals and skin is None}
        for name in sorted(seen - scene.with_mesh - set(missing)):
            notes.add("GLB002", f"{GLB}: {name}", "has no mesh")
        compare_bounds(notes, GLB, extents.visual, scene.bounds())
        if replay is None or not robot.finite:
            return skin
        found = scene.poses(replay.times_s)
        compare_poses(notes, "GLB replay", GLB, replay.link_poses(robot), found, "KIN005")
    return skin


def _load_meshes(path: Path) -> None:
    import trimesh

    scene = trimesh.load_scene(path)
    for name, mesh in scene.geometry.items():
        vertices = getattr(mesh, "vertices", np.zeros(0))
        if not np.isfinite(np.asarray(vertices)).all():
            raise ValueError(f"mesh {name} holds vertices that are not finite")


class _Scene:
    """Nodes and the first animation of a GLB file.

    Raises:
        ValueError: if the container is damaged.
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        if (magic, version) != (b"glTF", 2):
            raise ValueError("is not a binary glTF 2 file")
        if length != len(data):
            raise ValueError(f"has {len(data)} bytes, its header says {length}")
        size, kind = struct.unpack_from("<I4s", data, 12)
        if kind != b"JSON":
            raise ValueError("its first chunk is not JSON")
        self._document: dict[str, Any] = json.loads(data[20 : 20 + size])
        self._binary = data[28 + size :]
        self._nodes: list[dict[str, Any]] = self._document["nodes"]

    @property
    def names(self) -> set[str]:
        """Names of all nodes."""
        return {node.get("name", "") for node in self._nodes}

    @property
    def with_mesh(self) -> set[str]:
        """Names of nodes that hold a mesh."""
        return {node.get("name", "") for node in self._nodes if "mesh" in node}

    def bounds(self) -> dict[str, Array]:
        """Bounds ``(2, 3)`` of each node's mesh in the node's frame."""
        found: dict[str, Array] = {}
        for node in self._nodes:
            if "mesh" in node:
                primitives = self._document["meshes"][node["mesh"]]["primitives"]
                points = [self._values(p["attributes"]["POSITION"]) for p in primitives]
                each = np.concatenate(points)
                found[node.get("name", "")] = np.stack([each.min(axis=0), each.max(axis=0)])
        return found

    def skin(self) -> SkinReading | None:
        """The first skinned mesh, posed by the joints' nodes; None without one."""
        held = [node for node in self._nodes if "skin" in node and "mesh" in node]
        if not held:
            return None
        skin = self._document["skins"][held[0]["skin"]]
        (primitive,) = self._document["meshes"][held[0]["mesh"]]["primitives"]
        attributes = primitive["attributes"]
        names = tuple(self._nodes[index].get("name", "") for index in skin["joints"])
        bind = self._values(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
        points = self._values(attributes["POSITION"])
        indices = self._whole(attributes["JOINTS_0"])
        weights = self._values(attributes["WEIGHTS_0"], finite=False)

        def posed(times_s: Array) -> Array:
            found = self.poses(times_s)
            T = np.stack([found[name] for name in names], axis=1) @ bind
            return blended(points, indices, weights, T)

        return SkinReading(GLB, names, points, indices, weights, posed)

    def poses(self, times_s: Array) -> dict[str, Array]:
        """``T_world_node`` ``(t, 4, 4)`` by name, in a world that has Z up."""
        moves = self._moves(times_s)
        found: dict[str, Array] = {}
        start = np.tile(_Z_UP_FROM_Y_UP, (len(times_s), 1, 1))
        scene = self._document["scenes"][self._document.get("scene", 0)]
        waiting = [(index, start) for index in scene["nodes"]]
        visited: set[int] = set()
        while waiting:
            index, T_world_parent = waiting.pop()
            if index in visited:
                raise ValueError("nodes form no tree")
            visited.add(index)
            node = self._nodes[index]
            T = T_world_parent @ _local(node, moves.get(index, {}), len(times_s))
            found[node.get("name", "")] = T
            waiting += [(child, T) for child in node.get("children", [])]
        return found

    def _moves(self, times_s: Array) -> dict[int, dict[str, Array]]:
        """Animated values of nodes at ``times_s``, by node and property."""
        found: dict[int, dict[str, Array]] = {}
        for animation in self._document.get("animations", [])[:1]:
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                if sampler.get("interpolation", "LINEAR") != "LINEAR":
                    raise ValueError(f"interpolation is {sampler['interpolation']}")
                target = channel["target"]
                keys = self._values(sampler["input"])[:, 0]
                values = self._values(sampler["output"])
                sampled = _sample(keys, values, times_s, turn=target["path"] == "rotation")
                found.setdefault(target["node"], {})[target["path"]] = sampled
        return found

    def _values(self, index: int, *, finite: bool = True) -> Array:
        accessor: Mapping[str, Any] = self._document["accessors"][index]
        if accessor["componentType"] != _FLOAT:
            raise ValueError("data is not packed single precision")
        values = self._packed(accessor, "<f4").astype(np.float64)
        if finite and not np.isfinite(values).all():
            raise ValueError("data is not finite")
        return values

    def _whole(self, index: int) -> Array:
        accessor: Mapping[str, Any] = self._document["accessors"][index]
        return self._packed(accessor, _WHOLE[accessor["componentType"]]).astype(np.int64)

    def _packed(self, accessor: Mapping[str, Any], dtype: str) -> Array:
        view = self._document["bufferViews"][accessor["bufferView"]]
        if "byteStride" in view:
            raise ValueError("data is not packed")
        width = _WIDTHS[accessor["type"]]
        offset = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        flat = np.frombuffer(self._binary, dtype, accessor["count"] * width, offset)
        return flat.reshape(-1, width)


def _local(node: Mapping[str, Any], moved: Mapping[str, Array], count: int) -> Array:
    if "matrix" in node:
        return np.tile(np.reshape(node["matrix"], (4, 4)).T, (count, 1, 1))
    q_xyzw = moved.get("rotation", np.tile(node.get("rotation", [0, 0, 0, 1]), (count, 1)))
    t = moved.get("translation", np.tile(node.get("translation", [0, 0, 0]), (count, 1)))
    s = moved.get("scale", np.tile(node.get("scale", [1, 1, 1]), (count, 1)))
    return pose(Rotation.from_quat(q_xyzw).as_matrix() * s[:, None, :], t)


def _sample(keys: Array, values: Array, times_s: Array, *, turn: bool) -> Array:
    """Values at ``times_s``; the ends are held."""
    if len(values) != len(keys) or (np.diff(keys) <= 0).any():
        raise ValueError("animation keys do not ascend, or not one value per key")
    at = np.clip(times_s, keys[0], keys[-1])
    if len(keys) == 1:
        return np.repeat(values, len(at), axis=0)
    if turn:
        return Slerp(keys, Rotation.from_quat(values))(at).as_quat()
    return np.stack([np.interp(at, keys, column) for column in values.T], axis=1)
