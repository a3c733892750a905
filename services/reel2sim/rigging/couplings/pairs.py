"""Joints that are coupled by a mechanism, as the two fingers of a parallel gripper.

That two joints moved in step is easily seen, that they must is not: whoever moved the object may
have moved both, by two hands or by one script. Three explanations are weighed by Bayes' rule.

- *Coupled*: one line relates the positions.
- *Apart*: each has a trajectory of its own. BIC compares the two (:mod:`.proportion`).
- *Moved alike*: not coupled, but by one command. It gives a line too. What speaks against it is
  every stroke in which the line holds again, and other joints of the clip that go their own way;
  what speaks for it are unlike joints in step, which share the command but no mechanism, and a
  base that moves, as wheels turn alike on one floor. Its ratio may be any, where twins that are
  coupled have the ratio ±1.

Twins (:mod:`.twins`) are coupled more often than other pairs are. So a gripper's fingers are
believed after they have gone out and back, and a drawer and a door only after several strokes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.couplings.proportion import (
    LEAST_INSTANTS,
    Proportion,
    position_noise,
    proportion,
)
from reel2sim.rigging.couplings.twins import are_twins
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

COUPLED_TWINS, COUPLED_OTHERS = 1 / 3, 1 / 50
"""Prior probability that two joints of an object are coupled: twins, and any others."""
ALIKE_FIRST = (1.0, 2.0)
"""Beta prior of the probability that joints that are not coupled move alike: one in three."""
AGAIN = 1 / 4
"""Probability that joints moved alike are so for one stroke more: at the same times, which one in
two are, and to the same share of their ranges, which again one in two are."""
EQUAL_TRAVEL = 1 / 2
"""Probability that twins that are merely moved alike travel equally far."""
BELIEVED = 0.8
"""Least probability of a coupling that is reported as one."""
LEAST_STROKES = 2
"""One stroke is no evidence: any two joints that moved once, together, are in proportion."""
_KINDS = (JointType.REVOLUTE, JointType.CONTINUOUS, JointType.PRISMATIC)
"""Joints that one line can couple in every format."""
_IN_STEP = 1.0
"""Least ln Bayes factor of a line, for two joints to count as moved in step."""
_CLEAR = 8.0
"""Least range of a joint that is compared, in standard deviations of its noise in time."""


@dataclass(frozen=True)
class Coupling:
    """A joint that follows another: ``q_follower = multiplier * q_leader``.

    Attributes:
        leader: part that the leading joint moves.
        follower: part that the following joint moves.
        multiplier: ratio of positions, both as estimated.
        confidence: probability that a mechanism couples them, 0..1.
    """

    leader: int
    follower: int
    multiplier: float
    confidence: float


@dataclass(frozen=True)
class Couplings:
    """What was found.

    Attributes:
        sure: couplings to write; no follower leads, and none has two leaders.
        doubtful: pairs of parts (first, second) whose joints moved in step, without more.
    """

    sure: tuple[Coupling, ...]
    doubtful: tuple[tuple[int, int], ...]


def find_couplings(articulation: Articulation, points: Array) -> Couplings:
    """Find coupled joints from their positions over time.

    Args:
        articulation: parts, joints and positions.
        points: surfels' positions at time zero ``(n, 3)``, metres.
    """
    if len(articulation.times_s) < LEAST_INSTANTS:
        return Couplings((), ())
    joints = [joint for joint in articulation.joints if _comparable(joint)]
    compared = {
        (a.child, b.child): proportion(articulation.times_s, a.positions, b.positions)
        for a, b in combinations(joints, 2)
    }
    in_step = {pair for pair, found in compared.items() if found.log_odds > _IN_STEP}
    twins = {pair for pair in in_step if are_twins(articulation, points, *pair)}
    base_moves = _base_moves(articulation, points)
    believed: dict[tuple[int, int], float] = {}
    for pair in sorted(in_step):
        others = {joint.child for joint in joints} - set(pair)
        unlike = sum(_both(part, pair, in_step) and not _any(part, pair, twins) for part in others)
        apart = sum(not _any(part, pair, in_step) for part in others)
        chance = probability(
            compared[pair],
            twins=pair in twins,
            unlike_in_step=unlike,
            apart=apart,
            base_moves=base_moves,
        )
        enough = compared[pair].strokes >= LEAST_STROKES
        if enough and chance >= BELIEVED and _same_kind(articulation, *pair):
            believed[pair] = chance
    sure = _led(joints, compared, believed, twins)
    told = {frozenset((c.leader, c.follower)) for c in sure}
    led = {c.follower: c.leader for c in sure}
    doubtful = tuple(
        pair
        for pair in sorted(in_step)
        if frozenset(pair) not in told and led.get(pair[0], pair[0]) != led.get(pair[1], pair[1])
    )
    return Couplings(sure, doubtful)


def probability(
    found: Proportion, *, twins: bool, unlike_in_step: int, apart: int, base_moves: bool
) -> float:
    """Posterior probability that two joints are coupled.

    Args:
        found: how their positions compare.
        twins: whether the parts are twins.
        unlike_in_step: how many other joints moved in step with both and are twins of neither.
        apart: how many other joints went their own way.
        base_moves: whether the root moved too.
    """
    coupled = COUPLED_TWINS if twins else COUPLED_OTHERS
    a, b = ALIKE_FIRST
    alike = (1 - coupled) * (a + unlike_in_step) / (a + b + unlike_in_step + apart)
    if not unlike_in_step and not base_moves:
        alike *= AGAIN ** max(found.strokes - 1, 0)
    ratio = float(np.log(abs(found.multiplier)))
    anywhere = _normal(ratio, 1.0)
    equal = _normal(ratio, found.sigma)
    as_coupled = equal if twins else anywhere
    as_alike = EQUAL_TRAVEL * equal + (1 - EQUAL_TRAVEL) * anywhere if twins else anywhere
    apart_weight = (1 - coupled) * np.exp(-min(found.log_odds, 50.0)) * anywhere
    total = coupled * as_coupled + alike * as_alike + apart_weight
    return float(coupled * as_coupled / total) if total > 0 else 0.0


def _normal(x: float, sigma: float) -> float:
    return float(np.exp(-0.5 * (x / sigma) ** 2) / sigma)


def _comparable(joint: JointEstimate) -> bool:
    if joint.type not in _KINDS or not joint.observed:
        return False
    return float(np.ptp(joint.positions)) > _CLEAR * position_noise(joint.positions)


def _same_kind(articulation: Articulation, a: int, b: int) -> bool:
    """Whether both turn or both slide; a ratio of other units is no mimic in every format."""
    first, second = (articulation.joints[part - 1].type for part in (a, b))
    return first.angular == second.angular


def _any(part: int, pair: tuple[int, int], among: set[tuple[int, int]]) -> bool:
    return any((min(part, k), max(part, k)) in among for k in pair)


def _both(part: int, pair: tuple[int, int], among: set[tuple[int, int]]) -> bool:
    return all((min(part, k), max(part, k)) in among for k in pair)


def _base_moves(articulation: Articulation, points: Array) -> bool:
    """Whether the root's surfels move by more than a hundredth of the object's size."""
    corners = np.array([points.min(axis=0), points.max(axis=0)])
    size = float(np.linalg.norm(corners[1] - corners[0]))
    moved = np.linalg.norm(apply(articulation.base_poses, corners) - corners, axis=-1)
    return bool(moved.max() > 0.01 * size)


def _led(
    joints: list[JointEstimate],
    compared: dict[tuple[int, int], Proportion],
    believed: dict[tuple[int, int], float],
    twins: set[tuple[int, int]],
) -> tuple[Coupling, ...]:
    """Leaders and followers among believed pairs: the surest joint of those connected leads.

    A joint that is connected only by way of a third is left to itself.
    """
    found: list[Coupling] = []
    free = {part for pair in believed for part in pair}
    ranked = sorted(joints, key=lambda joint: (-joint.confidence, joint.child))
    for leader in (joint.child for joint in ranked):
        if leader not in free:
            continue
        free.discard(leader)
        for follower in sorted(free):
            pair = (min(leader, follower), max(leader, follower))
            if pair not in believed:
                continue
            ratio = compared[pair].multiplier
            if pair in twins:
                ratio = float(np.sign(ratio))
            multiplier = ratio if leader == pair[0] else 1.0 / ratio
            found.append(Coupling(leader, follower, multiplier, believed[pair]))
            free.discard(follower)
    return tuple(sorted(found, key=lambda coupling: coupling.follower))
