"""Pictures for people: a strip an object, and sheets of them with the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reel2sim.scene.arrays import Array

_TILE, _TILES = 80, 6
_CAPTION, _GAP, _ACROSS, _DOWN = 18, 8, 2, 8
_INK, _PASSED, _REJECTED = (40, 40, 40), (30, 120, 60), (180, 40, 40)


@dataclass(frozen=True)
class Cell:
    """One object on a sheet.

    Attributes:
        strip: its picture of :func:`strip`.
        caption: what is written above it.
        passed: whether it passed the filters.
    """

    strip: Path
    caption: str
    passed: bool


def strip(series: Mapping[str, Sequence[Array]]) -> Array:
    """A row a series of evenly chosen RGBA pictures on white ``(h, w, 3)`` uint8."""
    return np.concatenate([_row(pictures) for pictures in series.values()])


def write_sheets(folder: Path, cells: Sequence[Cell]) -> tuple[Path, ...]:
    """Write ``contact-00.png`` and so on, and remove what an earlier call wrote beyond."""
    page = _ACROSS * _DOWN
    pages = [cells[i : i + page] for i in range(0, len(cells), page)]
    written: list[Path] = []
    for i, some in enumerate(pages):
        written.append(folder / f"contact-{i:02d}.png")
        _sheet(some).save(written[-1], format="PNG")
    for old in folder.glob("contact-*.png"):
        if old not in written:
            old.unlink()
    return tuple(written)


def _row(pictures: Sequence[Array]) -> Array:
    chosen = np.linspace(0, len(pictures) - 1, _TILES).round().astype(int)
    tiles: list[Array] = []
    for i in chosen:
        picture = Image.fromarray(pictures[i])
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        flat = Image.alpha_composite(white, picture).convert("RGB")
        tiles.append(np.asarray(flat.resize((_TILE, _TILE), Image.Resampling.LANCZOS)))
    return np.concatenate(tiles, axis=1)


def _sheet(cells: Sequence[Cell]) -> Image.Image:
    strips = [Image.open(cell.strip).convert("RGB") for cell in cells]
    width = max(x.width for x in strips) + _GAP
    height = max(x.height for x in strips) + _CAPTION + _GAP
    across = min(_ACROSS, len(cells))
    down = -(-len(cells) // across)
    sheet = Image.new("RGB", (across * width + _GAP, down * height + _GAP), (255, 255, 255))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for i, (cell, picture) in enumerate(zip(cells, strips, strict=True)):
        x, y = _GAP + i % across * width, _GAP + i // across * height
        color = _PASSED if cell.passed else _REJECTED
        pen.rectangle((x, y + 2, x + 8, y + 12), fill=color)
        pen.text((x + 13, y), _fitting(cell.caption, pen, font, width - 21), _INK, font=font)
        sheet.paste(picture, (x, y + _CAPTION))
    return sheet


def _fitting(text: str, pen: ImageDraw.ImageDraw, font: object, width: int) -> str:
    while len(text) > 4 and pen.textlength(text, font=font) > width:  # type: ignore[arg-type]
        text = text[:-4] + "…"
    return text
