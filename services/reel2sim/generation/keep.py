"""Generated reels as files that the rest of the chain reads: captures, and clips."""

from __future__ import annotations

import tarfile
from pathlib import Path

from reel2sim.generation.clips import clip_of_reel, is_clip
from reel2sim.media import load_reel, load_video, write_capture
from reel2sim.media.lossless import write_lossless
from reel2sim.scene.errors import CameraError
from reel2sim.scene.reel import Reel
from reel2sim.transport.archive import unpack

CLIP_SUFFIX = ".mp4"
_MOST_FRAMES = 20_000


def write_reel(reel: Reel, stem: Path) -> Path:
    """Write a reel without loss; the capture folder ``stem``, or the video file beside its name.

    Raises:
        CameraError: if some of its frames have cameras and some do not, or it has no cameras and
            several streams.
        ConflictError: if a folder is there and not empty.
    """
    if reel.calibrated:
        write_capture(reel, stem)
        return stem
    if not is_clip(reel):
        raise CameraError("has frames without cameras in several streams", source=reel.source)
    frames, fps = clip_of_reel(reel)
    path = stem.with_name(stem.name + CLIP_SUFFIX)
    write_lossless(path, list(frames), fps)
    return path


def read_reel(path: Path) -> Reel:
    """Read what :func:`write_reel` wrote; all of it, however long."""
    return load_reel(path) if path.is_dir() else load_video(path, max_frames=_MOST_FRAMES)


def read_packed(packed: Path) -> Reel:
    """As :func:`read_reel`, of a file that is the clip or a tar of the folder."""
    if tarfile.is_tarfile(packed):
        folder = packed.with_name("capture")
        unpack(packed, folder)
        return load_reel(folder)
    clip = packed.with_name(f"clip{CLIP_SUFFIX}")
    packed.rename(clip)
    return read_reel(clip)
