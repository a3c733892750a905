"""Cameras that see meshes, drawn by PyBullet's software renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.world import World
from reel2sim.envs.sensors.config import DEPTH, CameraSensor
from reel2sim.envs.sensors.links import Labels
from reel2sim.envs.sensors.look import Look
from reel2sim.envs.sensors.views import FAR_M, Viewpoint
from reel2sim.scene.arrays import Array


@dataclass(frozen=True, eq=False)
class Shot:
    """What PyBullet's renderer draws.

    Attributes:
        rgb: ``(h, w, 3)`` uint8.
        depth: along the optical axis ``(h, w)`` float32, metres; 0 where nothing is.
        mask: object and link of each pixel ``(h, w)``, as PyBullet numbers them; −1 is nothing.
    """

    rgb: Array
    depth: Array
    mask: Array


def shoot(world: World, seen: Viewpoint, look: Look, *, shadow: bool = True) -> Shot:
    """Draw the world's meshes as a viewpoint sees them."""
    p, camera = engine.pybullet(), seen.camera
    view, lens = seen.matrices()
    light = {} if look.light is None else {"lightDirection": look.light.tolist()}
    width, height, pixels, buffer, mask = p.getCameraImage(
        camera.width,
        camera.height,
        viewMatrix=view,
        projectionMatrix=lens,
        shadow=int(shadow),
        renderer=p.ER_TINY_RENDERER,
        flags=p.ER_SEGMENTATION_MASK_OBJECT_AND_LINKINDEX,
        physicsClientId=world.client,
        **light,
    )
    rgba = np.asarray(pixels, dtype=np.uint8).reshape(height, width, 4)
    mask = np.asarray(mask, dtype=np.int64).reshape(height, width)
    # What nothing was drawn into is not quite at the far end.
    z = seen.depth(np.asarray(buffer, dtype=np.float32).reshape(height, width))
    depth = np.where(mask >= 0, z, 0.0).astype(np.float32)
    return Shot(np.ascontiguousarray(rgba[:, :, :3]), depth, mask)


def picture_spaces(name: str, kind: str, size: tuple[int, int]) -> dict[str, spaces.Space]:
    """Spaces of a sensor that gives pictures."""
    width, height = size
    found: dict[str, spaces.Space] = {}
    if kind in ("rgb", "rgbd"):
        found[name] = spaces.Box(0, 255, (height, width, 3), np.uint8)
    if kind == "segmentation":
        found[name] = spaces.Box(0, 255, (height, width, 1), np.uint8)
    if kind in ("depth", "rgbd"):
        key = name + DEPTH if kind == "rgbd" else name
        found[key] = spaces.Box(0.0, FAR_M, (height, width, 1), np.float32)
    return found


class CameraReader:
    """Reads a :class:`~reel2sim.envs.sensors.config.CameraSensor`."""

    def __init__(
        self, config: CameraSensor, *, world: World, labels: Labels, seen: Viewpoint
    ) -> None:
        self._config, self._world, self._labels = config, world, labels
        self._placed = self._seen = seen
        self._look = Look()
        self.spaces = picture_spaces(config.name, config.kind, config.size)

    def begin(self, look: Look) -> None:
        """Take the look of an episode."""
        self._look, self._seen = look, self._placed.shaken(look)

    def read(self) -> dict[str, Array]:
        """The picture of the present state."""
        config = self._config
        shot = shoot(self._world, self._seen, self._look, shadow=config.shadow)
        if config.kind == "segmentation":
            return {config.name: self._labels.of(shot.mask)[..., None]}
        if config.kind == "rgb":
            return {config.name: shot.rgb}
        depth = shot.depth[..., None]
        if config.kind == "depth":
            return {config.name: depth}
        return {config.name: shot.rgb, config.name + DEPTH: depth}
