"""Picture files as the model sees them: square, over white, with what they cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reel2sim.scene.arrays import Array

_APART = 12
"""A pixel of an opaque picture that is darker than white by more than this is covered."""


def square_picture(path: Path, size: int) -> Array:
    """A picture file as colours over white and coverage ``(size, size, 4)`` uint8.

    Raises:
        MediaError: if it is no readable PNG, JPEG or WebP picture.
        MediaLimitError: if it is too large.
    """
    from reel2sim.media.images import PictureReader
    from reel2sim.media.limits import DEFAULT_LIMITS

    with PictureReader(DEFAULT_LIMITS) as reader:
        colour, alpha = reader.picture(path)
    alpha = np.full(colour.shape[:2], 255, np.uint8) if alpha is None else alpha
    picture = Image.fromarray(np.dstack([colour, alpha]))
    picture = picture.resize((size, size), Image.Resampling.BOX)
    pixels = np.asarray(picture)
    if (pixels[..., 3] == 255).all():
        # A picture on white says by its colour what it covers.
        apart = (255 - pixels[..., :3].min(axis=-1) > _APART) * np.uint8(255)
        return np.concatenate([pixels[..., :3], apart[..., None]], axis=-1)
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    flat = np.asarray(Image.alpha_composite(white, picture))
    return np.concatenate([flat[..., :3], pixels[..., 3:]], axis=-1)
