"""Surfels before any fit: on the visual hull, corrected by stereo, coloured by the views."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.device import target
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.stereo.shape import photo_surface
from reel2sim.reconstruction.surface import (
    normals_to_quaternions,
    sample_mesh,
    sample_surface,
    spacing,
)
from reel2sim.reconstruction.surfel_model import SurfelTensors, visibility
from reel2sim.reconstruction.views import View
from reel2sim.reconstruction.volume import carve
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel

_OPACITY_LOGIT = 1.5


def initial_surfels(
    reel: Reel,
    views: tuple[View, ...],
    *,
    sphere: Sphere,
    config: ReconstructionConfig,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> SurfelTensors:
    """Surfels spread evenly over the first surface, facing outward, coloured by the views.

    That surface is the visual hull of ``reel``; where ``views`` all show time zero, it is
    corrected by what their colours tell about depth.

    Raises:
        NoSubjectError: if the silhouettes agree on no shape.
    """
    where = target(config.device)
    volume = carve(
        reel, resolution=config.hull_resolution, sphere=sphere, min_views=config.min_zero_views
    )
    rng = np.random.default_rng(config.seed)
    if any(view.time_s != 0 for view in views):  # a body that moves has no one still surface
        points, normals = sample_surface(volume, count=config.surfels, sphere=sphere, rng=rng)
    else:
        field = photo_surface(
            views, volume, sphere=sphere, seed=config.seed, checkpoints=checkpoints,
            progress=progress,
        )  # fmt: skip
        points, normals = sample_mesh(*field.mesh(), count=config.surfels, rng=rng)
    surfels = _at_rest(points, normals, where.device)
    return surfels.map({"colors": seen_colors(surfels, views, backend=where.backend)})


def _at_rest(points: Array, normals: Array, device: torch.device) -> SurfelTensors:
    """Grey surfels as large as the gaps between ``points`` ``(n, 3)``."""
    size = np.log(np.clip(spacing(points) * 0.6, 1e-3, 0.3))

    def tensor(value: Array) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float32, device=device)

    return SurfelTensors(
        tensor(points),
        tensor(normals_to_quaternions(normals)),
        tensor(np.stack([size, size], 1)),
        torch.full((len(points),), _OPACITY_LOGIT, device=device),
        torch.full((len(points), 3), 0.5, device=device),
    )


@torch.no_grad()
def seen_colors(surfels: SurfelTensors, views: tuple[View, ...], *, backend: Backend) -> Tensor:
    """Mean colour ``(n, 3)`` over views, head-on views first; grey where nothing was seen."""
    total = torch.full_like(surfels.colors, 0.5) * 1e-6
    weight = torch.full_like(surfels.colors[:, :1], 1e-6)
    for view in views:
        cosine, _, pixel = visibility(surfels, view, backend=backend)
        inside = view.mask[pixel[:, 1], pixel[:, 0]]
        w = (cosine**2 * (inside > 0.9))[:, None]
        total += w * view.rgb[pixel[:, 1], pixel[:, 0]]
        weight += w
    return (total / weight).clamp(0.02, 0.98)
