"""All kinds of objects, by name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
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
from reel2sim.scene.errors import UsageError

FAMILIES: Final[dict[str, Family]] = {
    family.name: family
    for module in (
        *(storage, appliances, openings, devices, fixtures, tools),
        *(vehicles, machines, robots, creatures, park),
    )
    for family in module.FAMILIES
}
"""In the order in which they are listed, kind after kind."""


def check_families(names: Iterable[str], *, source: str, field: str = "families") -> None:
    """Refuse names of which there is no family.

    Raises:
        UsageError: about ``field`` of ``source``, naming the first and what is spelt like it.
    """
    for name in names:
        if name not in FAMILIES:
            near = get_close_matches(name, FAMILIES, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"knows no family {name!r}{meant}",
                source=source,
                field=field,
                remedy=f"choose from {', '.join(FAMILIES)}",
            )


__all__ = ["FAMILIES", "check_families"]
