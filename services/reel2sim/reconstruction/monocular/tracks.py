"""Point tracks of a clip from its first frame, in pixels of that frame's (still) camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from reel2sim.reconstruction.monocular.subject import plain_background
from reel2sim.scene import Frame
from reel2sim.scene.arrays import Array

_LK: dict[str, Any] = {
    "winSize": (21, 21),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.01),
    "minEigThreshold": 1e-4,
}
_MAX_POINTS = 2500
_CYCLE_PX = 0.8
_STILL_PX = 2.0
"""Median displacement under which the camera counts as standing still, pixels."""


@dataclass(frozen=True, eq=False)
class ClipTracks:
    """Tracks of ``n`` points of the first frame over ``t`` frames.

    Attributes:
        pixels: ``(n, t, 2)``, in the first frame's view after stabilisation.
        seen: ``(n, t)``.
        skin: share of its frames in which the point has the colour of skin ``(n,)``.
        still_camera: whether the camera stood still.
        to_first: homography from each frame to the first ``(t, 3, 3)``.
    """

    pixels: Array
    seen: Array
    skin: Array
    still_camera: bool
    to_first: Array

    @property
    def travel(self) -> Array:
        """90th percentile of each track's distance from where it began ``(n,)``, pixels."""
        away = np.linalg.norm(self.pixels - self.pixels[:, :1], axis=-1)
        away = np.where(self.seen, away, np.nan)
        return np.nan_to_num(np.nanpercentile(away, 90, axis=1))


def follow(frames: tuple[Frame, ...]) -> ClipTracks:
    """Track corners of the first frame and take out the motion of the camera.

    A moving camera is undone by a homography a frame, fitted to what most tracks do; with a deep
    scene that is only approximate.
    """
    images = [_flattened(frame.image) for frame in frames]
    start: Any = cv2.goodFeaturesToTrack(images[0], _MAX_POINTS, 0.002, 4, blockSize=5)
    if start is None:
        start = np.zeros((0, 1, 2), np.float32)
    pixels, seen = _chain(images, start[:, 0])
    skin = _skin_share(frames, pixels, seen)
    moved = np.linalg.norm(pixels - pixels[:, :1], axis=-1)
    medians = [np.median(moved[seen[:, t], t]) for t in range(len(frames)) if seen[:, t].sum() > 20]
    # A plain backdrop that stays plain gives the camera nothing to move against.
    plain = all(plain_background(frames[k].image) is not None for k in (0, len(frames) // 2, -1))
    still = plain or max(medians, default=0.0) < _STILL_PX
    H = np.tile(np.eye(3), (len(frames), 1, 1))
    if not still:
        H = _homographies(pixels, seen)
        pixels = np.stack([_mapped(H[t], pixels[:, t]) for t in range(len(frames))], axis=1)
    return ClipTracks(pixels + 0.5, seen, skin, still, H)


def _flattened(image: Array) -> Array:
    """Grey with local mean and contrast removed: exposure and shadows count less."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    off = grey - cv2.GaussianBlur(grey, (0, 0), 8)
    contrast = np.sqrt(cv2.GaussianBlur(off * off, (0, 0), 8))
    return np.clip(128 + 45 * off / (contrast + 6), 0, 255).astype(np.uint8)


def _chain(images: list[Array], start: Array) -> tuple[Array, Array]:
    n, t = len(start), len(images)
    h, w = images[0].shape
    pixels = np.repeat(start[:, None].astype(np.float64), t, axis=1)
    seen = np.zeros((n, t), bool)
    seen[:, 0] = True
    live = np.arange(n)
    for i in range(1, t):
        if len(live) == 0:
            break
        before = pixels[live, i - 1].astype(np.float32)[:, None]
        unset = np.empty_like(before)
        there, ok, _ = cv2.calcOpticalFlowPyrLK(images[i - 1], images[i], before, unset, **_LK)
        unset = np.empty_like(before)
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(images[i], images[i - 1], there, unset, **_LK)
        cycle = np.linalg.norm(back[:, 0] - before[:, 0], axis=1)
        good = (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & (cycle < _CYCLE_PX)
        good &= (there[:, 0] > 3).all(axis=1) & (there[:, 0] < [w - 4, h - 4]).all(axis=1)
        live = live[good]
        pixels[live, i:] = there[good]
        seen[live, i] = True
    return pixels, seen


def _skin_share(frames: tuple[Frame, ...], pixels: Array, seen: Array) -> Array:
    """Hands move things and move with them; most skin lies in a narrow band of chroma."""
    hits = np.zeros(len(pixels))
    for t, frame in enumerate(frames):
        ycc = cv2.cvtColor(cv2.GaussianBlur(frame.image, (0, 0), 1.5), cv2.COLOR_RGB2YCrCb)
        y, cr, cb = (ycc[..., k] for k in range(3))
        skin = (cr > 135) & (cr < 180) & (cb > 80) & (cb < 130) & (y > 50)
        at = np.nonzero(seen[:, t])[0]
        x = pixels[at, t].astype(int)
        hits[at] += skin[x[:, 1], x[:, 0]]
    return hits / np.maximum(seen.sum(axis=1), 1)


def _homographies(pixels: Array, seen: Array) -> Array:
    """Map of each frame to the first that most tracks agree with ``(t, 3, 3)``."""
    t = pixels.shape[1]
    H = np.tile(np.eye(3), (t, 1, 1))
    for i in range(1, t):
        at = seen[:, i]
        found = None
        if at.sum() >= 12:
            found, _ = cv2.findHomography(pixels[at, i], pixels[at, 0], cv2.USAC_MAGSAC, 1.5)
        H[i] = H[i - 1] if found is None else found
    return H


def _mapped(H: Array, points: Array) -> Array:
    lifted = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ H.T
    return lifted[:, :2] / lifted[:, 2:]
