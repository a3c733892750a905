"""Captures and strokes that a model is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reel2sim.generation.uvit.sample import Sample


def captured(folder: Path, layout: Any) -> Sample:
    """A capture of the model's layout as a sample."""
    import cv2
    import numpy as np

    from reel2sim.generation.uvit.make import pictures
    from reel2sim.generation.uvit.motion import motion_magnitude
    from reel2sim.generation.uvit.sample import Sample
    from reel2sim.media import load_reel

    images, frames = pictures(load_reel(folder), layout)
    size = layout.size
    if images.shape[1:3] != (size, size):
        images = np.stack(
            [cv2.resize(x, (size, size), interpolation=cv2.INTER_AREA) for x in images]
        )
    return Sample(
        images=images,
        cameras=tuple(f.camera.resized(size, size) for f in frames if f.camera is not None),
        times_s=np.array([frame.time_s for frame in frames]),
        tracks=np.zeros((0, layout.front, 2), np.float32),
        prompt="",
        motion=motion_magnitude(images, layout),
    )


def strokes(path: Path) -> Any:
    """Motion-brush strokes ``(k, t, 2)`` of a JSON file."""
    import numpy as np

    from reel2sim.scene.errors import InputError

    try:
        return np.array(json.loads(path.read_text(encoding="utf-8")), dtype=np.float32)
    except (OSError, ValueError, TypeError) as cause:
        raise InputError(f"is no list of strokes: {cause}", source=path) from cause
