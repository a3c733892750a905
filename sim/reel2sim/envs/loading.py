"""What an environment is made of: one bundle, or the bundles of a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from reel2sim.envs.bundle import LoadedBundle, entry, load_bundle, read_json
from reel2sim.envs.description import EXPORT_AGAIN
from reel2sim.scene.errors import BundleError

SCENE_VERSION = 1
"""Layout of ``scene.json`` this reader understands."""

GRAVITY = (0.0, 0.0, -9.81)
"""Of an object outside of a scene, m/s²."""


@dataclass(frozen=True, eq=False)
class LoadedScene:
    """Objects and what is around them; a lone bundle is a scene of one.

    Attributes:
        root: the folder, absolute.
        bundles: of the objects by name; their motions are in the scene's frame.
        gravity: m/s².
        ground_z: height of the floor, metres; None if the scene has none.
        lone: whether it was one bundle, which says nothing of floor and gravity.
    """

    root: Path
    bundles: dict[str, LoadedBundle]
    gravity: tuple[float, float, float]
    ground_z: float | None
    lone: bool


def load_scene(folder: str | Path) -> LoadedScene:
    """Read and check a bundle, or ``scene.json`` and the bundles of its assets.

    Raises:
        BundleError: naming the file and field that is wrong and what to do about it.
    """
    root = Path(folder).resolve()
    path = root / "scene.json"
    if not path.is_file():
        bundle = load_bundle(root)
        return LoadedScene(root, {bundle.name: bundle}, GRAVITY, None, lone=True)
    record = read_json(path)
    version = entry(record, "schema_version", int, path)
    if version != SCENE_VERSION:
        raise BundleError(
            f"is {version}, this version reads {SCENE_VERSION}",
            source=path,
            field="schema_version",
            remedy="export the scene again with the installed version",
        )
    bundles: dict[str, LoadedBundle] = {}
    for i, asset in enumerate(entry(record, "assets", list, path)):
        name = entry(asset, "name", str, path, f"assets[{i}]")
        place = (root / entry(asset, "folder", str, path, f"assets[{i}]")).resolve()
        if not place.is_relative_to(root) or name in bundles:
            fault = "is named twice" if name in bundles else "lies outside of the scene's folder"
            raise BundleError(fault, source=path, field=f"assets[{i}]", remedy=EXPORT_AGAIN)
        bundles[name] = load_bundle(place)
    if not bundles:
        raise BundleError("holds nothing", source=path, field="assets", remedy=EXPORT_AGAIN)
    return LoadedScene(root, bundles, _gravity(record, path), _ground(record, path), lone=False)


def _gravity(record: object, path: Path) -> tuple[float, float, float]:
    values = entry(record, "gravity", list, path)
    numbers = [float(v) for v in values if isinstance(v, (int, float)) and math.isfinite(v)]
    if len(numbers) != 3 or len(values) != 3:
        raise BundleError(
            f"is {values!r}, expected three finite numbers",
            source=path,
            field="gravity",
            remedy=EXPORT_AGAIN,
        )
    return numbers[0], numbers[1], numbers[2]


def _ground(record: dict[str, object], path: Path) -> float | None:
    if record.get("ground_z") is None:
        return None
    height = float(entry(record, "ground_z", (int, float), path))
    if not math.isfinite(height):
        raise BundleError("is not finite", source=path, field="ground_z", remedy=EXPORT_AGAIN)
    return height
