"""What the glTF 2 specification asks of a file, as far as readers stumble over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from reel2sim.exporters.check.gltf.reading import Document
from reel2sim.exporters.check.looks.surfaces import Surface, against_normals
from reel2sim.exporters.check.report import Notes, one_line
from reel2sim.scene.arrays import Array

_TRIANGLES = 4
_UNIT = 1e-3
_SUM = 2e-3
"""By how much weights stored in bytes may miss 1."""


def check_rules(notes: Notes, where: str, document: Document) -> None:
    """Note indices, ranges and numbers that break the specification."""
    _check_references(notes, where, document.json)
    values = _check_accessors(notes, where, document)
    _check_tree(notes, where, document.json)
    for at, primitive in _primitives(document.json, where):
        _check_primitive(notes, at, primitive, values)
    for a, animation in enumerate(document.json.get("animations", [])):
        _check_animation(notes, f"{where}: animation {a}", animation, values)


def _check_accessors(notes: Notes, where: str, document: Document) -> dict[int, Array]:
    """Values by accessor; those that cannot be read are findings."""
    found: dict[int, Array] = {}
    for index, accessor in enumerate(document.json.get("accessors", [])):
        at = f"{where}: accessor {index}"
        try:
            values = document.values(index)
        except (ValueError, LookupError, TypeError) as cause:
            notes.add("GLB003", at, one_line(cause))
            continue
        found[index] = values
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            notes.add("GLB004", at, f"{bad} numbers are not finite")
        elif len(values) and not accessor.get("normalized"):
            for key, seen in (("min", values.min(axis=0)), ("max", values.max(axis=0))):
                told = accessor.get(key)
                near = told is None or np.allclose(told, seen, rtol=1e-5, atol=1e-6)
                if not near:
                    notes.add("GLB004", at, f"{key} is {told}, of the data {seen.tolist()}")
    return found


def _check_references(notes: Notes, where: str, record: dict[str, Any]) -> None:
    """Note indices of one table that lead beyond another."""
    sizes = {key: len(record.get(key, [])) for key in record if isinstance(record[key], list)}

    def look(at: str, table: str, index: Any) -> None:
        if index is not None and not (isinstance(index, int) and 0 <= index < sizes.get(table, 0)):
            notes.add("GLB003", f"{where}: {at}", f"names {table} {index}, which is not there")

    look("scene", "scenes", record.get("scene"))
    for s, scene in enumerate(record.get("scenes", [])):
        for index in scene.get("nodes", []):
            look(f"scene {s}", "nodes", index)
    for n, node in enumerate(record.get("nodes", [])):
        for key, table in (("mesh", "meshes"), ("skin", "skins"), ("camera", "cameras")):
            look(f"node {n}", table, node.get(key))
        for index in node.get("children", []):
            look(f"node {n}", "nodes", index)
    for at, primitive in _primitives(record, "mesh"):
        look(at, "materials", primitive.get("material"))
        for index in (primitive.get("indices"), *primitive.get("attributes", {}).values()):
            look(at, "accessors", index)
    for k, skin in enumerate(record.get("skins", [])):
        look(f"skin {k}", "accessors", skin.get("inverseBindMatrices"))
        for index in skin.get("joints", []):
            look(f"skin {k}", "nodes", index)
    for a, animation in enumerate(record.get("animations", [])):
        for sampler in animation.get("samplers", []):
            for key in ("input", "output"):
                look(f"animation {a}", "accessors", sampler.get(key))
        for channel in animation.get("channels", []):
            look(f"animation {a}", "nodes", channel.get("target", {}).get("node"))
            count = len(animation.get("samplers", []))
            if not 0 <= channel.get("sampler", -1) < count:
                notes.add("GLB003", f"{where}: animation {a}", "a channel has no sampler")
    for t, texture in enumerate(record.get("textures", [])):
        look(f"texture {t}", "images", texture.get("source"))
        look(f"texture {t}", "samplers", texture.get("sampler"))
    for m, material in enumerate(record.get("materials", [])):
        for index in _textures(material):
            look(f"material {m}", "textures", index)
    for i, image in enumerate(record.get("images", [])):
        look(f"image {i}", "bufferViews", image.get("bufferView"))


def _textures(value: Any) -> Iterator[int]:
    """Indices of all textures that a material names, at any depth."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key.endswith("Texture") and isinstance(entry, dict) and "index" in entry:
                yield entry["index"]
            else:
                yield from _textures(entry)


def _primitives(record: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for m, mesh in enumerate(record.get("meshes", [])):
        for primitive in mesh.get("primitives", []):
            yield f"{where}: mesh {mesh.get('name', m)}", primitive


def _check_tree(notes: Notes, where: str, record: dict[str, Any]) -> None:
    nodes = record.get("nodes", [])
    parents = [0] * len(nodes)
    for n, node in enumerate(nodes):
        at = f"{where}: node {node.get('name', n)}"
        for child in node.get("children", []):
            if isinstance(child, int) and 0 <= child < len(nodes):
                parents[child] += 1
        turn = node.get("rotation")
        if turn is not None and not abs(float(np.linalg.norm(turn)) - 1) <= _UNIT:
            notes.add("GLB004", at, f"rotation has length {np.linalg.norm(turn):g}")
        numbers = [x for key in ("translation", "scale", "matrix") for x in node.get(key, [])]
        if not np.isfinite(np.array(numbers, dtype=np.float64)).all():
            notes.add("GLB004", at, "its transform is not finite")
    for n, count in enumerate(parents):
        if count > 1:
            notes.add("GLB003", f"{where}: node {nodes[n].get('name', n)}", "has two parents")


def _check_primitive(
    notes: Notes, at: str, primitive: dict[str, Any], values: dict[int, Array]
) -> None:
    attributes = primitive.get("attributes", {})
    points = values.get(attributes.get("POSITION", -1))
    if points is None:
        return
    for name, index in attributes.items():
        if index in values and len(values[index]) != len(points):
            text = f"{name} has {len(values[index])} values, POSITION {len(points)}"
            notes.add("GLB003", at, text)
    corners = np.arange(len(points))
    if "indices" in primitive:
        found = values.get(primitive["indices"])
        if found is None:
            return
        corners = found[:, 0].astype(np.int64)
        if (corners >= len(points)).any():
            notes.add("GLB003", at, f"indices name vertex {corners.max()} of {len(points)}")
            return
    if primitive.get("mode", _TRIANGLES) == _TRIANGLES:
        if len(corners) % 3:
            notes.add("GLB003", at, f"{len(corners)} indices are no whole number of triangles")
            return
        normals = values.get(attributes.get("NORMAL", -1))
        surface = Surface(points.astype(np.float64), corners.reshape(-1, 3))
        if normals is not None and len(normals) == len(points) and len(corners):
            text = against_normals(surface, normals.astype(np.float64))
            if text:
                notes.add("MESH014", at, text)
    weights = values.get(attributes.get("WEIGHTS_0", -1))
    if weights is not None and "WEIGHTS_1" not in attributes:
        off = ~(np.abs(weights.sum(axis=1, dtype=np.float64) - 1) <= _SUM)
        if off.any() and notes.alone:
            notes.add("SKIN004", at, f"weights of {int(off.sum())} vertices do not sum to 1")


def _check_animation(
    notes: Notes, at: str, animation: dict[str, Any], values: dict[int, Array]
) -> None:
    for channel in animation.get("channels", []):
        samplers = animation.get("samplers", [])
        sampler = samplers[channel["sampler"]] if channel.get("sampler", -1) < len(samplers) else {}
        keys, found = (values.get(sampler.get(key, -1)) for key in ("input", "output"))
        if keys is None or found is None:
            continue
        if len(keys) > 1 and not (np.diff(keys[:, 0].astype(np.float64)) > 0).all():
            notes.add("GLB003", at, "its times do not ascend strictly")
        smooth = sampler.get("interpolation") == "CUBICSPLINE"
        path = channel.get("target", {}).get("path")
        wanted = len(keys) * (3 if smooth else 1)
        if path != "weights" and len(found) != wanted:
            notes.add("GLB003", at, f"{len(found)} values of {path} for {len(keys)} times")
        turns = found[1::3] if smooth else found
        if path == "rotation" and len(turns) and turns.shape[1] == 4:
            gap = float(np.abs(np.linalg.norm(turns.astype(np.float64), axis=1) - 1).max())
            if not gap <= _UNIT:
                notes.add("GLB004", at, f"lengths of rotations miss 1 by up to {gap:.3g}")
