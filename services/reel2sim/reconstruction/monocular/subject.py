"""Which pixels of the first frame are the subject, and which of them each part."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import KDTree

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import NoSubjectError

_UNIFORM = 12.0
_DIFFERS = 18.0
_REACH = 0.25
"""How far a track speaks for pixels, in sides of a square as large as the subject."""


def plain_background(image: Array) -> Array | None:
    """Colour of the image's border if it is uniform ``(3,)``, else None."""
    border = np.concatenate([image[:3], image[-3:]], axis=None).reshape(-1, 3).astype(float)
    sides = np.concatenate([image[:, :3], image[:, -3:]], axis=None).reshape(-1, 3).astype(float)
    pixels = np.concatenate([border, sides])
    color = np.median(pixels, axis=0)
    off = np.abs(pixels - color).max(axis=1)
    return color if np.percentile(off, 95) < _UNIFORM else None


def matte(image: Array, background: Array) -> Array:
    """Mask ``(h, w)`` bool of what differs from a plain background."""
    off = np.abs(image.astype(float) - background).max(axis=-1)
    return _clean((off > _DIFFERS).astype(np.uint8))


def subject_mask(image: Array, moving: Array, axis_pixels: Array, *, source: str) -> Array:
    """Mask ``(h, w)`` bool of the subject in the first frame.

    On a plain background, what differs from it; else a graph cut on colour in a box around the
    moving points and the axis, widened to hold the part they move against.

    Args:
        image: ``(h, w, 3)`` uint8.
        moving: pixels of moving points ``(n, 2)``.
        axis_pixels: points of the joint axes next to them ``(m, 2)``.
        source: for messages.

    Raises:
        NoSubjectError: if nothing is left.
    """
    background = plain_background(image)
    if background is not None:
        mask = matte(image, background)
    else:
        mask = _cut_out(image, moving, axis_pixels)
    if mask.sum() < 64:
        raise NoSubjectError(
            "no subject could be told from the background",
            source=source,
            remedy="film in front of a plain background, or give a capture with masks",
        )
    return mask


def _cut_out(image: Array, moving: Array, axis_pixels: Array) -> Array:
    h, w = image.shape[:2]
    points = np.concatenate([moving, axis_pixels]) if len(axis_pixels) else moving
    if len(points) == 0:
        return np.zeros((h, w), bool)
    low, high = points.min(axis=0), points.max(axis=0)
    grow = 0.45 * (high - low).max()
    x0, y0 = np.clip((low - grow).astype(int), 1, [w - 3, h - 3])
    x1, y1 = np.clip((high + grow).astype(int), [x0 + 1, y0 + 1], [w - 2, h - 2])
    labels = np.full((h, w), cv2.GC_BGD, np.uint8)
    labels[y0:y1, x0:x1] = cv2.GC_PR_BGD
    inner = np.zeros((h, w), np.uint8)
    hull = cv2.convexHull(points.astype(np.float32)).astype(np.int32)
    cv2.fillConvexPoly(inner, hull, 1)
    near = cv2.dilate(inner, np.ones((3, 3), np.uint8), iterations=max(2, int(grow / 4)))
    labels[(near > 0) & (labels == cv2.GC_PR_BGD)] = cv2.GC_PR_FGD
    for x, y in moving.astype(int):
        labels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # the colour models start from k-means
    models = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, labels, (0, 0, 1, 1), *models, 4, cv2.GC_INIT_WITH_MASK)
    return _clean(((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8))


def _clean(mask: Array) -> Array:
    """Close small holes and keep the largest piece."""
    kernel = np.ones((3, 3), np.uint8)
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return np.zeros(mask.shape, bool)
    return labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def part_map(mask: Array, pixels: Array, parts: Array) -> Array:
    """Part of each pixel ``(h, w)``: majority of the nearest tracks; −1 outside the mask.

    What lies far from every track belongs to the part that stands still.

    Args:
        mask: subject ``(h, w)`` bool.
        pixels: of tracks in the first frame ``(n, 2)``.
        parts: part each track follows ``(n,)``, 0 for those that stand still.
    """
    out = np.where(mask, 0, -1).astype(np.int32)
    if not parts.any():
        return out
    y, x = np.nonzero(mask)
    k = min(5, len(pixels))
    distance, index = KDTree(pixels).query(np.stack([x + 0.5, y + 0.5], axis=1), k)
    nearest = parts[np.asarray(index).reshape(len(x), k)]
    votes = np.stack([(nearest == p).sum(axis=1) for p in range(int(parts.max()) + 1)], axis=1)
    near = np.asarray(distance).reshape(len(x), k)[:, 0] < _REACH * np.sqrt(len(x))
    out[y, x] = np.where(near, votes.argmax(axis=1), 0)
    return out
