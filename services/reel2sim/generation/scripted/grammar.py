"""Prompts become scene specifications. Every word counts: an unknown one is an error.

    prompt  = things [clauses]
    things  = thing {"and" thing} ["on a table"]
    thing   = ["a" | number] {size | colour | material} object ["with" parts]
    parts   = number part {"and" number part}
    clause  = subject verb [amount] [pace] ["and closes"] | "camera" ("still" | "orbit" | "front")
    subject = "the" [ordinal] (part | object | object "'s" [ordinal] part) | "both" | "all" …

Clauses are set apart by commas, full stops, "and" or "while"; "then" begins one that waits for
those before. Words are read one after another; :mod:`reel2sim.generation.scripted.resolve` makes
a scene of what was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal

from reel2sim.generation.scripted import vocabulary as v
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.spec import Colour, Deed, View
from reel2sim.scene.errors import PromptError

Kind = Literal["open", "close", "stay", "spin", "wave", "wind", "deed"]
_PHRASE: Final = re.compile(rf"\b({'|'.join(sorted(v.PHRASES, key=len, reverse=True))})\b")
_VERBS: Final[dict[str, Kind]] = {
    **dict.fromkeys(v.OPENS, "open"),
    **dict.fromkeys(v.CLOSES, "close"),
    **dict.fromkeys(v.SPINS, "spin"),
    **dict.fromkeys(v.WAVES, "wave"),
    **dict.fromkeys(v.UNWINDS, "wind"),
    **dict.fromkeys(v.STAYS, "stay"),
    **dict.fromkeys(v.DEEDS, "deed"),
}


@dataclass
class Thing:
    """An object as far as it has been described."""

    family: str
    counts: dict[str, int] = field(default_factory=dict[str, int])
    implied: set[str] = field(default_factory=set[str])
    looks: Looks = field(default_factory=lambda: Looks())


@dataclass
class Looks:
    """Adjectives."""

    material: str | None = None
    colour: Colour | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    closed: bool = False

    def add(self, more: Looks) -> None:
        """Take on what is not said yet."""
        self.material = self.material or more.material
        self.colour = self.colour or more.colour
        a, b = self.scale, more.scale
        self.scale = (a[0] * b[0], a[1] * b[1], a[2] * b[2])
        self.closed |= more.closed


@dataclass(frozen=True)
class Subject:
    """Who does something: parts of an object, or objects."""

    things: tuple[int, ...] | None
    noun: str | None = None
    index: int | None = None


@dataclass
class Action:
    """What a verb says about the subject before it."""

    subject: Subject
    kind: Kind
    deed: Deed | None = None
    amount: float = 1.0
    returns: bool = False
    turn: int = 0


@dataclass
class Reading:
    """What has been read so far."""

    things: list[Thing] = field(default_factory=list[Thing])
    orphan: Thing = field(default_factory=lambda: Thing(""))
    table: bool = False
    tempo: float = 1.0
    view: View = "all"
    actions: list[Action] = field(default_factory=list[Action])
    turn: int = 0
    # State of the current clause.
    looks: Looks = field(default_factory=Looks)
    group: tuple[int, ...] = ()
    fresh: list[int] = field(default_factory=list[int])
    owner: bool = False
    having: bool = False
    then: bool = False
    subjects: list[Subject] = field(default_factory=list[Subject])
    number: int | None = None
    ordinal: int | None = None
    every: bool = False
    definite: bool = False
    after_verb: list[Action] = field(default_factory=list[Action])


def tokens(prompt: str) -> list[str]:
    """Words, numbers and marks of a prompt, phrases in one."""
    text = re.sub(r"\s+", " ", prompt.lower().replace("'s", " is").replace("-", " "))
    text = _PHRASE.sub(lambda found: v.PHRASES[found[1]], text)
    return re.findall(r"[a-z]+|\d+|[^\sa-z\d]", text)


def read_prompt(prompt: str) -> Reading:
    """Read a prompt word by word.

    Raises:
        PromptError: if it uses an unknown word or contradicts itself.
    """
    words = tokens(prompt)
    _check_words(words)
    reading = Reading()
    i = 0
    while i < len(words):
        if stop := _camera_remark(reading, words, i):
            i = stop
            continue
        following = words[i + 1] if i + 1 < len(words) else ""
        _read(reading, words[i], following)
        i += 1
    _end_clause(reading)
    return reading


def refuse(message: str) -> PromptError:
    """An error that names the objects there are, with examples."""
    examples = "; ".join(repr(e) for e in v.EXAMPLES[:3])
    known = ", ".join(family.spoken for family in FAMILIES.values())
    return PromptError(
        f"the scripted backend {message}",
        source="prompt",
        remedy=f"for example: {examples}; it knows these objects: {known}",
    )


def _check_words(words: list[str]) -> None:
    unknown = [w for w in words if w.isalpha() and w not in v.WORDS]
    if not unknown:
        return
    near = {w: _near(w) for w in unknown}
    hints = [f"{w!r} (did you mean {' or '.join(near[w])}?)" if near[w] else repr(w) for w in near]
    raise refuse(f"does not understand {', '.join(hints)}")


def _near(word: str) -> list[str]:
    """Up to two known words that are spelt alike, not two forms of one."""
    found = get_close_matches(word, sorted(v.WORDS), n=4, cutoff=0.7)
    return [w for k, w in enumerate(found) if not _same(w, found[:k])][:2]


def _same(word: str, others: list[str]) -> bool:
    return any(v.plural(word) == other or v.plural(other) == word for other in others)


_AROUND_CAMERA: Final = frozenset({"a", "by", "from", "in", "of", "on", "the", "to", "with", "is"})


def _camera_remark(r: Reading, words: list[str], i: int) -> int | None:
    """Read "camera still", "seen from the front", "filmed by an orbiting camera"; where it ends."""
    j = i
    while j < len(words) and (words[j] in v.VIEWS or words[j] in _AROUND_CAMERA):
        j += 1
    if j >= len(words) or words[j] not in v.FILMING:
        return None
    if words[i] in _AROUND_CAMERA and not any(w in v.VIEWS for w in words[i:j]):
        return None
    while j < len(words) and words[j].isalnum():
        j += 1
    said: list[View] = [v.VIEWS[w] for w in words[i:j] if w in v.VIEWS]
    known = v.FILMING | _AROUND_CAMERA | {"an", "moving", *v.VIEWS}
    odd = [w for w in words[i:j] if w not in known]
    if odd or len(set(said)) != 1:
        raise refuse(f"takes a camera that is still, orbits or is in front, not {words[i:j]}")
    r.view = said[0]
    return j


def _read(r: Reading, word: str, following: str) -> None:
    """Take in one word."""
    owner, r.owner = r.owner, r.owner and word in ("is", *v.ORDINALS)
    if not word.isalnum():
        _end_clause(r)
    elif word in v.NOUNS and not _is_object(r, word):
        _noun(r, word, owner=owner)
    elif word in v.TABLES:
        r.table, r.looks = True, Looks()
        _end_phrase(r)
    elif _names_object(r, word):
        _object(r, word)
    elif word in _VERBS and not _adjective(word, following):
        _verb(r, word)
    elif word in v.AMOUNTS and r.after_verb:
        for action in r.after_verb:
            action.amount = v.AMOUNTS[word]
    elif word in v.SIZES and not r.after_verb:
        r.looks.add(Looks(scale=v.SIZES[word]))
    elif word.isdigit():
        r.number = int(word)
    elif word in v.TEMPI:
        r.tempo = v.TEMPI[word]
    else:
        _detail(r, word)


def _detail(r: Reading, word: str) -> None:
    """Take in a word that neither names anything nor moves it."""
    if word in v.NUMBERS:
        r.number = v.NUMBERS[word]
    if word in v.HAVING:
        r.having = True
    if word in v.ORDINALS:
        r.ordinal = v.ORDINALS[word]
    elif word in v.EVERY:
        r.every = r.definite = True
    elif word in v.DEFINITE:
        if r.after_verb:
            _end_clause(r)
        r.definite = True
    elif word == "then":
        r.then = True
    if word in v.MATERIALS:
        r.looks.add(Looks(material=v.MATERIALS[word], colour=v.WOODS.get(word)))
    elif word in v.COLOURS:
        r.looks.add(Looks(colour=v.COLOURS[word]))
    elif word == "closed" and not any(a.kind == "stay" for a in r.after_verb):
        r.looks.closed = True


def _adjective(word: str, following: str) -> bool:
    """Whether "open" stands before what it describes, as in "an open cabinet"."""
    return word == "open" and (following in v.FAMILY_WORDS or following in v.NOUNS)


def _is_object(r: Reading, word: str) -> bool:
    """Whether a word such as "door" is an object here, not a part: "a lamp and a door"."""
    noun = v.NOUNS[word]
    if word not in v.FAMILY_WORDS or not r.things:
        return False
    has = any(FAMILIES[r.things[k].family].noun(noun) for k in range(len(r.things)))
    own = any(thing.family == v.FAMILY_WORDS[word] for thing in r.things)
    pointed = r.definite or r.ordinal is not None
    return not has and not (r.having and not pointed) and (own or not pointed)


def _names_object(r: Reading, word: str) -> bool:
    """Whether a word names an object; "swing" does after "a" or "the", else it is a verb."""
    if word in ("swing", "swings"):
        known = any(thing.family == "swing" for thing in r.things)
        return r.number is not None or (known and r.definite)
    return word == "doubledoor" or word in v.FAMILY_WORDS


def _object(r: Reading, word: str) -> None:
    """An object: introduced ("a lamp", "two carts") or spoken of again ("the lamp")."""
    family = "door" if word == "doubledoor" else v.FAMILY_WORDS[word]
    alike = tuple(k for k, thing in enumerate(r.things) if thing.family == family)
    if alike and (r.definite or r.ordinal is not None):
        if r.after_verb:
            _end_clause(r)
        r.group = alike
        if r.ordinal is not None:
            if r.ordinal >= len(alike):
                raise refuse(f"has {len(alike)} {family}(s), no number {r.ordinal + 1}")
            r.group = (alike[r.ordinal],)
        elif len(alike) > 1 and not r.every and word == family:
            r.group = alike[:1]
        r.subjects.append(Subject(r.group))
    else:
        count = r.number if r.number is not None else 1
        if r.after_verb:
            _end_clause(r)
        if not 1 <= count + len(r.things) <= 6:
            raise refuse(f"puts 1 to 6 objects into a scene, not {count + len(r.things)}")
        _stand_in(r, family)
        r.group = tuple(range(len(r.things), len(r.things) + count))
        r.things += [Thing(family) for _ in r.group]
        r.fresh += r.group
        if word == "doubledoor":
            for k in r.group:
                r.things[k].counts["door"] = 2
        _adopt(r)
    _settle(r)
    r.owner, r.having = True, False
    _end_phrase(r)


def _stand_in(r: Reading, family: str) -> None:
    """Make an object of a part that stands for one, where the next object lacks it.

    In "a door and a window" the door is no part of the window.
    """
    named = {*r.orphan.counts, *r.orphan.implied}
    meant = [v.IMPLIED[noun] for noun in named if noun in v.IMPLIED]
    lacks = any(FAMILIES[family].noun(noun) is None for noun in named)
    if meant and lacks and not r.things:
        r.orphan.family = meant[0]
        r.fresh.append(0)
        r.things.append(r.orphan)
        r.orphan = Thing("")


def _adopt(r: Reading) -> None:
    """Give parts that were named before any object to the first that has them."""
    for k in r.group:
        thing, nouns = r.things[k], {noun.name for noun in FAMILIES[r.things[k].family].nouns}
        if {*r.orphan.counts, *r.orphan.implied} <= nouns:
            thing.counts |= r.orphan.counts
            thing.implied |= r.orphan.implied
            r.orphan = Thing("")


def _settle(r: Reading) -> None:
    """Give adjectives that were read to the objects at hand."""
    for k in r.group:
        r.things[k].looks.add(r.looks)
    if r.group:
        r.looks = Looks()


def _noun(r: Reading, word: str, *, owner: bool) -> None:
    """A part: counted ("two doors") or pointed at ("the top drawer", "the lamp's head")."""
    noun = v.NOUNS[word]
    many = word != noun and word == v.plural(noun)
    pointed = r.definite or r.ordinal is not None or owner
    if r.after_verb and pointed:
        _end_clause(r)
    group = _having(r, noun, owner=owner)
    if group is None:
        return  # a handle that does not move
    things = [r.things[k] for k in group] or [r.orphan]
    if pointed:
        for thing in things:
            thing.implied.add(noun)
            if r.every and r.number is not None:
                thing.counts.setdefault(noun, r.number)
        index = None if many or r.every else r.ordinal or 0
        if owner and r.subjects and r.subjects[-1].noun is None:
            r.subjects.pop()
        r.subjects.append(Subject(group or None, noun, index))
    else:
        count = r.number if r.number is not None else 2 if many else 1
        for thing in things:
            thing.counts[noun] = thing.counts.get(noun, 0) + count
    _settle(r)
    _end_phrase(r)


def _having(r: Reading, noun: str, *, owner: bool) -> tuple[int, ...] | None:
    """The objects whose part is meant; None if the word says nothing."""
    if not r.things:
        return ()
    if all(FAMILIES[r.things[k].family].noun(noun) for k in r.group):
        return r.group
    found = [k for k, thing in enumerate(r.things) if FAMILIES[thing.family].noun(noun)]
    if found and not r.having and not owner:
        return (found[-1],)
    if noun == "handle":
        return None
    family = r.things[r.group[0]].family
    raise refuse(f"knows no {family} with a {noun}")


def _verb(r: Reading, word: str) -> None:
    kind = _VERBS[word]
    if kind == "close" and r.after_verb and all(a.kind == "open" for a in r.after_verb):
        for action in r.after_verb:
            action.returns = True
        r.then = False
        return
    if r.after_verb and not r.subjects and kind in ("open", r.after_verb[0].kind):
        return  # "slides open" is one motion
    if r.then and r.actions:
        r.turn += 1
    r.then = False
    everyone = Subject(tuple(r.fresh) or None)
    if kind == "deed" and not r.subjects and r.after_verb:
        everyone = r.after_verb[0].subject
    r.after_verb = [
        Action(subject, kind, v.DEEDS.get(word), turn=r.turn)
        for subject in r.subjects or [everyone]
    ]
    r.actions.extend(r.after_verb)
    r.subjects = []
    _end_phrase(r)


def _end_phrase(r: Reading) -> None:
    r.number = r.ordinal = None
    r.every = r.definite = False


def _end_clause(r: Reading) -> None:
    _end_phrase(r)
    _settle(r)
    r.after_verb = []
    r.subjects = []
    r.fresh = []
    r.having = False
