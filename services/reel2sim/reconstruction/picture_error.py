"""How far a drawn model is from the pictures, forgiving shifts of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from reel2sim.reconstruction.rasterize import Backend, RasterOutput
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array

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
        total += float(np.abs(softened(wrong(picture, view))).sum())
    return total


def wrong(picture: RasterOutput, view: View) -> Array:
    """Colour and coverage that a drawing has too much ``(h, w, 4)``."""
    tint, cover = picture.features - view.rgb, picture.alpha - view.mask
    return torch.cat([tint, cover[..., None]], -1).detach().cpu().numpy()


def softened(image: Array) -> Array:
    """A picture ``(h, w)`` or ``(h, w, c)`` as errors are seen."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), BLUR_PX))


def telling_first(instants: Array) -> Array:
    """Instants ``(t,)``, some from all over the motion first.

    Most trials are hopeless, and soon seen to be.
    """
    some = instants[::-3]
    return np.concatenate([some, np.setdiff1d(instants, some)])
