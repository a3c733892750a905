"""What an episode drew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reel2sim.envs.randomisation.config import RandomisationConfig
from reel2sim.scene.arrays import Array

PerObject = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Values of one episode; None is what was left as it is.

    Attributes:
        mass: factors of the links, root first, of each object ``(l,)``.
        friction: factor of each object ``(1,)``.
        damping: factors of the movable joints of each object ``(n,)``.
        joint_friction: likewise ``(n,)``.
        gain: factor.
        effort: factor.
        gravity: m/s² ``(3,)``.
        camera_shift: ``(3,)``, camera axes, share of the distance.
        camera_turn: ``(3,)``, camera axes, radians.
        fov: factor.
        light: direction light comes from ``(3,)``, unit.
        colour: factors of the links' colours ``(l, 3)`` of each object.
        delay: control steps.
    """

    mass: PerObject | None = None
    friction: PerObject | None = None
    damping: PerObject | None = None
    joint_friction: PerObject | None = None
    gain: float | None = None
    effort: float | None = None
    gravity: Array | None = None
    camera_shift: Array | None = None
    camera_turn: Array | None = None
    fov: float | None = None
    light: Array | None = None
    colour: PerObject | None = None
    delay: int | None = None
    record: dict[str, Any] = field(init=False)
    """What was drawn, as plain numbers, by name."""

    def __post_init__(self) -> None:
        values = {name: value for name, value in vars(self).items() if value is not None}
        object.__setattr__(self, "record", {k: _plain(v) for k, v in values.items()})

    @property
    def changes_world(self) -> bool:
        """Whether something is asked of the engine that a new world would not have."""
        asked = (
            self.mass, self.friction, self.damping, self.joint_friction, self.gravity, self.colour
        )  # fmt: skip
        return any(value is not None for value in asked)


def draw(
    config: RandomisationConfig,
    rng: np.random.Generator,
    *,
    links: Mapping[str, int],
    joints: Mapping[str, int],
    gravity: Array,
    light: Array,
) -> Drawn:
    """Draw the values of an episode, in the order of the attributes of :class:`Drawn`.

    Args:
        config: from which ranges; those of one value draw nothing.
        rng: the environment's own.
        links: number of links of each object, its root included.
        joints: number of movable joints of each object.
        gravity: as it is ``(3,)``.
        light: direction light comes from ``(3,)``.
    """

    def factors(name: str, shapes: Mapping[str, Any]) -> PerObject | None:
        between = getattr(config, name)
        if between == (1.0, 1.0):
            return None
        return {key: _uniform(rng, between, shape) for key, shape in shapes.items()}

    def factor(name: str) -> float | None:
        between = getattr(config, name)
        return None if between == (1.0, 1.0) else float(_uniform(rng, between, ()))

    def spread(most: float) -> Array | None:
        return rng.uniform(-most, most, 3) if most else None

    return Drawn(
        mass=factors("mass", links),
        friction=factors("friction", dict.fromkeys(links, 1)),
        damping=factors("damping", joints),
        joint_friction=factors("joint_friction", joints),
        gain=factor("gain"),
        effort=factor("effort"),
        gravity=_gravity(config, rng, gravity),
        camera_shift=spread(config.camera_shift),
        camera_turn=spread(np.radians(config.camera_turn_deg)),
        fov=factor("fov"),
        light=_leaning(rng, light, config.light_tilt_deg) if config.light_tilt_deg else None,
        colour=factors("colour", {key: (count, 3) for key, count in links.items()}),
        delay=_delay(config, rng),
    )


def _uniform(rng: np.random.Generator, between: tuple[float, float], shape: Any) -> Array:
    low, high = between
    return np.full(shape, low) if low == high else rng.uniform(low, high, shape)


def _gravity(config: RandomisationConfig, rng: np.random.Generator, gravity: Array) -> Array | None:
    if config.gravity == (1.0, 1.0) and not config.gravity_tilt_deg:
        return None
    pull = gravity * float(_uniform(rng, config.gravity, ()))
    return _leaning(rng, pull, config.gravity_tilt_deg) if config.gravity_tilt_deg else pull


def _leaning(rng: np.random.Generator, direction: Array, most_deg: float) -> Array:
    """``direction`` turned by up to ``most_deg`` to any side; nothing leans to no side."""
    length = float(np.linalg.norm(direction))
    angle, side = np.radians(most_deg) * rng.random(), 2 * np.pi * rng.random()
    if length == 0:
        return direction
    along = direction / length
    first = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    first /= np.linalg.norm(first)
    across = np.cos(side) * first + np.sin(side) * np.cross(along, first)
    return length * (np.cos(angle) * along + np.sin(angle) * across)


def _delay(config: RandomisationConfig, rng: np.random.Generator) -> int | None:
    low, high = config.delay
    if (low, high) == (0, 0):
        return None
    return int(low if low == high else rng.integers(low, high + 1))


def _plain(value: Any) -> Any:
    """Numbers and tuples: what vector environments can stack and JSON can hold."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return tuple(tuple(x) if isinstance(x, list) else x for x in value.tolist())
    return value
