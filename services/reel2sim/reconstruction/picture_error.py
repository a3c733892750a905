"""How far a drawn model is from the pictures, forgiving shifts of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from reel2sim.reconstruction.rasterize import Backend, RasterOutput
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View

BLUR_PX = 1.5
"""Deviation of the pictures' blur, so that fine texture need not be hit to the pixel."""


def drawn(surfels: SurfelTensors, views: Sequence[View], *, backend: Backend) -> list[RasterOutput]:
    """``surfels`` as ``views`` see them, without gradients."""
    with torch.no_grad():
        return [surfels.draw(view, backend=backend) for view in views]


def picture_error(surfels: SurfelTensors, views: Sequence[View], *, backend: Backend) -> float:
    """Sum over pixels of the difference of blurred colours and silhouettes, 0..4 each pixel."""
    total = 0.0
    for view, picture in zip(views, drawn(surfels, views, backend=backend), strict=True):
        wrong = torch.cat([picture.features - view.rgb, (picture.alpha - view.mask)[..., None]], -1)
        total += float(np.abs(cv2.GaussianBlur(wrong.cpu().numpy(), (0, 0), BLUR_PX)).sum())
    return total
