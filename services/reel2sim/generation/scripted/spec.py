"""What a prompt asks of the scripted backend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Manner = Literal["travel", "spin", "wave", "wind"]
"""Of a joint: goes from one place to another; turns at a steady rate; swings to and fro; runs down
like a spring."""
Deed = Literal["walk", "slither", "roll", "wind", "drop", "push"]
"""Of a whole object. The first three are gaits; the others follow from physics."""
View = Literal["all", "still", "orbit", "front"]
"""Camera streams: all of them; only a fixed camera; only a moving one; only a fixed one straight in
front."""
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Movement:
    """How one movable part behaves over the reel.

    Attributes:
        noun: kind of part.
        index: which of its kind, from the top or the left.
        start: openness at the beginning, 0 closed to 1 fully open.
        stop: openness at the end, or in the middle if it returns; the reach of a swing.
        returns: whether it goes back to where it began.
        manner: how it gets there.
        turn: movements of the next turn wait for those of the one before.
    """

    noun: str
    index: int
    start: float
    stop: float
    returns: bool = False
    manner: Manner = "travel"
    turn: int = 0


@dataclass(frozen=True)
class ThingSpec:
    """An object and its motion.

    Attributes:
        family: kind of object, a key of :data:`reel2sim.generation.scripted.families.FAMILIES`.
        counts: how many parts of each countable noun, in the family's order.
        material: name of a material, see :class:`reel2sim.generation.scripted.kinematics.Surface`.
        colour: sRGB 0..1 that tints the material, or None for its own.
        scale: size relative to a usual one: all sides, width, height.
        movements: one per part that moves.
        deed: what it does as a whole.
        reach: how far, relative to usual.
    """

    family: str
    counts: tuple[tuple[str, int], ...] = ()
    material: str = "wood"
    colour: Colour | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    movements: tuple[Movement, ...] = ()
    deed: Deed | None = None
    reach: float = 1.0

    def count(self, noun: str) -> int:
        """How many parts of a noun it has."""
        return dict(self.counts).get(noun, 0)


@dataclass(frozen=True)
class SceneSpec:
    """Objects side by side, on a table or on the ground.

    Attributes:
        things: from left to right.
        table: whether they stand on one.
        tempo: 1 as usual; 2 takes half the time.
        view: which cameras film it.
    """

    things: tuple[ThingSpec, ...]
    table: bool = False
    tempo: float = 1.0
    view: View = "all"

    @property
    def turns(self) -> int:
        """How many turns its movements take one after another."""
        return 1 + max((m.turn for thing in self.things for m in thing.movements), default=0)


def in_turn(things: tuple[ThingSpec, ...]) -> tuple[ThingSpec, ...]:
    """The things of one scene with turns numbered without gaps; deeds fill all, from the first."""
    used = {m.turn for thing in things for m in thing.movements}
    order = sorted(used | {0 for thing in things if thing.deed})
    return tuple(
        replace(
            thing,
            movements=tuple(replace(m, turn=order.index(m.turn)) for m in thing.movements),
        )
        for thing in things
    )
