"""Scenes become prompts again, and random scenes become prompts nobody wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from reel2sim.generation.scripted import vocabulary as v
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.family import Family, Noun
from reel2sim.generation.scripted.spec import Movement, SceneSpec, ThingSpec, in_turn

_NUMBERS: Final = {n: word for word, n in v.NUMBERS.items() if word not in ("an", "a", "single")}
_ORDINALS: Final = {
    n: word
    for word, n in v.ORDINALS.items()
    if n >= 0 and word not in ("top", "upper", "left", "middle")
}
_MATERIALS: Final = {
    "wood": "wooden", "metal": "metal", "plastic": "plastic", "paint": "painted",
    "rubber": "rubber", "stone": "stone", "ceramic": "ceramic", "fabric": "fabric",
    "glass": "glass", "marble": "marble", "concrete": "concrete", "leather": "leather",
    "cork": "cork", "cardboard": "cardboard", "brick": "brick",
}  # fmt: skip
_COLOURS: Final = {rgb: word for word, rgb in reversed(v.COLOURS.items())}
_WOODS: Final = {rgb: word for word, rgb in v.WOODS.items()}
_SIZES: Final[tuple[Mapping[float, str], ...]] = (
    {0.7: "small", 1.35: "large"},
    {0.75: "narrow", 1.35: "wide"},
    {0.75: "low", 1.3: "tall"},
)
_AMOUNTS: Final = {1.0: "", 0.5: " half way", 0.3: " slightly", 0.25: " quarter way"}
_TEMPI: Final = {1.0: "", 0.6: " slowly", 1.6: " quickly"}
_VERBS: Final = {"travel": "opens", "spin": "spins", "wave": "waves", "wind": "unwinds"}
_DEEDS: Final = {
    "walk": "walks", "slither": "slithers", "roll": "rolls", "wind": "is wound up",
    "drop": "falls", "push": "is pushed",
}  # fmt: skip


def say(scene: SceneSpec) -> str:
    """A prompt that :func:`~reel2sim.generation.scripted.resolve.parse_prompt` reads as ``scene``.

    It must be made of named sizes, colours and amounts, as parsed and random scenes are.
    """
    things = [_article(_described(thing)) for thing in scene.things]
    text = " and ".join(things) + (" on a table" if scene.table else "")
    clauses: list[str] = []
    for k, thing in enumerate(scene.things):
        name = _name(scene, k)
        if thing.deed:
            clauses.append(f"{name} {_DEEDS[thing.deed]}{_AMOUNTS[thing.reach]}")
        for move in thing.movements:
            clauses.append(_clause(name, FAMILIES[thing.family], move))
    turns = [0 if thing.deed else -1 for thing in scene.things]
    text += _joined(scene, clauses, turns)
    text += _TEMPI[scene.tempo]
    return text + ("" if scene.view == "all" else f", camera {scene.view}")


def _joined(scene: SceneSpec, clauses: list[str], turns: list[int]) -> str:
    """The clauses in the order of their turns, "then" where a turn begins."""
    order: list[int] = []
    for thing, deed in zip(scene.things, turns, strict=True):
        order += [0] if deed == 0 else []
        order += [move.turn for move in thing.movements]
    text, now = "", 0
    for k in sorted(range(len(clauses)), key=lambda k: order[k]):
        text += f", {'then ' if order[k] > now else ''}{clauses[k]}"
        now = order[k]
    return text


def _name(scene: SceneSpec, k: int) -> str:
    family = scene.things[k].family
    alike = [j for j, thing in enumerate(scene.things) if thing.family == family]
    spoken = FAMILIES[family].spoken
    return f"the {spoken}" if len(alike) == 1 else f"the {_ORDINALS[alike.index(k)]} {spoken}"


def _clause(name: str, family: Family, move: Movement) -> str:
    who = f"{name}'s {_ORDINALS[move.index]} {move.noun}"
    noun = family.noun(move.noun)
    if noun and noun.manner == "travel" and move.manner == "travel" and move.start > move.stop:
        return f"{who} closes{_AMOUNTS[move.start]}"
    back = " and closes" if move.returns else ""
    return f"{who} {_VERBS[move.manner]}{_AMOUNTS[move.stop]}{back}"


def _described(thing: ThingSpec) -> str:
    """Adjectives, the object's name and its parts."""
    family = FAMILIES[thing.family]
    words = [_SIZES[i][s] for i, s in enumerate(thing.scale) if s != 1.0]
    if _closed(family, thing):
        words.append("closed")
    if thing.material == "wood" and thing.colour in _WOODS:
        words.append(_WOODS[thing.colour])
    else:
        words += [_COLOURS[thing.colour]] if thing.colour else []
        words.append(_MATERIALS[thing.material])
    counted = [n for n in family.nouns if n.least != n.most and thing.count(n.name)]
    parts = " and ".join(_counted(n, thing.count(n.name)) for n in counted)
    return " ".join([*words, family.spoken, *(["with", parts] if parts else [])])


def _closed(family: Family, thing: ThingSpec) -> bool:
    """Whether what usually stands ajar does not."""
    ajar = {noun.name for noun in family.nouns if noun.ajar}
    return any(
        m.noun in ajar and m.manner == "travel" and 0.0 in (m.start, m.stop)
        for m in thing.movements
    )


def _counted(noun: Noun, count: int) -> str:
    return f"{_NUMBERS[count]} {noun.name if count == 1 else v.plural(noun.name)}"


def _article(text: str) -> str:
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def random_scene(
    rng: np.random.Generator, *, families: tuple[str, ...] = (), most: int = 1
) -> SceneSpec:
    """A scene that a prompt can ask for.

    Args:
        rng: the draw.
        families: kinds of objects to draw from; all if empty.
        most: most objects in a scene; more than one stand on a table if they all can.
    """
    names = families or tuple(FAMILIES)
    count = int(rng.integers(1, most + 1))
    return random_scene_of(rng, (str(rng.choice(names)) for _ in range(count)))


def random_scene_of(rng: np.random.Generator, kinds: Iterable[str]) -> SceneSpec:
    """As :func:`random_scene`, with an object of each of these kinds, from left to right."""
    things = [_random_thing(rng, FAMILIES[kind]) for kind in kinds]
    if not any(thing.movements or thing.deed for thing in things):
        things[0] = _random_thing(rng, FAMILIES[things[0].family], still=0.0)
    able = all(FAMILIES[thing.family].tabletop for thing in things)
    return SceneSpec(
        things=in_turn(tuple(things)),
        table=bool(able and rng.random() < (0.5 if len(things) == 1 else 0.8)),
        tempo=float(rng.choice([1.0, 1.0, 0.6, 1.6])),
    )


def _random_thing(rng: np.random.Generator, family: Family, *, still: float = 0.25) -> ThingSpec:
    counts = {n.name: int(rng.integers(n.least, n.most + 1)) for n in family.nouns}
    if not any(counts.values()):
        counts[family.nouns[0].name] = 1
    colour = None if rng.random() < 0.4 else v.COLOURS[str(rng.choice([*_COLOURS.values()]))]
    material = str(rng.choice([family.material, "wood", "metal", "plastic", "paint"]))
    deed = None
    if family.deeds and rng.random() < (
        0.8 if family.deeds[0] in ("walk", "slither", "roll") else 0.2
    ):
        deed = family.deeds[int(rng.integers(len(family.deeds)))]
    moves = _random_moves(rng, family, counts)
    if deed and deed not in ("drop", "push"):
        moves = tuple(m for m in moves if m.noun not in ("leg", "foot", "arm", "wheel", "segment"))
    if rng.random() < still and deed is None:
        moves = ()
    return ThingSpec(
        family=family.name,
        counts=tuple(counts.items()),
        material=material,
        colour=colour,
        scale=tuple(float(rng.choice([1.0, 1.0, *words])) for words in _SIZES),  # type: ignore[arg-type]
        movements=moves if deed not in ("drop", "push") else (),
        deed=deed,
        reach=float(rng.choice([1.0, 0.5])) if deed else 1.0,
    )


def _random_moves(
    rng: np.random.Generator, family: Family, counts: Mapping[str, int]
) -> tuple[Movement, ...]:
    """Some of the parts move, one to three of them, now and then in turn."""
    places = [(noun, k) for noun in family.nouns for k in range(noun.joints(counts[noun.name]))]
    chosen = rng.permutation(len(places))[: int(rng.integers(1, 4))]
    closed = bool(rng.random() < 0.5)
    moves: list[Movement] = []
    for turn, at in enumerate(sorted(int(c) for c in chosen)):
        noun, index = places[at]
        manner = noun.manner
        if manner == "travel" and rng.random() < 0.15:
            manner = "wave"
        elif manner == "spin" and rng.random() < 0.25:
            manner = "wind"
        shut = 0.0 if closed or manner != "travel" else noun.ajar
        far = float(rng.choice([1.0, 1.0, 0.5]))
        start, stop, back = shut, far, False
        if manner == "travel":
            start, stop = (far, shut) if rng.random() < 0.2 else (shut, far)
            back = bool(start == shut and rng.random() < 0.2)
        moves.append(Movement(noun.name, index, start, stop, back, manner, turn))
    if rng.random() < 0.6:
        moves = [replace(m, turn=0) for m in moves]
    return tuple(moves)
