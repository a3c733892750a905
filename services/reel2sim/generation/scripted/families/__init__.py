"""All kinds of objects, by name."""

from __future__ import annotations

from typing import Final

from reel2sim.generation.scripted.families import (
    appliances,
    creatures,
    devices,
    fixtures,
    machines,
    openings,
    park,
    robots,
    storage,
    tools,
    vehicles,
)
from reel2sim.generation.scripted.family import Family

FAMILIES: Final[dict[str, Family]] = {
    family.name: family
    for module in (
        *(storage, appliances, openings, devices, fixtures, tools),
        *(vehicles, machines, robots, creatures, park),
    )
    for family in module.FAMILIES
}
"""In the order in which they are listed, kind after kind."""

__all__ = ["FAMILIES"]
