"""Surfels for surfaces that time zero hides: found in the frames that show them, added at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.skinning import matrices
from reel2sim.reconstruction.stereo.revealed import Revealed, revealed, unexplained
from reel2sim.reconstruction.surface import normals_to_quaternions, spacing
from reel2sim.reconstruction.training import Clock, MovingSurfels
from reel2sim.reconstruction.views import View
from reel2sim.reconstruction.volume import Volume
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent

MOST_BODIES = 10
"""With more bodies than this the object is soft, and no part of it hides another's surface."""
UNSURE = 2e-3
"""Skinning weight a surfel starts with for bodies that neither it nor its neighbours follow."""
_OPACITY_LOGIT = 1.0


def reveal_hidden(
    model: MovingSurfels,
    clock: Clock,
    instants: Sequence[Sequence[View]],
    times_s: Array,
    *,
    volume: Volume,
    sphere: Sphere,
    most: int,
    seed: int,
    backend: Backend,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> MovingSurfels:
    """Add surfels where moving frames show what the moved model does not.

    Args:
        model: moving surfels, normalised units.
        clock: spline rows of the instants.
        instants: views of each instant.
        times_s: of the instants ``(t,)``.
        volume: visual hull at time zero.
        sphere: unit of length.
        most: surfels that may be added.
        seed: of random choices.
        backend: rasteriser.
        checkpoints: where depth maps are kept.
        progress: told what is going on.

    Returns:
        The model with new surfels, each following one bone, behind the old ones.
    """
    if not 1 < len(model.centers) <= MOST_BODIES:
        return model
    views = tuple(view for group in instants for view in group)
    residual: list[Array] = []
    poses: list[Array] = []
    for f, group in enumerate(instants):
        with torch.no_grad():
            posed = model.posed(clock.motion[[0, f]], 0 * clock.refinement[f])
            poses.append(matrices(posed.bones))
            for view in group:
                drawn = posed.draw(view, backend=backend)
                picture = drawn.features.clamp(0, 1).cpu().numpy(), drawn.alpha.cpu().numpy()
                residual.append(unexplained(view, *picture))
    found = revealed(
        views, times_s, np.stack(poses, axis=1), tuple(residual), volume=volume, sphere=sphere,
        seed=seed, checkpoints=checkpoints, progress=progress,
    )  # fmt: skip
    if len(found) > most:
        found = found.select(np.sort(np.argsort(-found.score, kind="stable")[:most]))
    return model if len(found) < 4 else _joined(model, found)


def _joined(model: MovingSurfels, found: Revealed) -> MovingSurfels:
    """The model with new surfels, as large as the gaps between them, behind its own."""
    count = len(found)
    size = np.log(np.clip(spacing(found.points) * 0.6, 2e-3, 0.1))
    follows = np.eye(len(model.centers))[found.group]
    new = {
        "means": found.points,
        "rotations": normals_to_quaternions(found.normals),
        "log_scales": np.stack([size, size], axis=1),
        "opacity_logits": np.full(count, _OPACITY_LOGIT),
        "colors": found.colors.clip(0.02, 0.98),
        "skin": np.log(follows + UNSURE),
    }
    own: dict[str, Tensor] = {}
    for name, old in model.own.items():
        value = new.get(name, np.zeros((count, *old.shape[1:])))
        own[name] = torch.cat([old.detach(), torch.as_tensor(value).to(old)])
    return replace(model, own=own)
