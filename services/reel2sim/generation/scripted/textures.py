"""Procedural surfaces with enough detail for points on them to be followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from reel2sim.generation.scripted.kinematics import Surface
from reel2sim.scene.arrays import Array

TILE: Final = 512
_OWN: Final = {
    "wood": (0.62, 0.44, 0.27),
    "metal": (0.68, 0.70, 0.73),
    "plastic": (0.78, 0.76, 0.72),
    "paint": (0.86, 0.85, 0.82),
    "rubber": (0.17, 0.17, 0.18),
    "stone": (0.62, 0.60, 0.57),
    "ceramic": (0.91, 0.90, 0.87),
    "fabric": (0.70, 0.62, 0.52),
    "glass": (0.55, 0.66, 0.72),
}


@dataclass(frozen=True, eq=False)
class Tile:
    """A square texture.

    Attributes:
        image: ``(TILE, TILE, 3)`` uint8 sRGB.
        metres: side of the square on an object.
    """

    image: Array
    metres: float


def material_tile(
    material: str,
    colour: tuple[float, float, float] | None,
    rng: np.random.Generator,
    *,
    metres: float,
) -> Tile:
    """A surface of ``material``, tinted by ``colour`` (sRGB 0..1) if given."""
    tone = np.array(_OWN[material] if colour is None else colour)
    patterns = {"wood": _wood, "metal": _brushed, "paint": _mottled, "glass": _mottled}
    shade = patterns.get(material, _speckled)(rng)
    # Stretched noise alone cannot be followed along the grain; blotches pin it down.
    shade = shade + 0.10 * _noise(rng, 24, 24) + 0.08 * _noise(rng, 72, 72)
    hue = 1 + (0.05 if material == "wood" else 0.015) * np.stack(
        [_noise(rng, 10, 10) for _ in range(3)], axis=-1
    )
    image = tone * hue * (1 + shade[..., None])
    return Tile(_bytes(image), metres)


def keyboard_tile(tone: tuple[float, float, float], rng: np.random.Generator) -> Tile:
    """The top of a laptop's base: keys in rows and a touch pad."""
    image = np.ones((TILE, TILE, 3)) * np.array(tone)
    image *= 1 + 0.05 * _noise(rng, 60, 60)[..., None] + 0.05 * _noise(rng, 8, 8)[..., None]
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
    # The face's picture has +x to the right; the keyboard's far side lies towards −x.
    return Tile(np.rot90(_bytes(image), 1), 0.35)


def screen_tile(rng: np.random.Generator) -> Tile:
    """A laptop's screen: a dark rim around windows with text."""
    image = np.full((TILE, TILE, 3), 0.08)
    y, x = np.mgrid[0:1:472j, 0:1:472j]
    sky = np.stack([0.25 + 0.4 * x, 0.35 + 0.25 * y, 0.65 - 0.3 * x * y], axis=-1)
    image[20:492, 20:492] = sky * (1 + 0.15 * _noise(rng, 12, 12)[20:492, 20:492, None])
    for _ in range(4):
        y0, x0 = rng.integers(40, 280, 2)
        y1, x1 = y0 + rng.integers(110, 190), x0 + rng.integers(120, 200)
        image[y0:y1, x0:x1] = 0.93
        image[y0 : y0 + 14, x0:x1] = rng.random(3) * 0.7
        for line in range(y0 + 24, y1 - 12, 12):
            stop = x0 + 10 + int((x1 - x0 - 20) * (0.3 + 0.7 * rng.random()))
            ink = rng.random(stop - x0 - 8) < 0.6
            image[line : line + 6, x0 + 8 : stop] = np.where(ink[None, :, None], 0.2, 0.93)
    # Once open, the top of the screen is where +x was, to the right of the face's picture.
    return Tile(np.rot90(_bytes(image), -1), 0.35)


def _glyph(rng: np.random.Generator) -> Array:
    """A made-up letter ``(16, 12, 3)``."""
    strokes = rng.random((4, 3)) < 0.5
    return np.kron(np.where(strokes, 0.85, 0.15), np.ones((4, 4)))[..., None].repeat(3, -1)


def _noise(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Smooth noise ``(TILE, TILE)``, about −1..1, with so many cells down and across."""
    import cv2

    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    return cv2.resize(coarse, (TILE, TILE), interpolation=cv2.INTER_CUBIC)


def _wood(rng: np.random.Generator) -> Array:
    y, x = np.mgrid[0:1:512j, 0:1:512j]
    bend = 0.10 * _noise(rng, 3, 4) + 0.02 * _noise(rng, 12, 8)
    rings = np.sin(2 * np.pi * 9 * (y + bend + 0.05 * x))
    fibres = _noise(rng, 170, 14)
    return 0.16 * rings + 0.16 * fibres


def _brushed(rng: np.random.Generator) -> Array:
    return 0.10 * _noise(rng, 256, 5) + 0.10 * _noise(rng, 7, 7)


def _speckled(rng: np.random.Generator) -> Array:
    return 0.12 * _noise(rng, 150, 150) + 0.06 * _noise(rng, 6, 6)


def _mottled(rng: np.random.Generator) -> Array:
    return 0.08 * _noise(rng, 110, 110) + 0.08 * _noise(rng, 9, 9)


def _bytes(image: Array) -> Array:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def surface_tile(surface: Surface, rng: np.random.Generator) -> Tile:
    """The picture of a surface."""
    if surface.pattern == "keyboard":
        return keyboard_tile(surface.colour or _OWN[surface.material], rng)
    if surface.pattern == "screen":
        return screen_tile(rng)
    if surface.pattern == "keypad":
        return keypad_tile(rng)
    if surface.pattern == "dial":
        return dial_tile(rng)
    return material_tile(surface.material, surface.colour, rng, metres=surface.metres)


def keypad_tile(rng: np.random.Generator) -> Tile:
    """A display above four rows of three keys."""
    image = np.full((TILE, TILE, 3), 0.24) * (1 + 0.08 * _noise(rng, 40, 40)[..., None])
    image[40:130, 60:452] = (0.35, 0.75, 0.55)
    for row in range(4):
        for column in range(3):
            y, x = 170 + 82 * row, 70 + 130 * column
            image[y : y + 60, x : x + 110] = 0.72
            image[y + 22 : y + 38, x + 49 : x + 61] = _glyph(rng)
    # The face's picture has +x to the right and rows run down.
    return Tile(_bytes(image), 0.1)


def dial_tile(rng: np.random.Generator) -> Tile:
    """The face of a clock."""
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    far, turn = np.hypot(x, y), np.arctan2(y, x)
    image = np.full((TILE, TILE, 3), 0.92) * (1 + 0.04 * _noise(rng, 20, 20)[..., None])
    minute = np.abs((turn / (2 * np.pi) * 60 + 0.5) % 1 - 0.5) < 0.12
    hour = np.abs((turn / (2 * np.pi) * 12 + 0.5) % 1 - 0.5) < 0.06
    image[((far > 0.88) & (far < 0.94) & minute) | ((far > 0.75) & (far < 0.94) & hour)] = 0.12
    return Tile(_bytes(image), 0.3)
