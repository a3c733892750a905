"""Parts, joints and positions: from bodies that move to a tree of joints that explains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np

from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.joints.evidence import FreePoses, Targets
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.linkage_fit import LinkageFit, fit_linkage, fit_settling
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.joints.rigid_fit import refine_motions
from reel2sim.rigging.parts.astray import split_astray
from reel2sim.rigging.parts.bodies import Bodies
from reel2sim.rigging.parts.merge import CORRELATED, merge_bodies
from reel2sim.rigging.parts.missed import find_missed
from reel2sim.rigging.parts.reassign import reassigned
from reel2sim.rigging.parts.structure import JointChoice, kinematic_tree, resting_joint
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.flow import flow_observations
from reel2sim.rigging.pictures.footage import Footage
from reel2sim.rigging.pictures.observations import Observations
from reel2sim.rigging.pictures.posed import Posing, SurfelModel
from reel2sim.rigging.review.requery import requery
from reel2sim.rigging.review.retype import retype
from reel2sim.rigging.review.seams import spreads
from reel2sim.scene import JointType, Progress
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import subrange

_TARGETS = 250
"""Image positions of each part that joints are fitted to, over all streams."""
_SAMPLES = 40


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parts in normalised space.

    Attributes:
        linkage: their joints.
        labels: part of each surfel ``(n,)``; 0 is the root.
        type_costs: of each type of joint that was tried, by part.
        costs: mean truncated squared residual of each joint's part ``(p - 1,)``, pixels².
        usual_costs: its median, which what the model lacks, such as a door's inner side, leaves
            as it is.
        axis_sigmas: standard deviation of each axis' worst-known direction ``(p - 1,)``, radians.
        supports: share of what each joint changes in the drawings that brings them nearer to the
            pictures ``(p - 1,)``.
        bends: the same of sharing its motion out around the seam ``(p - 1,)``; negative for parts
            that meet at a joint.
    """

    linkage: Linkage
    labels: Array
    type_costs: Mapping[int, Mapping[JointType, float]]
    costs: Array
    usual_costs: Array
    axis_sigmas: Array
    supports: Array
    bends: Array


def estimate(
    footage: Footage,
    model: SurfelModel,
    bodies: Bodies,
    drawings: Drawings,
    config: RiggingConfig,
    *,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress,
) -> Estimate:
    """Find the parts of the model and the joints between them.

    Bodies that move as one are merged, the tree is chosen from joints between free motions, and
    all joints are fitted together: to the free motions first, which has a wide reach, then to
    flow from the posed model, which is exact.

    Args:
        footage: prepared frames.
        model: canonical surfels in normalised space.
        bodies: what moved in the reconstruction.
        drawings: the pictures, for judging parts.
        config: settings.
        checkpoints: where its steps are kept and continued from.
        progress: reports under ``"rigging"``.
    """
    rng = np.random.default_rng(config.seed)
    progress("rigging", 0.0, f"comparing {len(bodies.paths)} bodies")
    begin = partial(_compared, footage, model, bodies, drawings, rng)
    labels, paths = checkpoints.step("bodies compared", begin, rng=rng)
    linkage = Linkage((0,) * (len(paths) - 1), _resting(model, labels, paths), paths[0])
    choices: Mapping[int, JointChoice] = {}
    for i in range(config.rounds):
        done = 0.1 + 0.65 * i / config.rounds
        part = subrange(progress, done, done + 0.65 / config.rounds)
        name = f"round {i + 1}"
        part("rigging", 0.0, f"{name}: {len(paths) - 1} moving part(s)")
        hang = partial(
            _hung, footage, model, drawings, labels, paths, rng,
            checkpoints=checkpoints.within(name), progress=part,
        )  # fmt: skip
        labels, linkage, choices = checkpoints.step(name, hang, rng=rng)
        look = partial(
            requery, linkage, partial(drawings.errors, labels),
            checkpoints=checkpoints.within(f"{name} positions"), progress=subrange(part, 0.8, 1.0),
        )  # fmt: skip
        linkage = checkpoints.step(f"{name} positions", look)
        paths = linkage.motions
    type_costs = {k: choice.costs for k, choice in choices.items()}
    if linkage.joints:
        progress("rigging", 0.75, "asking the pictures for each surfel's part")
        give = partial(reassigned, drawings, Posing(labels, linkage.motions))
        labels = checkpoints.step("reassigned", give)
    if config.missed:
        part = subrange(progress, 0.76, 0.78)
        search = partial(
            find_missed, drawings, linkage, labels,
            checkpoints=checkpoints.within("missed"), progress=part,
        )  # fmt: skip
        linkage, labels, missed = checkpoints.step("missed", search)
        type_costs |= {k: found.costs for k, found in missed.items()}
    change = partial(
        _retyped, footage, model, labels, linkage, drawings, rng,
        checkpoints=checkpoints.within("types"), progress=progress,
    )  # fmt: skip
    linkage = checkpoints.step("types", change, rng=rng)
    polish = partial(_polished, footage, model, labels, linkage, rng)
    fit, costs, usual = checkpoints.step("polish", polish, rng=rng)
    for i in range(1, config.polish):
        progress("rigging", 0.8 + 0.2 * i / config.polish, "final joint fit")
        polish = partial(_polished, footage, model, labels, fit.linkage, rng)
        fit, costs, usual = checkpoints.step(f"polish {i + 1}", polish, rng=rng)
    spread = np.array([np.linalg.eigvalsh(C)[-1] for C in fit.covariances])
    sigmas = np.sqrt(np.maximum(costs, 0.05) * CORRELATED * np.maximum(spread, 0.0))
    ask = partial(_opinions, fit.linkage, labels, model, drawings)
    supports, bends = checkpoints.step("opinions", ask)
    return Estimate(fit.linkage, labels, type_costs, costs, usual, sigmas, supports, bends)


def _compared(
    footage: Footage,
    model: SurfelModel,
    bodies: Bodies,
    drawings: Drawings,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Labels and paths of the bodies that are left once those that move as one are."""
    labels, paths = drawings.rooted(bodies.labels, bodies.paths)
    targets = flow_observations(footage, model, labels, paths)
    return _tidied(targets, model, drawings, labels, paths, rng)


def _opinions(
    linkage: Linkage, labels: Array, model: SurfelModel, drawings: Drawings
) -> tuple[Array, Array]:
    """What the pictures say to each joint's motion and to sharing it out, each ``(p - 1,)``."""
    joints = list(enumerate(linkage.joints, 1))
    still = [Posing(labels, linkage.with_joint(k, joint.at_rest).motions) for k, joint in joints]
    spread = [spreads(linkage, labels, model.points, k) for k, _ in joints]
    now = Posing(labels, linkage.motions)
    said = iter(drawings.supports(now, [*still, *chain.from_iterable(spread)]))
    supports = np.array([next(said) for _ in still])
    bends = np.array([max((-next(said) for _ in ways), default=0.0) for ways in spread])
    return supports, bends


def _retyped(
    footage: Footage,
    model: SurfelModel,
    labels: Array,
    linkage: Linkage,
    drawings: Drawings,
    rng: np.random.Generator,
    *,
    checkpoints: Checkpoints,
    progress: Progress,
) -> Linkage:
    """Joints of other types where hinges and slides do not do."""
    if not linkage.joints:
        return linkage
    targets = flow_observations(footage, model, labels, linkage.motions)
    owner = labels[targets.surfel]
    mine = [np.nonzero(owner == k)[0] for k in range(len(linkage.motions))]
    seen = Targets(targets, owner, len(mine), most=_TARGETS, rng=rng)
    free = _freed(targets, mine, linkage.motions)
    errors_of = partial(drawings.errors, labels)
    return retype(
        linkage, targets, owner, free, seen, errors_of, rng,
        checkpoints=checkpoints, progress=subrange(progress, 0.78, 0.8),
    )  # fmt: skip


def _freed(targets: Observations, mine: list[Array], paths: Array) -> Array:
    """Motions of the parts, each fitted to its own targets, but of the root."""
    found = [
        refine_motions(targets, index[None], path[None], sweeps=2, stiffness=1e-3)[0]
        if k and len(index) >= 6
        else path
        for k, (index, path) in enumerate(zip(mine, paths, strict=True))
    ]
    return np.stack(found)


def _polished(
    footage: Footage, model: SurfelModel, labels: Array, linkage: Linkage, rng: np.random.Generator
) -> tuple[LinkageFit, Array, Array]:
    """All joints fitted to flow from the model they pose, mean and median cost of each part."""
    targets = flow_observations(footage, model, labels, linkage.motions)
    parts = len(linkage.motions)
    seen = Targets(targets, labels[targets.surfel], parts, most=_TARGETS, rng=rng)
    fit = fit_settling(linkage, seen)
    moved = enumerate(fit.linkage.motions[1:], 1)
    found = [seen.costs(k, path) for k, path in moved]
    means, medians = np.array(found).reshape(-1, 2).T
    return fit, means, medians


def _tidied(
    targets: Observations,
    model: SurfelModel,
    drawings: Drawings,
    labels: Array,
    paths: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Labels and paths without parts that another's motion explains."""
    if len(paths) == 1:
        return labels, paths
    return drawings.needed(*merge_bodies(targets, model, labels, paths, rng))


def _hung(
    footage: Footage,
    model: SurfelModel,
    drawings: Drawings,
    labels: Array,
    paths: Array,
    rng: np.random.Generator,
    *,
    checkpoints: Checkpoints,
    progress: Progress,
) -> tuple[Array, Linkage, dict[int, JointChoice]]:
    """Labels of parts whose motions are known roughly, and a tree of joints for them."""
    targets = flow_observations(footage, model, labels, paths)
    labels, paths = split_astray(targets, model, labels, paths)
    before = len(paths)
    labels, paths = _tidied(targets, model, drawings, labels, paths, rng)
    if len(paths) < before:
        targets = flow_observations(footage, model, labels, paths)
    owner = labels[targets.surfel]
    mine = [np.nonzero(owner == k)[0] for k in range(len(paths))]
    free = _freed(targets, mine, paths)
    parents, tried = kinematic_tree(
        targets, model, labels, free, rng,
        checkpoints=checkpoints, progress=subrange(progress, 0.1, 0.8),
    )  # fmt: skip
    choices = {c: tried[c, p] for c, p in parents.items() if (c, p) in tried}
    resting = _resting(model, labels, paths)
    joints = [choices[k].fit.model if k in choices else j for k, j in enumerate(resting, 1)]
    linkage = Linkage(tuple(parents[k] for k in range(1, len(paths))), tuple(joints), paths[0])
    linkage = fit_linkage(linkage, _free_poses(targets, model, labels, free, mine, rng)).linkage
    seen = Targets(targets, owner, len(paths), most=_TARGETS, rng=rng)
    return labels, fit_settling(linkage, seen).linkage, choices


def _resting(model: SurfelModel, labels: Array, paths: Array) -> tuple[JointModel, ...]:
    """Joints of all parts but the root that do not move."""
    shapes = [model.points[labels == k] for k in range(1, len(paths))]
    return tuple(resting_joint(points, len(paths[0])) for points in shapes)


def _free_poses(
    targets: Observations,
    model: SurfelModel,
    labels: Array,
    paths: Array,
    mine: list[Array],
    rng: np.random.Generator,
) -> FreePoses:
    """Poses of parts as evidence, worth what was seen of them."""
    points = np.stack([rng.choice(model.points[labels == k], _SAMPLES) for k in range(len(paths))])
    seen = np.stack([targets.seen[index].sum(axis=0) for index in mine]).astype(np.float64)
    return FreePoses(points, paths, seen / max(seen.mean(), 1.0) + 1e-3)
