"""Clips out without loss: what is read back are the same pixels and times."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError


def write_lossless(path: Path, frames: Sequence[Array], fps: float) -> None:
    """Write frames as H.264 in RGB without loss, in MP4; the same frames give the same bytes.

    The file is for reading back: FFmpeg, VLC and mpv play it, many browsers do not. It appears
    whole or not at all.

    Args:
        path: the MP4 file; its folder must exist.
        frames: each ``(h, w, 3)`` uint8 sRGB.
        fps: frames a second.

    Raises:
        InputError: if there are no frames, they differ in shape, or ``fps`` is not positive.
    """
    import av

    if not (np.isfinite(fps) and fps > 0):
        raise InputError(f"must be positive, got {fps}", source=path, field="fps")
    if not len(frames):
        raise InputError("has no frames to write", source=path)
    shape = frames[0].shape
    partial = path.with_name(f".{path.stem}.{os.getpid()}.part.mp4")
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    encoder = {
        "crf": "0",
        "preset": "medium",
        "threads": "1",
        "x264-params": "cpu-independent=1",
        "flags": "+bitexact",
    }
    try:
        with av.open(str(partial), "w", format="mp4", options=options) as container:
            rate = Fraction(fps).limit_denominator(60_000)
            stream: Any = container.add_stream("libx264rgb", rate=rate, options=encoder)
            stream.height, stream.width = shape[:2]
            stream.pix_fmt = "rgb24"
            for k, frame in enumerate(frames):
                if frame.shape != shape or frame.dtype != np.uint8:
                    raise InputError(
                        f"frame {k} is {frame.dtype} {frame.shape}, the first uint8 {shape}",
                        source=path,
                    )
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
