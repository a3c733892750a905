"""Pictures as data URIs, so that the report is one file."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reel2sim.exporters.media import BundleMedia
from reel2sim.exporters.thumbnail import draw_thumbnail
from reel2sim.scene import RiggedAsset
from reel2sim.scene.arrays import Array

_COLUMNS = 6
_WIDTH = 240
_SHEET_WIDTH = 1600
_SMALL = 96
_LARGEST_VIDEO = 5 * 1024 * 1024
"""With the other pictures, the page then stays below 10 MB."""


@dataclass(frozen=True)
class Strip:
    """One row of the film strip.

    Attributes:
        title: what the row shows.
        images: data URIs, one per time.
    """

    title: str
    images: tuple[str, ...]


def film_strip(media: BundleMedia) -> tuple[list[float], list[Strip]]:
    """Times and rows of at most six evenly spaced frames."""
    count = len(media.times_s)
    picks = np.unique(np.linspace(0, count - 1, min(count, _COLUMNS)).round().astype(int))
    rows = {
        "Input": media.input_frames,
        "Reconstruction": media.reconstructed,
        "Parts": media.parts,
    }
    strips = [
        Strip(title, tuple(jpeg_uri(frames[i]) for i in picks)) for title, frames in rows.items()
    ]
    return [float(media.times_s[i]) for i in picks], strips


def sheet_uri(media: BundleMedia) -> str | None:
    """The sheet of parts and joints as JPEG, or None if there is none."""
    return None if media.sheet is None else jpeg_uri(media.sheet, width=_SHEET_WIDTH)


def jpeg_uri(image: Array, *, width: int = _WIDTH) -> str:
    """An sRGB picture ``(h, w, 3)`` uint8, shrunk to ``width`` if it is wider, as JPEG."""
    picture = Image.fromarray(image)
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=85)
    return _uri("image/jpeg", stream.getvalue())


def thumbnail_uri(*assets: RiggedAsset) -> str:
    """One thumbnail of all ``assets`` as PNG."""
    stream = io.BytesIO()
    draw_thumbnail(*assets).save(stream, format="PNG")
    return _uri("image/png", stream.getvalue())


def small_uri(path: Path | None) -> str | None:
    """A picture file at most 96 pixels wide and high, as WebP; None if it cannot be read."""
    if path is None:
        return None
    stream = io.BytesIO()
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGBA")
            small.thumbnail((_SMALL, _SMALL), Image.Resampling.LANCZOS)
            small.save(stream, format="WEBP", quality=70, method=4)
    except (OSError, ValueError, SyntaxError):
        return None
    return _uri("image/webp", stream.getvalue())


def video_uri(path: Path) -> str | None:
    """The preview film, or None if there is none or it is too large to embed."""
    if not path.is_file() or path.stat().st_size > _LARGEST_VIDEO:
        return None
    return _uri("video/mp4", path.read_bytes())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
