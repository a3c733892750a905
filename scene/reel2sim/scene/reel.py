"""What every reconstruction starts from: frames with times, and cameras where they are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError, TooFewFramesError


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        image: ``(h, w, 3)`` uint8 sRGB. Where a mask came as alpha, colour is not premultiplied.
        time_s: seconds since the first frame of the reel.
        camera: where it was taken from, or None if unknown.
        mask: ``(h, w)`` uint8, 255 on the object, or None if unknown.
        stream: name of the camera stream it belongs to: consecutive frames of one stream are
            close in viewpoint, so points can be tracked along it.
        name: file it came from, relative to the source, for messages and reports.
    """

    image: Array
    time_s: float
    camera: Camera | None = None
    mask: Array | None = None
    stream: str = "main"
    name: str = ""

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        image = checked("Frame.image", self.image, ("h", "w", 3), dtype=np.uint8, sizes=sizes)
        mask = self.mask
        if mask is not None:
            mask = checked("Frame.mask", mask, ("h", "w"), dtype=np.uint8, sizes=sizes)
        if not np.isfinite(self.time_s):
            raise InputError("time is not finite", source=self.name or "Frame", field="time_s")
        camera = self.camera
        if camera is not None and (camera.width, camera.height) != (sizes["w"], sizes["h"]):
            raise InputError(
                f"image is {sizes['w']}×{sizes['h']}, its camera {camera.width}×{camera.height}",
                source=self.name or "Frame",
            )
        assign(self, image=image, mask=mask, time_s=float(self.time_s))


@dataclass(frozen=True, eq=False)
class Reel:
    """Frames of one subject, ordered by stream, then time.

    Frames that share a time are simultaneous views of the same state. Time zero is the first
    instant; the subject's shape at that instant is the canonical one.

    Attributes:
        frames: all frames; at least two.
        source: where they came from, for messages and the manifest.
        digest: sha256 of the input bytes, hex, or "" if made in memory.
        prompt: text it was generated from, or "".
    """

    frames: tuple[Frame, ...]
    source: str = ""
    digest: str = ""
    prompt: str = ""

    def __post_init__(self) -> None:
        if len(self.frames) < 2:
            raise TooFewFramesError(
                f"has {len(self.frames)} frame(s); motion needs at least 2",
                source=self.source or "reel",
                remedy="give a video or a capture of the moving subject",
            )

    @property
    def times_s(self) -> Array:
        """Distinct frame times in ascending order ``(t,)``, seconds."""
        return np.unique(np.array([frame.time_s for frame in self.frames]))

    @property
    def calibrated(self) -> bool:
        """Whether every frame has a camera."""
        return all(frame.camera is not None for frame in self.frames)

    @property
    def masked(self) -> bool:
        """Whether every frame has a mask."""
        return all(frame.mask is not None for frame in self.frames)

    @property
    def streams(self) -> dict[str, tuple[Frame, ...]]:
        """Frames of each stream in time order."""
        found: dict[str, list[Frame]] = {}
        for frame in self.frames:
            found.setdefault(frame.stream, []).append(frame)
        return {
            name: tuple(sorted(frames, key=lambda frame: frame.time_s))
            for name, frames in found.items()
        }

    def at_time(self, time_s: float) -> tuple[Frame, ...]:
        """All simultaneous views at ``time_s`` (exact match)."""
        return tuple(frame for frame in self.frames if frame.time_s == time_s)
