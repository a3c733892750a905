"""Figures as one number: how well a reel can be expected to be reconstructed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from reel2sim.curation.figures import ReelFigures
from reel2sim.curation.judge import Plausibility

FULL_MOTION = 0.02
"""Motion at which its term reaches 1 − 1/e."""
SCALES: Mapping[str, float] = {
    "overflow": 0.8,
    "flicker": 0.08,
    "shake": 0.02,
    "views": 0.25,
    "wobble": 0.01,
}
"""Size of each fault at which its term falls to 1/e. Those of clean scripted reels keep every
term above 0.5."""


@dataclass(frozen=True)
class Score:
    """What a candidate is worth.

    Attributes:
        value: 0..1, the product of ``terms``.
        terms: 0..1 each, by figure; 1 is without fault.
    """

    value: float
    terms: Mapping[str, float]


@dataclass(frozen=True)
class Candidate:
    """One of several reels.

    Attributes:
        name: seed or file it came from.
        figures: measured.
        score: of the figures, and of the draft if it was judged by one.
        duplicate_of: name of an earlier candidate that looks the same, or "".
        draft: what a draft of it said, or None.
        fault: why it could not be made or judged, or "".
    """

    name: str
    figures: ReelFigures | None
    score: Score
    duplicate_of: str = ""
    draft: Plausibility | None = None
    fault: str = ""

    @property
    def eligible(self) -> bool:
        """Whether it may be kept."""
        return not self.duplicate_of and not self.fault


def score(figures: ReelFigures, draft: Plausibility | None = None) -> Score:
    """The reconstructability of a reel: ``Π exp(−fault / scale) · (1 − exp(−motion / full))``.

    Args:
        figures: measured; those that are None have no term.
        draft: of a draft reconstruction, whose value is one more term.
    """
    terms = {"motion": 1.0 - exp(-figures.motion / FULL_MOTION)}
    for name, scale in SCALES.items():
        value = getattr(figures, name)
        if value is not None:
            terms[name] = exp(-value / scale)
    if draft is not None:
        terms["draft"] = draft.value
    product = 1.0
    for term in terms.values():
        product *= term
    return Score(product, terms)
