"""How much each pixel speaks for the object: log odds from depth and from surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from reel2sim.reconstruction.foreground.backdrop import Expected
from reel2sim.reconstruction.foreground.region import Region
from reel2sim.reconstruction.foreground.sweep import Peaks, Picture, correlation, on_plane
from reel2sim.scene.arrays import Array

IMPOSSIBLE = -6.0
"""Log odds of a pixel whose ray misses the region."""
_DEPTH = 8.0
"""Log odds per unit of correlation."""
_GUESS, _LUCK, _SURE = 0.4, 0.65, 0.9
"""Correlations below which a likeness says nothing, behind the region and in it, and from which
it is believed."""
_CLOSE = 0.1
_DOUBT = 0.6
"""Log odds against the object before anything is known."""
_LEAST_NOISE = 2.0
_FADE = 4.0
"""Colour difference, 0..255, that is never telling."""
_CHANGE = 2.0
_PATTERN = 1.5
_FEW = 12.0
"""Doubt, 0..255, in what one view saw; shared by those that saw the same."""
_BEFORE = 2.5
_STEADY = 4.0
"""Change, in units of noise, up to which a pixel shows what it showed before."""
_DOUBTFUL = 8.0
"""Disagreement of the surroundings' views, 0..255, that halves what their pattern tells."""
_SHADOW = 0.45
"""Share of its light that the surroundings keep in a shadow."""


def from_depth(
    picture: Picture, peaks: Peaks, neighbours: Sequence[Picture], region: Region
) -> Array:
    """Log odds ``(h, w)`` that what is seen lies in the region and not behind it.

    The best depth in the region competes with the best behind it and with the support itself.
    Depths about the support's count for the object too, with a handicap: what really lies on the
    support looks even more like it than like anything so near.
    """
    near, far = region.span(picture.camera)
    _, below = replace(region, clearance_m=-region.clearance_m).span(picture.camera)
    inside = (peaks.depth > near) & (peaks.depth < below)
    handicap = np.where(peaks.depth < far, 0.0, _CLOSE)
    front = np.where(inside, peaks.score - handicap, 0.0).max(0)
    back = np.where(inside, 0.0, peaks.score).max(0)
    if region.support is not None:
        back = np.maximum(back, on_plane(picture, neighbours, region.support))
    # The best of many depths is a fair likeness by chance, that with one support is not.
    belief = np.where(
        front > back,
        np.clip((front - _LUCK) / (_SURE - _LUCK), 0.0, 1.0),
        np.clip((back - _GUESS) / (_SURE - _GUESS), 0.0, 1.0),
    )
    return _DEPTH * (front - back) * belief - _DOUBT


def from_surroundings(picture: Picture, expected: Expected, *, empty: Array) -> Array:
    """Log odds ``(h, w)`` that the object hides what is behind it; 0 where that is unknown.

    Args:
        picture: what was seen.
        expected: what would be seen without the object.
        empty: pixels that cannot show the object ``(h, w)`` bool; exposure and noise are
            measured there.
    """
    known = expected.views > 0
    color, noise = expected.color, 3 * _LEAST_NOISE
    measured = empty & known
    if measured.sum() > 200:
        total = color[measured].sum(0)
        color = color * np.clip(picture.color[measured].sum(0) / np.maximum(total, 1), 0.5, 2.0)
        error = np.abs(picture.color - color).max(-1)[measured]
        noise = max(1.48 * float(np.median(error)), _LEAST_NOISE)
    # Prediction may be off by a pixel: what lies between its neighbours' colours is no surprise.
    kernel = np.ones((3, 3), np.uint8)
    above = picture.color - cv2.dilate(color, kernel)
    below = cv2.erode(color, kernel) - picture.color
    # Where surroundings are predicted badly, they are so all about; and few witnesses agree
    # easily.
    doubt = cv2.blur(expected.doubt, (7, 7)) + _FEW / np.maximum(expected.views, 1)
    away = np.maximum(np.maximum(above, below), 0).max(-1) / (noise + doubt + _FADE)
    grey = cv2.cvtColor(color.astype(np.float32), cv2.COLOR_RGB2GRAY)
    alike = correlation(picture.grey, grey)
    # Beside the object a window holds some of it; the best of those that hold the pixel does not.
    aside = cv2.dilate(alike, np.ones((5, 5), np.uint8))
    # A shadow that comes or goes changes the light and leaves the pattern.
    light = cv2.blur(picture.grey + 1, (3, 3)) / cv2.blur(grey + 1, (3, 3))
    lit = np.clip((alike - 0.4) / 0.4, 0.0, 1.0) * ((light > _SHADOW) & (light < 1 / _SHADOW))
    change = _CHANGE * np.clip(away - 1, -1, 3)
    # A colour that is met by chance does not make it the surroundings, nor does a likeness to
    # what is predicted badly.
    vague = doubt / (doubt + _DOUBTFUL)
    same = (1 - vague) * np.clip((aside - 0.2) / 0.4, 0.0, 1.0)
    change = np.where(change > 0, change * (1 - lit), change * same)
    pattern = _PATTERN * (1 - vague) * np.clip((0.5 - aside) / 0.4, -1, 1)
    return np.where(known, change + pattern, 0.0)


def from_before(picture: Picture, before: Picture, mask: Array) -> tuple[Array, Array]:
    """What a picture from the same place at rest tells, whose mask is known.

    Returns:
        Log odds ``(h, w)`` that the object is where it was, 0 where something changed; and
        which pixels did not change ``(h, w)`` bool.
    """
    away = np.abs(cv2.blur(picture.color, (3, 3)) - cv2.blur(before.color, (3, 3))).max(-1)
    noise = max(1.48 * float(np.median(away)), _LEAST_NOISE / 2)
    steady = cv2.erode((away < _STEADY * noise).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(steady, np.where(mask, _BEFORE, -_BEFORE), 0.0), steady
