"""From a calibrated reel to surfels that move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from reel2sim.reconstruction.bounds import Sphere, camera_of, object_sphere
from reel2sim.reconstruction.canonical import fit_canonical
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.device import Target, reproducible, target
from reel2sim.reconstruction.dynamic import Prepared, fit_dynamic, prepare, travel
from reel2sim.reconstruction.masking import with_masks
from reel2sim.reconstruction.motion_check import (
    motion_seen,
    no_motion,
    residual,
    residual_shows_motion,
)
from reel2sim.reconstruction.rasterize import Backend, warm_up
from reel2sim.reconstruction.review import look_back
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View, load_views, thinned, zero_views
from reel2sim.reconstruction.volume import carve
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.reel import Reel
from reel2sim.scene.surfels import SurfelSequence

_STIR = 0.02
"""Way in radii under which what seems to move may stand still."""


def reconstruct(
    reel: Reel,
    *,
    config: ReconstructionConfig | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> SurfelSequence:
    """Reconstruct a moving object as canonical surfels and bones.

    Args:
        reel: every frame needs a camera; masks may be missing.
        config: see :class:`ReconstructionConfig`; the standard preset if None.
        checkpoints: where finished steps and the state of fits are kept; a run that was killed
            goes on from there when it is called with the same ones, for the same reel and
            configuration, and gives the same bits.
        progress: told of fractions of the whole and of ``psnr``; may cancel.

    Returns:
        Surfels at time zero, the bones' motion and skinning weights, in the reel's world. Its
        ``metrics`` hold ``psnr_static_db``, ``psnr_moving_db`` and ``psnr_db`` of all frames
        over drawn or masked pixels on black, ``surfels``, ``bones`` and ``radius_m``.

    Raises:
        ReconstructionError: if a camera is missing, or the fit diverges.
        NoSubjectError: if no object can be told from the background.
        NoMotionError: if nothing moves.
        UnavailableError: if CUDA is asked for and there is none.
    """
    config = ReconstructionConfig() if config is None else config
    where = target(config.device)
    progress("reconstruction", 0.0, "checking the reel")
    for frame in reel.frames:
        camera_of(frame)
    if where.backend != "gsplat":
        warm_up(subrange(progress, 0.0, 0.004))
    reel = with_masks(
        reel, bounds=config.box, checkpoints=checkpoints, progress=subrange(progress, 0.004, 0.01)
    )
    moves = motion_seen(reel)
    if moves is False:
        raise no_motion(reel)
    with reproducible(where.device):
        return _fit(reel, moves, where, config=config, checkpoints=checkpoints, progress=progress)


def _fit(
    reel: Reel,
    moves: bool | None,
    where: Target,
    *,
    config: ReconstructionConfig,
    checkpoints: Checkpoints,
    progress: Progress,
) -> SurfelSequence:
    """The two fits of :func:`reconstruct`, on a reel that has passed its checks."""
    times = reel.times_s - reel.times_s[0]
    reel = thinned(reel, max_times=config.max_times, most_views=config.most_views)
    sphere = object_sphere(reel, min_views=config.min_zero_views)
    views = load_views(reel, sphere=sphere, max_px=config.image_px, device=where.device)
    prepared = checkpoints.step(
        "start",
        lambda: _prepared(
            reel, views, sphere, moves, where, config=config,
            checkpoints=checkpoints.within("start"), progress=progress,
        ),
    )  # fmt: skip
    fit = checkpoints.step(
        "fit",
        lambda: fit_dynamic(
            prepared, views, config=config, checkpoints=checkpoints.within("fit"),
            progress=subrange(progress, 0.45, 0.97),
        ),
    )  # fmt: skip
    unknown = np.ones(len(fit.model))
    sequence = fit.sequence(sphere=sphere, times_s=times, confidence=unknown)
    seen = fit.corrected(views, config=config)
    review = look_back(sequence, seen, sphere=sphere, backend=where.backend)
    sure = review.confidence
    if any(view.time_s != 0 for view in zero_views(views, min_views=config.min_zero_views)):
        sure = 0.5 * sure  # too few views at rest to tell shape from motion
    sequence = fit.sequence(sphere=sphere, times_s=times, confidence=sure)
    metrics = review.metrics | {
        "surfels": float(len(fit.model)),
        "bones": float(len(fit.scales)),
        "radius_m": sphere.radius_m,
    }
    progress("reconstruction", 1.0, "done", psnr=metrics["psnr_db"])
    return replace(sequence, metrics=metrics)


def _prepared(
    reel: Reel,
    views: tuple[View, ...],
    sphere: Sphere,
    moves: bool | None,
    where: Target,
    *,
    config: ReconstructionConfig,
    checkpoints: Checkpoints,
    progress: Progress,
) -> Prepared:
    """Surfels at time zero, their motion, and what it reveals."""
    canonical = checkpoints.step(
        "time zero",
        lambda: fit_canonical(
            reel, config=config, checkpoints=checkpoints.within("time zero"),
            progress=subrange(progress, 0.01, 0.22),
        ),
    )  # fmt: skip
    surfels = SurfelTensors.of(canonical, sphere=sphere, device=where.device)
    shaping = zero_views(views, min_views=config.min_zero_views)
    at_rest = all(view.time_s == 0 for view in shaping)
    if moves is None and at_rest and not _residual_moves(surfels, views, backend=where.backend):
        raise no_motion(reel)
    volume = None
    if config.reveal and len(shaping) < len(views):
        volume = carve(
            reel, resolution=config.hull_resolution, sphere=sphere, min_views=config.min_zero_views
        )
    prepared = prepare(
        surfels, views, sphere=sphere, volume=volume, config=config, checkpoints=checkpoints,
        progress=subrange(progress, 0.22, 0.45),
    )  # fmt: skip
    # A model of all times explains each a little: only what it then does tells whether it moves.
    if moves is None and not at_rest and travel(prepared, views, config=config) < _STIR:
        raise no_motion(reel)
    return prepared


@torch.no_grad()
def _residual_moves(surfels: SurfelTensors, views: Sequence[View], *, backend: Backend) -> bool:
    """Whether surfels that were fitted to time zero alone fail to explain later frames."""

    def miss(view: View) -> tuple[float, float]:
        out = surfels.draw(view, backend=backend)
        drawn = torch.cat([out.features.clamp(0, 1), out.alpha[..., None]], -1)
        wanted = torch.cat([view.rgb, view.mask[..., None]], -1)
        return residual(drawn.cpu().numpy(), wanted.cpu().numpy())

    static = [miss(view) for view in views if view.time_s == 0]
    moving = [miss(view) for view in views if view.time_s != 0]
    return residual_shows_motion(static, moving)
