"""Who moves against whom, and how: joint types and the kinematic tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from reel2sim.rigging.joints.fit import JointFit, fit_joint
from reel2sim.rigging.joints.initial import initial_joint
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.pictures.observations import Observations, some_of
from reel2sim.rigging.pictures.posed import SurfelModel
from reel2sim.rigging.proximity import gaps_between
from reel2sim.scene import JointType, Progress, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

ONE_DOF = (JointType.REVOLUTE, JointType.PRISMATIC)
_NEAREST, _NEAR = 4, 0.1
"""Parents that are tried: so many of the nearest parts, and all that are nearer than this."""
_FAR_PIVOT = 1.5
"""A revolute joint whose axis is further than this (radii) from its part is a slide."""
_REVOLUTE_MARGIN, _REVOLUTE_FLOOR = 1.2, 0.03
"""A revolute joint has two parameters more and must lower the cost by this factor and floor."""
_SMALL_ARC, _SMALL_ARC_MARGIN, _SMALL_ARC_FLOOR = 0.17, 2.0, 0.2
"""The same for a turn of less than so many radians, which is hardly told from a slide."""
_GAP_FREE, _GAP_WEIGHT = 0.04, 2.0
"""Parts joined to each other touch; a gap (radii) costs this much per radius."""
_NOT_ROOT = 0.05
_WAY_WEIGHT = 0.3
"""What a radius of the child's way against its parent costs. What stands still does as well on a
door that it turns back against, if the door's axis is right."""
_UNKNOWN_COST = 50.0
_FIT_POINTS = 400


@dataclass(frozen=True, eq=False)
class JointChoice:
    """The best joint between a child and one possible parent.

    Attributes:
        fit: of the type chosen.
        costs: of each type tried.
    """

    fit: JointFit
    costs: Mapping[JointType, float]


def choose_joint(
    observations: Observations, parent: Array, child: Array, rng: np.random.Generator
) -> JointChoice:
    """Fit each one-degree-of-freedom joint from scratch and pick the type.

    Args:
        observations: points of the child.
        parent: motion of the parent ``(t, 4, 4)``.
        child: present motion of the child ``(t, 4, 4)``.
        rng: picks points where there are many.
    """
    some = observations.select(some_of(np.arange(len(observations)), _FIT_POINTS, rng))
    fits: dict[JointType, JointFit] = {}
    for kind in ONE_DOF:
        start = initial_joint(kind, parent, child, some.points)
        fits[kind] = fit_joint(some, parent, start, iterations=20)
    turn, slide = fits[JointType.REVOLUTE], fits[JointType.PRISMATIC]
    far = turn.model.reach(observations.points) > _FAR_PIVOT
    small = turn.model.span < _SMALL_ARC
    margin = _SMALL_ARC_MARGIN if small else _REVOLUTE_MARGIN
    simpler = slide.cost < turn.cost * margin + (_SMALL_ARC_FLOOR if small else _REVOLUTE_FLOOR)
    chosen = slide if far or simpler else turn
    return JointChoice(chosen, {k: f.cost for k, f in fits.items()})


def kinematic_tree(
    observations: Observations,
    model: SurfelModel,
    labels: Array,
    paths: Array,
    rng: np.random.Generator,
    *,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> tuple[dict[int, int], dict[tuple[int, int], JointChoice]]:
    """Minimum spanning arborescence over joint costs and gaps.

    Args:
        observations: targets of all parts; ``observations.surfel`` says whose they are.
        model: the surfels.
        labels: part of each surfel ``(n,)``.
        paths: present motions, root first ``(p, t, 4, 4)``.
        rng: picks points.
        checkpoints: where joints are kept every few seconds, and continued from.
        progress: told of parts.

    Returns:
        Parent of each part but the root, and the joint of each (child, parent) pair tried.
    """
    if len(paths) == 1:
        return {}, {}
    owner = labels[observations.surfel]
    shapes = [model.points[labels == k] for k in range(len(paths))]
    gaps = gaps_between(shapes)
    choices: dict[tuple[int, int], JointChoice] = {}
    loop = checkpoints.loop("joints")
    start = 1
    if (kept := loop.state) is not None:
        start, choices, rng.bit_generator.state = kept
    for child in range(start, len(paths)):
        progress("rigging", child / len(paths), f"trying joints of part {child}")
        mine = observations.select(np.nonzero(owner == child)[0])
        for parent in candidate_parents(gaps[child], child):
            if len(mine) < 4:
                break
            choices[child, parent] = choose_joint(mine, paths[parent], paths[child], rng)
        done = child + 1, choices
        loop.reached(lambda done=done: (*done, rng.bit_generator.state))
    return _cheapest(choices, gaps, shapes), choices


def _cheapest(
    choices: Mapping[tuple[int, int], JointChoice], gaps: Array, shapes: Sequence[Array]
) -> dict[int, int]:
    """Parent of each part but the root in the tree that costs least."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(gaps)))
    for (child, parent), choice in choices.items():
        cost = choice.fit.cost + _GAP_WEIGHT * max(0.0, gaps[child, parent] - _GAP_FREE)
        cost += _WAY_WEIGHT * _way(choice.fit.model, shapes[child])
        graph.add_edge(parent, child, weight=cost + (_NOT_ROOT if parent else 0.0))
    for child in range(1, len(gaps)):
        if not graph.has_edge(0, child):
            graph.add_edge(0, child, weight=_UNKNOWN_COST)
    tree = nx.minimum_spanning_arborescence(graph)
    return {child: parent for parent, child in sorted(tree.edges)}


def _way(joint: JointModel, points: Array) -> float:
    """Largest distance of the middle of ``points`` ``(n, 3)`` from where it was, on a joint."""
    T = joint.motion()
    center = points.mean(axis=0) if len(points) else np.zeros(3)
    return float(np.linalg.norm(T[:, :3, :3] @ center + T[:, :3, 3] - center, axis=1).max())


def candidate_parents(gaps: Array, child: int) -> list[int]:
    """Parts that ``child`` may hang on, given its gaps to all ``(p,)``; always the root."""
    order = [int(k) for k in np.argsort(gaps, kind="stable") if k != child]
    near = {k for k in order if gaps[k] < _NEAR}
    return sorted({0, *order[:_NEAREST], *near})


def resting_joint(points: Array, instants: int) -> JointModel:
    """A slide that does not move, for a part nothing is known of."""
    center = points.mean(axis=0) if len(points) else np.zeros(3)
    return JointModel(JointType.PRISMATIC, np.array([0.0, 0.0, 1.0]), center, np.zeros(instants))
