"""From followed points to parts and joints."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.linkage_fit import fit_settling
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.joints.types import Scale, TypeChoice, choose_type
from reel2sim.rigging.parts.structure import candidate_parents
from reel2sim.rigging.pictures.observations import some_of
from reel2sim.rigging.proximity import gaps_between
from reel2sim.rigging.review.confidence import right_axis
from reel2sim.rigging.tracks.bodies import rigid_bodies
from reel2sim.rigging.tracks.points import Followed, PointTracks
from reel2sim.scene import Certainty, Progress, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import subrange

_ROUNDS = 3
"""Trees that are chosen and fitted, each by the motions that the one before gave."""
_SETTLE = 12
"""A slide that stays out for most of the reel shares its way with where its points are at rest;
the two come apart slowly."""
_POINTS = 150
"""Points of a part that its joint is fitted to."""
_FREEDOM = 0.1
"""What each degree of freedom costs when parents are compared, in variances a measurement."""
_GAP_WEIGHT, _GAP_FREE = 2.0, 0.02
"""The same for a gap between child and parent, per diagonal, and the gap that costs nothing."""
_DEEPER = 0.01
"""The same for each joint between the parent and the root: of two ways to say one motion, the
shorter chain."""


_NONE = np.zeros(0, int)


@dataclass(frozen=True, eq=False)
class TracksRig:
    """Parts and joints of followed points.

    Attributes:
        articulation: ``part_of_surfel`` is the part of each point.
        sigma: noise of the points as estimated, metres.
    """

    articulation: Articulation
    sigma: float


def articulate_tracks(
    tracks: PointTracks, *, seed: int = 0, progress: Progress = silent
) -> TracksRig:
    """Find rigid parts, their tree, the types of its joints and where each was at every time.

    Nothing but the points is known: neither how many parts there are nor how noisy the points
    are. Types are chosen among hinge, slide, screw, ball and free by the Bayesian information
    criterion of the whole tree on the points' positions.

    Args:
        tracks: the points.
        seed: of every random choice.
        progress: reports under ``"rigging"``.

    Raises:
        InputError: if the tracks are malformed.
    """
    rng = np.random.default_rng(seed)
    progress("rigging", 0.0, "looking for parts")
    sigma = tracks.noise(rng)
    bodies = rigid_bodies(tracks, sigma, rng)
    members = [np.nonzero(bodies.labels == k)[0] for k in range(len(bodies.paths))]
    some = [some_of(index, _POINTS, rng) for index in members]
    evidence = Followed(tracks, some, bodies.paths, sigma)
    paths, linkage, depths = bodies.paths, None, np.zeros(len(bodies.paths))
    types: list[float] = []
    for i in range(_ROUNDS):
        part = subrange(progress, 0.3 + 0.7 * i / _ROUNDS, 0.3 + 0.7 * (i + 1) / _ROUNDS)
        linkage, types = _tree(tracks, paths, some, sigma, depths, progress=part)
        linkage = fit_settling(linkage, evidence).linkage
        paths, depths = linkage.motions, linkage.below().sum(axis=0) - 1
    assert linkage is not None
    fit = fit_settling(linkage, evidence, times=_SETTLE)
    # Where points are at rest is fitted, too, which about doubles what an axis is unsure by.
    spread = np.array([2.0 * np.linalg.eigvalsh(C)[-1] for C in fit.covariances])
    sure = [
        Certainty(1.0, type_, right_axis(joint, float(np.sqrt(max(variance, 0.0)))))
        for type_, joint, variance in zip(types, fit.linkage.joints, spread, strict=True)
    ]
    return TracksRig(_articulation(tracks, bodies.labels, fit.linkage, sure), sigma)


def _tree(
    tracks: PointTracks,
    paths: Array,
    some: list[Array],
    sigma: float,
    depths: Array,
    *,
    progress: Progress,
) -> tuple[Linkage, list[float]]:
    """Every part on the parent to which its motion is simplest (minimum spanning arborescence).

    Args:
        tracks: the points.
        paths: of the parts, each found alone or, better, all by a tree ``(p, t, 4, 4)``.
        some: points of each part that are looked at.
        sigma: noise of the points.
        depths: joints between each part and the root, as far as known ``(p,)``.
        progress: told of parts.

    Returns:
        The linkage, and the probability of each joint's type.
    """
    shapes = [tracks.points[0, index] for index in some]
    gaps = gaps_between(shapes) / tracks.diagonal
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(shapes)))
    choices: dict[tuple[int, int], TypeChoice] = {}
    for child in range(1, len(shapes)):
        progress("rigging", child / len(shapes), f"trying joints of part {child}")
        evidence = Followed(tracks, [_NONE, some[child]], paths[[0, child]], sigma)
        scale = Scale(variance=1.0, count=float(evidence.count))
        for parent in candidate_parents(gaps[child], child):
            choice = choose_type(evidence, paths[parent], paths[child], shapes[child], scale)
            choices[child, parent] = choice
            cost = choice.cost / evidence.count + _FREEDOM * choice.joint.dof
            cost += _GAP_WEIGHT * max(0.0, gaps[child, parent] - _GAP_FREE)
            deeper = _DEEPER * (depths[parent] + (parent > 0))
            graph.add_edge(parent, child, weight=cost + deeper)
    parents = {child: parent for parent, child in nx.minimum_spanning_arborescence(graph).edges}
    order = range(1, len(shapes))
    chosen = [choices[k, parents[k]] for k in order]
    joints = tuple(choice.joint for choice in chosen)
    linkage = Linkage(tuple(parents[k] for k in order), joints, paths[0])
    return linkage, [choice.probability for choice in chosen]


def _articulation(
    tracks: PointTracks, labels: Array, linkage: Linkage, sure: list[Certainty]
) -> Articulation:
    """Parts in the order of the tree, every joint zero at the first time."""
    order = (0, *linkage.order)
    rank = np.argsort(order)
    joints = [
        _estimate(
            linkage.joints[part - 1],
            parent=int(rank[linkage.parents[part - 1]]),
            child=int(rank[part]),
            certainty=sure[part - 1],
        )
        for part in order[1:]
    ]
    return Articulation(tracks.times_s, rank[labels], tuple(joints), linkage.base)


def _estimate(model: JointModel, *, parent: int, child: int, certainty: Certainty) -> JointEstimate:
    return JointEstimate(
        parent=parent,
        child=child,
        type=model.type,
        axis=model.axis,
        pivot=model.pivot,
        positions=model.positions - model.positions[0],
        pitch=model.pitch,
        confidence=certainty.confidence,
        certainty=certainty,
    )
