"""The words the scripted backend understands."""

from __future__ import annotations

from typing import Final

from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.spec import Colour, Deed, View

_PLURALS: Final = {"knife": "knives"}


def plural(word: str) -> str:
    """More than one of it."""
    if word in _PLURALS or (word.endswith("s") and not word.endswith("ss")):
        return _PLURALS.get(word, word)
    return word + ("es" if word.endswith(("ch", "x", "sh", "ss")) else "s")


FAMILY_WORDS: Final[dict[str, str]] = {
    form: family.name
    for family in FAMILIES.values()
    for word in (family.name, *family.words)
    if " " not in word
    for form in (word, plural(word))
}
"""What a word names, with plurals. "door" and "swing" are other words too; the reader decides."""
PHRASES: Final[dict[str, str]] = {
    **{
        form: plural(family.name) if form == plural(word) else family.name
        for family in FAMILIES.values()
        for word in family.words
        if " " in word
        for form in (word, plural(word))
    },
    "chest of drawers": "dresser",
    "double door": "doubledoor",
    "double doors": "doubledoor",
    "half way": "halfway",
    "part way": "partway",
}
"""Words that are read together."""
NOUNS: Final[dict[str, str]] = {
    form: noun.name
    for family in FAMILIES.values()
    for noun in family.nouns
    for form in (noun.name, plural(noun.name))
} | dict.fromkeys(("screen", "display"), "lid")
IMPLIED: Final[dict[str, str]] = {"drawer": "cabinet", "door": "door"}
"""What is meant where a part is named and no object."""
NUMBERS: Final[dict[str, int]] = {
    "no": 0, "without": 0, "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "three": 3,
    "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12,
}  # fmt: skip
ORDINALS: Final[dict[str, int]] = {
    "first": 0, "top": 0, "upper": 0, "left": 0, "second": 1, "middle": 1, "third": 2,
    "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6, "eighth": 7, "ninth": 8, "tenth": 9,
    "eleventh": 10, "twelfth": 11, "last": -1, "bottom": -1, "lower": -1, "right": -1,
}  # fmt: skip
EVERY: Final = frozenset({"both", "all", "every", "each"})
DEFINITE: Final = frozenset({"the", "its", "his", "her", "whose", "their"})
MATERIALS: Final[dict[str, str]] = {
    **dict.fromkeys(("wood", "wooden", "oak", "walnut", "pine", "timber"), "wood"),
    **dict.fromkeys(("metal", "metallic", "steel", "aluminium", "aluminum"), "metal"),
    **dict.fromkeys(("plastic",), "plastic"),
    **dict.fromkeys(("painted", "lacquered"), "paint"),
    **dict.fromkeys(("rubber",), "rubber"),
    **dict.fromkeys(("stone", "granite"), "stone"),
    **dict.fromkeys(("ceramic", "porcelain"), "ceramic"),
    **dict.fromkeys(("fabric", "cloth"), "fabric"),
    **dict.fromkeys(("glass",), "glass"),
    **{name: name for name in ("marble", "concrete", "leather", "cork", "cardboard", "brick")},
}
COLOURS: Final[dict[str, Colour]] = {
    "white": (0.90, 0.89, 0.86),
    "black": (0.20, 0.20, 0.22),
    "grey": (0.55, 0.56, 0.58),
    "gray": (0.55, 0.56, 0.58),
    "silver": (0.72, 0.74, 0.77),
    "red": (0.72, 0.20, 0.17),
    "green": (0.25, 0.52, 0.30),
    "blue": (0.22, 0.38, 0.66),
    "yellow": (0.86, 0.72, 0.25),
    "orange": (0.85, 0.48, 0.18),
    "purple": (0.47, 0.30, 0.58),
    "pink": (0.86, 0.55, 0.62),
    "brown": (0.45, 0.29, 0.17),
    "beige": (0.80, 0.72, 0.58),
}
WOODS: Final[dict[str, Colour]] = {
    "oak": (0.72, 0.55, 0.36),
    "walnut": (0.40, 0.26, 0.17),
    "pine": (0.83, 0.67, 0.44),
}
SIZES: Final[dict[str, tuple[float, float, float]]] = {
    **dict.fromkeys(("small", "little", "tiny"), (0.7, 1.0, 1.0)),
    **dict.fromkeys(("large", "big", "huge"), (1.35, 1.0, 1.0)),
    **dict.fromkeys(("tall", "high"), (1.0, 1.0, 1.3)),
    **dict.fromkeys(("low", "short"), (1.0, 1.0, 0.75)),
    "wide": (1.0, 1.35, 1.0),
    "narrow": (1.0, 0.75, 1.0),
}
OPENS: Final = frozenset(
    {"open", "opens", "opening", "opened", "slide", "slides", "sliding", "swing", "swings"}
    | {"swinging", "move", "moves", "moving", "pull", "pulls", "pulled", "lift", "lifts"}
    | {"rise", "rises", "unfold", "unfolds", "tilt", "tilts", "turn", "turns", "turning"}
    | {"bend", "bends", "extend", "extends", "raise", "raises", "lowers", "press", "presses"}
    | {"pressed", "lifting", "rising", "tilting", "bending", "unfolding"}
)
CLOSES: Final = frozenset(
    {"close", "closes", "closing", "shut", "shuts", "shutting", "fold", "folds", "folding"}
    | {"return", "returns", "returning"}
)
SPINS: Final = frozenset(
    {"spin", "spins", "spinning", "rotate", "rotates", "rotating", "whirl", "whirls", "revolves"}
)
WAVES: Final = frozenset(
    {"wave", "waves", "waving", "rock", "rocks", "rocking", "wobble", "wobbles", "sway", "sways"}
    | {"oscillate", "oscillates", "wag", "wags"}
)
UNWINDS: Final = frozenset({"unwind", "unwinds", "unwinding"})
DEEDS: Final[dict[str, Deed]] = {
    **dict.fromkeys(("walk", "walks", "walking", "trot", "trots", "march", "marches"), "walk"),
    **dict.fromkeys(("slither", "slithers", "slithering", "crawl", "crawls"), "slither"),
    **dict.fromkeys(("roll", "rolls", "rolling", "drive", "drives", "driving"), "roll"),
    **dict.fromkeys(("wound",), "wind"),
    **dict.fromkeys(("drop", "drops", "dropped", "fall", "falls", "falling"), "drop"),
    **dict.fromkeys(("push", "pushed", "shoved", "nudged"), "push"),
}
STAYS: Final = frozenset({"stay", "stays", "remain", "remains", "rest", "rests"})
AMOUNTS: Final[dict[str, float]] = {
    **dict.fromkeys(("half", "halfway", "partly", "partway", "partially"), 0.5),
    **dict.fromkeys(("slightly", "bit"), 0.3),
    **dict.fromkeys(("quarter",), 0.25),
    **dict.fromkeys(("fully", "wide", "completely", "entirely", "full"), 1.0),
}
TEMPI: Final[dict[str, float]] = {
    **dict.fromkeys(("slow", "slowly", "gently"), 0.6),
    **dict.fromkeys(("quick", "quickly", "fast", "rapidly"), 1.6),
}
TABLES: Final = frozenset({"table", "desk", "tabletop"})
HAVING: Final = frozenset({"with", "without", "has", "have", "having", "whose", "no"})
FILMING: Final = frozenset({"camera", "seen", "filmed", "viewed"})
"""Where a remark about the camera begins; it goes on to the end of the clause."""
VIEWS: Final[dict[str, View]] = {
    **dict.fromkeys(("still", "static", "fixed"), "still"),
    **dict.fromkeys(("orbit", "orbits", "orbiting", "circling", "circles", "around"), "orbit"),
    **dict.fromkeys(("front", "ahead"), "front"),
}
FILLERS: Final = frozenset(
    {"with", "and", "of", "that", "which", "is", "are", "in", "on", "out", "up", "then", "while"}
    | {"pair", "runs", "run", "off", "stands", "standing", "lies", "lying", "ground", "floor"}
    | {"stand", "lie", "beside", "next", "onto", "over", "toy", "ones", "have"}
    | {"has", "having", "made", "from", "to", "at", "again", "way", "smoothly", "down", "back"}
    | {"coloured", "colored", "computer", "kitchen", "office", "bedroom", "other", "others"}
    | {"being", "gets", "as", "it", "so", "forward", "forwards", "outward", "outwards", "side"}
    | {"by", "plus", "but", "handle", "handles", "closed", "video", "showing", "show", "shows"}
)
WORDS: Final = frozenset().union(
    *(FAMILY_WORDS, {"doubledoor"}, NOUNS, NUMBERS, ORDINALS, EVERY, DEFINITE, MATERIALS, COLOURS),
    *(SIZES, OPENS, CLOSES, SPINS, WAVES, UNWINDS, DEEDS, STAYS, AMOUNTS, TEMPI, TABLES, HAVING),
    *(FILMING, VIEWS, FILLERS),
)
EXAMPLES: Final = (
    "a wooden cabinet with one drawer, the drawer slides open",
    "a small white cabinet with two doors and a drawer, both doors open",
    "a laptop, the lid opens half way",
    "a red desk lamp and a laptop on a table, the lid closes, then the lamp's head tilts",
    "a yellow robot dog walks slowly, camera still",
)
