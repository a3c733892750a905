"""``preview.mp4``: input, reconstruction and parts side by side."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np

from reel2sim.exporters.media import BundleMedia
from reel2sim.scene.arrays import Array


def side_by_side(media: BundleMedia) -> Array:
    """Frames ``(k, h, 3w, 3)`` uint8: input | reconstruction | parts; odd sizes lose a pixel."""
    rows = np.concatenate([media.input_frames, media.reconstructed, media.parts], axis=2)
    height, width = (size - size % 2 for size in rows.shape[1:3])
    return rows[:, :height, :width]


def write_preview(media: BundleMedia, path: Path) -> None:
    """Encode :func:`side_by_side` as H.264 that browsers play, the same bytes every time."""
    import av
    from av.video.stream import VideoStream

    frames = side_by_side(media)
    rate = Fraction(media.fps).limit_denominator(1000)
    # One thread and no encoder banner: the same frames must give the same bytes.
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = cast("VideoStream", container.add_stream("libx264", rate=rate))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "medium", "threads": "1", "flags": "+bitexact"}
        for image in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
