"""Brings the bones from each instant to the next by optical flow between model and picture.

At every instant the posed surfels are drawn, dense flow to the observed picture says where each
visible surfel should go, and Gauss–Newton moves all bones together: robustly, since flow is wrong
at occlusions, and with neighbouring bones tied to each other unless the pictures insist.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from torch import Tensor

from reel2sim.reconstruction.bone_solver import FlowTargets, moved, solve_bones
from reel2sim.reconstruction.bones import Skeleton
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.flow import carried_targets, flow_targets
from reel2sim.reconstruction.lost_bones import LostAndFound
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.skinning import as_poses, blend
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.transforms import (
    axis_rotation,
    quaternion_from_matrix,
)

_SIGMA_PX = (6.0, 1.5)
"""Residual that is mostly disbelieved, in the first and in the last round, pixels."""
_GAIN = 0.97
"""Share of the pictures' error that what was found may leave."""
_RECOVERIES = 2
"""Times that lost bones are looked for at every instant."""
_DAMPED = 0.9
"""Share of the last step that the next is expected to repeat."""


def track(
    surfels: SurfelTensors,
    weights: Tensor,
    skeleton: Skeleton,
    instants: Sequence[Sequence[View]],
    *,
    config: ReconstructionConfig,
    backend: Backend,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    tick: Ticker,
) -> Array:
    """Follow the bones through time.

    Args:
        surfels: canonical, normalised units.
        weights: skinning weights ``(n, b)``.
        skeleton: the bones.
        instants: views of each instant, first is time zero.
        config: see :class:`ReconstructionConfig`.
        backend: rasteriser.
        checkpoints: where poses are kept every few seconds, and continued from.
        tick: told after every instant.

    Returns:
        Motion of each bone since time zero ``(t, b, 4, 4)``, normalised units.
    """
    bones = len(skeleton.centers)
    T = np.tile(np.eye(4), (len(instants), bones, 1, 1))
    skin = weights.detach().cpu().numpy().astype(np.float64)
    rest = surfels.means.detach().cpu().numpy().astype(np.float64)

    def posed(poses: Array) -> SurfelTensors:
        return surfels.moved(blend(weights, as_poses(poses, surfels.means)))

    def carried(f: int) -> list[FlowTargets]:
        before, last = posed(T[f - 1]), {view.stream: view for view in instants[f - 1]}
        return [
            carried_targets(before, last[view.stream], view, backend=backend)
            for view in instants[f]
            if view.stream in last
        ]

    def followed(
        current: Array, expected: Array, first: int, views: Sequence[View], known: list[FlowTargets]
    ) -> Array:
        for round_ in range(first, config.track_rounds):
            now = posed(current)
            targets = [*known, *(flow_targets(now, view, backend=backend) for view in views)]
            share = round_ / max(config.track_rounds - 1, 1)
            current = solve_bones(
                current, rest, skin, skeleton, targets,
                sigma_px=_SIGMA_PX[0] * (_SIGMA_PX[1] / _SIGMA_PX[0]) ** share,
                tie=config.bone_rigidity, expected=expected,
            )  # fmt: skip
        return current

    loop = checkpoints.loop("tracking")
    start = 1
    if (kept := loop.state) is not None:
        start = len(kept)
        T[:start] = kept
    for f in range(start, len(instants)):
        expected = _expected(T[max(f - 2, 0)], T[f - 1], skeleton.centers)
        known = carried(f)
        current = followed(expected, expected, 0, instants[f], known)
        lost = LostAndFound(surfels, skeleton, instants[f], backend=backend)
        for _ in range(_RECOVERIES):
            found, changed = lost.found(current)
            if not changed.any():
                break
            refined = followed(found, found, config.track_rounds // 2, instants[f], known)
            better = lost.better(refined, found)
            if lost.error(better) > _GAIN * lost.error(current):
                break
            current = better
        T[f] = current
        tick(f, len(instants) - 1)
        loop.reached(partial(T[: f + 1].copy))
    return T


def _expected(before: Array, last: Array, centers: Array) -> Array:
    """Poses ``(b, 4, 4)`` after repeating most of the last step."""
    R = last[:, :3, :3] @ np.swapaxes(before[:, :3, :3], 1, 2)
    half = quaternion_from_matrix(R)
    angle = 2 * np.arctan2(np.linalg.norm(half[:, 1:], axis=1), half[:, 0])
    axis = half[:, 1:] / np.maximum(np.linalg.norm(half[:, 1:], axis=1, keepdims=True), 1e-12)
    turn = axis_rotation(axis, _DAMPED * angle)
    here = np.einsum("bij,bj->bi", last[:, :3, :3], centers) + last[:, :3, 3]
    there = np.einsum("bij,bj->bi", before[:, :3, :3], centers) + before[:, :3, 3]
    return moved(last, here, turn, _DAMPED * (here - there))
