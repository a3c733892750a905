"""Pictures for people: what was asked for above what was made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reel2sim.generation.uvit.config import Layout
from reel2sim.generation.uvit.sample import Sample
from reel2sim.pipeline.atomic import write_atomically
from reel2sim.scene.arrays import Array

_TILE, _GAP, _CAPTION = 64, 6, 16


def film_strip(images: Array, layout: Layout, *, most: int = 5) -> Array:
    """A row of some pictures of each stream ``(h, w, 3)`` uint8."""
    parts: list[Array] = []
    start = 0
    for count in (layout.static, layout.moving, layout.front):
        places = np.linspace(0, count - 1, min(count, most)).round().astype(int)
        for place in places:
            picture = Image.fromarray(np.ascontiguousarray(images[start + place, ..., :3]))
            parts.append(np.asarray(picture.resize((_TILE, _TILE), Image.Resampling.NEAREST)))
        parts.append(np.full((_TILE, _GAP, 3), 255, np.uint8))
        start += count
    return np.concatenate(parts[:-1], axis=1)


def write_sheet(path: Path, rows: Sequence[tuple[str, Sample]], layout: Layout) -> None:
    """A sheet of captioned strips: still orbit, moving orbit, front."""
    strips = [film_strip(sample.images, layout) for _, sample in rows]
    width = max(strip.shape[1] for strip in strips)
    height = len(rows) * (_TILE + _CAPTION + _GAP)
    sheet = Image.new("RGB", (width, height), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    for i, ((caption, _), strip) in enumerate(zip(rows, strips, strict=True)):
        top = i * (_TILE + _CAPTION + _GAP)
        pen.text((2, top + 1), caption, fill=(40, 40, 40), font=font)
        sheet.paste(Image.fromarray(strip), (0, top + _CAPTION))
    write_atomically(path, lambda aside: sheet.save(aside, format="PNG"))
