"""Scenes as files: all their assets, and what is around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.store.archive import blaming, read, surfel_arrays, surfels_from, write
from reel2sim.scene.store.assets import asset_content, asset_from
from reel2sim.scene.world import Light, LightKind, Placement, Scene

_BACKGROUND = "background/"


def save_scene(path: Path, scene: Scene) -> None:
    """Write a :class:`Scene` to ``path`` (``.npz``)."""
    arrays: dict[str, Array] = {"gravity": scene.gravity}
    placements: list[dict[str, Any]] = []
    for i, placement in enumerate(scene.placements):
        found, header = asset_content(placement.asset)
        arrays |= {f"assets/{i}/{name}": array for name, array in found.items()}
        arrays[f"placements/{i}"] = placement.T_world_asset
        placements.append({"asset": header, "fixed": placement.fixed})
    for i, light in enumerate(scene.lights):
        arrays |= {f"lights/{i}/pose": light.T_world_light, f"lights/{i}/color": light.color}
    for name, camera in scene.cameras.items():
        arrays[f"cameras/{name}"] = camera.T_world_camera
    if scene.background is not None:
        arrays |= {_BACKGROUND + k: v for k, v in surfel_arrays(scene.background).items()}
    header = {
        "name": scene.name,
        "ground_z": scene.ground_z,
        "placements": placements,
        "lights": [
            {"name": light.name, "kind": light.kind.value, "strength": light.strength}
            for light in scene.lights
        ],
        "cameras": {name: _intrinsics(camera) for name, camera in scene.cameras.items()},
    }
    write(path, "scene", arrays, header)


def load_scene(path: Path) -> Scene:
    """Read what :func:`save_scene` wrote.

    Raises:
        InputError: if the file is not one.
    """
    a, header = read(path, "scene")
    with blaming(path):
        placements = tuple(
            Placement(
                asset_from(_below(a, f"assets/{i}/"), record["asset"]),
                a[f"placements/{i}"],
                record["fixed"],
            )
            for i, record in enumerate(header["placements"])
        )
        lights = tuple(
            Light(
                record["name"],
                LightKind(record["kind"]),
                a[f"lights/{i}/pose"],
                a[f"lights/{i}/color"],
                record["strength"],
            )
            for i, record in enumerate(header["lights"])
        )
        cameras = {
            name: Camera(**record, T_world_camera=a[f"cameras/{name}"])
            for name, record in header["cameras"].items()
        }
        background = _below(a, _BACKGROUND)
        return Scene(
            placements,
            a["gravity"],
            header["ground_z"],
            header["name"],
            lights,
            cameras,
            surfels_from(background) if background else None,
        )


def _below(a: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in a.items() if k.startswith(prefix)}


def _intrinsics(camera: Camera) -> dict[str, Any]:
    names = (f.name for f in dataclasses.fields(camera) if f.name != "T_world_camera")
    return {name: getattr(camera, name) for name in names}
