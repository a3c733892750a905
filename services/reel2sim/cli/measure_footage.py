"""What a clip of a bench is made of: a video, pictures, or openings of videos cut together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.digest import digest_config, digest_file, digest_tree
from reel2sim.scene.errors import UsageError

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_MADE = "clip.mp4"


@dataclass(frozen=True)
class Video:
    """A file as it is."""

    path: Path

    @property
    def digest(self) -> str:
        """sha256 of what is shown."""
        return digest_file(self.path)

    def ready(self, folder: Path) -> Path:
        """The file that shows it; ``folder`` is left alone."""
        return self.path


@dataclass(frozen=True)
class Pictures:
    """A folder of pictures in the order of their names, on white where they are transparent.

    Attributes:
        folder: holds them.
        fps: of the clip.
    """

    folder: Path
    fps: float

    @property
    def digest(self) -> str:
        """sha256 of what is shown."""
        return digest_config("pictures", digest_tree(self.folder), self.fps)

    def ready(self, folder: Path) -> Path:
        """Write the clip into ``folder``; the file.

        Raises:
            UsageError: if there are no pictures.
        """
        paths = sorted(p for p in self.folder.iterdir() if p.suffix.lower() in _PICTURES)
        if not paths:
            raise UsageError("holds no pictures", source=self.folder)
        return _written([_on_white(path) for path in paths], self.fps, folder)


@dataclass(frozen=True)
class Cut:
    """The openings of several videos, one after another, in the size of the first.

    Attributes:
        paths: the videos.
        seconds: shown of each.
    """

    paths: tuple[Path, ...]
    seconds: float

    @property
    def digest(self) -> str:
        """sha256 of what is shown."""
        return digest_config("cut", [digest_file(path) for path in self.paths], self.seconds)

    def ready(self, folder: Path) -> Path:
        """Write the clip into ``folder``; the file.

        Raises:
            UsageError: if a video cannot be read.
        """
        openings = [_opening(path, self.seconds) for path in self.paths]
        frames = [frame for opening, _ in openings for frame in opening]
        return _written(frames, openings[0][1], folder)


Footage: TypeAlias = Video | Pictures | Cut


def _opening(path: Path, seconds: float) -> tuple[list[Array], float]:
    """The first frames of a video, and how many it shows a second."""
    import av
    from av.error import FFmpegError

    frames: list[Array] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            for frame in container.decode(stream):
                if len(frames) >= seconds * rate:
                    break
                frames.append(frame.to_ndarray(format="rgb24"))
    except (FFmpegError, IndexError) as cause:
        raise UsageError(f"is not a video that can be cut: {cause}", source=path) from cause
    if not frames:
        raise UsageError("has no frames, or does not say how many a second", source=path)
    return frames, rate


def _on_white(path: Path) -> Array:
    from PIL import Image

    with Image.open(path) as picture:
        rgba = np.asarray(picture.convert("RGBA")).astype(np.float32)
    alpha = rgba[..., 3:] / 255.0
    return (rgba[..., :3] * alpha + 255.0 * (1.0 - alpha) + 0.5).astype(np.uint8)


def _written(frames: Sequence[Array], fps: float, folder: Path) -> Path:
    import cv2

    from reel2sim.media import write_video

    height, width = frames[0].shape[:2]
    same = [cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in frames]
    folder.mkdir(parents=True, exist_ok=True)
    write_video(folder / _MADE, same, fps)
    return folder / _MADE
