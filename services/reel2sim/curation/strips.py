"""What the figures look at: a stream's frames, small, over black, and how they move on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from reel2sim.generation.classical import flow, warped
from reel2sim.media.images import shrink
from reel2sim.scene.arrays import Array
from reel2sim.scene.reel import Frame, Reel

LOOK_PX = 128
"""Longer side at which pictures are looked at."""
_MOST = 33
"""Frames of a stream that are looked at, an even selection."""
_GRID = 4
"""Every so many pixels the flow is read, along each side."""
_AGREES_PX = 1.0


@dataclass(frozen=True, eq=False)
class Strip:
    """One stream.

    Attributes:
        frames: those looked at, in time order ``t``.
        rgba: their pictures, small, with straight alpha ``(t, h, w, 4)`` uint8; opaque where the
            reel has no masks.
        masked: whether it has.
        circles: whether its cameras are known and differ.
    """

    frames: tuple[Frame, ...]
    rgba: Array
    masked: bool
    circles: bool

    @property
    def over_black(self) -> Array:
        """``(t, h, w, 3)`` uint8."""
        alpha = self.rgba[..., 3:].astype(np.float32) / 255.0
        return np.rint(self.rgba[..., :3] * alpha).astype(np.uint8)

    @property
    def greys(self) -> list[Array]:
        """``t`` pictures ``(h, w)`` uint8."""
        return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in self.over_black]


def strips(reel: Reel) -> tuple[Strip, ...]:
    """The streams of a reel that show more than one instant."""
    found = [list(frames) for frames in reel.streams.values()]
    return tuple(_strip(frames) for frames in found if len({f.time_s for f in frames}) > 1)


def small(frame: Frame) -> Array:
    """A frame's picture with its mask as alpha, small: ``(h, w, 4)`` uint8."""
    image, mask = shrink(frame.image, frame.mask, LOOK_PX)
    opaque = np.full(image.shape[:2], 255, np.uint8) if mask is None else mask
    return np.dstack([image, opaque])


def _strip(frames: Sequence[Frame]) -> Strip:
    frames = sorted(frames, key=lambda frame: frame.time_s)
    picks = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _MOST)).round().astype(int))
    kept = tuple(frames[k] for k in picks)
    poses = [frame.camera.T_world_camera for frame in kept if frame.camera is not None]
    circles = len(poses) == len(kept) and any((p != poses[0]).any() for p in poses)
    masked = all(frame.mask is not None for frame in kept)
    return Strip(kept, np.stack([small(frame) for frame in kept]), masked, circles)


def flows(strip: Strip) -> tuple[list[Array], list[Array]]:
    """From each frame back to the one before, and where that can be believed.

    Brightness counts little: each picture is divided by its mean where it shows something.

    Returns:
        ``t − 1`` flows ``(h, w, 2)``, pixels, and masks ``(h, w)`` of where the flow forth undoes
        the flow back.
    """
    even = [_even(grey) for grey in strip.greys]
    back = [flow(b, a) for a, b in pairwise(even)]
    forth = [flow(a, b) for a, b in pairwise(even)]
    sure = [
        np.linalg.norm(b + warped(f, b), axis=-1) < _AGREES_PX
        for b, f in zip(back, forth, strict=True)
    ]
    return back, sure


def camera_steps(strip: Strip, moves: Sequence[Array]) -> Array:
    """How the picture as a whole goes on, ``(t − 1, 2, 3)``: similarities from each to the last.

    Most of what is seen decides; parts that move on their own are outliers.
    """
    h, w = strip.rgba.shape[1:3]
    ys, xs = np.mgrid[_GRID // 2 : h : _GRID, _GRID // 2 : w : _GRID]
    at = np.stack([xs.ravel(), ys.ravel()], axis=1)
    found: list[Array] = []
    for k, move in enumerate(moves, start=1):
        shown = strip.rgba[k, at[:, 1], at[:, 0], 3] > 127
        here = at[shown].astype(np.float32)
        there = here + move[at[shown, 1], at[shown, 0]]
        step = None
        if len(here) >= 8:
            cv2.setRNGSeed(0)
            step, _ = cv2.estimateAffinePartial2D(
                here, there, method=cv2.RANSAC, ransacReprojThreshold=_AGREES_PX
            )
        found.append(np.eye(2, 3) if step is None else step)
    return np.stack(found)


def _even(grey: Array) -> Array:
    shown = grey > 0
    level = float(grey[shown].mean()) if shown.any() else 1.0
    return np.clip(grey * (110.0 / max(level, 1.0)), 0, 255).astype(np.uint8)
