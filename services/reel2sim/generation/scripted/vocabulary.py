"""The words the scripted backend understands."""

from __future__ import annotations

from typing import Final

from reel2sim.generation.scripted.spec import Family, Noun

FAMILIES: Final[dict[str, Family]] = {
    **dict.fromkeys(("cabinet", "cupboard", "dresser", "nightstand", "sideboard"), "cabinet"),
    **dict.fromkeys(("wardrobe", "chest", "closet"), "cabinet"),
    **dict.fromkeys(("laptop", "notebook"), "laptop"),
}
NOUNS: Final[dict[str, Noun]] = {
    **dict.fromkeys(("door", "doors"), "door"),
    **dict.fromkeys(("drawer", "drawers"), "drawer"),
    **dict.fromkeys(("lid", "screen", "display"), "lid"),
}
NUMBERS: Final[dict[str, int]] = {
    "no": 0, "without": 0, "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "three": 3,
    "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
ORDINALS: Final[dict[str, int]] = {
    "first": 0, "top": 0, "upper": 0, "left": 0, "second": 1, "middle": 1, "third": 2,
    "fourth": 3, "last": -1, "bottom": -1, "lower": -1, "right": -1,
}  # fmt: skip
EVERY: Final = frozenset({"both", "all", "every", "each"})
DEFINITE: Final = frozenset({"the", "its", "his", "her", "whose", "their"})
MATERIALS: Final[dict[str, str]] = {
    **dict.fromkeys(("wood", "wooden", "oak", "walnut", "pine", "timber"), "wood"),
    **dict.fromkeys(("metal", "metallic", "steel", "aluminium", "aluminum"), "metal"),
    **dict.fromkeys(("plastic",), "plastic"),
    **dict.fromkeys(("painted", "lacquered"), "paint"),
}
COLOURS: Final[dict[str, tuple[float, float, float]]] = {
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
WOODS: Final[dict[str, tuple[float, float, float]]] = {
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
    | {"rise", "rises", "unfold", "unfolds", "tilt", "tilts"}
)
CLOSES: Final = frozenset(
    {"close", "closes", "closing", "shut", "shuts", "shutting", "fold", "folds"}
    | {"return", "returns"}
)
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
FILLERS: Final = frozenset(
    {"with", "and", "of", "that", "which", "is", "are", "in", "on", "out", "up", "then", "while"}
    | {"has", "having", "made", "from", "to", "at", "again", "way", "smoothly", "down", "back"}
    | {"coloured", "colored", "computer", "kitchen", "office", "bedroom", "other", "others"}
    | {"being", "gets", "as", "it", "so", "forward", "forwards", "outward", "outwards", "side"}
    | {"by", "plus", "but", "handle", "handles", "closed", "video", "showing", "show", "shows"}
)
WORDS: Final = frozenset().union(
    *(FAMILIES, NOUNS, NUMBERS, ORDINALS, EVERY, DEFINITE, MATERIALS, COLOURS, SIZES, OPENS),
    *(CLOSES, STAYS, AMOUNTS, TEMPI, FILLERS),
)
EXAMPLES: Final = (
    "a wooden cabinet with one drawer, the drawer slides open",
    "a small white cabinet with two doors and a drawer, both doors open",
    "a laptop, the lid opens half way",
)
