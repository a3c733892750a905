"""Prompts of the scripted backend, drawn at random: the texts of a training set."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from reel2sim.generation.scripted.say import random_scene, say
from reel2sim.generation.uvit.vocabulary import pieces
from reel2sim.scene.errors import UsageError

DEFAULT: Final = ("chest", "laptop", "garage", "barrier")
"""Of one joint each, and told apart at a glance: what a small model learns first."""
_TRIES: Final = 1000


def random_prompt(
    rng: np.random.Generator, families: tuple[str, ...] = DEFAULT, *, longest: int = 40
) -> str:
    """What one object of ``families`` looks like and how its joints move.

    Drawn as :func:`~reel2sim.generation.scripted.say.random_scene` draws, but the object stands
    alone and at its place: a table or a fall would move all that a small picture shows.

    Args:
        rng: the draw.
        families: names of kinds of objects.
        longest: most tokens of a prompt.

    Raises:
        UsageError: if nothing so short can be said about them.
    """
    for _ in range(_TRIES):
        scene = random_scene(rng, families=families)
        thing = replace(scene.things[0], deed=None, reach=1.0)
        if thing.movements:
            text = say(replace(scene, things=(thing,), table=False))
            if len(pieces(text)) <= longest:
                return text
    raise UsageError(
        f"no prompt of {longest} tokens was found in {_TRIES} about {', '.join(families)}",
        field="families",
        remedy="choose a preset that reads longer prompts, or other families",
    )
