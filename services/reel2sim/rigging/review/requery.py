"""Positions of joints where they were lost, looked for by drawing.

A wheel that turns while it is out of sight comes back at another angle than it was followed to,
and flow finds only what is near. Where the line of a joint is known, one number an instant is
left, and that can be tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.scene import JointType, Progress, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

_TRIES = 15
_REACH = 0.25
"""How far beyond the range found positions are tried, as a share of it."""
_BETTER = 0.02
"""Share of the pictures' say that other positions must gain."""


def requery(
    linkage: Linkage,
    errors_of: Callable[[Array], Array],
    *,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> Linkage:
    """Each joint, from the root on, at the positions under which the drawings look best.

    Positions are the shortest path through all that were tried (Viterbi): a change by the whole
    range costs as much as one instant has to say. A joint keeps its positions unless others are
    clearly better.

    Args:
        linkage: joints whose lines are about right.
        errors_of: how far drawings of the parts' motions ``(p, t, 4, 4)`` are from the pictures at
            each instant ``(t,)``.
        checkpoints: where joints are kept every few seconds, and continued from.
        progress: told of joints.
    """
    loop = checkpoints.loop("joints")
    start, linkage = loop.state or (0, linkage)
    for i, part in enumerate(linkage.order):
        if i < start:
            continue
        progress("rigging", i / len(linkage.order), f"looking for positions of part {part}")
        joint = linkage.joints[part - 1]
        if joint.dof > 1:
            continue
        tries = _tries(joint.positions, angular=joint.type is not JointType.PRISMATIC)
        trials = [linkage.with_joint(part, replace(joint, positions=q)) for q in tries]
        errors = np.stack([errors_of(trial.motions) for trial in trials])
        path = smoothest(tries, errors)
        say = np.ptp(errors, axis=0).sum()
        gain = errors[0].sum() - errors[path, np.arange(len(path))].sum()
        if gain > _BETTER * say:
            found = tries[path, np.arange(len(path))]
            linkage = linkage.with_joint(part, replace(joint, positions=found))
        done = i + 1, linkage
        loop.reached(lambda done=done: done)
    return linkage


def _tries(positions: Array, *, angular: bool) -> Array:
    """Positions to try ``(m, t)``: the present ones, then an even grid; zero at time zero."""
    low, high = positions.min(), positions.max()
    more = _REACH * (high - low)
    grid = np.linspace(low - more, high + more, _TRIES)
    if angular and high - low > np.pi:
        grid = np.linspace(low, high, 2 * _TRIES)
    tries = np.concatenate([positions[None], np.tile(grid[:, None], len(positions))])
    tries[:, 0] = 0.0
    return tries


def smoothest(tries: Array, errors: Array) -> Array:
    """Which try to take at every instant ``(t,)``: the shortest path through all (Viterbi).

    Args:
        tries: positions ``(m, t)``.
        errors: what each costs ``(m, t)``.
    """
    span = max(float(np.ptp(tries)), 1e-9)
    jump = float(np.ptp(errors, axis=0).mean())
    best, origin = errors[:, 0].copy(), np.zeros(errors.shape, np.int64)
    for t in range(1, errors.shape[1]):
        far = (tries[:, t][None] - tries[:, t - 1][:, None]) / span
        total = best[:, None] + jump * far**2
        origin[:, t] = total.argmin(axis=0)
        best = total.min(axis=0) + errors[:, t]
    path = [int(best.argmin())]
    for t in range(errors.shape[1] - 1, 0, -1):
        path.append(int(origin[path[-1], t]))
    return np.array(path[::-1])
