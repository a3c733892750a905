"""Confidence in words, and what nobody saw."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reel2sim.exporters.report.plots import display_unit, plain
from reel2sim.scene import Joint, JointType, RiggedAsset

SURE, FAIR = 0.8, 0.5
"""Confidences from which on a joint may be relied on, and from which on it is likely right."""
_WORDS = (
    (1.0, "certain"),
    (0.95, "almost certain"),
    (SURE, "very likely"),
    (FAIR, "likely"),
    (0.25, "doubtful"),
)
_UNMEASURED = (
    "No mass, friction, damping or strength was measured: they are assumed, masses from volume "
    "and density, or those of the file that was imported."
)
_BEYOND = 0.02
"""Share of a joint's range that limits may exceed what was seen without being mentioned."""


@dataclass(frozen=True)
class Unseen:
    """One thing that the input did not show.

    Attributes:
        what: the joint, part or quantity.
        why: what is known of it, and what stands in for the rest.
    """

    what: str
    why: str


def in_words(confidence: float, *, observed: bool = True) -> str:
    """How sure a joint is, as people say it."""
    if not observed:
        return "not observed"
    return next((words for least, words in _WORDS if confidence >= least), "a guess")


def grade(confidence: float, *, observed: bool) -> str:
    """Class of the page's style: ``high``, ``fair`` or ``low``."""
    if not observed or confidence < FAIR:
        return "low"
    return "high" if confidence >= SURE else "fair"


def percent(share: float) -> str:
    """Whole percents; what is not certain is never called 100 %, nor what is possible 0 %."""
    value = round(100 * share)
    said = f"{value} %"
    if value == 100 and share < 1.0:
        said = "> 99 %"
    if value == 0 and share > 0.0:
        said = "< 1 %"
    return said.replace(" ", "\N{NO-BREAK SPACE}")


def made_of(joint: Joint) -> list[tuple[str, str]]:
    """What a moving joint's confidence is the product of: each claim and its probability."""
    if joint.certainty is None or joint.type is JointType.FIXED:
        return []
    toward = "about" if joint.type.angular else "along"
    claims = [
        (f"{joint.child} moves against {joint.parent}", joint.certainty.moves),
        (f"as a {joint.type.value} joint", joint.certainty.type),
        (f"{toward} this axis, to 5°", joint.certainty.axis),
    ]
    return [(claim, percent(share)) for claim, share in claims]


def unseen(asset: RiggedAsset) -> list[Unseen]:
    """What of ``asset`` was not observed, from joints over surface to physics."""
    moving = [joint for joint in asset.joints if joint.type is not JointType.FIXED]
    found = [Unseen(j.name, _not_observed(j)) for j in moving if not j.observed]
    found += [Unseen(j.name, why) for j in moving if j.observed and (why := _beyond(j))]
    found += [Unseen("surface", why) for why in _surface(asset)]
    found += [Unseen("assumed", note) for note in asset.notes]
    return [*found, Unseen("physics", _UNMEASURED)]


def _not_observed(joint: Joint) -> str:
    why = f": {joint.reason}" if joint.reason else ""
    return f"The joint was not observed{why}. Its type and axis are a guess."


def _beyond(joint: Joint) -> str:
    """How far the limits go beyond what was seen; "" if they do not, or nobody knows."""
    if joint.observed_range is None:
        return ""
    factor, unit = display_unit(joint)
    low, high = joint.observed_range
    seen = f"Seen from {plain(low * factor)} to {plain(high * factor)}{unit}"
    limits = joint.limits
    if not (math.isfinite(limits.lower) and math.isfinite(limits.upper)):
        return f"{seen}; that it turns on without end is inferred."
    if max(low - limits.lower, limits.upper - high) <= _BEYOND * (limits.upper - limits.lower):
        return ""
    reach = f"{plain(limits.lower * factor)} to {plain(limits.upper * factor)}{unit}"
    return f"{seen}; its limits, {reach}, go further than anybody saw it move."


def _surface(asset: RiggedAsset) -> list[str]:
    """How many of each part's surfels were seen too little to be relied on."""
    hardly = np.asarray(asset.surfels.confidence) < FAIR
    if not hardly.any():
        return []
    owners = np.asarray(asset.surfel_links)
    parts = [
        f"{link.name} {percent(float(hardly[mine].mean()))}"
        for i, link in enumerate(asset.links)
        if hardly[mine := owners == i].any()
    ]
    share = percent(float(hardly.mean()))
    return [
        f"{share} of the surfels were hardly seen (confidence below {FAIR}): {', '.join(parts)}."
    ]
