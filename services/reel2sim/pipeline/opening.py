"""Scenes from whatever a user has: bundles, stage results, and descriptions of other tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reel2sim.exporters.bundle import ASSET_FILE
from reel2sim.exporters.scene_bundle import SCENE_FILE
from reel2sim.scene import RiggedAsset, Scene
from reel2sim.scene.errors import BundleError, InputError, NotFoundError, UsageError
from reel2sim.scene.store import load_asset, load_scene, stored_kind

STAGES = (".usd", ".usda", ".usdc", ".usdz")
"""Files of OpenUSD."""
DESCRIPTIONS = (".urdf", ".xml", ".glb", ".gltf", *STAGES)
"""Files of other tools that hold an asset or a scene."""
READABLE = (".npz", *DESCRIPTIONS)
"""All files that do."""


def open_scene(
    path: Path,
    *,
    roots: Sequence[Path] = (),
    packages: Mapping[str, Path] | None = None,
) -> Scene:
    """The scene at ``path``; an asset alone is a scene of one.

    Args:
        path: a bundle, of an asset or a scene; an ``.npz`` of either; a URDF, an MJCF, a GLB,
            a USD stage.
        roots: folders that a description may read besides its own.
        packages: folder of each ROS package that a URDF names.

    Raises:
        NotFoundError: if there is nothing at ``path``.
        BundleError: if a folder is no bundle.
        InputError: if a file holds no asset or scene.
        UsageError: if roots or packages are given for what names no other files.
    """
    path = Path(path)
    if not path.exists():
        raise NotFoundError("does not exist", source=path)
    kind = path.suffix.lower()
    if packages and kind != ".urdf":
        raise UsageError("only a .urdf names packages", field="--packages")
    if roots and (path.is_dir() or kind not in DESCRIPTIONS):
        some = ", ".join(DESCRIPTIONS)
        raise UsageError(f"only {some} name other files", source=path, field="--roots")
    if path.is_dir():
        return _of_bundle(path)
    if kind == ".npz":
        return _of_store(path)
    if kind in DESCRIPTIONS:
        return _of_description(path, kind, roots, packages or {})
    raise InputError(
        f"holds no asset or scene that can be read ({kind or 'no suffix'})",
        source=path,
        remedy=f"give a bundle folder, or a file of {', '.join(READABLE)}",
    )


def _of_description(
    path: Path, kind: str, roots: Sequence[Path], packages: Mapping[str, Path]
) -> Scene:
    from reel2sim.importers import load_gltf, load_mjcf, load_urdf, load_usd

    if kind in STAGES:
        return load_usd(path, roots=roots)
    if kind == ".urdf":
        return Scene.of(load_urdf(path, roots=roots, packages=packages))
    load = load_mjcf if kind == ".xml" else load_gltf
    return Scene.of(load(path, roots=roots))


def _of_bundle(folder: Path) -> Scene:
    loaders: dict[str, Callable[[Path], Scene | RiggedAsset]] = {
        SCENE_FILE: load_scene,
        ASSET_FILE: load_asset,
    }
    for name, load in loaders.items():
        path = folder / name
        if path.is_file():
            try:
                found = load(path)
            except InputError as cause:
                raise BundleError(cause.message, source=path, field=cause.field) from cause
            return found if isinstance(found, Scene) else Scene.of(found)
    raise BundleError(
        f"has neither {SCENE_FILE} nor {ASSET_FILE}",
        source=folder,
        remedy="name a folder that `reel2sim run`, `export` or `edit` made",
    )


def _of_store(path: Path) -> Scene:
    try:
        kind = stored_kind(path)
    except (OSError, ValueError) as cause:
        raise InputError("holds no asset or scene", source=path) from cause
    return load_scene(path) if kind == "scene" else Scene.of(load_asset(path))
