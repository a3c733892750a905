"""How surfels at time zero move: bones that are followed, and bodies made of those that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from reel2sim.reconstruction.bodies import find_bodies
from reel2sim.reconstruction.bodies.labels import adjacency
from reel2sim.reconstruction.bodies.screw import Screw
from reel2sim.reconstruction.bones import lay_bones
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.reveal import UNSURE
from reel2sim.reconstruction.skinning import ellipsoid_logits, skinning_weights
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.reconstruction.tracking import track
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent, subrange

_FOLLOWED = 5
"""Views of an instant in which bones are followed."""


@dataclass(frozen=True, eq=False)
class FoundMotion:
    """Bones and who follows them, before training.

    Attributes:
        poses: since time zero ``(t, b, 4, 4)``.
        centers: ``(b, 3)``.
        scales: semi-axes of the bones' ellipsoids ``(b, 3)``.
        skin: logits of the skinning weights ``(n, b)``.
        still: bones that stand still; none if bones were not made bodies.
        screws: of each bone, where it is a hinge or slide.
    """

    poses: Array
    centers: Array
    scales: Array
    skin: Array
    still: tuple[int, ...]
    screws: tuple[Screw | None, ...]


def find_motion(
    surfels: SurfelTensors,
    instants: Sequence[Sequence[View]],
    *,
    config: ReconstructionConfig,
    backend: Backend,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> FoundMotion:
    """Follow bones from time zero and make bodies of those that move as one."""
    rng = np.random.default_rng(config.seed)
    points = surfels.means.cpu().numpy().astype(np.float64)
    colors = surfels.colors.cpu().numpy().clip(0, 1)
    skeleton = lay_bones(points, colors, count=config.bones, seed=config.seed)
    like = surfels.means
    logits = ellipsoid_logits(
        like,
        torch.as_tensor(skeleton.centers).to(like),
        torch.as_tensor(skeleton.scales).to(like),
        temperature=config.skin_temperature,
    )
    few = [_some(v, config.views_per_time + 1, rng) for v in instants]
    steady = [instants[0], *(_spread(v, _FOLLOWED) for v in instants[1:])]
    weights = skinning_weights(logits, torch.zeros_like(logits))
    poses = checkpoints.step(
        "tracks",
        lambda: track(
            surfels, weights, skeleton, steady, config=config, backend=backend,
            checkpoints=checkpoints.within("tracks"),
            tick=Ticker(subrange(progress, 0.0, 0.5), "following bones"),
        ),
    )  # fmt: skip
    if config.body_rounds == 0:
        skin = logits.clamp(min=-12).cpu().numpy().astype(np.float64)
        free = (None,) * len(skeleton.centers)
        return FoundMotion(poses, skeleton.centers, skeleton.scales, skin, (), free)
    bodies = find_bodies(
        surfels, skeleton, poses, few, rounds=config.body_rounds, backend=backend,
        checkpoints=checkpoints,
        tick=Ticker(subrange(progress, 0.5, 1.0), "finding bodies"),
    )  # fmt: skip
    members = [points[bodies.labels == k] for k in range(len(bodies.motions))]
    members = [own if len(own) else points for own in members]
    share = np.eye(len(members))[bodies.labels]
    W = adjacency(skeleton.neighbours, skeleton.affinity)
    for _ in range(2):
        share = 0.5 * share + 0.5 * (W @ share)
    return FoundMotion(
        np.swapaxes(bodies.motions, 0, 1),
        np.stack([own.mean(0) for own in members]),
        np.maximum(np.stack([own.std(0) for own in members]), 0.02),
        np.log(share + UNSURE),
        (0,),
        bodies.screws,
    )


def _spread(views: Sequence[View], most: int) -> list[View]:
    """At most ``most`` of ``views``, the same streams at every instant if all have them."""
    chosen = np.linspace(0, len(views) - 1, min(most, len(views))).round().astype(int)
    return [views[i] for i in chosen]


def _some(views: Sequence[View], most: int, rng: np.random.Generator) -> list[View]:
    """At most ``most`` of ``views``, in their order."""
    if len(views) <= most:
        return list(views)
    return [views[i] for i in sorted(rng.choice(len(views), most, replace=False))]
