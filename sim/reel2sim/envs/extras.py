"""What only some environments have: sensors, and worlds that differ between episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from reel2sim.envs.config import EnvConfig
from reel2sim.envs.loading import LoadedScene
from reel2sim.envs.physics.actuation import Actuation
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.setting import Setting
from reel2sim.envs.physics.world import World
from reel2sim.envs.sensors.look import Look
from reel2sim.scene.arrays import Array


class Extras:
    """Sensors and randomisation of one environment, around what its task does.

    Args:
        config: options; either sensors or randomisation are in it.
        scene: what the world holds.
        world: loaded.
        bodies: the objects by name.
        settings: of the objects, as they are described.
        actuation: of the acting object.
        gravity: as it is.
        bounds: lowest and highest corner of all motions, world frame.
        space: of what the task observes.

    Attributes:
        space: of what is observed altogether.
    """

    def __init__(
        self,
        config: EnvConfig,
        *,
        scene: LoadedScene,
        world: World,
        bodies: Mapping[str, Body],
        settings: Mapping[str, Setting],
        actuation: Actuation,
        gravity: tuple[float, float, float],
        bounds: tuple[Array, Array],
        space: spaces.Space,
    ) -> None:
        self._rig = self._randomiser = None
        self.space = space
        if config.randomise is not None:
            from reel2sim.envs.randomisation.randomiser import Randomiser

            self._randomiser = Randomiser(
                config.randomise,
                world=world,
                bodies=bodies,
                settings=settings,
                actuation=actuation,
                gravity=gravity,
                space=space,
            )
        if config.sensors:
            from reel2sim.envs.sensors.rig import SensorRig

            lower, upper = bounds
            self._rig = SensorRig(
                config.sensors, scene=scene, world=world, bodies=bodies, lower=lower, upper=upper
            )
            self.space = self._rig.space(space)

    def draw(self, rng: np.random.Generator) -> None:
        """Draw what is different in the episode that begins."""
        if self._randomiser is not None:
            self._randomiser.draw(rng)

    def begin(self, idle: Callable[[], list[float]]) -> None:
        """Change the world that has been reset, and have sensors take its look.

        Args:
            idle: gives the action that is taken until the first one arrives, with a delay.
        """
        if self._randomiser is not None:
            self._randomiser.apply(idle())
        if self._rig is not None:
            self._rig.begin(Look() if self._randomiser is None else self._randomiser.look())

    def late(self, action: list[float]) -> list[float]:
        """The action that arrives now."""
        return action if self._randomiser is None else self._randomiser.late(action)

    def observed(self, seen: Any, rng: np.random.Generator) -> Any:
        """What the task observes, with noise, and what sensors see."""
        if self._randomiser is not None:
            seen = self._randomiser.noisy(seen, rng)
        return seen if self._rig is None else self._rig.added(seen)

    def told(self, info: dict[str, Any]) -> dict[str, Any]:
        """``info`` of a reset, with what was drawn."""
        if self._randomiser is not None:
            info["randomisation"] = self._randomiser.drawn.record
        return info
