"""What a prompt asks of the scripted backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal["cabinet", "laptop"]
Noun = Literal["door", "drawer", "lid"]


@dataclass(frozen=True)
class Movement:
    """How one movable part behaves over the reel.

    Attributes:
        noun: kind of part.
        index: which of its kind, from the top or the left.
        start: openness at the beginning, 0 closed to 1 fully open.
        stop: openness at the end, or in the middle if it returns.
        returns: whether it goes back to where it began.
    """

    noun: Noun
    index: int
    start: float
    stop: float
    returns: bool = False


@dataclass(frozen=True)
class SceneSpec:
    """An object and its motion.

    Attributes:
        family: kind of object.
        doors: number of doors of a cabinet.
        drawers: number of drawers of a cabinet.
        material: name of a surface in :mod:`reel2sim.generation.scripted.textures`.
        colour: sRGB 0..1 that tints the material, or None for its own.
        scale: size relative to a usual one: all sides, width, height.
        movements: one per part that moves.
        tempo: 1 as usual; 2 takes half the time.
    """

    family: Family
    doors: int = 0
    drawers: int = 0
    material: str = "wood"
    colour: tuple[float, float, float] | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    movements: tuple[Movement, ...] = ()
    tempo: float = 1.0
