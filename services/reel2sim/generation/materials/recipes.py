"""What materials look like: a picture that goes on without a seam, and a finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from reel2sim.generation.materials.noise import (
    SIDE,
    bent,
    cells,
    clouds,
    grid,
    noise,
    relief,
    strokes,
)
from reel2sim.scene.arrays import Array

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Recipe:
    """A material.

    Attributes:
        tone: its own colour, sRGB 0..1.
        pattern: shades of a tile ``(SIDE, SIDE)`` or ``(SIDE, SIDE, 3)``, as factors of the tone.
        roughness: of its finish, as of :class:`reel2sim.rendering.Surface`.
        specular: of its finish.
        metallic: of its finish.
    """

    tone: Colour
    pattern: Callable[[np.random.Generator], Array]
    roughness: float = 0.9
    specular: float = 0.0
    metallic: float = 0.0


def _wood(rng: np.random.Generator) -> Array:
    y, x = grid()
    bend = 0.10 * noise(rng, 2, 4) + 0.02 * noise(rng, 16, 8)
    rings = np.sin(2 * np.pi * (9 * (y + bend) + x))
    pores = strokes(rng, 900, 0.03, 0.15)
    hue = 1 + 0.05 * _hues(rng)
    shade = 1 + 0.15 * rings + 0.15 * noise(rng, 256, 16) - 0.22 * pores + _blotches(rng)
    return hue * shade[..., None]


def _metal(rng: np.random.Generator) -> Array:
    fine = 0.09 * noise(rng, 256, 4) + 0.06 * noise(rng, 512, 16) + 0.08 * noise(rng, 8, 8)
    scratches = strokes(rng, 120, 0.12, 0.5) - strokes(rng, 60, 0.2)
    return 1 + fine + 0.16 * scratches + _blotches(rng)


def _plastic(rng: np.random.Generator) -> Array:
    grain = noise(rng, 128, 128) + 0.5 * noise(rng, 256, 256)
    return 1 + 0.09 * grain + 0.06 * noise(rng, 8, 8) + 0.05 * relief(grain) + _blotches(rng)


def _paint(rng: np.random.Generator) -> Array:
    peel = 0.07 * noise(rng, 128, 128) + 0.07 * noise(rng, 8, 8)
    worn = np.clip(6 * (clouds(rng, 16, 4) - 1.05), 0, 1)  # down to the primer here and there
    shade = (1 + peel + 0.10 * strokes(rng, 50, 0.1) + _blotches(rng))[..., None]
    return shade * (1 - 0.35 * worn[..., None] * [1.0, 0.9, 0.8])


def _rubber(rng: np.random.Generator) -> Array:
    y, x = grid()
    studs = np.sin(2 * np.pi * 24 * y) * np.sin(2 * np.pi * 24 * x)
    dust = np.clip(clouds(rng, 8, 5), 0, 2)
    return 1 + 0.35 * relief(np.clip(3 * studs, -1, 1)) + 0.55 * dust + 0.15 * noise(rng, 256, 256)


def _stone(rng: np.random.Generator) -> Array:
    _, _, large = cells(rng, 2600)
    _, _, small = cells(rng, 12000)
    tones = np.array([0.55, 0.8, 0.95, 1.05, 1.2])
    grains = 0.7 * tones[rng.integers(0, 5, 2600)][large]
    grains += 0.3 * tones[rng.integers(0, 5, 12000)][small]
    return (grains + 0.12 * clouds(rng))[..., None] * (1 + 0.06 * _hues(rng))


def _marble(rng: np.random.Generator) -> Array:
    dy, dx = 0.10 * clouds(rng, 2, 4), 0.10 * clouds(rng, 2, 4)
    wide = np.abs(bent(clouds(rng, 2, 4), dy, dx))
    thin = np.abs(bent(clouds(rng, 4, 3), dx, dy))
    veins = 0.55 * np.exp(-wide * 14) + 0.35 * np.exp(-thin * 26)
    shade = 1 + 0.10 * clouds(rng, 4, 6) - veins
    return np.clip(shade, 0.15, None)[..., None] * (1 + 0.02 * _hues(rng))


def _ceramic(rng: np.random.Generator) -> Array:
    _, border, _ = cells(rng, 420)
    crackle = np.exp(-((border * 22) ** 2))
    specks = np.clip(9 * (noise(rng, 128, 128) - 0.72), 0, 1)
    return 1 - 0.22 * crackle - 0.4 * specks + 0.07 * clouds(rng, 4, 3)


def _glass(rng: np.random.Generator) -> Array:
    smears = bent(noise(rng, 4, 64), 0.05 * noise(rng, 4, 4), 0.02 * noise(rng, 4, 4))
    drops = np.exp(-((cells(rng, 500)[0] * 5) ** 2))
    return 1 + 0.10 * smears + 0.3 * drops + 0.08 * clouds(rng, 4, 5)


def _fabric(rng: np.random.Generator) -> Array:
    y, x = grid()
    over = np.sin(2 * np.pi * 64 * y) * np.sin(2 * np.pi * 64 * x)
    threads = 0.10 * noise(rng, 512, 16) + 0.10 * noise(rng, 16, 512)
    bands = [np.repeat(rng.choice([0.82, 1.0, 1.0, 1.14], 32), SIDE // 32) for _ in range(2)]
    plaid = bands[0][:, None] * bands[1][None, :]
    return plaid * (1 + 0.16 * over + threads + 0.06 * clouds(rng))


def _leather(rng: np.random.Generator) -> Array:
    _, border, _ = cells(rng, 5000)
    bulge = 1 - np.exp(-border * 4)
    return 1 + 0.25 * relief(bulge) * 4 - 0.25 * np.exp(-border * 8) + 0.10 * clouds(rng)


def _cork(rng: np.random.Generator) -> Array:
    _, border, number = cells(rng, 3000)
    tones = rng.uniform(0.75, 1.2, 3000)[number]
    dark = np.clip(8 * (noise(rng, 64, 64) - 0.6), 0, 1)
    return tones - 0.25 * np.exp(-border * 9) - 0.4 * dark + 0.1 * noise(rng, 256, 256)


def _cardboard(rng: np.random.Generator) -> Array:
    _, x = grid()
    flutes = 0.05 * np.sin(2 * np.pi * 48 * x)
    fibres = 0.12 * strokes(rng, 1500, 0.02) - 0.12 * strokes(rng, 900, 0.02)
    shade = 1 + flutes + fibres + 0.05 * clouds(rng) + _blotches(rng)
    for _ in range(5):  # stamps
        top, left = rng.integers(20, SIDE - 110, 2)
        shade[top : top + 40, left : left + 90] *= np.kron(
            np.where(rng.random((2, 15)) < 0.5, 0.55, 1.0), np.ones((20, 6))
        )
    return shade


def _brick(rng: np.random.Generator) -> Array:
    rows, columns = 16, 6
    wobble = 0.0016 * clouds(rng, 8, 4)
    y, x = grid()
    down = (y + wobble) * rows
    across = (x + wobble) * columns + 0.5 * (np.floor(down) % 2)
    row, column = np.floor(down).astype(int) % rows, np.floor(across).astype(int) % columns
    edge = np.minimum(
        np.minimum(down % 1, 1 - down % 1), 2.6 * np.minimum(across % 1, 1 - across % 1)
    )
    joint = np.clip((0.10 - edge) * 25, 0, 1)[..., None]
    tones = rng.uniform(0.72, 1.18, (rows, columns, 1)) * rng.uniform(
        0.93, 1.07, (rows, columns, 3)
    )
    face = tones[row, column] * (1 + 0.16 * clouds(rng, 16, 5))[..., None]
    mortar = np.array([1.0, 1.45, 1.75]) * (1.05 + 0.12 * clouds(rng, 32, 4))[..., None]
    return face * (1 - joint) + mortar * joint


def _concrete(rng: np.random.Generator) -> Array:
    pits = np.exp(-((cells(rng, 700)[0] * 7) ** 2))
    return 1 + 0.16 * clouds(rng, 4, 7) - 0.4 * pits - 0.25 * strokes(rng, 10, 0.4)


def _carpet(rng: np.random.Generator) -> Array:
    _, border, number = cells(rng, 9000)
    tufts = rng.uniform(0.75, 1.25, (9000, 3)).mean(axis=1)[number]
    return tufts - 0.3 * np.exp(-border * 6) + 0.15 * clouds(rng, 4, 4)


def _parquet(rng: np.random.Generator) -> Array:
    planks = 8
    y, x = grid()
    row = (y * planks).astype(int)
    across = (x * 2 + rng.random(planks)[row]) % 2
    number = row * 2 + across.astype(int)
    tones = rng.uniform(0.75, 1.2, 2 * planks)[number]
    wood = bent(_wood(rng), 0 * y, rng.random(2 * planks)[number])
    edge = np.minimum(np.minimum(y * planks % 1, 1 - y * planks % 1) / 2, across % 1)
    return wood * (tones * (1 - 0.6 * (edge < 0.012)))[..., None]


def _tiles(rng: np.random.Generator) -> Array:
    count = 4
    y, x = grid()
    number = (y * count).astype(int) * count + (x * count).astype(int)
    edge = np.minimum(np.abs((y * count + 0.5) % 1 - 0.5), np.abs((x * count + 0.5) % 1 - 0.5))
    dark = np.where((number // count + number) % 2, 1.0, 0.6)
    shade = dark * rng.uniform(0.92, 1.06, count**2)[number] * (1 + 0.12 * clouds(rng, 8, 5))
    return np.where(edge < 0.018, 0.45, shade)


def _wallpaper(rng: np.random.Generator) -> Array:
    y, x = grid()
    turn = rng.uniform(0, 2 * np.pi, 4)
    petals = sum(
        np.sin(2 * np.pi * ((k + 2) * 2 * x + (5 - k) * y) + turn[k])
        * np.sin(2 * np.pi * ((4 - k) * x - (k + 1) * 2 * y))
        for k in range(4)
    )
    stripes = 0.08 * np.sign(np.sin(2 * np.pi * 8 * x))
    return 1 + 0.16 * np.clip(2 * petals, -1, 1) + stripes + 0.04 * noise(rng, 256, 256)


def _grass(rng: np.random.Generator) -> Array:
    blades = strokes(rng, 2600, 0.04) - strokes(rng, 2200, 0.04)
    return (1 + 0.4 * blades + 0.12 * clouds(rng, 8, 5))[..., None] * (1 + 0.1 * _hues(rng))


def _blotches(rng: np.random.Generator) -> Array:
    """What pins down a pattern that looks alike along itself."""
    return 0.08 * noise(rng, 32, 32) + 0.06 * noise(rng, 64, 64)


def _hues(rng: np.random.Generator) -> Array:
    return np.stack([noise(rng, 8, 8) for _ in range(3)], axis=-1)


RECIPES: Final[dict[str, Recipe]] = {
    "wood": Recipe((0.62, 0.44, 0.27), _wood),
    "metal": Recipe((0.68, 0.70, 0.73), _metal, 0.42, 0.3, 0.6),
    "plastic": Recipe((0.78, 0.76, 0.72), _plastic, 0.45, 0.03),
    "paint": Recipe((0.86, 0.85, 0.82), _paint, 0.5, 0.03),
    "rubber": Recipe((0.17, 0.17, 0.18), _rubber),
    "stone": Recipe((0.66, 0.63, 0.59), _stone),
    "marble": Recipe((0.90, 0.89, 0.87), _marble, 0.3, 0.04),
    "ceramic": Recipe((0.88, 0.87, 0.83), _ceramic, 0.25, 0.04),
    "glass": Recipe((0.34, 0.44, 0.50), _glass, 0.15, 0.06),
    "fabric": Recipe((0.52, 0.55, 0.66), _fabric),
    "leather": Recipe((0.43, 0.27, 0.18), _leather, 0.55, 0.03),
    "cork": Recipe((0.72, 0.55, 0.38), _cork),
    "cardboard": Recipe((0.74, 0.60, 0.43), _cardboard),
    "brick": Recipe((0.60, 0.31, 0.23), _brick),
    "concrete": Recipe((0.60, 0.60, 0.58), _concrete),
    "carpet": Recipe((0.48, 0.33, 0.34), _carpet),
    "parquet": Recipe((0.66, 0.48, 0.31), _parquet, 0.5, 0.02),
    "tiles": Recipe((0.82, 0.80, 0.76), _tiles, 0.35, 0.03),
    "wallpaper": Recipe((0.72, 0.74, 0.66), _wallpaper),
    "grass": Recipe((0.30, 0.42, 0.20), _grass),
}
"""All materials by name."""
