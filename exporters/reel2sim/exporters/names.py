"""Names that are safe where they land: file stems, USD prims, and scopes beside links."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from reel2sim.scene import RiggedAsset

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\Z", re.IGNORECASE)


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, with underscores appended until no name in ``taken`` equals it.

    Case does not tell two names apart, because it does not on some file systems.
    """
    used = {name.lower() for name in taken}
    name = wanted
    while name.lower() in used or _RESERVED.match(name):
        name += "_"
    return name


def numbered_name(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, or ``wanted_2``, ``wanted_3``, … : the first that no name in ``taken`` equals.

    Case does not tell two names apart.
    """
    used = {name.lower() for name in taken}
    names = (wanted if n == 1 else f"{wanted}_{n}" for n in itertools.count(1))
    return next(name for name in names if name.lower() not in used)


class Distinct:
    """Names given one after another, no two of them equal, in time that grows with their number."""

    def __init__(self, taken: Iterable[str] = (), *, cases: bool = True) -> None:
        """Names in ``taken`` are not given; without ``cases``, nor what differs in case only."""
        self._key = str if cases else str.lower
        self._taken = {self._key(name) for name in taken}
        self._count: dict[str, int] = {}

    def name(self, wanted: str) -> str:
        """``wanted``, or that with an underscore or a number after it."""
        name = wanted
        if self._key(name) in self._taken:
            name = f"{wanted}_"
        while self._key(name) in self._taken:
            self._count[wanted] = self._count.get(wanted, 1) + 1
            name = f"{wanted}_{self._count[wanted]}"
        self._taken.add(self._key(name))
        return name


def identifier(text: str) -> str:
    """``text`` with everything but letters, digits and underscores replaced; never empty."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text) or "unnamed"
    return name if name[0].isalpha() else f"n_{name}"


@dataclass(frozen=True)
class MeshNames:
    """File stems of a link's meshes.

    Attributes:
        visual: stem of the visual mesh.
        collision: stems of the collision pieces, in order.
    """

    visual: str
    collision: tuple[str, ...]


def mesh_names(asset: RiggedAsset) -> dict[str, MeshNames]:
    """Distinct file stems for every mesh, by link name.

    Stems differ across visual and collision meshes too: MuJoCo names a mesh after its file.
    """
    taken: set[str] = set()
    found: dict[str, MeshNames] = {}
    for link in asset.links:
        suffixes = ["", *(f"_{k:02d}" for k in range(len(link.collision)))]
        base = link.name
        while any(f"{base}{s}".lower() in taken for s in suffixes) or _RESERVED.match(base):
            base += "_"
        taken.update(f"{base}{s}".lower() for s in suffixes)
        found[link.name] = MeshNames(base, tuple(f"{base}{s}" for s in suffixes[1:]))
    return found
