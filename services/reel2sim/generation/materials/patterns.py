"""Pictures that are stretched once over a face: screens, keyboards, dials.

The first row is the top, the first column the left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from reel2sim.generation.materials.noise import SIDE, grid, noise
from reel2sim.scene.arrays import Array

Colour = tuple[float, float, float]


def _keyboard(tone: Colour, rng: np.random.Generator) -> Array:
    """Keys in rows and a touch pad."""
    image = np.ones((SIDE, SIDE, 3)) * np.array(tone)
    image *= 1 + 0.05 * noise(rng, 64, 64)[..., None] + 0.05 * noise(rng, 8, 8)[..., None]
    rows, keys, left, top, wide, high = 5, 13, 30, 40, 452, 250
    for row in range(rows):
        y0, y1 = top + row * high // rows + 4, top + (row + 1) * high // rows - 4
        for key in range(keys):
            x0, x1 = left + key * wide // keys + 3, left + (key + 1) * wide // keys - 3
            if row == rows - 1 and 3 <= key <= 8:  # the space bar
                x0, x1 = left + 3 * wide // keys + 3, left + 9 * wide // keys - 3
            image[y0:y1, x0:x1] = 0.13 + 0.05 * rng.random()
            cy, cx = (y0 + y1) // 2, (x0 + x1) // 2
            image[cy - 8 : cy + 8, cx - 6 : cx + 6] = _glyph(rng)
    image[330:480, 170:345] *= 0.82
    return image


def _screen(tone: Colour, rng: np.random.Generator) -> Array:
    """A dark rim around windows with text."""
    image = np.full((SIDE, SIDE, 3), 0.08)
    y, x = np.mgrid[0:1:472j, 0:1:472j]
    sky = np.stack([0.25 + 0.4 * x, 0.35 + 0.25 * y, 0.65 - 0.3 * x * y], axis=-1)
    image[20:492, 20:492] = sky * (1 + 0.15 * noise(rng, 16, 16)[20:492, 20:492, None])
    for _ in range(4):
        y0, x0 = rng.integers(40, 280, 2)
        y1, x1 = y0 + rng.integers(110, 190), x0 + rng.integers(120, 200)
        image[y0:y1, x0:x1] = 0.93
        image[y0 : y0 + 14, x0:x1] = rng.random(3) * 0.7
        for line in range(y0 + 24, y1 - 12, 12):
            stop = x0 + 10 + int((x1 - x0 - 20) * (0.3 + 0.7 * rng.random()))
            ink = rng.random(stop - x0 - 8) < 0.6
            image[line : line + 6, x0 + 8 : stop] = np.where(ink[None, :, None], 0.2, 0.93)
    return image


def _keypad(tone: Colour, rng: np.random.Generator) -> Array:
    """A small display above four rows of three keys."""
    image = np.ones((SIDE, SIDE, 3)) * np.array(tone) * (1 + 0.08 * noise(rng, 64, 64)[..., None])
    image[28:120, 40:472] = [0.10, 0.20, 0.16]
    for k in range(8):
        image[44:108, 56 + 52 * k : 92 + 52 * k] = np.where(
            np.kron(rng.random((4, 3)) < 0.6, np.ones((16, 12), bool))[..., None],
            [0.45, 0.95, 0.65],
            [0.10, 0.20, 0.16],
        )
    for row in range(4):
        for column in range(3):
            y0, x0 = 150 + 88 * row, 50 + 142 * column
            image[y0 : y0 + 70, x0 : x0 + 120] = 0.62 + 0.3 * rng.random()
            glyph = np.kron(_glyph(rng), np.ones((3, 3, 1)))
            image[y0 + 11 : y0 + 59, x0 + 42 : x0 + 78] = 1 - glyph
    return image


def _dial(tone: Colour, rng: np.random.Generator) -> Array:
    """A round scale with sixty strokes, every fifth longer, and marks between."""
    y, x = grid()
    radius, turn = 2 * np.hypot(y - 0.5, x - 0.5), np.arctan2(x - 0.5, 0.5 - y) / (2 * np.pi)
    image = np.ones((SIDE, SIDE, 3)) * np.array(tone) * (1 + 0.06 * noise(rng, 64, 64)[..., None])
    minute = np.abs((turn * 60 + 0.5) % 1 - 0.5)
    hour = np.abs((turn * 12 + 0.5) % 1 - 0.5)
    image[(radius > 0.86) & (radius < 0.94) & (minute < 0.16)] = 0.12
    image[(radius > 0.78) & (radius < 0.94) & (hour < 0.06)] = [0.6, 0.1, 0.1]
    image[(radius > 0.97) & (radius < 1.0)] = 0.25
    for k in range(12):
        a = 2 * np.pi * k / 12
        cy, cx = int(SIDE * (0.5 - 0.32 * np.cos(a))), int(SIDE * (0.5 + 0.32 * np.sin(a)))
        glyph = np.kron(_glyph(rng), np.ones((2, 2, 1)))
        image[cy - 16 : cy + 16, cx - 12 : cx + 12] *= 1.1 - glyph
    return image


def _poster(tone: Colour, rng: np.random.Generator) -> Array:
    """Coloured shapes in a frame, for walls."""
    y, x = grid()
    image = np.ones((SIDE, SIDE, 3)) * rng.uniform(0.2, 0.9, 3)
    for _ in range(14):
        cy, cx, size = rng.random(), rng.random(), rng.uniform(0.06, 0.3)
        inside = np.hypot(y - cy, x - cx) < size
        if rng.random() < 0.5:
            inside = np.maximum(np.abs(y - cy), np.abs(x - cx) * rng.uniform(0.5, 2)) < size
        image[inside] = rng.random(3)
    image *= 1 + 0.12 * noise(rng, 64, 64)[..., None]
    rim = np.minimum(np.minimum(y, 1 - y), np.minimum(x, 1 - x)) < 0.04
    image[rim] = tone
    return image


def _glyph(rng: np.random.Generator) -> Array:
    """A made-up letter ``(16, 12, 3)``."""
    strokes = rng.random((4, 3)) < 0.5
    return np.kron(np.where(strokes, 0.85, 0.15), np.ones((4, 4)))[..., None].repeat(3, -1)


PATTERNS: Final[dict[str, Callable[[Colour, np.random.Generator], Array]]] = {
    "keyboard": _keyboard,
    "screen": _screen,
    "keypad": _keypad,
    "dial": _dial,
    "poster": _poster,
}
"""All stretched pictures by name; each is made from a tone, sRGB 0..1, and draws."""
