"""What was read becomes a scene: counts within limits, movements of parts that are there."""

from __future__ import annotations

from dataclasses import replace

from reel2sim.generation.scripted import vocabulary as v
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.family import Family, Noun
from reel2sim.generation.scripted.grammar import (
    Action,
    Reading,
    Subject,
    Thing,
    read_prompt,
    refuse,
)
from reel2sim.generation.scripted.spec import (
    Colour,
    Manner,
    Movement,
    SceneSpec,
    ThingSpec,
    in_turn,
)

_GAITS = ("walk", "slither", "roll")


def parse_prompt(prompt: str) -> SceneSpec:
    """The scene a prompt asks for.

    Raises:
        PromptError: if it names no known object, uses an unknown word, asks for more parts than
            there can be or for what an object cannot do, or moves nothing.
    """
    reading = read_prompt(prompt)
    _implied_objects(reading)
    actions = [(_subjects(reading, action), action) for action in reading.actions]
    things = tuple(
        _thing(thing, [a for who, a in actions if k in who], unsaid=not reading.actions)
        for k, thing in enumerate(reading.things)
    )
    if not any(thing.movements or thing.deed for thing in things):
        raise refuse("is asked to move nothing")
    if reading.table:
        for thing in things:
            if not FAMILIES[thing.family].tabletop:
                raise refuse(f"puts no {thing.family} on a table")
    return SceneSpec(in_turn(things), reading.table, reading.tempo, reading.view)


def _implied_objects(r: Reading) -> None:
    """Make the object that is meant where only parts were named."""
    named = {*r.orphan.counts, *r.orphan.implied}
    if r.things:
        if named:
            raise refuse(f"does not know whose part the {sorted(named)[0]} is")
        return
    families = [family for noun, family in v.IMPLIED.items() if noun in named]
    if not families:
        raise refuse("finds no object in this")
    family = families[0]
    odd = [noun for noun in named if not FAMILIES[family].noun(noun)]
    if odd:
        raise refuse(f"knows no {family} with a {odd[0]}")
    thing = r.orphan
    thing.family = family
    thing.looks.add(r.looks)
    r.things.append(thing)


def _subjects(r: Reading, action: Action) -> set[int]:
    """Which objects an action is about."""
    who = action.subject.things
    if who is None:
        who = tuple(range(len(r.things)))
    if action.kind == "deed" and action.subject.noun is None:
        able = [k for k in who if action.deed in FAMILIES[r.things[k].family].deeds]
        if not able:
            family = FAMILIES[r.things[who[0]].family]
            can = ", ".join(family.deeds) or "only move its parts"
            raise refuse(f"knows no {family.name} that can {action.deed} (it can: {can})")
        return set(able)
    return set(who)


def _thing(thing: Thing, actions: list[Action], *, unsaid: bool) -> ThingSpec:
    family = FAMILIES[thing.family]
    counts = _counts(family, thing, actions)
    deeds = [a for a in actions if a.kind == "deed" and a.subject.noun is None]
    colour = thing.looks.colour
    spec = ThingSpec(
        family=family.name,
        counts=tuple(counts.items()),
        material=thing.looks.material or _usual_material(family, colour),
        colour=colour,
        scale=thing.looks.scale,
    )
    if unsaid and family.deeds and family.deeds[0] in _GAITS:
        return replace(spec, deed=family.deeds[0])
    if unsaid:
        actions = [Action(Subject(None), "open")]
    moves = _movements(family, thing, actions, counts)
    if deeds:
        return replace(spec, movements=moves, deed=deeds[-1].deed, reach=deeds[-1].amount)
    return replace(spec, movements=moves)


def _usual_material(family: Family, colour: Colour | None) -> str:
    if family.material != "wood" or colour in (None, v.COLOURS["brown"], *v.WOODS.values()):
        return family.material
    return "paint"


def _counts(family: Family, thing: Thing, actions: list[Action]) -> dict[str, int]:
    """How many parts of each noun the object has."""
    said = {*thing.counts, *thing.implied}
    counts: dict[str, int] = {}
    for noun in family.nouns:
        if noun.name in thing.counts:
            count = thing.counts[noun.name]
        elif not said:
            count = noun.usual
        else:
            count = noun.usual if noun.least else 0
            count = max([count, *_needed(noun, thing, actions)])
        counts[noun.name] = count
        many = v.plural(noun.name)
        if count > noun.most:
            raise refuse(f"builds at most {noun.most} {many}, not {count}")
        if count < noun.least:
            raise refuse(f"builds no {family.name} with less than {noun.least} {many}")
    if not any(counts.values()):
        names = " or ".join(f"a {noun.name}" for noun in family.nouns)
        raise refuse(f"needs {names} that can move")
    return counts


def _needed(noun: Noun, thing: Thing, actions: list[Action]) -> list[int]:
    """How many parts of a noun the words take for granted."""
    least = [1] if noun.name in thing.implied else []
    for action in actions:
        subject = action.subject
        if subject.noun == noun.name:
            index = subject.index
            least.append(2 if index is None or index < 0 else index + 1)
    return [min(n, noun.most) if noun.most == 1 else n for n in least]


def _movements(
    family: Family, thing: Thing, actions: list[Action], counts: dict[str, int]
) -> tuple[Movement, ...]:
    found: dict[tuple[str, int], Movement] = {}
    for action in actions:
        subject = action.subject
        if action.kind == "deed" and subject.noun is None:
            continue
        for noun in family.nouns:
            if subject.noun not in (None, noun.name) or not counts[noun.name]:
                continue
            count = counts[noun.name]
            chosen = range(count) if subject.index is None else [_index(subject, count)]
            for index in [0] if noun.together else chosen:
                found.pop((noun.name, index), None)  # the last word counts, in its place
                found[noun.name, index] = _movement(noun, index, action, closed=thing.looks.closed)
    return tuple(move for move in found.values() if move.start != move.stop)


def _index(subject: Subject, count: int) -> int:
    index = count - 1 if subject.index == -1 else subject.index or 0
    if not 0 <= index < count:
        raise refuse(f"has {count} {subject.noun}(s), no number {index + 1}")
    return index


def _movement(noun: Noun, index: int, action: Action, *, closed: bool) -> Movement:
    manner = _manner(noun, action)
    shut = 0.0 if closed or manner != "travel" else noun.ajar
    if action.kind == "stay":
        return Movement(noun.name, index, shut, shut)
    if action.kind == "close":
        if noun.manner != "travel":
            raise refuse(f"cannot close a {noun.name}")
        return Movement(noun.name, index, action.amount, shut, turn=action.turn)
    return Movement(
        noun.name, index, shut, max(action.amount, shut), action.returns, manner, action.turn
    )


def _manner(noun: Noun, action: Action) -> Manner:
    """How a part moves: as it usually does, or as the verb says if it can."""
    if noun.manner == "spin":
        return "wind" if action.kind == "wind" else "spin"
    return "wave" if action.kind == "wave" else noun.manner
