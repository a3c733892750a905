"""Clips without cameras: arrays of frames, pictures to begin with, and reels of one stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reel2sim.generation.controls import PICTURES, Controls
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.reel import Frame, Reel


def reel_of_clip(frames: Array, *, fps: float, source: str, prompt: str) -> Reel:
    """A reel of one stream without cameras and masks, as a video file gives it.

    Args:
        frames: ``(n, h, w, 3)`` uint8 sRGB.
        fps: frames a second.
        source: who made it.
        prompt: what it was made from.
    """
    return Reel(
        tuple(
            Frame(image=np.ascontiguousarray(image), time_s=k / fps, name=f"{source}#{k}")
            for k, image in enumerate(frames)
        ),
        source=source,
        prompt=prompt,
    )


def clip_of_reel(reel: Reel) -> tuple[Array, float]:
    """Frames ``(n, h, w, 3)`` uint8 of a reel of one stream in time order, and their mean rate."""
    frames = sorted(reel.frames, key=lambda frame: frame.time_s)
    span = frames[-1].time_s - frames[0].time_s
    return np.stack([frame.image for frame in frames]), (len(frames) - 1) / max(span, 1e-9)


def is_clip(reel: Reel) -> bool:
    """Whether it is what a video file is: one stream without cameras."""
    return len(reel.streams) == 1 and all(frame.camera is None for frame in reel.frames)


def check_pictures(controls: Controls) -> None:
    """Refuse pictures that cannot be read, before anything that takes long.

    Raises:
        MediaError: if one is no readable picture; it names the control.
        MediaLimitError: if it is too large.
    """
    from reel2sim.media.images import PictureReader
    from reel2sim.media.limits import DEFAULT_LIMITS

    named = {name: path for name in PICTURES if (path := getattr(controls, name))}
    with PictureReader(DEFAULT_LIMITS) as reader:
        for name, path in named.items():
            try:
                reader.picture(Path(path))
            except InputError as error:
                raise type(error)(
                    error.message, source=path, field=name, remedy=error.remedy
                ) from error


def read_picture(path: str, *, width: int | None, height: int | None) -> Array:
    """A picture file ``(h, w, 3)`` uint8; cut to the shape asked for, then resized to it.

    Raises:
        MediaError: if it is no readable picture.
        MediaLimitError: if it is too large.
    """
    from reel2sim.media.images import PictureReader
    from reel2sim.media.limits import DEFAULT_LIMITS

    with PictureReader(DEFAULT_LIMITS) as reader:
        image = reader.picture(Path(path))[0]
    return image if width is None or height is None else covering(image, width, height)


def covering(image: Array, width: int, height: int) -> Array:
    """The middle of ``image`` ``(h, w, 3)`` in the shape of ``width`` × ``height``, resized."""
    import cv2

    h, w = image.shape[:2]
    scale = max(width / w, height / h)
    cut_w, cut_h = min(w, max(1, round(width / scale))), min(h, max(1, round(height / scale)))
    x, y = (w - cut_w) // 2, (h - cut_h) // 2
    part = image[y : y + cut_h, x : x + cut_w]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(part, (width, height), interpolation=method)
