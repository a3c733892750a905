"""What a kind of object is, and the bench on which its parts are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from reel2sim.generation.scripted.kinematics import ObjectSpec, Part, Surface
from reel2sim.generation.scripted.solids import Solid, Vec3
from reel2sim.generation.scripted.spec import Colour, Deed, Manner, ThingSpec
from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import pose

ACCENTS: Final[tuple[Colour, ...]] = (
    (0.72, 0.22, 0.18),
    (0.20, 0.38, 0.66),
    (0.88, 0.66, 0.20),
    (0.22, 0.50, 0.36),
    (0.80, 0.46, 0.20),
    (0.46, 0.32, 0.56),
)
X: Final = (1.0, 0.0, 0.0)
Y: Final = (0.0, 1.0, 0.0)
Z: Final = (0.0, 0.0, 1.0)
TURN: Final = 2 * np.pi


@dataclass(frozen=True)
class Noun:
    """A kind of part that prompts can count or move.

    Attributes:
        name: in the singular.
        least: fewest there can be.
        most: most there can be.
        usual: how many there are if the prompt counts no part at all.
        manner: how it moves when a prompt only says that it does.
        ajar: how far open it is at rest unless called closed, so that pictures tell its parts
            apart.
        together: whether all of them are on one joint, as the blades of a fan are.
    """

    name: str
    least: int = 1
    most: int = 1
    usual: int = 1
    manner: Manner = "travel"
    ajar: float = 0.0
    together: bool = False

    def joints(self, count: int) -> int:
        """How many of ``count`` parts move by themselves."""
        return min(count, 1) if self.together else count


@dataclass(frozen=True)
class Family:
    """A kind of object.

    Attributes:
        name: what prompts and truths call it.
        kind: under which heading it is listed.
        build: makes one on a bench.
        nouns: its parts, in words; those that move when a prompt only says that it does.
        material: its usual one.
        words: other names for it.
        deeds: what it can do as a whole; the first is what it does when its nouns are empty.
        example: a prompt.
        tabletop: whether it can stand on a table.
    """

    name: str
    kind: str
    build: Callable[[Bench], None]
    nouns: tuple[Noun, ...] = ()
    material: str = "plastic"
    words: tuple[str, ...] = ()
    deeds: tuple[Deed, ...] = ()
    example: str = ""
    tabletop: bool = False

    @property
    def spoken(self) -> str:
        """Its name as prompts write it, such as ``robot arm``; never that of one of its parts."""
        names = (w for w in self.words if w.replace(" ", "") == self.name or self.noun(self.name))
        return next(names, self.name)

    @property
    def parts(self) -> str:
        """What it has and can do, in words: ``1-2 door, 0-2 drawer; push``."""
        counted = [
            f"{n.least}-{n.most} {n.name}" if n.least < n.most else f"{n.most} {n.name}"
            for n in self.nouns
        ]
        return "; ".join([", ".join(counted), *([", ".join(self.deeds)] if self.deeds else [])])

    def noun(self, name: str) -> Noun | None:
        """Its noun of that name, or None."""
        return next((noun for noun in self.nouns if noun.name == name), None)


class Bench:
    """Where the parts of one object come together; it draws proportions from the seed."""

    def __init__(self, thing: ThingSpec, rng: np.random.Generator) -> None:
        """Begin an object."""
        self.thing = thing
        self._rng = rng
        self._parts: list[Part] = []
        self.accent: Colour = ACCENTS[int(rng.integers(len(ACCENTS)))]
        self._surfaces = {
            "base": Surface(thing.material, thing.colour, metres=1.1),
            "front": Surface(thing.material, thing.colour, metres=0.8),
            "accent": Surface("paint", self.accent, metres=0.6),
            "dark": Surface("plastic", (0.22, 0.22, 0.24), metres=0.5),
            "rubber": Surface("rubber", (0.16, 0.16, 0.17), metres=0.4),
            "steel": Surface("metal", (0.66, 0.68, 0.71), metres=0.5),
        }

    @property
    def size(self) -> float:
        """Factor of all sides."""
        return self.thing.scale[0]

    @property
    def wide(self) -> float:
        """Factor of widths (along y), on top of :attr:`size`."""
        return self.thing.scale[1]

    @property
    def high(self) -> float:
        """Factor of heights, on top of :attr:`size`."""
        return self.thing.scale[2]

    def vary(self, value: float, share: float = 0.08) -> float:
        """``value`` give or take up to a ``share`` of it, drawn from the seed."""
        return float(value * (1 + share * self._rng.uniform(-1, 1)))

    def count(self, noun: str) -> int:
        """How many parts of a noun are wanted."""
        return self.thing.count(noun)

    def surface(
        self,
        name: str,
        material: str,
        colour: Colour | None = None,
        *,
        pattern: str = "",
        metres: float = 0.5,
    ) -> str:
        """Have a surface of that name; returns the name."""
        self._surfaces[name] = Surface(material, colour, pattern, metres)
        return name

    def root(self, name: str, *solids: Solid) -> None:
        """The part that all others hang on; its frame's origin is the object's."""
        self._parts.append(Part(name, solids))

    def fix(self, name: str, parent: str, *solids: Solid, pivot: Vec3 = (0, 0, 0)) -> None:
        """A part that does not move against its parent."""
        self._parts.append(Part(name, solids, parent, pivot=_three(pivot)))

    def join(
        self,
        name: str,
        parent: str,
        solids: Iterable[Solid],
        *,
        joint: JointType,
        axis: Vec3,
        pivot: Vec3,
        travel: float,
        noun: str = "",
        index: int = 0,
        both: bool = False,
    ) -> None:
        """A part that moves; ``both`` lets it go as far the other way."""
        self._parts.append(
            Part(
                name=name,
                solids=tuple(solids),
                parent=parent,
                joint=joint,
                axis=_three(np.asarray(axis, float) / np.linalg.norm(axis)),
                pivot=_three(pivot),
                limits=(
                    -abs(travel) if both else min(0.0, travel),
                    abs(travel) if both else max(0.0, travel),
                ),
                noun=noun,
                index=index,
                travel=travel,
            )
        )

    def hinge(
        self, name: str, parent: str, *solids: Solid, axis: Vec3, pivot: Vec3, travel: float,
        noun: str = "", index: int = 0, both: bool = False,
    ) -> None:  # fmt: skip
        """A part on a hinge; ``travel`` in radians."""
        self.join(
            name, parent, solids, joint=JointType.REVOLUTE, axis=axis, pivot=pivot, travel=travel,
            noun=noun, index=index, both=both,
        )  # fmt: skip

    def slide(
        self, name: str, parent: str, *solids: Solid, axis: Vec3, travel: float,
        pivot: Vec3 = (0, 0, 0), noun: str = "", index: int = 0, both: bool = False,
    ) -> None:  # fmt: skip
        """A part on rails; ``travel`` in metres."""
        self.join(
            name, parent, solids, joint=JointType.PRISMATIC, axis=axis, pivot=pivot, travel=travel,
            noun=noun, index=index, both=both,
        )  # fmt: skip

    def spin(
        self, name: str, parent: str, *solids: Solid, axis: Vec3, pivot: Vec3, noun: str = "",
        index: int = 0, turns: float = 1.0,
    ) -> None:  # fmt: skip
        """A part on an axle without stops; fully moved it has made so many ``turns``."""
        self.join(
            name, parent, solids, joint=JointType.CONTINUOUS, axis=axis, pivot=pivot,
            travel=TURN * turns, noun=noun, index=index, both=True,
        )  # fmt: skip

    def finish(self) -> ObjectSpec:
        """The object."""
        used = {solid.surface for part in self._parts for solid in part.solids}
        low = min(float(s.vertices[:, 2].min()) for part in self._parts for s in part.solids)
        parts = [_raised(part, -low) for part in self._parts] if low else self._parts
        surfaces = {name: s for name, s in self._surfaces.items() if name in used}
        free = self.thing.deed is not None
        return ObjectSpec(self.thing.family, tuple(parts), surfaces, free)


def _raised(part: Part, by: float) -> Part:
    """The part higher up; a root keeps its frame."""
    up = v3(0, 0, by)
    solids = tuple(s.moved(pose(translation=up)) for s in part.solids)
    pivot = _three(np.asarray(part.pivot) + up) if part.parent else part.pivot
    return replace(part, solids=solids, pivot=pivot)


def v3(x: float, y: float, z: float) -> Array:
    """A vector ``(3,)``."""
    return np.array([x, y, z], float)


def build(family: Family, thing: ThingSpec, rng: np.random.Generator) -> ObjectSpec:
    """The object of ``family`` that ``thing`` describes; it stands on z = 0, front towards +x."""
    bench = Bench(thing, rng)
    family.build(bench)
    return bench.finish()


def _three(values: Vec3) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return (x, y, z)
