"""Which objects are fit for training: those that move enough and stay in the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.pipeline.views import View
from reel2sim.scene.arrays import Array

_TOUCHES = 13
"""Alpha from which a pixel at the border counts as covered: 5%."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the filters look at.

    Attributes:
        motion: magnitude of the motion, 0..1: how much the moving orbit differs from the still one
            where either shows the object, in premultiplied RGBA, mean over the frames.
        overflow: largest share of the surface that is outside of a picture, over all views.
        overflow_views: how many views have the object at their border, or some of it outside.
        cover: smallest share of a picture that the object covers.
    """

    motion: float
    overflow: float
    overflow_views: int
    cover: float


def motion_magnitude(static: Sequence[Array], moving: Sequence[Array]) -> float:
    """As :attr:`Figures.motion`; RGBA ``(h, w, 4)`` uint8, of the same cameras in pairs."""
    found: list[float] = []
    for a, b in zip(static, moving, strict=True):
        either = (a[..., 3] > 0) | (b[..., 3] > 0)
        change = np.abs(_premultiplied(a) - _premultiplied(b)).mean(axis=-1)
        found.append(float(change[either].mean()) if either.any() else 0.0)
    return float(np.mean(found))


def outside(points: Array, view: View) -> float:
    """Share of ``points`` ``(n, 3)`` that a view's picture does not hold."""
    camera = view.camera
    pixels, depth = camera.project(points)
    inside = (depth > 0) & (pixels >= 0).all(axis=1)
    inside &= (pixels[:, 0] <= camera.width) & (pixels[:, 1] <= camera.height)
    return float(1.0 - inside.mean()) if len(points) else 0.0


def at_border(alpha: Array) -> bool:
    """Whether the object touches the edge of a picture of this alpha ``(h, w)`` uint8."""
    edge = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
    return any(bool((side >= _TOUCHES).any()) for side in edge)


def measured(views: Iterable[tuple[Array, float]], *, motion: float) -> Figures:
    """The figures of an object.

    Args:
        views: alpha of each picture ``(h, w)`` uint8 and the share of the surface outside of it.
        motion: its :func:`motion_magnitude`.
    """
    views = list(views)
    return Figures(
        motion=motion,
        overflow=max(share for _, share in views),
        overflow_views=sum(share > 0 or at_border(alpha) for alpha, share in views),
        cover=min(float((alpha > 0).mean()) for alpha, _ in views),
    )


def reasons(figures: Figures, *, least_motion: float, most_overflow: float) -> tuple[str, ...]:
    """Why an object is rejected, a sentence each; none if it is fit.

    Args:
        figures: of the object.
        least_motion: that it must have.
        most_overflow: that it may have.
    """
    found: list[str] = []
    if figures.cover <= 0:
        found.append("some picture shows nothing of it")
    if figures.motion < least_motion:
        found.append(f"motion {figures.motion:.4f} is less than {least_motion:g}")
    if figures.overflow > most_overflow or (figures.overflow_views and not most_overflow):
        found.append(
            f"leaves the picture in {figures.overflow_views} views, "
            f"with up to {figures.overflow:.1%} of its surface"
        )
    return tuple(found)


def _premultiplied(rgba: Array) -> Array:
    straight = rgba.astype(np.float64) / 255.0
    alpha = straight[..., 3:]
    return np.concatenate([straight[..., :3] * alpha, alpha], axis=-1)
