"""A finished sequence against the pictures it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.losses import psnr_db, squared_error
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.render import sh_colors
from reel2sim.reconstruction.surfel_model import SurfelTensors, visibility
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.surfels import Surfels, SurfelSequence

_ALWAYS_SEEN = 3.0
"""Summed cosine over the views at which confidence reaches 1 − 1/e."""


@dataclass(frozen=True, eq=False)
class Review:
    """How well pictures are explained, and how well surfels were seen.

    Attributes:
        metrics: ``psnr_db`` over drawn or masked pixels on black, of all frames;
            ``psnr_static_db`` of time zero and ``psnr_moving_db`` of later times.
        confidence: of each surfel ``(n,)``, 0..1: how often, and how head-on, a frame of any
            time shows it.
    """

    metrics: dict[str, float]
    confidence: Array


@torch.no_grad()
def look_back(
    sequence: SurfelSequence, views: Sequence[View], *, sphere: Sphere, backend: Backend
) -> Review:
    """Compare ``sequence`` with the ``views`` it was fitted to."""
    errors: dict[bool, list[tuple[float, int]]] = {True: [], False: []}
    seen = np.zeros(len(sequence.canonical))
    posed: dict[float, Surfels] = {}
    for view in views:
        surfels = posed.get(view.time_s)
        if surfels is None:
            surfels = posed[view.time_s] = sequence.at(view.time_s)
        center = -view.T_camera_world[:3, :3].T @ view.T_camera_world[:3, 3]
        gaze = sphere.normalise(surfels.means) - center.cpu().numpy()
        colors = sh_colors(surfels.sh, gaze / np.linalg.norm(gaze, axis=1, keepdims=True))
        tensors = SurfelTensors.of(surfels, sphere=sphere, device=view.rgb.device)
        tensors = tensors.map({"colors": torch.as_tensor(colors).to(view.rgb)})
        drawn = tensors.draw(view, backend=backend)
        errors[view.time_s == 0].append(squared_error(drawn, view))
        seen += visibility(tensors, view, backend=backend, drawn=drawn)[0].cpu().numpy()
    metrics = {
        "psnr_db": psnr_db(errors[True] + errors[False]),
        "psnr_static_db": psnr_db(errors[True]),
        "psnr_moving_db": psnr_db(errors[False]),
    }
    return Review(metrics, 1 - np.exp(-seen / _ALWAYS_SEEN))
