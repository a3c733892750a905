"""Prompts become scene specifications. Every word counts: an unknown one is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from reel2sim.generation.scripted import vocabulary as v
from reel2sim.generation.scripted.spec import Family, Movement, Noun, SceneSpec
from reel2sim.scene.errors import PromptError

_MOST: Final[dict[Noun, int]] = {"door": 4, "drawer": 5}
_LAPTOP_AJAR: Final = 0.15  # so that keyboard and screen are seen at time zero


@dataclass
class _Action:
    """What a verb says about the parts named before it."""

    noun: Noun | None
    index: int | None
    kind: str
    amount: float = 1.0
    returns: bool = False


@dataclass
class _Reading:
    """What has been read so far."""

    family: Family | None = None
    counts: dict[Noun, int] = field(default_factory=dict[Noun, int])
    implied: set[Noun] = field(default_factory=set[Noun])
    material: str | None = None
    colour: tuple[float, float, float] | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tempo: float = 1.0
    closed: bool = False
    subjects: list[tuple[Noun, int | None]] = field(default_factory=list[tuple[Noun, int | None]])
    actions: list[_Action] = field(default_factory=list[_Action])
    # State of the current clause.
    number: int | None = None
    ordinal: int | None = None
    every: bool = False
    definite: bool = False
    after_verb: list[_Action] = field(default_factory=list[_Action])


def parse_prompt(prompt: str) -> SceneSpec:
    """Read a prompt.

    Raises:
        PromptError: if it names no known object, uses an unknown word, or asks for more parts
            than there can be.
    """
    words = re.findall(r"[a-z]+|\d+|[^\sa-z\d]", prompt.lower().replace("'s", " is"))
    _check_words(words)
    reading = _Reading()
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else ""
        _read(reading, word, following)
    return _spec(reading)


def _check_words(words: list[str]) -> None:
    unknown = [w for w in words if w.isalpha() and w not in v.WORDS]
    if not unknown:
        return
    near = {w: get_close_matches(w, sorted(v.WORDS), n=2, cutoff=0.7) for w in unknown}
    hints = [f"{w!r} (did you mean {' or '.join(near[w])}?)" if near[w] else repr(w) for w in near]
    raise _error(f"does not understand {', '.join(hints)}")


def _error(message: str) -> PromptError:
    families = sorted({*v.FAMILIES.values()})
    examples = "; ".join(repr(e) for e in v.EXAMPLES)
    return PromptError(
        f"the scripted backend {message}",
        source="prompt",
        remedy=f"describe a {' or a '.join(families)}, for example: {examples}",
    )


def _read(r: _Reading, word: str, following: str) -> None:
    """Take in one word."""
    if not word.isalnum():
        _end_clause(r)
    elif word in v.FAMILIES:
        r.family = r.family or v.FAMILIES[word]
        _end_phrase(r)
    elif word in v.NOUNS:
        _noun(r, word)
    elif word in v.OPENS | v.CLOSES | v.STAYS and not _adjective(r, word, following):
        _verb(r, word)
    elif word in v.AMOUNTS and r.after_verb:
        for action in r.after_verb:
            action.amount = v.AMOUNTS[word]
    elif word in v.SIZES and not r.after_verb:
        a, b = r.scale, v.SIZES[word]
        r.scale = (a[0] * b[0], a[1] * b[1], a[2] * b[2])
    elif word.isdigit():
        r.number = int(word)
    elif word in v.TEMPI:
        r.tempo = v.TEMPI[word]
    elif word in v.NUMBERS:
        r.number = v.NUMBERS[word]
    else:
        _detail(r, word)


def _detail(r: _Reading, word: str) -> None:
    """Take in a word that neither names a part nor moves one."""
    if word in v.ORDINALS:
        r.ordinal = v.ORDINALS[word]
    elif word in v.EVERY:
        r.every = r.definite = True
    elif word in v.DEFINITE:
        r.definite = True
        if r.after_verb:
            _end_clause(r)
            r.definite = True
    if word in v.MATERIALS:
        r.material = r.material or v.MATERIALS[word]
        r.colour = r.colour or v.WOODS.get(word)
    elif word in v.COLOURS:
        r.colour = r.colour or v.COLOURS[word]
    elif word == "closed":
        r.closed = True


def _adjective(r: _Reading, word: str, following: str) -> bool:
    """Whether "open" stands before what it describes, as in "an open cabinet"."""
    return word == "open" and (following in v.FAMILIES or following in v.NOUNS)


def _noun(r: _Reading, word: str) -> None:
    """A part: counted ("two doors") or pointed at ("the top drawer")."""
    noun = v.NOUNS[word]
    plural = word.endswith("s")
    pointed = r.definite or r.ordinal is not None
    if r.after_verb and pointed:
        _end_clause(r)
    if pointed:
        r.implied.add(noun)
        index = None if plural or r.every else r.ordinal or 0
        r.subjects.append((noun, index))
        if r.every and r.number is not None:
            r.counts.setdefault(noun, r.number)
    else:
        count = r.number if r.number is not None else 2 if plural else 1
        r.counts[noun] = r.counts.get(noun, 0) + count
    _end_phrase(r)


def _verb(r: _Reading, word: str) -> None:
    if word in v.CLOSES and r.after_verb and all(a.kind == "open" for a in r.after_verb):
        for action in r.after_verb:
            action.returns = True
        return
    kind = "open" if word in v.OPENS else "close" if word in v.CLOSES else "stay"
    if r.after_verb and not r.subjects and kind == "open":
        return  # "slides open" is one motion
    subjects = r.subjects or [(None, None)]
    r.after_verb = [_Action(noun, index, kind) for noun, index in subjects]
    r.actions.extend(r.after_verb)
    r.subjects = []
    _end_phrase(r)


def _end_phrase(r: _Reading) -> None:
    r.number = r.ordinal = None
    r.every = r.definite = False


def _end_clause(r: _Reading) -> None:
    _end_phrase(r)
    r.after_verb = []
    r.subjects = []


def _spec(r: _Reading) -> SceneSpec:
    """What the whole reading amounts to."""
    family = r.family
    if family is None and ({"door", "drawer"} & ({*r.counts} | r.implied)):
        family = "cabinet"
    if family is None:
        raise _error("finds no object in this")
    if family == "laptop":
        if {"door", "drawer"} & ({*r.counts} | r.implied):
            raise _error("knows no laptop with doors or drawers")
        parts: dict[Noun, int] = {"lid": 1}
    else:
        parts = _cabinet_parts(r)
    return SceneSpec(
        family=family,
        doors=parts.get("door", 0),
        drawers=parts.get("drawer", 0),
        material=r.material or _usual_material(family, r.colour),
        colour=r.colour,
        scale=r.scale,
        movements=_movements(r, parts),
        tempo=r.tempo,
    )


def _usual_material(family: Family, colour: tuple[float, float, float] | None) -> str:
    if family == "laptop":
        return "metal"
    return "wood" if colour in (None, v.COLOURS["brown"]) else "paint"


def _cabinet_parts(r: _Reading) -> dict[Noun, int]:
    if "lid" in r.counts or "lid" in r.implied:
        raise _error("knows no cabinet with a lid")
    parts: dict[Noun, int] = {"door": r.counts.get("door", 0), "drawer": r.counts.get("drawer", 0)}
    needed = {(a.noun, (a.index or 0) + 1 if (a.index or 0) >= 0 else 2) for a in r.actions}
    for noun, least in needed:
        if noun in ("door", "drawer") and noun not in r.counts:
            several = any(a.noun == noun and a.index is None for a in r.actions)
            parts[noun] = max(parts[noun], least, 2 if several else 1)
    for noun in r.implied:
        if noun in parts and noun not in r.counts:
            parts[noun] = max(parts[noun], 1)
    if not r.counts and not r.implied:
        parts = {"door": 1, "drawer": 1}
    for noun, most in _MOST.items():
        if parts[noun] > most:
            raise _error(f"builds at most {most} {noun}s, not {parts[noun]}")
    if not any(parts.values()):
        raise _error("needs a door or a drawer that can move")
    return parts


def _movements(r: _Reading, parts: dict[Noun, int]) -> tuple[Movement, ...]:
    actions = r.actions or [_Action(None, None, "open")]
    found: dict[tuple[Noun, int], Movement] = {}
    for action in actions:
        nouns: list[Noun] = [action.noun] if action.noun else [n for n in parts if parts[n]]
        for noun in nouns:
            count = parts.get(noun, 0)
            chosen = range(count) if action.index is None else [_index(action, count)]
            for index in chosen:
                found[noun, index] = _movement(r, noun, index, action)
    moving = tuple(found[key] for key in found if found[key].start != found[key].stop)
    if not moving:
        raise _error("is asked to move nothing")
    return moving


def _index(action: _Action, count: int) -> int:
    index = count - 1 if action.index == -1 else action.index or 0
    if not 0 <= index < count:
        raise _error(f"has {count} {action.noun}(s), no number {index + 1}")
    return index


def _movement(r: _Reading, noun: Noun, index: int, action: _Action) -> Movement:
    shut = 0.0 if noun != "lid" or r.closed else _LAPTOP_AJAR
    if action.kind == "stay":
        return Movement(noun, index, shut, shut)
    if action.kind == "close":
        return Movement(noun, index, action.amount, shut)
    return Movement(noun, index, shut, max(action.amount, shut), action.returns)
