"""The half of a GLB that moves: a node per link, and the reel's motion as an animation."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from reel2sim.exporters.gltf_buffer import Buffer
from reel2sim.scene import Joint, JointType, RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import quaternion_from_matrix

_Y_FROM_Z_UP = [-float(np.sqrt(0.5)), 0.0, 0.0, float(np.sqrt(0.5))]
"""Quaternion xyzw of the top node: glTF has Y up."""


def document_of(asset: RiggedAsset) -> dict[str, Any]:
    """A document with a node per link, in their order from node 1 on, at the zero state."""
    nodes: list[dict[str, Any]] = [{"name": link.name} for link in asset.links]
    _arrange(nodes, asset)
    top = {"name": f"{asset.name}_y_up", "rotation": _Y_FROM_Z_UP, "children": [1]}
    return {
        "asset": {"version": "2.0", "generator": "reel2sim"},
        "scene": 0,
        "scenes": [{"name": asset.name, "nodes": [0]}],
        "nodes": [top, *nodes],
        "meshes": [],
        "materials": [],
    }


def finished(document: dict[str, Any], asset: RiggedAsset, buffer: Buffer) -> dict[str, Any]:
    """The document with the animation and the tables of the buffer, without empty lists."""
    document["animations"] = [_animation(asset, buffer)]
    if not document["animations"][0]["channels"]:
        document["animations"] = []
    document |= buffer.tables()
    return {key: value for key, value in document.items() if value != []}


def _arrange(nodes: list[dict[str, Any]], asset: RiggedAsset) -> None:
    """Hang the links' nodes below each other, at zero state."""
    start = asset.motion.base_poses[0]
    nodes[0]["translation"] = (start[:3, 3] + 0.0).tolist()
    nodes[0]["rotation"] = _xyzw(start[:3, :3]).tolist()
    index = asset.link_index
    for i, joint in enumerate(asset.joints, start=1):
        nodes[i]["translation"] = (joint.origin + 0.0).tolist()
        nodes[index[joint.parent]].setdefault("children", []).append(i + 1)


def joint_facts(joint: Joint) -> dict[str, Any]:
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


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _animation(asset: RiggedAsset, buffer: Buffer) -> dict[str, Any]:
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
