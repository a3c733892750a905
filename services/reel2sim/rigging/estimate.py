"""Parts, joints and positions from footage: rounds of flow, fit, discovery and relabelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.discovery import PartMotion, Search, discover, still
from reel2sim.rigging.flow import flow_observations
from reel2sim.rigging.footage import Footage
from reel2sim.rigging.joint_fit import fit_joint
from reel2sim.rigging.labels import Replay, part_costs, prune
from reel2sim.rigging.observations import Observations
from reel2sim.rigging.posed import SurfelModel
from reel2sim.rigging.rigid_fit import refine_motions
from reel2sim.rigging.structure import (
    JointChoice,
    breadth_first,
    kinematic_tree,
    resting_joint,
    some_points,
)
from reel2sim.rigging.tracks import track
from reel2sim.scene import Progress
from reel2sim.scene.arrays import Array

_GENTLE = (0.3, 0.0)
"""Pruning thresholds of the early rounds: a wrong part costs little there, a lost one a lot."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parts in normalised space.

    Attributes:
        parts: motions, root first; each part's ``parent`` and ``joint`` are set.
        labels: part of each surfel ``(n,)``.
        choices: how the type of each part's joint was chosen, by part.
        tracks: number of point tracks found.
    """

    parts: list[PartMotion]
    labels: Array
    choices: Mapping[int, JointChoice] = field(default_factory=dict[int, JointChoice])
    tracks: int = 0

    @property
    def motions(self) -> Array:
        """``(p, t, 4, 4)``."""
        return np.stack([part.trajectory for part in self.parts])


def estimate(
    footage: Footage,
    model: SurfelModel,
    config: RiggingConfig,
    *,
    progress: Progress,
) -> Estimate:
    """Find the parts of the model and the joints between them.

    Args:
        footage: prepared frames.
        model: canonical surfels in normalised space.
        config: settings.
        progress: reports under ``"rigging"``.
    """
    rng = np.random.default_rng(config.seed)
    progress("rigging", 0.02, "tracking points")
    tracks = track(footage, model, config)
    progress("rigging", 0.1, f"searching parts in {len(tracks)} tracks")
    root = [still(len(footage.times_s))]
    search = Search(config.max_parts + 1, config.stop_share)
    nobody = np.zeros(len(tracks), np.int64)
    parts = discover(tracks, root, nobody, search, config, rng, fresh=True)
    replay = Replay(footage, model)
    progress("rigging", 0.25, f"assigning surfels to {len(parts)} motions")
    state = _relabel(Estimate(parts, np.zeros(0)), replay, model, config, _GENTLE, first=True)
    final = (config.part_evidence, config.part_evidence_share)
    for i in range(config.rounds):
        done = 0.3 + 0.6 * i / config.rounds
        progress("rigging", done, f"round {i + 1}: {len(state.parts) - 1} moving part(s)")
        state, targets = refit(state, footage, model, rng)
        if i < config.rounds - 1:
            state = _deepen(state, targets, config, rng)
        thresholds = final if i >= config.rounds - 2 else _GENTLE
        state = _relabel(state, replay, model, config, thresholds)
    progress("rigging", 0.9, "final joint fit")
    state, _ = refit(state, footage, model, rng)
    return replace(state, tracks=len(tracks))


def refit(
    state: Estimate, footage: Footage, model: SurfelModel, rng: np.random.Generator
) -> tuple[Estimate, Observations]:
    """Fit tree, types and joints to flow from the posed model; also return the flow targets."""
    targets = flow_observations(footage, model, state.labels, state.motions)
    owner = state.labels[targets.surfel]
    parts = [_freed(p, targets, np.nonzero(owner == k)[0]) for k, p in enumerate(state.parts)]
    parents, tried = kinematic_tree(targets, model, state.labels, parts, rng)
    choices: dict[int, JointChoice] = {}
    for child in breadth_first(parents):
        parent = parents[child]
        above = parts[parent].trajectory
        mine = np.nonzero(owner == child)[0]
        choice = tried.get((child, parent))
        if choice is None:
            joint = resting_joint(model.points[state.labels == child], len(above))
            parts[child] = PartMotion(joint.trajectory(above), parent, joint, 9.0)
            continue
        some = some_points(targets.select(mine), rng)
        fit = fit_joint(some, above, choice.fit.model, iterations=12)
        path = fit.model.trajectory(above)
        parts[child] = PartMotion(path, parent, fit.model, fit.cost, fit.information)
        choices[child] = replace(choice, fit=fit)
    return Estimate(parts, state.labels, choices), targets


def _freed(part: PartMotion, targets: Observations, mine: Array) -> PartMotion:
    """A part whose motion is still free is first fitted to the targets as it is."""
    if part.joint is not None or part.parent < 0 or len(mine) < 6:
        return part
    path = refine_motions(targets, mine[None], part.trajectory[None], sweeps=2, stiffness=1e-3)
    return replace(part, trajectory=path[0])


def _deepen(
    state: Estimate, targets: Observations, config: RiggingConfig, rng: np.random.Generator
) -> Estimate:
    """Search again what the present model does not explain, relative to what is known."""
    most = min(len(state.parts) + 3, config.max_parts + 1)
    search = Search(most, stop_share=0.06, min_score=4.0, distinct=4)
    follows = state.labels[targets.surfel]
    parts = discover(targets, state.parts, follows, search, config, rng, fresh=False)
    return replace(state, parts=parts)


def _relabel(
    state: Estimate,
    replay: Replay,
    model: SurfelModel,
    config: RiggingConfig,
    thresholds: tuple[float, float],
    *,
    first: bool = False,
) -> Estimate:
    """Assign surfels anew and drop the parts that the pictures do not ask for."""
    cost = part_costs(replay, [p.trajectory for p in state.parts], None if first else state.labels)
    alive, labels = prune(
        cost,
        model,
        smoothness=config.label_smoothness,
        evidence=thresholds[0],
        evidence_share=thresholds[1],
        misfit=np.array([part.cost for part in state.parts]),
    )
    new = {old: i for i, old in enumerate(alive)}

    def kept_ancestor(part: int) -> int:
        while part >= 0 and part not in new:
            part = state.parts[part].parent
        return new.get(part, -1)

    parts = [replace(state.parts[k], parent=kept_ancestor(state.parts[k].parent)) for k in alive]
    return Estimate(parts, labels)
