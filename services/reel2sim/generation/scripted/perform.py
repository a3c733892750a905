"""From what a prompt asks to what happens: objects are built, moved, and placed side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.family import build
from reel2sim.generation.scripted.gaits import Stride, roll, slither, walk
from reel2sim.generation.scripted.kinematics import ObjectSpec, Part, Surface
from reel2sim.generation.scripted.motion import joint_positions
from reel2sim.generation.scripted.physics import fall, push
from reel2sim.generation.scripted.play import Actor, Performance
from reel2sim.generation.scripted.solids import box
from reel2sim.generation.scripted.spec import SceneSpec, ThingSpec
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

_GAP: Final = 0.12
"""Between neighbours, of the mean of their sizes."""
_HEADING: Final = float(np.radians(55.0))
"""Of what gets along by itself, from +x: aslant, so that a camera in front sees how far it goes."""


def perform(scene: SceneSpec, rng: np.random.Generator, times_s: Array) -> Performance:
    """Play a scene.

    Objects stand in a row along y, so far apart that the space which one sweeps over the whole
    reel is clear of the others'.

    Args:
        scene: what is asked.
        rng: draws proportions, colours of details and how things fall; one stream for each object,
            so that an object does not change with its neighbours' draws.
        times_s: instants ``(t,)``, seconds, ascending from 0.
    """
    streams = rng.spawn(len(scene.things) + 1)
    actors = [
        _act(thing, name, stream, times_s, scene.turns)
        for thing, name, stream in zip(scene.things, _names(scene), streams, strict=False)
    ]
    actors = _row(actors)
    if scene.table:
        actors = _on_table(actors, streams[-1])
    return Performance(times_s, tuple(actors))


def _names(scene: SceneSpec) -> list[str]:
    """A name for every object, numbered where there are several of a kind."""
    kinds = [thing.family for thing in scene.things]
    return [
        kind if kinds.count(kind) == 1 else f"{kind}{kinds[:k].count(kind)}"
        for k, kind in enumerate(kinds)
    ]


def _act(
    thing: ThingSpec, name: str, rng: np.random.Generator, times_s: Array, turns: int
) -> Actor:
    """One object and its motion, on the ground about the origin."""
    spec = build(FAMILIES[thing.family], thing, rng)
    phases = times_s / times_s[-1]
    positions = joint_positions(thing, spec, phases, turns=turns)
    stride = _deed(thing, spec, positions, times_s, rng)
    base = stride.base
    if thing.deed not in (None, "drop", "push"):
        base = pose(axis_rotation(np.array([0.0, 0.0, 1.0]), _HEADING)) @ base
    return Actor(name, spec, base, positions | stride.positions)


def _deed(
    thing: ThingSpec,
    spec: ObjectSpec,
    positions: dict[str, Array],
    times_s: Array,
    rng: np.random.Generator,
) -> Stride:
    """What the object does as a whole."""
    phases = times_s / times_s[-1]
    match thing.deed:
        case "walk":
            return walk(spec, phases, thing.reach)
        case "slither":
            return slither(spec, phases, thing.reach)
        case "roll" | "wind":
            return roll(spec, phases, thing.reach, wound=thing.deed == "wind")
        case "drop":
            return fall(spec, positions, times_s, thing.reach, rng)
        case "push":
            return push(spec, positions, times_s, thing.reach, rng)
        case None:
            return Stride(np.tile(np.eye(4), (len(times_s), 1, 1)), {})


def _row(actors: list[Actor]) -> list[Actor]:
    """The objects side by side along y, from left (−y) to right, centred."""
    if len(actors) == 1:
        return actors  # where it is built, so that its frame is the world's
    bounds = [(a.points().min(axis=0), a.points().max(axis=0)) for a in actors]
    sizes = [float(np.linalg.norm(high - low)) for low, high in bounds]
    y = 0.0
    placed: list[Array] = []
    for k, (low, high) in enumerate(bounds):
        if k:
            y += _GAP * (sizes[k - 1] + sizes[k]) / 2
        middle = (low + high) / 2
        placed.append(np.array([-middle[0], y - low[1], 0.0]))
        y += high[1] - low[1]
    return [
        _moved(actor, place - np.array([0.0, y / 2, 0.0]))
        for actor, place in zip(actors, placed, strict=True)
    ]


def _moved(actor: Actor, by: Array) -> Actor:
    return replace(actor, base_poses=pose(translation=by) @ actor.base_poses)


def _on_table(actors: list[Actor], rng: np.random.Generator) -> list[Actor]:
    """The objects on a table just large enough for all they sweep."""
    clouds = [actor.points() for actor in actors]
    low = np.min([c.min(axis=0) for c in clouds], axis=0)
    high = np.max([c.max(axis=0) for c in clouds], axis=0)
    margin = 0.08 * float(np.linalg.norm((high - low)[:2]))
    x0, y0 = low[:2] - margin
    x1, y1 = high[:2] + margin
    # A table as high as a real one would hide small things from all but a sliver of the picture.
    top = 0.45 * float(min(x1 - x0, y1 - y0))
    thick, leg = 0.12 * top, 0.16 * top
    tones = ((0.72, 0.55, 0.36), (0.40, 0.26, 0.17), (0.83, 0.67, 0.44))
    surfaces = {"top": Surface("wood", tones[int(rng.integers(len(tones)))], metres=3 * top)}
    solids = [box((x0, y0, top - thick), (x1, y1, top), "top")]
    inset = 0.3 * leg
    for x in (x0 + inset, x1 - inset - leg):
        for y in (y0 + inset, y1 - inset - leg):
            solids.append(box((x, y, 0), (x + leg, y + leg, top - thick), "top"))
    table = ObjectSpec("table", (Part("top", tuple(solids)),), surfaces)
    still = np.tile(np.eye(4), (len(actors[0].base_poses), 1, 1))
    # What an object dips below z = 0, such as a sill, stands on the table too.
    up = np.array([0.0, 0.0, top - low[2]])
    return [*(_moved(a, up) for a in actors), Actor("table", table, still, {}, scenery=True)]
