"""Draw docs/images/prompts.jpg: every object of the scripted backend, at rest and moved.

Each cell is named by its object and shows its example prompt at the first and the last instant,
or in the middle where the last is as the first.

Usage: ``python docs/families_picture.py docs/images/prompts.jpg``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reel2sim.generation import GenerationConfig, generate
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.scene.arrays import Array

SIZE, COLUMNS, CAPTION = 132, 6, 14
CONFIG = GenerationConfig(size=SIZE, frames=9, views=0, seed=3)


def cell(name: str, prompt: str) -> Array:
    """First and most different later picture of an example, side by side under its name."""
    made = generate(f"{prompt}, camera still", config=CONFIG)
    pictures = [frame.image for frame in made.reel.streams["front"]]
    changes = [np.abs(picture.astype(int) - pictures[0]).sum() for picture in pictures]
    later = len(pictures) - 1 if changes[-1] > 0.6 * max(changes) else int(np.argmax(changes))
    pair = np.concatenate([pictures[0], pictures[later]], axis=1)
    board = Image.new("RGB", (2 * SIZE, SIZE + CAPTION), "white")
    board.paste(Image.fromarray(pair), (0, CAPTION))
    ImageDraw.Draw(board).text((4, 1), name, fill=(90, 30, 20), font=ImageFont.load_default(11))
    return np.asarray(board)


def main(path: Path) -> None:
    """Draw all families, row after row."""
    cells = [cell(family.spoken, family.example) for family in FAMILIES.values()]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % COLUMNS)
    rows = [np.concatenate(cells[k : k + COLUMNS], 1) for k in range(0, len(cells), COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(path, quality=82)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
