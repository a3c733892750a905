"""Joint positions over time from what a prompt asks of the parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from reel2sim.generation.scripted.kinematics import ObjectSpec, Part
from reel2sim.generation.scripted.spec import Movement, ThingSpec
from reel2sim.scene.arrays import Array

_SHARE: Final = 0.65
"""Of their time that each of several movements takes; they start one after another."""
_SWINGS: Final = 2.0
_WIND: Final = 3.0
"""How many time constants a spring takes to run down."""


def joint_positions(
    thing: ThingSpec, spec: ObjectSpec, phases: Array, *, turns: int
) -> dict[str, Array]:
    """Positions of the joints of all movable parts, radians or metres ``(t,)``.

    Movements of one turn start one after another and overlap; those of the next turn ("then")
    wait until they are done. What spins or swings does so for the whole of its turn.

    Args:
        thing: what is asked.
        spec: the object.
        phases: instants ``(t,)``, 0 at the beginning of the reel to 1 at its end.
        turns: how many turns the whole scene takes.
    """
    moves = {(m.noun, m.index): m for m in thing.movements}
    spans = _spans(thing.movements, turns)
    positions: dict[str, Array] = {}
    for part in spec.movable:
        move = moves.get((part.noun, part.index))
        if move is None:
            positions[part.name] = np.zeros(len(phases))
            continue
        begin, end = spans[part.noun, part.index]
        local = np.clip((phases - begin) / (end - begin), 0, 1)
        positions[part.name] = part.travel * openness(move, local, both=_both_ways(part))
    return positions


def _both_ways(part: Part) -> bool:
    return part.limits[0] < 0


def _spans(
    movements: tuple[Movement, ...], turns: int
) -> Mapping[tuple[str, int], tuple[float, float]]:
    """When each movement begins and ends, as phases."""
    spans: dict[tuple[str, int], tuple[float, float]] = {}
    for turn in range(turns):
        low, width = turn / turns, 1 / turns
        group = [m for m in movements if m.turn == turn]
        travels = [m for m in group if m.manner == "travel"]
        for m in group:
            spans[m.noun, m.index] = (low, low + width)
        share = 1.0 if len(travels) == 1 else _SHARE
        for k, m in enumerate(travels):
            begin = low + width * (1 - share) * k / max(1, len(travels) - 1)
            spans[m.noun, m.index] = (begin, begin + width * share)
    return spans


def openness(move: Movement, phase: Array, *, both: bool) -> Array:
    """How far a part is open, 1 fully, at ``phase`` ``(t,)``, 0..1 of its movement.

    Args:
        move: what it does.
        phase: share of its time.
        both: whether a swing goes to both sides.
    """
    reach = move.stop - move.start
    if move.manner == "wave":
        turn = 2 * np.pi * _SWINGS * phase
        return move.start + reach * (np.sin(turn) if both else (1 - np.cos(turn)) / 2)
    if move.manner == "spin":
        return move.start + reach * phase
    if move.manner == "wind":
        return move.start + reach * run_down(phase)
    if move.returns:
        phase = np.where(phase < 0.5, 2 * phase, 2 - 2 * phase)
    return move.start + reach * minimum_jerk(phase)


def minimum_jerk(phase: Array) -> Array:
    """From 0 to 1 with rest at both ends (Flash and Hogan, 1985)."""
    return phase**3 * (10 - 15 * phase + 6 * phase**2)


def run_down(phase: Array) -> Array:
    """From 0 to 1, fast at first: a spring that drives against drag."""
    return (1 - np.exp(-_WIND * phase)) / (1 - np.exp(-_WIND))
