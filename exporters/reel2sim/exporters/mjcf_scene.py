"""Several assets in one MJCF model."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from reel2sim.exporters.mjcf import add_options, mjcf_model, numbers, write_model
from reel2sim.scene import Camera, Light, LightKind, Scene
from reel2sim.scene.camera import opencv_from_opengl
from reel2sim.scene.transforms import pose_to_vector

_NAMES = ("name", "mesh", "joint", "joint1", "joint2", "body1", "body2")
"""Attributes that hold the name of something of an asset."""
_SECTIONS = ("asset", "contact", "equality", "actuator")
_GROUND_FRICTION = "0.8 0.005 0.0001"


def scoped(asset: str, name: str) -> str:
    """Name of something of an asset in a model of several, as MuJoCo's own attachment gives it."""
    return f"{asset}/{name}"


def write_scene_mjcf(scene: Scene, path: Path, *, folders: Mapping[str, str]) -> None:
    """Write ``scene`` to ``path``.

    Names of an asset's things are ``asset/name``. The only keyframe is where all reels begin.

    Args:
        scene: what to write.
        path: file.
        folders: folder of each asset's bundle, whose meshes are used, relative to the file.

    Raises:
        ExportError: if a joint cannot be said in MJCF.
    """
    root = ET.Element("mujoco", model=scene.name)
    add_options(root, scene.gravity)
    sections = {tag: ET.Element(tag) for tag in ("asset", "worldbody", *_SECTIONS[1:])}
    world = sections["worldbody"]
    _add_lights(world, scene.lights)
    _add_cameras(world, scene.cameras)
    if scene.ground_z is not None:
        ground = {"name": "ground", "type": "plane", "pos": f"0 0 {float(scene.ground_z)!r}"}
        ET.SubElement(world, "geom", {**ground, "size": "0 0 1", "friction": _GROUND_FRICTION})
    start: list[float] = []
    for asset in scene.assets:
        model = mjcf_model(asset)
        start += _first_frame(model)
        _scope(model, asset.name, folders[asset.name])
        world.extend(model.findall("worldbody/body"))
        for tag in _SECTIONS:
            sections[tag].extend(model.findall(f"{tag}/*"))
    root.extend(section for section in sections.values() if len(section))
    if start:
        keyframe = ET.SubElement(root, "keyframe")
        ET.SubElement(keyframe, "key", name="first_frame", qpos=numbers(np.array(start)))
    write_model(root, path)


def _first_frame(model: ET.Element) -> list[float]:
    """Positions of all joints at the reel's first instant."""
    key = model.find("keyframe/key")
    return [] if key is None else [float(word) for word in key.get("qpos", "").split()]


def _scope(model: ET.Element, asset: str, folder: str) -> None:
    """Rename everything of a model of one asset, and find its meshes below ``folder``."""
    for element in model.iter():
        for key in _NAMES:
            if key in element.attrib:
                element.set(key, scoped(asset, element.attrib[key]))
        if element.tag == "mesh":
            element.set("file", f"{folder}/{element.attrib['file']}")


def _add_lights(world: ET.Element, lights: Sequence[Light]) -> None:
    """Lights of a scene; MuJoCo knows no units of light, so the strongest is white.

    A scene without lights gets a sun from above, or nothing could be seen.
    """
    if not lights:
        ET.SubElement(world, "light", pos="0 0 3", dir="0 0 -1", directional="true")
    for light in lights:
        sun = light.kind is LightKind.SUN
        strongest = max(other.strength for other in lights if other.kind is light.kind)
        color = np.clip(light.color * light.strength / strongest, 0.0, 1.0)
        attributes = {
            "name": light.name,
            "pos": numbers(light.T_world_light[:3, 3]),
            "dir": numbers(light.direction),
            "diffuse": numbers(color),
        }
        ET.SubElement(world, "light", attributes | ({"directional": "true"} if sun else {}))


def _add_cameras(world: ET.Element, cameras: Mapping[str, Camera]) -> None:
    """Cameras look along −Z with Y up; a shifted principal point is left out."""
    for name, camera in cameras.items():
        at = pose_to_vector(opencv_from_opengl(camera.T_world_camera))
        ET.SubElement(
            world,
            "camera",
            name=name,
            pos=numbers(at[:3]),
            quat=numbers(at[3:]),
            fovy=repr(float(np.degrees(2 * np.arctan(camera.height / 2 / camera.fy)))),
            resolution=f"{camera.width} {camera.height}",
        )
