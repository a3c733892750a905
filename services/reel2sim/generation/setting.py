"""What a user may ask of the place and the camera that a scene is filmed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from reel2sim.scene.errors import UsageError

Background = Literal["none", "floor", "room"]
Lighting = Literal["studio", "daylight", "overcast", "evening", "random"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where and with what a scene is filmed.

    Attributes:
        background: ``none``: white; ``floor``: objects stand on one; ``room``: walls with posters
            and things that stand about, too. Masks hold the objects alone.
        lighting: soft white ``studio`` lamps; a hard sun by ``daylight``; ``overcast`` without any
            shadow; a low orange ``evening`` sun; or ``random``, drawn from the seed.
        sensor: the camera's faults, as :func:`reel2sim.generation.sensor.parse_sensor` reads them.
    """

    background: Background = "none"
    lighting: Lighting = "studio"
    sensor: str = "none"

    def __post_init__(self) -> None:
        for name, known in (("background", Background), ("lighting", Lighting)):
            if getattr(self, name) not in get_args(known):
                raise UsageError(
                    f"{getattr(self, name)!r} is not one of {', '.join(get_args(known))}",
                    source="setting",
                    field=name,
                )
        from reel2sim.generation.sensor import parse_sensor

        parse_sensor(self.sensor)
