"""The input that a bundle was made from, beside the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reel2sim.scene import Frame, Reel
from reel2sim.scene.arrays import Array

_LONGER_SIDE = 640
"""Of frames in memory, pixels."""


@dataclass(frozen=True, eq=False)
class Footage:
    """Frames of a capture or video.

    Attributes:
        frames: all of them, by stream, then time.
    """

    frames: tuple[Frame, ...]

    @classmethod
    def of(cls, reel: Reel) -> Footage:
        """The frames of ``reel``."""
        return cls(reel.frames)

    @classmethod
    def load(cls, path: Path) -> Footage:
        """Read a capture folder or a video.

        Raises:
            InputError: if it is neither; see :func:`reel2sim.media.load_reel`.
        """
        from reel2sim.media import load_reel

        return cls.of(load_reel(path, max_size=_LONGER_SIDE))

    @property
    def views(self) -> tuple[Frame, ...]:
        """Frames whose cameras are known, or all if none is."""
        known = tuple(frame for frame in self.frames if frame.camera is not None)
        return known or self.frames

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the camera streams, those that saw most instants first."""
        instants: dict[str, set[float]] = {}
        for frame in self.views:
            instants.setdefault(frame.stream, set()).add(frame.time_s)
        return tuple(sorted(instants, key=lambda stream: -len(instants[stream])))

    @property
    def positions(self) -> Array:
        """Where the known cameras stand ``(n, 3)``, metres."""
        found = [frame.camera.position for frame in self.frames if frame.camera is not None]
        return np.array(found).reshape(-1, 3)

    def at(self, time_s: float, stream: str) -> Frame:
        """The frame of a stream that is nearest to ``time_s``; of all streams if none is it."""
        own = [frame for frame in self.views if frame.stream == stream] or list(self.views)
        return min(own, key=lambda frame: abs(frame.time_s - time_s))

    @staticmethod
    def picture(frame: Frame, longer_side: int) -> Array:
        """A small copy of a frame ``(h, w, 3)``, uint8; white around the object if its mask is."""
        image = frame.image
        if frame.mask is not None:
            cover = frame.mask[..., None].astype(np.float32) / 255
            image = (image * cover + 255 * (1 - cover)).astype(np.uint8)
        small = Image.fromarray(image)
        small.thumbnail((longer_side, longer_side))
        return np.asarray(small)
