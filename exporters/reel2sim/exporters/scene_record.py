"""``scene.json``: what stands where, and what is around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reel2sim.scene import Camera, Light, Scene
from reel2sim.scene.camera import opencv_from_opengl
from reel2sim.scene.transforms import pose_to_vector

SCENE_VERSION = 1
"""Raised when a reader of the old layout would misread the new one."""


def scene_record(scene: Scene, folders: Mapping[str, str]) -> dict[str, Any]:
    """The content of ``scene.json``: metres, seconds, poses ``[x, y, z, qw, qx, qy, qz]``.

    Where an asset stands is in its own ``motion.json``: ``base_pose`` is in the scene's frame.
    Cameras are as in Nerfstudio's ``transforms.json``: OpenGL camera-to-world.

    Args:
        scene: the scene.
        folders: folder of each asset's bundle, relative to the file.
    """
    return {
        "schema_version": SCENE_VERSION,
        "name": scene.name,
        "gravity": scene.gravity.tolist(),
        "ground_z": scene.ground_z,
        "assets": [
            {
                "name": placement.asset.name,
                "folder": folders[placement.asset.name],
                "fixed": bool(placement.fixed),
                "base_pose": pose_to_vector(placement.placed.motion.base_poses[0]).tolist(),
            }
            for placement in scene.placements
        ],
        "lights": [_light(light) for light in scene.lights],
        "cameras": [_camera(name, camera) for name, camera in scene.cameras.items()],
        "background_surfels": 0 if scene.background is None else len(scene.background),
    }


def _light(light: Light) -> dict[str, Any]:
    return {
        "name": light.name,
        "kind": light.kind.value,
        "pose": pose_to_vector(light.T_world_light).tolist(),
        "color": light.color.tolist(),
        "strength": float(light.strength),
    }


def _camera(name: str, camera: Camera) -> dict[str, Any]:
    opengl = opencv_from_opengl(camera.T_world_camera)
    return {
        "name": name,
        "w": camera.width,
        "h": camera.height,
        "fl_x": float(camera.fx),
        "fl_y": float(camera.fy),
        "cx": float(camera.cx),
        "cy": float(camera.cy),
        "transform_matrix": opengl.tolist(),
    }


def write_scene_record(scene: Scene, path: Path, *, folders: Mapping[str, str]) -> None:
    """Write :func:`scene_record` to ``path``."""
    text = json.dumps(scene_record(scene, folders), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
