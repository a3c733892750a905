"""Surfels before any fit: on the visual hull, corrected by stereo, coloured by the views.

A reel that hardly shows time zero, such as one camera on its way around a moving object, tells of
it in two ways: early frames, in which little has moved, and the core that all silhouettes of all
times contain, which stands still.
"""

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
from reel2sim.reconstruction.volume import Volume, carve, static_core
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel

_OPACITY_LOGIT = 1.5


def initial_surfels(
    reel: Reel,
    views: tuple[View, ...],
    *,
    shaping: tuple[View, ...],
    sphere: Sphere,
    config: ReconstructionConfig,
    progress: Progress = silent,
) -> SurfelTensors:
    """Surfels spread evenly over the first surface, facing outward.

    Args:
        reel: calibrated and masked.
        views: its frames, of all times.
        shaping: those that tell the shape at time zero.
        sphere: unit of length.
        config: see :class:`ReconstructionConfig`.
        progress: told what is going on.

    Raises:
        NoSubjectError: if the silhouettes agree on no shape.
    """
    where = target(config.device)
    volume = carve(
        reel, resolution=config.hull_resolution, sphere=sphere, min_views=config.min_zero_views
    )
    rng = np.random.default_rng(config.seed)
    field = photo_surface(shaping, volume, sphere=sphere, seed=config.seed, progress=progress)
    points, normals = sample_mesh(*field.mesh(), count=config.surfels, rng=rng)
    surfels = _at_rest(points, normals, where.device)
    if any(view.time_s != 0 for view in shaping):
        core = static_core(reel, resolution=config.hull_resolution, sphere=sphere)
        surfels = _with_core(
            surfels, core, volume, shaping, sphere=sphere, rng=rng, backend=where.backend
        )
    colors, known = seen_colors(surfels, shaping, backend=where.backend)
    if not bool(known.all()):
        later, _ = seen_colors(surfels, views, backend=where.backend)
        colors = torch.where(known[:, None], colors, later)
    return surfels.map({"colors": colors})


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
def _with_core(
    early: SurfelTensors,
    core: Volume,
    hull: Volume,
    views: tuple[View, ...],
    *,
    sphere: Sphere,
    rng: np.random.Generator,
    backend: Backend,
) -> SurfelTensors:
    """What early views see of their own surface, and behind it the surface of the core.

    Args:
        early: surfels on the surface that early views tell.
        core: what never leaves its place.
        hull: of the early views.
        views: the early ones.
        sphere: unit of length.
        rng: source of randomness.
        backend: rasteriser.
    """
    inside = core.occupancy & hull.occupancy
    if int(inside.sum()) < 27:
        return early
    share = float(np.clip((inside.sum() / max(1, hull.occupancy.sum())) ** (2 / 3), 0.2, 1.0))
    points, normals = sample_surface(
        Volume(inside, core.origin, core.voxel_m),
        count=max(32, round(share * len(early))), sphere=sphere, rng=rng,
    )  # fmt: skip
    behind = _at_rest(points, normals, early.means.device)
    shown = torch.zeros(len(early), dtype=torch.bool, device=early.means.device)
    hidden = torch.ones(len(behind), dtype=torch.bool, device=early.means.device)
    for view in views:
        drawn = early.draw(view, backend=backend)
        shown |= visibility(early, view, backend=backend, drawn=drawn)[0] > 0
        hidden &= visibility(behind, view, backend=backend, drawn=drawn)[0] == 0
    return early.select(shown).joined(behind.select(hidden))


@torch.no_grad()
def seen_colors(
    surfels: SurfelTensors, views: tuple[View, ...], *, backend: Backend
) -> tuple[Tensor, Tensor]:
    """Mean colour ``(n, 3)`` over views, head-on views first, and where any saw it ``(n,)``.

    Grey where nothing was seen.
    """
    total = torch.full_like(surfels.colors, 0.5) * 1e-6
    weight = torch.full_like(surfels.colors[:, :1], 1e-6)
    for view in views:
        cosine, _, pixel = visibility(surfels, view, backend=backend)
        inside = view.mask[pixel[:, 1], pixel[:, 0]]
        w = (cosine**2 * (inside > 0.9))[:, None]
        total += w * view.rgb[pixel[:, 1], pixel[:, 0]]
        weight += w
    return (total / weight).clamp(0.02, 0.98), weight[:, 0] > 2e-6
