"""Applying what an episode drew to its world."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.actuation import Actuation
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.setting import Setting
from reel2sim.envs.physics.world import World
from reel2sim.envs.randomisation.bodies import (
    scale_colours,
    scale_contact_friction,
    scale_masses,
    set_damping,
)
from reel2sim.envs.randomisation.config import RandomisationConfig
from reel2sim.envs.randomisation.drawn import Drawn, draw
from reel2sim.envs.sensors.look import Look
from reel2sim.scene.arrays import Array

_LIGHT = np.array([-50.0, 30.0, 100.0])
"""Where the renderer's light comes from, Z up, if it is not told."""

_STATE = "observation"
"""Key of what may be noisy in the observations of goal environments."""


class Randomiser:
    """Makes each episode's world differ.

    Args:
        config: from which ranges.
        world: loaded.
        bodies: the objects by name.
        settings: of the objects, as they are described.
        actuation: of the acting object.
        gravity: as it is.
        space: of what the task observes.
    """

    def __init__(
        self,
        config: RandomisationConfig,
        *,
        world: World,
        bodies: Mapping[str, Body],
        settings: Mapping[str, Setting],
        actuation: Actuation,
        gravity: tuple[float, float, float],
        space: spaces.Space,
    ) -> None:
        self._config, self._world, self._bodies = config, world, bodies
        self._settings, self._actuation = settings, actuation
        self._gravity = np.array(gravity, np.float64)
        self._space: Any = space[_STATE] if isinstance(space, spaces.Dict) else space
        self._late: deque[list[float]] = deque()
        self.drawn = Drawn()

    def draw(self, rng: np.random.Generator) -> None:
        """Draw an episode's values."""
        self.drawn = draw(
            self._config,
            rng,
            links={name: 1 + len(body.links) for name, body in self._bodies.items()},
            joints={name: len(body.joints) for name, body in self._bodies.items()},
            gravity=self._gravity,
            light=_LIGHT / np.linalg.norm(_LIGHT),
        )

    def apply(self, idle: list[float]) -> None:
        """Change a world that has just been reset; what was changed is built anew at the next.

        Args:
            idle: action that is taken until the first one comes, with a delay.
        """
        drawn, p, client = self.drawn, engine.pybullet(), self._world.client
        for name, body in self._bodies.items():
            self._apply_to(name, body)
        if drawn.changes_world:
            self._world.renew()
        self._actuation.vary(gain=drawn.gain or 1.0, effort=drawn.effort or 1.0)
        if drawn.gravity is not None:
            p.setGravity(*drawn.gravity.tolist(), physicsClientId=client)
        self._late = deque([idle] * (drawn.delay or 0))

    def _apply_to(self, name: str, body: Body) -> None:
        drawn, setting, client = self.drawn, self._settings[name], self._world.client
        if drawn.mass is not None:
            scale_masses(client, body, drawn.mass[name])
        if drawn.friction is not None:
            scale_contact_friction(client, body, float(drawn.friction[name][0]))
        if drawn.damping is not None or drawn.mass is not None:
            described = setting.damping_described
            if drawn.damping is not None:
                described = described * drawn.damping[name]
            # Half the mass bears half the damping; more mass at least as much as before.
            lightest = 1.0 if drawn.mass is None else min(1.0, float(drawn.mass[name].min()))
            set_damping(client, body, np.minimum(described, lightest * setting.damping_most))
        if drawn.joint_friction is not None:
            body.scale_dry_friction(drawn.joint_friction[name])
        if drawn.colour is not None:
            scale_colours(client, body, drawn.colour[name])

    def look(self) -> Look:
        """How the episode's pictures differ."""
        drawn, still = self.drawn, np.zeros(3)
        return Look(
            shift=still if drawn.camera_shift is None else drawn.camera_shift,
            turn=still if drawn.camera_turn is None else drawn.camera_turn,
            zoom=drawn.fov or 1.0,
            light=drawn.light,
            gains=drawn.colour,
        )

    def late(self, action: list[float]) -> list[float]:
        """The action that arrives now."""
        if not self.drawn.delay:
            return action
        self._late.append(action)
        return self._late.popleft()

    def noisy(self, observation: Any, rng: np.random.Generator) -> Any:
        """What the task observes, with noise, within its space."""
        if not self._config.noise:
            return observation
        state: Array = observation[_STATE] if isinstance(observation, dict) else observation
        space = self._space
        blurred = state + self._config.noise * rng.standard_normal(state.shape)
        blurred = blurred.clip(space.low, space.high).astype(state.dtype)
        return {**observation, _STATE: blurred} if isinstance(observation, dict) else blurred
