"""From a calibrated reel to surfels that move."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reel2sim.reconstruction.bounds import Sphere, camera_of, object_sphere
from reel2sim.reconstruction.canonical import fit_canonical
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.device import Target, reproducible, target
from reel2sim.reconstruction.dynamic import fit_dynamic
from reel2sim.reconstruction.losses import psnr_db, squared_error
from reel2sim.reconstruction.masking import with_masks
from reel2sim.reconstruction.motion_check import (
    motion_seen,
    no_motion,
    residual,
    residual_shows_motion,
)
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View, load_views
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.reel import Reel
from reel2sim.scene.surfels import SurfelSequence


def reconstruct(
    reel: Reel, *, config: ReconstructionConfig | None = None, progress: Progress = silent
) -> SurfelSequence:
    """Reconstruct a moving object as canonical surfels and bones.

    Args:
        reel: every frame needs a camera; masks may be missing if the background is plain.
        config: see :class:`ReconstructionConfig`; the standard preset if None.
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
    reel = with_masks(reel)
    moves = motion_seen(reel)
    if moves is False:
        raise no_motion(reel)
    with reproducible(where.device):
        return _fit(reel, moves, where, config=config, progress=progress)


def _fit(
    reel: Reel,
    moves: bool | None,
    where: Target,
    *,
    config: ReconstructionConfig,
    progress: Progress,
) -> SurfelSequence:
    """The two fits of :func:`reconstruct`, on a reel that has passed its checks."""
    canonical = fit_canonical(reel, config=config, progress=subrange(progress, 0.01, 0.35))
    sphere = object_sphere(reel, min_views=config.min_zero_views)
    views = load_views(reel, sphere=sphere, max_px=config.image_px, device=where.device)
    surfels = SurfelTensors.of(canonical, sphere=sphere, device=where.device)
    if moves is None and not _residual_moves(surfels, views, backend=where.backend):
        raise no_motion(reel)
    fit = fit_dynamic(surfels, views, config=config, progress=subrange(progress, 0.35, 0.97))
    times = reel.times_s - reel.times_s[0]
    sequence = SurfelSequence(
        canonical,
        fit.spline(sphere=sphere, stop_s=float(times[-1])),
        fit.scales * sphere.radius_m,
        fit.weights,
        times,
    )
    metrics = measure(sequence, views, sphere=sphere, backend=where.backend)
    progress("reconstruction", 1.0, "done", psnr=metrics["psnr_db"])
    return SurfelSequence(
        sequence.canonical,
        sequence.bones,
        sequence.bone_scales,
        sequence.weights,
        sequence.times_s,
        metrics,
    )


@torch.no_grad()
def measure(
    sequence: SurfelSequence, views: Sequence[View], *, sphere: Sphere, backend: Backend
) -> dict[str, float]:
    """Figures of how well a sequence explains ``views``; see :func:`reconstruct`."""
    device = views[0].rgb.device
    posed = {
        t: SurfelTensors.of(sequence.at(t), sphere=sphere, device=device)
        for t in sorted({view.time_s for view in views})
    }
    errors = [squared_error(posed[view.time_s].draw(view, backend=backend), view) for view in views]
    static = [e for e, view in zip(errors, views, strict=True) if view.time_s == 0]
    moving = [e for e, view in zip(errors, views, strict=True) if view.time_s != 0]
    return {
        "psnr_db": psnr_db(errors),
        "psnr_static_db": psnr_db(static),
        "psnr_moving_db": psnr_db(moving),
        "surfels": float(len(sequence.canonical)),
        "bones": float(len(sequence.bone_scales)),
        "radius_m": sphere.radius_m,
    }


@torch.no_grad()
def _residual_moves(surfels: SurfelTensors, views: Sequence[View], *, backend: Backend) -> bool:
    """Whether the surfels at time zero fail to explain frames of other times."""

    def miss(view: View) -> tuple[float, float]:
        out = surfels.draw(view, backend=backend)
        drawn = torch.cat([out.features.clamp(0, 1), out.alpha[..., None]], -1)
        wanted = torch.cat([view.rgb, view.mask[..., None]], -1)
        return residual(drawn.cpu().numpy(), wanted.cpu().numpy())

    static = [miss(view) for view in views if view.time_s == 0]
    moving = [miss(view) for view in views if view.time_s != 0]
    return residual_shows_motion(static, moving)
