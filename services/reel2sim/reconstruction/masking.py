"""Masks for frames that came without: the object against a plain background."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import NoSubjectError
from reel2sim.scene.reel import Frame, Reel

_PLAIN = 10.0
"""Largest typical deviation of the border from its median colour that counts as plain, 0..255."""
_DIFFERENT = 18.0
"""Deviation from the background colour from which a pixel is the object, 0..255."""


def with_masks(reel: Reel) -> Reel:
    """The reel with a mask on every frame.

    Masks that are there are kept. The others are found by difference from the colour of the
    picture's border, which must be plain.

    Raises:
        NoSubjectError: if a border is not plain, or no object remains.
    """
    frames = tuple(
        frame if frame.mask is not None else replace(frame, mask=_against_border(frame, reel))
        for frame in reel.frames
    )
    shares = np.array([(f.mask > 127).mean() for f in frames if f.mask is not None])
    where = reel.source or "reel"
    if shares.max() < 1e-5:
        raise NoSubjectError(
            "every mask is empty", source=where, remedy="give masks that are 255 on the object"
        )
    if np.median(shares) > 0.98:
        raise NoSubjectError(
            "the masks cover the whole picture",
            source=where,
            remedy="give masks, alpha, or a plain background",
        )
    return replace(reel, frames=frames)


def _against_border(frame: Frame, reel: Reel) -> Array:
    """Mask ``(h, w)`` uint8 of what differs from the border's colour."""
    image = cv2.GaussianBlur(frame.image, (3, 3), 0).astype(np.float32)
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    background = np.median(border, axis=0)
    deviation = np.abs(border - background).max(1)
    if np.quantile(deviation, 0.7) > _PLAIN:
        raise NoSubjectError(
            "has no mask, and its background is not one colour",
            source=frame.name or reel.source or f"frame at {frame.time_s:g} s",
            field="mask",
            remedy="give masks or images with alpha",
        )
    different = (np.abs(image - background).max(2) > _DIFFERENT).astype(np.uint8)
    closed = cv2.morphologyEx(different, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return np.zeros(closed.shape, np.uint8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= max(8, 0.02 * areas.max()))
    return np.where(np.isin(labels, kept), 255, 0).astype(np.uint8)
