"""What sensors need of a bundle beyond its robot description: surfels and meshes by link."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reel2sim.envs.bundle import LoadedBundle, entry, read_json
from reel2sim.envs.description import EXPORT_AGAIN
from reel2sim.envs.loading import LoadedScene
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.world import World
from reel2sim.envs.sensors.links import link_names, link_poses
from reel2sim.scene import RiggedAsset, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError, InputError
from reel2sim.scene.store import load_asset
from reel2sim.scene.store import load_scene as load_stored_scene
from reel2sim.scene.transforms import invert


class Appearance:
    """An object's surfels and meshes, and how its links have carried them since rest.

    Args:
        bundle: of the object.
        world: that holds it.
        body: the object there.

    Attributes:
        asset: as it was exported.

    Raises:
        BundleError: if ``asset.npz`` is missing or is of another object.
    """

    def __init__(self, bundle: LoadedBundle, world: World, body: Body) -> None:
        self._world, self._body = world, body
        path = bundle.root / "asset.npz"
        if not path.is_file():
            raise BundleError(
                "is missing, and surfels and their links are there", source=path,
                remedy=EXPORT_AGAIN,
            )  # fmt: skip
        try:
            self.asset: RiggedAsset = load_asset(path)
        except InputError as fault:
            raise BundleError(fault.message, source=path, remedy=EXPORT_AGAIN) from None
        index = {name: i for i, name in enumerate(link_names(world, body))}
        missing = [link.name for link in self.asset.links if link.name not in index]
        if missing:
            raise BundleError(
                f"has links that scene.urdf does not have: {', '.join(missing)}",
                source=path,
                remedy=EXPORT_AGAIN,
            )
        self.order: Array = np.array([index[link.name] for link in self.asset.links])
        """Place of each of the asset's links among the body's, root first ``(l,)``."""
        self._rest = invert(self.asset.rest_poses)

    def poses(self) -> Array:
        """``T_world_link`` of the asset's links ``(l, 4, 4)``."""
        return link_poses(self._world, self._body)[self.order]

    def motions(self) -> Array:
        """Motion of the asset's links since rest ``(l, 4, 4)``, world to world."""
        return self.poses() @ self._rest


def appearances(
    scene: LoadedScene, world: World, bodies: Mapping[str, Body]
) -> dict[str, Appearance]:
    """Of all objects of a scene, by name.

    Raises:
        BundleError: if one has none.
    """
    return {name: Appearance(scene.bundles[name], world, body) for name, body in bodies.items()}


def background(scene: LoadedScene) -> Surfels | None:
    """Surfels that belong to no object; None without any.

    Raises:
        BundleError: if ``scene.npz`` should hold some and cannot be read.
    """
    record = scene.root / "scene.json"
    if scene.lone or not entry(read_json(record), "background_surfels", int, record):
        return None
    path = scene.root / "scene.npz"
    try:
        return load_stored_scene(path).background
    except InputError as fault:
        raise BundleError(fault.message, source=path, remedy=EXPORT_AGAIN) from None
