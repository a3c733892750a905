"""Masks for frames that came without: against a plain background, or out of a place."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from reel2sim.reconstruction.foreground import Box, find_masks
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import NoSubjectError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Frame, Reel

_PLAIN = 10.0
"""Largest typical deviation of the border from its median colour that counts as plain, 0..255."""
_DIFFERENT = 18.0
"""Deviation from the background colour from which a pixel is the object, 0..255."""


def with_masks(
    reel: Reel,
    *,
    bounds: Box | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> Reel:
    """The reel with a mask on every frame.

    Masks that are there are kept. If the pictures without have borders of one colour, what
    differs from it is the object. Else the object is told from the place it stands in by
    :func:`~reel2sim.reconstruction.foreground.find_masks`, which needs cameras and views at
    rest from around it.

    Args:
        reel: any reel; cameras are needed only where a background is not plain.
        bounds: box that holds the object through its motion, if known.
        checkpoints: where masks that take long to find are kept.
        progress: told of fractions of the search; may cancel.

    Raises:
        NoSubjectError: if no object can be told from the background.
        ReconstructionError: if the background is not plain and a camera is missing.
    """
    bare = [frame for frame in reel.frames if frame.mask is None]
    if all(_plain(frame) for frame in bare):
        masks = [_against_border(f) if f.mask is None else f.mask for f in reel.frames]
    else:
        parts = checkpoints.within("masks")
        masks = checkpoints.step(
            "masks", lambda: find_masks(reel, bounds=bounds, checkpoints=parts, progress=progress)
        )
    frames = tuple(replace(f, mask=mask) for f, mask in zip(reel.frames, masks, strict=True))
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


def _plain(frame: Frame) -> bool:
    """Whether most of the picture's border is close to its median colour."""
    border = _border(_smooth(frame))
    deviation = np.abs(border - np.median(border, axis=0)).max(1)
    return bool(np.quantile(deviation, 0.7) <= _PLAIN)


def _smooth(frame: Frame) -> Array:
    return cv2.GaussianBlur(frame.image, (3, 3), 0).astype(np.float32)


def _border(image: Array) -> Array:
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _against_border(frame: Frame) -> Array:
    """Mask ``(h, w)`` uint8 of what differs from the border's colour."""
    image = _smooth(frame)
    background = np.median(_border(image), axis=0)
    different = (np.abs(image - background).max(2) > _DIFFERENT).astype(np.uint8)
    closed = cv2.morphologyEx(different, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return np.zeros(closed.shape, np.uint8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= max(8, 0.02 * areas.max()))
    return np.where(np.isin(labels, kept), 255, 0).astype(np.uint8)
