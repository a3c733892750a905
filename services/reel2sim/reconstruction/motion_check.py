"""Does anything move? Asked before hours are spent, answered from pictures alone where possible."""

from __future__ import annotations

import cv2
import numpy as np

from reel2sim.reconstruction.bounds import camera_of, mask_of
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import NoMotionError
from reel2sim.scene.reel import Frame, Reel

_CHANGE = 0.06
"""Change of a locally averaged colour, 0..1, that noise and compression do not reach."""


def no_motion(reel: Reel) -> NoMotionError:
    """The error for a reel in which nothing moves."""
    return NoMotionError(
        "nothing moves in any frame",
        source=reel.source or "reel",
        remedy="give a reel in which at least one part moves",
    )


def motion_seen(reel: Reel) -> bool | None:
    """Compare pictures that one camera pose took at different times.

    Args:
        reel: calibrated and masked.

    Returns:
        True if some differ; False if every moving instant was compared by each of its cameras
        and none differs; None if poses repeat too little to tell.

    Raises:
        NoMotionError: if all frames share one instant.
    """
    if len(reel.times_s) < 2:
        raise NoMotionError(
            "all frames share one time",
            source=reel.source or "reel",
            field="time",
            remedy="give each instant its own time in seconds",
        )
    groups: dict[tuple[float, ...], list[Frame]] = {}
    for frame in reel.frames:
        groups.setdefault(_pose_key(frame), []).append(frame)
    alone = 0
    for frames in groups.values():
        frames.sort(key=lambda f: f.time_s)
        if frames[0].time_s == frames[-1].time_s:
            alone += frames[0].time_s != reel.times_s[0]
            continue
        first = _masked(frames[0])
        if any(changed_pixels(_masked(f), first) > _few(first) for f in frames[1:]):
            return True
    return None if alone else False


def changed_pixels(a: Array, b: Array) -> int:
    """Number of pixels whose 3×3 mean colour differs between two float images ``(h, w, c)``."""
    difference = cv2.blur(np.abs(cv2.blur(a, (3, 3)) - cv2.blur(b, (3, 3))), (3, 3))
    return int((difference.max(-1) > _CHANGE).sum())


def residual(drawn: Array, wanted: Array) -> tuple[float, float]:
    """Errors that 2% and 0.5% of the object's pixels exceed, 0..1.

    Args:
        drawn: colour and alpha of a model ``(h, w, 4)`` float32, 0..1.
        wanted: colour on black and mask, likewise.
    """
    # Blurred, so that texture finer than the surfels does not count.
    soft = [cv2.GaussianBlur(x.astype(np.float32), (0, 0), 1.5) for x in (drawn, wanted)]
    error = np.abs(soft[0] - soft[1]).max(-1)[(drawn[..., 3] > 0.5) | (wanted[..., 3] > 0.5)]
    if not len(error):
        return 0.0, 0.0
    common, rare = np.quantile(error, [0.98, 0.995])
    return float(common), float(rare)


def residual_shows_motion(
    static: list[tuple[float, float]], moving: list[tuple[float, float]]
) -> bool:
    """Whether a model of time zero explains some other frame worse than it does its own.

    Args:
        static: :func:`residual` of the model in frames at time zero.
        moving: the same in frames at other times.
    """
    usual = np.max(np.reshape(static, (-1, 2)), axis=0, initial=0.0)
    worst = np.max(np.reshape(moving, (-1, 2)), axis=0, initial=0.0)
    return bool((worst > 1.15 * usual + 0.02).any())


def _few(image: Array) -> int:
    """Changed pixels that may be chance."""
    return max(2, round(3e-5 * image.shape[0] * image.shape[1]))


def _masked(frame: Frame) -> Array:
    """Colour on black and mask ``(h, w, 4)`` float32 0..1."""
    mask = mask_of(frame).astype(np.float32)[..., None] / 255
    return np.concatenate([frame.image.astype(np.float32) / 255 * mask, mask], -1)


def _pose_key(frame: Frame) -> tuple[float, ...]:
    camera = camera_of(frame)
    T = camera.T_world_camera
    scale = max(float(np.abs(T[:3, 3]).max()), 1e-9)
    rotation = np.round(T[:3, :3].ravel(), 4)
    position = np.round(T[:3, 3] / scale, 4) * scale
    lens = np.round([camera.fx, camera.fy, camera.cx, camera.cy], 2)
    return (*map(float, rotation + 0.0), *map(float, position + 0.0), *map(float, lens))
