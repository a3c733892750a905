"""Sensors that see splats: pixels that look like the reel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.world import World
from reel2sim.envs.sensors.assets import Appearance
from reel2sim.envs.sensors.cameras import picture_spaces, shoot
from reel2sim.envs.sensors.config import DEPTH, SplatSensor
from reel2sim.envs.sensors.look import Look
from reel2sim.envs.sensors.views import FAR_M, Viewpoint
from reel2sim.scene import Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.drawing.posed import PosedSurfels


class SplatScene:
    """All splats of a world, in groups that move rigidly: the background, then links.

    Args:
        parts: of the objects, by name.
        background: of no object.
    """

    def __init__(self, parts: Mapping[str, Appearance], background: Surfels | None) -> None:
        self._parts = parts
        surfels = [] if background is None else [background]
        groups = [np.zeros(0 if background is None else len(background), np.int64)]
        count = 1
        for part in parts.values():
            asset = part.asset
            if asset.skin is None:
                groups.append(count + asset.surfel_links)
                count += len(asset.links)
            else:  # bends, so that each surfel moves by itself
                groups.append(count + np.arange(len(asset.surfels)))
                count += len(asset.surfels)
            surfels.append(asset.surfels)
        self._surfels = PosedSurfels(Surfels.joined(surfels), np.concatenate(groups))

    def motions(self) -> Array:
        """Motions of all groups since rest ``(g, 4, 4)``."""
        found = [np.eye(4)[None]]
        for part in self._parts.values():
            T, asset = part.motions(), part.asset
            if asset.skin is not None:
                T = asset.skin.surfels.placements(asset.surfels.means, T)
            found.append(T)
        return np.concatenate(found)

    def gains(self, look: Look) -> Array | None:
        """Factors of the groups' colours ``(g, 3)``; None is 1."""
        if look.gains is None:
            return None
        found = [np.ones((1, 3))]
        for name, part in self._parts.items():
            each, asset = look.gains[name][part.order], part.asset
            found.append(each if asset.skin is None else each[asset.surfel_links])
        return np.concatenate(found)

    def drawn(self, seen: Viewpoint, gains: Array | None):
        """The picture of the present state."""
        return self._surfels.drawn(self.motions(), seen.camera, gains=gains)


class SplatReader:
    """Reads a :class:`~reel2sim.envs.sensors.config.SplatSensor`."""

    def __init__(
        self,
        config: SplatSensor,
        *,
        world: World,
        bodies: Mapping[str, Body],
        splats: SplatScene,
        seen: Viewpoint,
    ) -> None:
        self._config, self._world, self._bodies, self._splats = config, world, bodies, splats
        self._placed = self._seen = seen
        self._look, self._gains = Look(), None
        self._others: Array | None = None
        self._background = np.array(config.background, np.float32)
        self.spaces = picture_spaces(config.name, config.kind, config.size)

    def begin(self, look: Look) -> None:
        """Take the look of an episode."""
        self._look, self._seen = look, self._placed.shaken(look)
        self._gains = self._splats.gains(look)
        self._others = None

    def read(self) -> dict[str, Array]:
        """The picture of the present state."""
        config = self._config
        picture = self._splats.drawn(self._seen, self._gains)
        rgb, depth = picture.over(self._background), np.minimum(picture.depth, FAR_M)
        if self._others is None:  # now that a task has added what it adds
            self._others = _without_splats(self._world, self._bodies)
        if len(self._others):
            # The renderer knows who is in front among meshes, and splats lie on those.
            shot = shoot(self._world, self._seen, self._look)
            ids = shot.mask & ((1 << 24) - 1)
            foreign = (shot.mask >= 0) & np.isin(ids, self._others)
            rgb = np.where(foreign[..., None], shot.rgb, rgb)
            depth = np.where(foreign, shot.depth, depth)
        if config.kind == "rgb":
            return {config.name: rgb}
        if config.kind == "depth":
            return {config.name: depth[..., None]}
        return {config.name: rgb, config.name + DEPTH: depth[..., None]}


def _without_splats(world: World, bodies: Mapping[str, Body]) -> Array:
    """PyBullet's numbers of bodies that can be seen and are neither objects nor the floor."""
    p, client = engine.pybullet(), world.client
    ours = {world.floor_id, *(body.id for body in bodies.values())}
    every = (
        p.getBodyUniqueId(i, physicsClientId=client)
        for i in range(p.getNumBodies(physicsClientId=client))
    )
    shown = (n for n in every if n not in ours and p.getVisualShapeData(n, physicsClientId=client))
    return np.array(list(shown), np.int64)
