"""Where an arm stands beside an object, as plain numbers that travel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reel2sim.envs.options import build, flags, listed, number, require
from reel2sim.scene.errors import UsageError


@dataclass(frozen=True)
class ArmStand:
    """An arm's place and how it takes hold; poses ``[x, y, z, qw, qx, qy, qz]``, world frame.

    Another object in the same place, such as the true one in place of its recovery, can so be given
    to an arm that stands where it stood.

    Attributes:
        base: pose of the arm's base, metres.
        tool: pose of the tool where it takes hold, the object as an episode begins.
        posture: of the arm before it takes hold, radians.
        opening: of the fingers before they close, 0..1.
        pinch: whether fingers close on the part; otherwise, closed, they push it.
        scale: size of the arm.
    """

    base: tuple[float, ...]
    tool: tuple[float, ...]
    posture: tuple[float, ...]
    opening: float
    pinch: bool
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("base", "tool", "posture"):
            values = tuple(number(x) for x in listed(getattr(self, name), name))
            object.__setattr__(self, name, values)
            require(all(map(math.isfinite, values)), name, self, "finite numbers")
        for name in ("base", "tool"):
            values = getattr(self, name)
            pose = len(values) == 7 and abs(math.hypot(*values[3:]) - 1.0) < 1e-6
            require(pose, name, self, "a pose: three numbers and a unit quaternion")
        flags(self, "pinch")
        require(0 <= number(self.opening) <= 1, "opening", self, "in 0..1")
        require(0.05 <= number(self.scale) <= 20, "scale", self, "in 0.05..20")


def stand_from(value: ArmStand | Mapping[str, Any] | None) -> ArmStand | None:
    """A stand, from its fields if need be.

    Raises:
        UsageError: naming the field that is wrong.
    """
    if value is None or isinstance(value, ArmStand):
        return value
    if not isinstance(value, Mapping):
        raise UsageError(f"is {value!r}, expected an ArmStand, its fields or None", source="stand")
    return build(ArmStand, value)
