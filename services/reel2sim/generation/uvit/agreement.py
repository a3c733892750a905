"""Whether made films show what their prompts say, as the nearest real renders tell it.

A film of a few small pictures holds too little for a reconstruction whose joints could be counted.
What it shows can be compared with renders of known prompts, though: whatever most of the nearest
ones are of is what the film is read as. How often that is right for real renders that are not among
them is the most that can be reached, and how often readings fit prompts of other films is chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from reel2sim.generation.uvit.config import Layout
from reel2sim.generation.uvit.sample import Sample
from reel2sim.scene.arrays import Array

FACETS = ("family", "joints", "colour", "movement")
_NEAREST = 5
"""Renders that vote on what a film shows."""


@dataclass(frozen=True)
class Said:
    """What a prompt about one object says.

    Attributes:
        family: kind of object.
        joints: type of each of its joints, sorted, as "2 revolute, 1 prismatic".
        colour: of its paint; "" if the material has its own.
        movement: of what moves first: opens, closes, returns, wave, spin or wind.
    """

    family: str
    joints: str
    colour: str
    movement: str


def said(prompt: str) -> Said:
    """What ``prompt`` says.

    Raises:
        PromptError: if the scripted backend does not understand it.
    """
    from reel2sim.generation.scripted.families import FAMILIES
    from reel2sim.generation.scripted.family import build
    from reel2sim.generation.scripted.resolve import parse_prompt

    thing = parse_prompt(prompt).things[0]
    parts = build(FAMILIES[thing.family], thing, np.random.default_rng(0)).parts
    kinds = Counter(part.joint for part in parts if part.movable)
    first = min(thing.movements, key=lambda move: move.turn, default=None)
    movement = "" if first is None else first.manner
    if first is not None and movement == "travel":
        movement = "closes" if first.start > first.stop else "opens"
        movement = "returns" if first.returns else movement
    return Said(
        family=thing.family,
        joints=", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds)),
        colour="" if thing.colour is None else str(thing.colour),
        movement=movement,
    )


def agreement(
    shown: Sequence[Sample],
    prompts: Sequence[str],
    references: Sequence[Sample],
    layout: Layout,
) -> dict[str, dict[str, float]]:
    """How often films are read as what ``prompts`` say, by facet.

    Args:
        shown: n films; their own prompts are not looked at.
        prompts: of each film.
        references: real renders with their prompts.
        layout: of all.

    Returns:
        For each of :data:`FACETS` the share that is ``right``, and by ``chance``: the mean over
        all pairings of readings and prompts.
    """
    known, wanted = [said(r.prompt) for r in references], [said(p) for p in prompts]
    found: dict[str, dict[str, float]] = {}
    for facet in FACETS:
        labels = [str(getattr(one, facet)) for one in known]
        views = _FEATURES[facet]
        far = np.stack([views(reference, layout) for reference in references])
        read = [_vote(views(film, layout), far, labels) for film in shown]
        true = [str(getattr(one, facet)) for one in wanted]
        found[facet] = {
            "right": float(np.mean([a == b for a, b in zip(read, true, strict=True)])),
            "chance": float(np.mean([a == b for a, b in product(read, true)])),
        }
    return found


def _vote(film: Array, references: Array, labels: list[str]) -> str:
    """What most of the nearest say; of equals the one that is nearest."""
    order = np.square(references - film).sum(axis=1).argsort(kind="stable")[:_NEAREST]
    votes: Counter[str] = Counter(labels[int(i)] for i in order)
    return votes.most_common(1)[0][0]


def _coverage(film: Sample, layout: Layout) -> Array:
    """Where the object is in all pictures."""
    return film.images[..., 3].astype(np.float64).ravel() / 255.0


def _paint(film: Sample, layout: Layout) -> Array:
    """Median colour of the still object ``(3,)``, 0..1: trimmings are the smaller part of it."""
    still = film.images[: layout.static].reshape(-1, 4)
    covered = still[still[:, 3] > 127, :3]
    return np.median(covered, axis=0) / 255.0 if len(covered) else np.ones(3)


def _change(film: Sample, layout: Layout) -> Array:
    """How the front view differs from its first picture, of unit length."""
    front = film.images[layout.first_front :].astype(np.float64)
    change = (front[1:] - front[:1]).ravel()
    return change / max(float(np.linalg.norm(change)), 1e-9)


_FEATURES = {"family": _coverage, "joints": _coverage, "colour": _paint, "movement": _change}
