"""``asset.glb``: read by trimesh for its meshes, and by us for its animation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from reel2sim.exporters.check.gltf.facts import check_facts
from reel2sim.exporters.check.gltf.reading import Document, read_document
from reel2sim.exporters.check.gltf.rules import check_rules
from reel2sim.exporters.check.looks.skins import SkinReading, blended
from reel2sim.exporters.check.looks.surfaces import Surface, compare_surfaces, joined
from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.meshes import Surfaces
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.exporters.check.robot.reading import compare_poses
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

GLB = "asset.glb"
Z_UP_FROM_Y_UP = pose(axis_rotation(np.array([1.0, 0.0, 0.0]), np.pi / 2))


def check_glb(
    notes: Notes, robot: Robot, surfaces: Surfaces, replay: Replay | None
) -> SkinReading | None:
    """Note what is wrong, and where the animation leaves the motion; the skin if there is one."""
    skin = None
    with notes.guard("GLB001", GLB):
        names = {link.name for link in robot.links}
        # A bundle's file is whole: it may not name others.
        document = read_document(notes.root / GLB, lambda uri: None)
        check_rules(notes, GLB, document)
        scene = _Scene(document)
        load_meshes(notes.root / GLB)
        _check_looks(notes, document, names)
        missing = sorted(names - scene.names)
        for name in missing:
            notes.add("GLB002", GLB, f"has no node {name}")
        skin = scene.skin()
        # A skin is shown in place of the links' own meshes.
        seen = {link.name for link in robot.links if link.visuals and skin is None}
        for name in sorted(seen - scene.with_mesh - set(missing)):
            notes.add("GLB002", f"{GLB}: {name}", "has no mesh")
        compare_surfaces(notes, GLB, surfaces.visual, scene.surfaces())
        pieces = scene.pieces()
        compare_surfaces(notes, f"{GLB}: collision", surfaces.collision, pieces)
        for name in sorted(set(surfaces.collision) - set(pieces)):
            notes.add("GLB002", f"{GLB}: {name}", "has no collision meshes")
        check_facts(notes, GLB, document, robot)
        if replay is None or not robot.finite:
            return skin
        found = scene.poses(replay.times_s)
        compare_poses(notes, "GLB replay", GLB, replay.link_poses(robot), found, "KIN005")
    return skin


def _check_looks(notes: Notes, document: Document, links: set[str]) -> None:
    """What is seen of the links, or of the skin in their place."""
    record = document.json
    nodes = [n for n in record["nodes"] if "mesh" in n]
    seen = {n["mesh"] for n in nodes if n.get("name") in links or "skin" in n}
    for mesh in (record["meshes"][index] for index in sorted(seen)):
        for primitive in mesh["primitives"]:
            at = f"{GLB}: mesh {mesh.get('name', '')}"
            material = primitive.get("material")
            if material is None:
                notes.add("LOOK003", at, "has no material")
                continue
            look = record["materials"][material].get("pbrMetallicRoughness", {})
            factor = look.get("baseColorFactor", [1, 1, 1, 1])
            if len(factor) != 4 or not all(0 <= value <= 1 for value in factor) or not factor[3]:
                notes.add("LOOK003", at, f"baseColorFactor is {factor}")
            colored = "COLOR_0" in primitive["attributes"] or "baseColorTexture" in look
            if not colored and list(factor) == [1, 1, 1, 1]:
                notes.add("LOOK003", at, "has neither vertex colours nor a colour of its own")


def load_meshes(path: Path) -> None:
    """Load the file with trimesh.

    Raises:
        Exception: whatever trimesh raises.
        ValueError: if vertices are not finite.
    """
    import trimesh

    scene = trimesh.load_scene(path)
    for name, mesh in scene.geometry.items():
        vertices = getattr(mesh, "vertices", np.zeros(0))
        if not np.isfinite(np.asarray(vertices)).all():
            raise ValueError(f"mesh {name} holds vertices that are not finite")


class _Scene:
    """Nodes and the first animation of a GLB file."""

    def __init__(self, document: Document) -> None:
        self._read = document
        self._document = document.json
        self._nodes: list[dict[str, Any]] = self._document["nodes"]

    @property
    def names(self) -> set[str]:
        """Names of all nodes."""
        return {node.get("name", "") for node in self._nodes}

    @property
    def with_mesh(self) -> set[str]:
        """Names of nodes that hold a mesh."""
        return {node.get("name", "") for node in self._nodes if "mesh" in node}

    def pieces(self) -> dict[str, Surface]:
        """What collides of each link, in its node's frame: meshes that no node shows."""
        meshes = {mesh.get("name"): mesh for mesh in self._document.get("meshes", [])}
        found: dict[str, Surface] = {}
        for node in self._nodes:
            named = (node.get("extras") or {}).get("link", {}).get("collision", [])
            primitives = [p for name in named for p in meshes[name]["primitives"]]
            if primitives:
                found[node.get("name", "")] = joined(self._triangles(p) for p in primitives)
        return found

    def surfaces(self) -> dict[str, Surface]:
        """Each node's mesh in the node's frame."""
        found: dict[str, Surface] = {}
        for node in self._nodes:
            if "mesh" in node:
                primitives = self._document["meshes"][node["mesh"]]["primitives"]
                parts = [self._triangles(primitive) for primitive in primitives]
                found[node.get("name", "")] = joined(parts)
        return found

    def _triangles(self, primitive: dict[str, Any]) -> Surface:
        points = self._values(primitive["attributes"]["POSITION"])
        corners = np.arange(len(points))
        if "indices" in primitive:
            corners = self._read.values(primitive["indices"])[:, 0].astype(np.int64)
        if (corners >= len(points)).any():
            raise ValueError("indices name vertices that are not there")
        return Surface(points, corners.reshape(-1, 3))

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
        start = np.tile(Z_UP_FROM_Y_UP, (len(times_s), 1, 1))
        scene = self._document["scenes"][self._document.get("scene", 0)]
        waiting = [(index, start) for index in scene["nodes"]]
        visited: set[int] = set()
        while waiting:
            index, T_world_parent = waiting.pop()
            if index in visited:
                raise ValueError("nodes form no tree")
            visited.add(index)
            node = self._nodes[index]
            T = T_world_parent @ local_pose(node, moves.get(index, {}), len(times_s))
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
        values = self._read.values(index).astype(np.float64)
        if finite and not np.isfinite(values).all():
            raise ValueError("data is not finite")
        return values

    def _whole(self, index: int) -> Array:
        return self._read.values(index).astype(np.int64)


def local_pose(node: Mapping[str, Any], moved: Mapping[str, Array], count: int) -> Array:
    """``T_parent_node`` ``(count, 4, 4)`` of a node, of which ``moved`` is animated."""
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
