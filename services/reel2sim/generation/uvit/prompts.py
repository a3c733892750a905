"""Prompts of the scripted backend, drawn at random: the texts of a training set."""

from __future__ import annotations

from typing import Final

import numpy as np

FAMILIES: Final = ("cabinet", "laptop")
_COLOURS: Final = ("white", "black", "grey", "red", "green", "blue", "yellow", "orange", "brown")
_WOODS: Final = ("wooden", "oak", "walnut", "pine")
_SIZES: Final = ("", "", "small", "large", "tall", "low", "wide", "narrow")
_AMOUNTS: Final = ("", "", "half way", "slightly", "fully")
_TEMPI: Final = ("", "", "slowly", "quickly")
_COUNTS: Final = ("no", "a", "two", "three")


def random_prompt(rng: np.random.Generator, families: tuple[str, ...] = FAMILIES) -> str:
    """A prompt about one of ``families``."""
    family = _one(rng, families)
    return _cabinet(rng) if family == "cabinet" else _laptop(rng)


def _one(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def _laptop(rng: np.random.Generator) -> str:
    look = _joined(_one(rng, ("", "small", "large")), _one(rng, _COLOURS))
    verb = _one(rng, ("opens", "opens", "closes"))
    how = _joined(_one(rng, _AMOUNTS) if verb == "opens" else "", _one(rng, _TEMPI))
    return _joined(f"a {look} laptop, the lid {verb}", how)


def _cabinet(rng: np.random.Generator) -> str:
    look = _joined(_one(rng, _SIZES), _one(rng, _WOODS if rng.random() < 0.5 else _COLOURS))
    doors, drawers = 0, 0
    while not doors + drawers:
        doors, drawers = int(rng.integers(3)), int(rng.integers(4))
    parts = [
        f"{_COUNTS[count]} {noun}{'s' if count > 1 else ''}"
        for count, noun in ((doors, "door"), (drawers, "drawer"))
        if count
    ]
    article = "an" if look[0] in "aeo" else "a"
    return f"{article} {look} cabinet with {' and '.join(parts)}, {_motion(rng, doors, drawers)}"


def _motion(rng: np.random.Generator, doors: int, drawers: int) -> str:
    noun = "door" if not drawers or (doors and rng.random() < 0.5) else "drawer"
    count = doors if noun == "door" else drawers
    names = ("left", "right") if noun == "door" else ("top", "bottom")
    which = f"the {noun}"
    if count > 1:
        which = _one(rng, (*(f"the {name} {noun}" for name in names), f"all {noun}s"))
    plural = which.startswith("all")
    verb = _one(rng, ("open", "open", "close")) if noun == "door" else _one(rng, ("open", "close"))
    how = _joined(_one(rng, _AMOUNTS) if verb == "open" else "", _one(rng, _TEMPI))
    return _joined(which, verb if plural else f"{verb}s", how)
