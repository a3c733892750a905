"""Parts, joints and positions: from bodies that move to a tree of joints that explains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reel2sim.rigging.bodies import Bodies
from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.drawings import Drawings
from reel2sim.rigging.flow import flow_observations
from reel2sim.rigging.footage import Footage
from reel2sim.rigging.linkage import Linkage
from reel2sim.rigging.linkage_fit import FreePoses, Targets, fit_linkage, fit_to_targets
from reel2sim.rigging.merge import CORRELATED, merge_bodies
from reel2sim.rigging.observations import Observations
from reel2sim.rigging.posed import SurfelModel
from reel2sim.rigging.rigid_fit import refine_motions
from reel2sim.rigging.structure import JointChoice, kinematic_tree, resting_joint
from reel2sim.scene import Progress
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import subrange

_TARGETS = 250
"""Image positions of each part that joints are fitted to, over all streams."""
_SAMPLES = 40
_FREE_ROUNDS = 2
"""Looks at the bodies, each with flow from where they now are, before joints are fitted."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parts in normalised space.

    Attributes:
        linkage: their joints.
        labels: part of each surfel ``(n,)``; 0 is the root.
        choices: how each joint's type was chosen, by part.
        costs: mean truncated squared residual of each joint's part ``(p - 1,)``, pixels².
        axis_sigmas: standard deviation of each axis' worst-known direction ``(p - 1,)``, radians.
    """

    linkage: Linkage
    labels: Array
    choices: Mapping[int, JointChoice]
    costs: Array
    axis_sigmas: Array


def estimate(
    footage: Footage,
    model: SurfelModel,
    bodies: Bodies,
    drawings: Drawings,
    config: RiggingConfig,
    *,
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
        progress: reports under ``"rigging"``.
    """
    rng = np.random.default_rng(config.seed)
    labels, paths = bodies.labels, bodies.paths
    for i in range(_FREE_ROUNDS):
        progress("rigging", 0.1 * i, f"comparing {len(paths)} bodies")
        targets = flow_observations(footage, model, labels, paths)
        labels, paths = _tidied(targets, model, drawings, labels, paths, rng)
    for i in range(config.rounds):
        part = subrange(
            progress, 0.2 + 0.6 * i / config.rounds, 0.2 + 0.6 * (i + 1) / config.rounds
        )
        part("rigging", 0.0, f"round {i + 1}: {len(paths) - 1} moving part(s)")
        targets = flow_observations(footage, model, labels, paths)
        if i:
            before = len(paths)
            labels, paths = _tidied(targets, model, drawings, labels, paths, rng)
            if len(paths) < before:
                targets = flow_observations(footage, model, labels, paths)
        linkage, choices = _hung(targets, model, labels, paths, rng, progress=part)
        paths = linkage.motions
    for i in range(config.polish):
        progress("rigging", 0.8 + 0.2 * i / config.polish, "final joint fit")
        targets = flow_observations(footage, model, labels, linkage.motions)
        seen = Targets(targets, labels[targets.surfel], len(paths), most=_TARGETS, rng=rng)
        fit = fit_to_targets(linkage, seen)
        linkage = fit.linkage
    parts = range(1, len(linkage.motions))
    costs = np.array([seen.mean_cost(k, linkage.motions[k]) for k in parts])
    variance = np.maximum(costs, 0.05) * CORRELATED
    spread = [np.linalg.eigvalsh(C)[-1] if C.size else 0.0 for C in fit.covariances]
    sigmas = np.sqrt(np.maximum(variance * np.array(spread), 0.0)) if len(costs) else costs
    return Estimate(linkage, labels, choices, costs, sigmas)


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
    merged = merge_bodies(targets, model, labels, paths, rng)
    return drawings.needed(merged.labels, merged.paths)


def _hung(
    targets: Observations,
    model: SurfelModel,
    labels: Array,
    paths: Array,
    rng: np.random.Generator,
    *,
    progress: Progress,
) -> tuple[Linkage, dict[int, JointChoice]]:
    """A tree of joints for parts whose motions are known roughly."""
    owner = labels[targets.surfel]
    mine = [np.nonzero(owner == k)[0] for k in range(len(paths))]
    free = np.stack(
        [
            refine_motions(targets, index[None], path[None], sweeps=2, stiffness=1e-3)[0]
            if k and len(index) >= 6
            else path
            for k, (index, path) in enumerate(zip(mine, paths, strict=True))
        ]
    )
    parents, tried = kinematic_tree(
        targets, model, labels, free, rng, progress=subrange(progress, 0.1, 0.8)
    )
    choices = {c: tried[c, p] for c, p in parents.items() if (c, p) in tried}
    joints = [
        choices[k].fit.model if k in choices else resting_joint(model.points[labels == k], len(p))
        for k, p in enumerate(paths)
        if k
    ]
    linkage = Linkage(tuple(parents[k] for k in range(1, len(paths))), tuple(joints), paths[0])
    linkage = fit_linkage(linkage, _free_poses(targets, model, labels, free, mine, rng)).linkage
    seen = Targets(targets, owner, len(paths), most=_TARGETS, rng=rng)
    return fit_to_targets(linkage, seen).linkage, choices


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
