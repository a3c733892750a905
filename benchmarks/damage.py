"""Damage done to clean reels, by degree: what a score of reels has to notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from reel2sim.scene.reel import Frame, Reel

DEGREES = (0.0, 0.5, 1.0, 2.0)
"""Nothing, a little, much, twice as much."""


def as_clip(reel: Reel, *, level: int = 205) -> Reel:
    """The front of a generated reel as a plain clip: no cameras, no masks, a grey background."""
    frames = [frame for frame in reel.frames if frame.stream == "front"]
    return replace(reel, frames=tuple(_plain(frame, level) for frame in frames))


def _plain(frame: Frame, level: int) -> Frame:
    assert frame.mask is not None
    alpha = frame.mask[..., None] / 255.0
    image = np.rint(frame.image * alpha + level * (1 - alpha)).astype(np.uint8)
    return replace(frame, image=image, mask=None, camera=None, stream="main")


def shaken(reel: Reel, degree: float, seed: int = 0) -> Reel:
    """Every picture moved by up to 3% of its size times ``degree``, each its own way."""
    rng = np.random.default_rng(seed)
    return _each(reel, lambda k, f: _moved(f, 0.03 * degree * rng.uniform(-1, 1, 2)))


def flickering(reel: Reel, degree: float, seed: int = 0) -> Reel:
    """Every picture darker or brighter by up to 20% times ``degree``."""
    rng = np.random.default_rng(seed)

    def lit(k: int, frame: Frame) -> Frame:
        gain = 1.0 + 0.2 * degree * rng.uniform(-1, 1)
        image = np.rint(frame.image * gain).clip(0, 255).astype(np.uint8)
        return replace(frame, image=image)

    return _each(reel, lit)


def cut_off(reel: Reel, degree: float, seed: int = 0) -> Reel:
    """Every picture moved sideways by a quarter of its size times ``degree``, its camera too."""

    def aside(k: int, frame: Frame) -> Frame:
        moved = _moved(frame, np.array([0.25 * degree, 0.0]))
        camera = frame.camera
        if camera is None:
            return moved
        return replace(moved, camera=replace(camera, cx=camera.cx + 0.25 * degree * camera.width))

    return _each(reel, aside)


def disagreeing(reel: Reel, degree: float, seed: int = 0) -> Reel:
    """Cameras of the still views moved against their pictures by up to 4% times ``degree``."""
    rng = np.random.default_rng(seed)
    first = reel.times_s[0]

    def off(k: int, frame: Frame) -> Frame:
        by = 0.04 * degree * rng.uniform(-1, 1, 2)
        return _moved(frame, by) if frame.time_s == first and frame.stream == "static" else frame

    return _each(reel, off)


def frozen(reel: Reel, degree: float, seed: int = 0) -> Reel:
    """Motion slowed: each stream plays only the first ``1 / (1 + 2 · degree)`` of itself."""
    share = 1.0 / (1.0 + 2.0 * degree)
    found: list[Frame] = []
    for frames in reel.streams.values():
        last = len(frames) - 1
        for k, frame in enumerate(frames):
            shown = frames[round(k * share)] if frames[last].time_s > frames[0].time_s else frame
            found.append(replace(shown, time_s=frame.time_s, camera=shown.camera))
    return replace(reel, frames=tuple(found))


DAMAGE: dict[str, Callable[[Reel, float, int], Reel]] = {
    "shake": shaken,
    "flicker": flickering,
    "cut off": cut_off,
    "views disagree": disagreeing,
    "less motion": frozen,
}


def _each(reel: Reel, change: Callable[[int, Frame], Frame]) -> Reel:
    return replace(reel, frames=tuple(change(k, frame) for k, frame in enumerate(reel.frames)))


def _moved(frame: Frame, share: np.ndarray) -> Frame:
    h, w = frame.image.shape[:2]
    T = np.array([[1.0, 0.0, share[0] * w], [0.0, 1.0, share[1] * h]])
    image = cv2.warpAffine(frame.image, T, (w, h), borderMode=cv2.BORDER_REPLICATE)
    mask = None if frame.mask is None else cv2.warpAffine(frame.mask, T, (w, h))
    return replace(frame, image=image, mask=mask)
