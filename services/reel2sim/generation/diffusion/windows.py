"""Long clips from a model of short ones: windows that overlap and are blended where they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """How a clip is cut into windows.

    Attributes:
        frames: of the clip.
        window: frames of every window.
        overlap: frames that neighbours share.
        starts: first frame of each window; the last may reach beyond the clip.
    """

    frames: int
    window: int
    overlap: int
    starts: tuple[int, ...]


def allowed(count: int, step: int) -> int:
    """The least number of frames, one plus a multiple of ``step``, that is at least ``count``."""
    return 1 + step * max(1, -(-(count - 1) // step))


def plan(frames: int, *, window: int, overlap: int, step: int) -> Plan:
    """Cut ``frames`` into windows.

    Args:
        frames: wanted.
        window: most frames at a time.
        overlap: of neighbours.
        step: see :func:`allowed`.

    Raises:
        UsageError: if windows would not get on.
    """
    if frames <= window:
        return Plan(frames, allowed(frames, step), overlap, (0,))
    window = allowed(window, step)
    if overlap >= window:
        raise UsageError(
            f"is {overlap}, not less than the window's {window} frames", field="overlap"
        )
    count = 1 + max(0, -(-(frames - window) // (window - overlap)))
    return Plan(frames, window, overlap, tuple(k * (window - overlap) for k in range(count)))


def joined(windows: Sequence[Array], how: Plan) -> Array:
    """Windows ``(window, h, w, 3)`` uint8 as one clip ``(n, h, w, 3)`` uint8, ``n >= frames``.

    Where two overlap, the weight goes over from one to the other evenly; every frame is a convex
    combination of frames of the windows.
    """
    clip = np.zeros((how.starts[-1] + len(windows[-1]), *windows[0].shape[1:]), np.float32)
    fade = (np.arange(1, how.overlap + 1, dtype=np.float32) / (how.overlap + 1))[
        :, None, None, None
    ]
    for k, (start, window) in enumerate(zip(how.starts, windows, strict=True)):
        body = window.astype(np.float32)
        if k:
            shared = slice(start, start + how.overlap)
            clip[shared] = (1 - fade) * clip[shared] + fade * body[: how.overlap]
            clip[start + how.overlap : start + len(body)] = body[how.overlap :]
        else:
            clip[: len(body)] = body
    return np.rint(clip).astype(np.uint8)
