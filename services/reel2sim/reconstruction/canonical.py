"""Surfels at time zero: placed on the visual hull, then fitted to every view of that instant."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reel2sim.reconstruction.bounds import object_sphere
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.device import target
from reel2sim.reconstruction.losses import image_loss, normal_loss, psnr_db, squared_error
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.seeding import initial_surfels
from reel2sim.reconstruction.skinning import rotate
from reel2sim.reconstruction.surfel_model import SurfelTensors, visibility
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.reconstruction.views import View, load_views, zero_views
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import ReconstructionError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel
from reel2sim.scene.surfels import Surfels

_LEARNING_RATES = {
    "means": 1.5e-3,
    "rotations": 1e-2,
    "log_scales": 1e-2,
    "opacity_logits": 3e-2,
    "colors": 1e-2,
}
_FINAL_RATE = 0.3
"""Learning rates end at this share of where they start."""
_SPLIT = 0.08
"""Share of the surfels that is split at each of the two rounds."""
_FAINT = 0.08
"""Opacity under which a surfel is dropped."""
_ALWAYS_SEEN = 1.5
"""Summed cosine over the views at which confidence reaches 1 − 1/e."""


def fit_canonical(
    reel: Reel,
    *,
    config: ReconstructionConfig,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> Surfels:
    """Fit surfels to the object as it is at time zero.

    Args:
        reel: calibrated and masked.
        config: see :class:`ReconstructionConfig`.
        checkpoints: where its steps are kept and continued from.
        progress: told of steps and of ``psnr``.

    Returns:
        Surfels in the reel's world, metres, with a confidence from how often each was seen.

    Raises:
        NoSubjectError: if the masks are empty or agree on no shape.
        ReconstructionError: if a camera is missing or the fit diverges.
    """
    where = target(config.device)
    sphere = object_sphere(reel, min_views=config.min_zero_views)
    views = load_views(reel, sphere=sphere, max_px=config.image_px, device=where.device)
    chosen = zero_views(views, min_views=config.min_zero_views)
    progress("reconstruction", 0.0, "carving the visual hull")
    start = checkpoints.step(
        "seeds",
        lambda: initial_surfels(
            reel, chosen, sphere=sphere, config=config, checkpoints=checkpoints.within("seeds"),
            progress=progress,
        ),
    )  # fmt: skip
    progress("reconstruction", 0.05, "fitting surfels", surfels=float(len(start)))
    fitted = optimise(start, chosen, config=config, checkpoints=checkpoints, progress=progress)
    sure = confidence(fitted, chosen, backend=where.backend)
    if any(view.time_s != 0 for view in chosen):
        sure = sure * 0.5
    return fitted.surfels(sphere=sphere, confidence=sure)


def optimise(
    start: SurfelTensors,
    views: tuple[View, ...],
    *,
    config: ReconstructionConfig,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> SurfelTensors:
    """Fit all surfel parameters to ``views`` by Adam.

    Halfway through, faint surfels are dropped and those under the largest error are split. The
    state is kept in ``checkpoints`` every few seconds.

    Raises:
        ReconstructionError: if the loss stops being finite.
    """
    backend = target(config.device).backend
    order = torch.Generator().manual_seed(config.seed)
    leaves = start.leaves()
    largest = 3.0 * float(start.log_scales.exp().median())
    optimiser = _adam(leaves)
    tick = Ticker(progress, "fitting surfels")
    recent: deque[tuple[float, int]] = deque(maxlen=8)
    pressure = torch.zeros(len(start), device=start.means.device)
    splits = {round(config.canonical_steps * share) for share in (0.25, 0.5)}
    queue: list[int] = []
    loop = checkpoints.loop("fitting")
    begin = 0
    if (kept := loop.state) is not None:
        leaves = kept["surfels"].leaves()
        optimiser = _adam(leaves)
        _restore(optimiser, kept["moments"])
        order.set_state(kept["random"])
        begin, queue, pressure = kept["step"], kept["queue"], kept["pressure"]
        recent.extend((float(e), int(n)) for e, n in kept["recent"])

    def state(step: int) -> dict[str, object]:
        return {
            "step": step,
            "surfels": leaves.detached(),
            "moments": optimiser.state_dict()["state"],
            "random": order.get_state(),
            "queue": queue,
            "pressure": pressure,
            "recent": list(recent),
        }

    for step in range(begin, config.canonical_steps):
        queue = queue or torch.randperm(len(views), generator=order).tolist()
        view = views[queue.pop()]
        out = leaves.draw(view, backend=backend)
        loss = image_loss(out, view, mask_weight=config.mask_weight)
        if step > 0.2 * config.canonical_steps:
            loss = loss + config.normal_weight * normal_loss(out, view)
        loss = loss + 0.02 * functional.relu(leaves.log_scales.exp() - largest).sum()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        rate = _FINAL_RATE ** (step / config.canonical_steps)
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATES[group["name"]] * rate
        optimiser.step()
        pressure += 0 if leaves.means.grad is None else leaves.means.grad.norm(dim=1)
        if step in splits and config.densify > 0:
            leaves = densified(leaves.detached(), pressure, share=_SPLIT, generator=order).leaves()
            optimiser = _adam(leaves)
            pressure = torch.zeros(len(leaves), device=leaves.means.device)
        recent.append(squared_error(out, view))
        if not math.isfinite(recent[-1][0]):
            raise ReconstructionError(
                f"the surfel fit diverged at step {step}",
                remedy="check that camera poses and masks belong together",
            )
        tick(step + 1, config.canonical_steps, psnr=psnr_db(list(recent)))
        loop.reached(partial(state, step + 1))
    fitted = leaves.detached()
    bold = torch.sigmoid(fitted.opacity_logits) > _FAINT
    return fitted.select(bold) if int(bold.sum()) >= 8 else fitted


def _adam(leaves: SurfelTensors) -> torch.optim.Adam:
    groups = [
        {"params": [getattr(leaves, name)], "lr": rate, "name": name}
        for name, rate in _LEARNING_RATES.items()
    ]
    return torch.optim.Adam(groups, eps=1e-15)


def _restore(optimiser: torch.optim.Adam, moments: Mapping[int, Any]) -> None:
    """Put back what ``state_dict()["state"]`` gave of an optimiser of the same parameters."""
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": dict(moments), "param_groups": groups})


def densified(
    surfels: SurfelTensors, pressure: Tensor, *, share: float, generator: torch.Generator
) -> SurfelTensors:
    """Drop faint surfels and split those that the loss pulls at hardest.

    A split surfel becomes two of 0.7 of its size, half a deviation to either side along its
    longer tangent.

    Args:
        surfels: to change.
        pressure: summed gradient of each centre ``(n,)``.
        share: of the surfels to split, besides one split for each that is dropped.
        generator: source of randomness.
    """
    bold = torch.sigmoid(surfels.opacity_logits) > _FAINT
    if int(bold.sum()) < 8:
        return surfels
    count = min(int((~bold).sum()) + round(share * len(surfels)), int(bold.sum()))
    surfels, pressure = surfels.select(bold), pressure[bold]
    # Ties at zero pressure must not depend on the order of the surfels.
    jitter = torch.rand(len(pressure), generator=generator).to(pressure.device)
    chosen = torch.topk(pressure * (1 + 1e-3 * jitter), count).indices
    longer = surfels.log_scales[chosen].argmax(dim=1)
    axis = functional.one_hot(longer, 3).float()
    local = axis * surfels.log_scales[chosen].exp().gather(1, longer[:, None]) * 0.5
    offset = rotate(functional.normalize(surfels.rotations[chosen], dim=-1), local)
    children = surfels.select(chosen)
    smaller = children.log_scales + math.log(0.7)
    left = children.map({"means": children.means - offset, "log_scales": smaller})
    right = children.map({"means": children.means + offset, "log_scales": smaller})
    kept = torch.ones(len(surfels), dtype=torch.bool, device=pressure.device)
    kept[chosen] = False
    return surfels.select(kept).joined(left, right)


@torch.no_grad()
def confidence(surfels: SurfelTensors, views: tuple[View, ...], *, backend: Backend) -> Array:
    """How well each surfel was seen ``(n,)``, 0..1, from summed visible cosines."""
    total = sum(
        (visibility(surfels, view, backend=backend)[0] for view in views),
        start=torch.zeros(len(surfels), device=surfels.means.device),
    )
    return (1 - torch.exp(-total / _ALWAYS_SEEN)).cpu().numpy()
