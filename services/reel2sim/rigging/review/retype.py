"""Joints of several axes and screws, where hinges and slides leave too much unexplained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reel2sim.rigging.joints.evidence import Targets
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.linkage_fit import fit_settling
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.joints.types import Scale, choose_type
from reel2sim.rigging.parts.merge import CORRELATED
from reel2sim.rigging.pictures.observations import Observations, some_of
from reel2sim.scene import JointType, Progress, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

_SIGMA_PX = 0.5
_GAIN = 0.1
"""Share of what a joint explains in the pictures that another type must add."""
_POINTS = 250


def retype(
    linkage: Linkage,
    targets: Observations,
    owner: Array,
    free: Array,
    seen: Targets,
    errors_of: Callable[[Array], Array],
    rng: np.random.Generator,
    *,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> Linkage:
    """Joints as screws, balls or free where flow asks for it and the drawings gain by it.

    Flow alone would give many a joint more axes than it has: a part whose surfels are not all its
    own, or whose parent is not well known, follows flow better with six numbers than with one. So
    what the criterion proposes is drawn.

    Args:
        linkage: hinges and slides.
        targets: image positions of surfels.
        owner: part of each target ``(n,)``.
        free: poses that the parts were found in by themselves ``(p, t, 4, 4)``.
        seen: evidence for the whole tree.
        errors_of: how far drawings of the parts' motions ``(p, t, 4, 4)`` are from the pictures at
            each instant ``(t,)``.
        rng: picks targets.
        checkpoints: where joints are kept every few seconds, and continued from.
        progress: told of joints.
    """
    loop = checkpoints.loop("joints")
    start = 0
    if (kept := loop.state) is not None:
        start, linkage, seen.settled, rng.bit_generator.state = kept
    for i, part in enumerate(linkage.order):
        if i < start:
            continue
        progress("rigging", i / len(linkage.order), f"trying types for part {part}")
        mine = np.nonzero(owner == part)[0]
        if len(mine) < 6:
            continue
        proposed = _proposed(linkage, targets, mine, part, free, rng)
        if proposed is None:
            continue
        trial = fit_settling(linkage.with_joint(part, proposed), seen).linkage
        still = linkage.with_joint(part, linkage.joints[part - 1].at_rest)
        now, at_rest, then = (float(errors_of(x.motions).sum()) for x in (linkage, still, trial))
        if now - then > _GAIN * max(at_rest - now, 0.0):
            linkage = trial
        done = i + 1, linkage, seen.settled
        loop.reached(lambda done=done: (*done, rng.bit_generator.state))
    return linkage


def _proposed(
    linkage: Linkage,
    targets: Observations,
    mine: Array,
    part: int,
    free: Array,
    rng: np.random.Generator,
) -> JointModel | None:
    """A screw, ball or free joint that the criterion prefers; None if there is none."""
    some = targets.select(some_of(mine, _POINTS, rng))
    evidence = Targets(some, np.ones(len(some), int), 2, most=_POINTS, rng=rng)
    parent = linkage.motions[linkage.parents[part - 1]]
    count = float(some.seen.sum())
    scale = Scale(variance=_SIGMA_PX**2 * CORRELATED, count=count / CORRELATED)
    choice = choose_type(evidence, parent, free[part], some.points, scale)
    simple = choice.joint.type in (JointType.REVOLUTE, JointType.PRISMATIC)
    return None if simple else choice.joint
