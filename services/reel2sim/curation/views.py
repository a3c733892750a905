"""Whether still pictures from around agree on one solid: fit to some, look at the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reel2sim.scene.errors import InputError, ReconstructionError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel

_LEAST_VIEWS = 6
_PX, _HULL, _SURFELS, _STEPS = 64, 48, 900, 60


def views_residual(reel: Reel, *, progress: Progress = silent) -> float | None:
    """Error of held-out still pictures after a fit to the others.

    Surfels are fitted to every other view of the first instant and drawn as the rest see them;
    see :attr:`ReelFigures.views`.

    Args:
        reel: any.
        progress: told under ``"curation"``.

    Returns:
        Root mean square error where the subject is in either, 0..1; 1 if no shape fits the
        masks; None if there are fewer than six views with cameras and masks.
    """
    still = [frame for frame in reel.frames if frame.time_s == reel.times_s[0]]
    whole = all(frame.camera is not None and frame.mask is not None for frame in still)
    if len(still) < _LEAST_VIEWS or not whole:
        return None
    from reel2sim.pipeline.runner import named
    from reel2sim.reconstruction.canonical import fit_canonical
    from reel2sim.reconstruction.config import ReconstructionConfig
    from reel2sim.reconstruction.render import render

    config = ReconstructionConfig(
        image_px=_PX,
        hull_resolution=_HULL,
        surfels=_SURFELS,
        canonical_steps=_STEPS,
        densify=0.0,
        sh_degree=0,
        device="cpu",
    )
    shown = replace(reel, frames=tuple(still[::2]))
    try:
        surfels = fit_canonical(shown, config=config, progress=named(progress, "curation"))
    except (InputError, ReconstructionError):
        return 1.0
    squares, weight = 0.0, 0.0
    for frame in still[1::2]:
        assert frame.camera is not None
        assert frame.mask is not None
        drawn = render(surfels, frame.camera)
        mask = frame.mask.astype(np.float64)[..., None] / 255.0
        error = ((drawn.rgb - frame.image / 255.0 * mask) ** 2).mean(axis=-1)
        either = np.maximum(drawn.alpha, mask[..., 0])
        squares += float((error * either).sum())
        weight += float(either.sum())
    return float(np.sqrt(squares / weight)) if weight else 1.0
