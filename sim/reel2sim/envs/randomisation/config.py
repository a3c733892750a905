"""Options of domain randomisation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from reel2sim.envs.options import build, listed, number, require
from reel2sim.scene.errors import UsageError

Range = tuple[float, float]

_FACTORS = ("mass", "friction", "damping", "joint_friction", "gain", "effort", "gravity", "fov")
_SPREADS = {
    "gravity_tilt_deg": 90.0,
    "camera_shift": 1.0,
    "camera_turn_deg": 90.0,
    "light_tilt_deg": 90.0,
    "noise": math.inf,
}


@dataclass(frozen=True)
class RandomisationConfig:
    """What differs from episode to episode; drawn evenly at each reset.

    Ranges are two factors, the smaller first; one number stands for both. What is left as it is
    here costs nothing and draws nothing.

    Attributes:
        mass: of each link; its inertia scales along. A root that is welded to the world has none.
        friction: of each object's surfaces against others.
        damping: of each joint, within what the engine can integrate.
        joint_friction: dry friction of each joint.
        gain: how quickly position drives remove their error, for all joints alike.
        effort: largest torques and forces of the drives, for all joints alike.
        gravity: its strength.
        gravity_tilt_deg: largest angle by which gravity leans, degrees, to any side.
        camera_shift: largest shift of sensors' cameras along each of their axes, as a share of the
            distance to the objects.
        camera_turn_deg: largest turn of sensors' cameras about each of their axes, degrees.
        fov: tangent of half the field of view of sensors' cameras.
        light_tilt_deg: largest angle by which the light of camera sensors leans, degrees.
        colour: red, green and blue of each link, each by itself; of meshes and splats.
        noise: standard deviation of Gaussian noise on each number that the task observes, in the
            units of the observation; achieved and desired goals have none.
        delay: control steps by which actions come late, smallest and largest. Until the first one
            comes the drives hold where the episode starts, or give no torque.
    """

    mass: Range = (1.0, 1.0)
    friction: Range = (1.0, 1.0)
    damping: Range = (1.0, 1.0)
    joint_friction: Range = (1.0, 1.0)
    gain: Range = (1.0, 1.0)
    effort: Range = (1.0, 1.0)
    gravity: Range = (1.0, 1.0)
    gravity_tilt_deg: float = 0.0
    camera_shift: float = 0.0
    camera_turn_deg: float = 0.0
    fov: Range = (1.0, 1.0)
    light_tilt_deg: float = 0.0
    colour: Range = (1.0, 1.0)
    noise: float = 0.0
    delay: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        for name in (*_FACTORS, "colour"):
            low, high = self._pair(name)
            positive = name in ("mass", "gain", "effort", "fov")
            least = 1e-3 if positive else 0.0
            ordered = least <= number(low) <= number(high) <= 1e3
            wanted = "factors in 0.001..1000" if positive else "factors in 0..1000"
            require(ordered, name, self, f"{wanted}, the smaller first")
            object.__setattr__(self, name, (float(low), float(high)))
        low, high = self._pair("delay")
        whole = isinstance(low, Integral) and isinstance(high, Integral)
        fits = whole and 0 <= number(low) <= number(high) <= 1000
        require(fits, "delay", self, "control steps in 0..1000, the fewer first")
        for name, most in _SPREADS.items():
            value = number(getattr(self, name))
            bound = f"in 0..{most:g}" if math.isfinite(most) else "0 or more, finite"
            require(0 <= value <= most and math.isfinite(value), name, self, bound)

    def _pair(self, name: str) -> tuple[Any, Any]:
        given = getattr(self, name)
        if isinstance(given, (int, float)):
            given = (given, given)
        pair = tuple(listed(given, name))
        object.__setattr__(self, name, pair)
        require(len(pair) == 2, name, self, "two numbers")
        return pair[0], pair[1]

    @property
    def nothing(self) -> bool:
        """Whether all stays as it is."""
        return all(getattr(self, f.name) == f.default for f in dataclasses.fields(self))


def randomisation_from(given: Any) -> RandomisationConfig | None:
    """A configuration, the mapping of one, or None.

    Raises:
        UsageError: if it is none of these, or not allowed.
    """
    if isinstance(given, Mapping):
        given = build(RandomisationConfig, given)
    if given is not None and not isinstance(given, RandomisationConfig):
        raise UsageError(
            f"is {given!r}, expected a RandomisationConfig, a mapping or None", source="randomise"
        )
    return None if given is None or given.nothing else given
