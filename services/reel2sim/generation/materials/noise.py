"""Square fields that go on without a seam: what materials are made of.

All fields are ``(SIDE, SIDE)`` arrays; the last row continues in the first, the last column too.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from reel2sim.scene.arrays import Array

SIDE: Final = 512
"""Pixels along each side of a tile."""


def noise(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Smooth noise, about −1..1, with so many cells down and across, powers of two to ``SIDE``."""
    import cv2

    rim = 4
    coarse = np.pad(rng.uniform(-1, 1, (rows, columns)).astype(np.float32), rim, mode="wrap")
    down, across = SIDE // rows, SIDE // columns
    size = ((columns + 2 * rim) * across, (rows + 2 * rim) * down)
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return fine[rim * down : rim * down + SIDE, rim * across : rim * across + SIDE].astype(float)


def clouds(rng: np.random.Generator, start: int = 4, octaves: int = 5) -> Array:
    """Noise of several sizes, each half as large and half as strong as the one before."""
    total = np.zeros((SIDE, SIDE))
    for k in range(octaves):
        cells = min(start * 2**k, SIDE)
        total += noise(rng, cells, cells) * 0.5**k
    return total


def grid() -> tuple[Array, Array]:
    """Row and column of each pixel, 0..1."""
    axis = (np.arange(SIDE) + 0.5) / SIDE
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return y, x


def bent(field: Array, dy: Array, dx: Array) -> Array:
    """``field`` ``(SIDE, SIDE)`` or with channels, read ``dy`` and ``dx`` of a tile away."""
    import cv2

    row, column = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    map_y = ((row + dy * SIDE) % SIDE).astype(np.float32)
    map_x = ((column + dx * SIDE) % SIDE).astype(np.float32)
    source = np.pad(field, ((0, 1), (0, 1)) + ((0, 0),) * (field.ndim - 2), mode="wrap")
    return cv2.remap(source.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR).astype(float)


def cells(rng: np.random.Generator, count: int) -> tuple[Array, Array, Array]:
    """Cells about scattered points (Worley, A cellular texture basis function, 1996).

    Returns:
        Distance to the nearest point, and how much farther the second one is, in mean cell widths;
        number of the cell.
    """
    from scipy.spatial import KDTree

    y, x = grid()
    tree = KDTree(rng.random((count, 2)), boxsize=1.0)
    distance, number = tree.query(np.stack([y.ravel(), x.ravel()], axis=1), k=2)
    distance = np.asarray(distance).reshape(SIDE, SIDE, 2) * np.sqrt(count)
    own = np.asarray(number)[:, 0].reshape(SIDE, SIDE)
    return distance[..., 0], distance[..., 1] - distance[..., 0], own


def relief(height: Array) -> Array:
    """How light falls from the upper left on a surface of that height; about 0."""
    return (height - np.roll(height, 1, axis=0)) + (height - np.roll(height, 1, axis=1))


def strokes(rng: np.random.Generator, count: int, length: float, slant: float = 6.3) -> Array:
    """Straight scratches, 0..1, of about ``length`` tiles, up to ``slant`` radians off level."""
    import cv2

    drawn = np.zeros((3 * SIDE, 3 * SIDE), np.float32)
    for _ in range(count):
        start = rng.uniform(SIDE, 2 * SIDE, 2)
        turn = rng.uniform(-slant, slant) / 2
        way = np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(0.3, 1.0) * length * SIDE
        ends = np.rint(np.stack([start - way / 2, start + way / 2]) * 16).astype(int)
        strength = float(rng.uniform(0.3, 1.0))
        for dy in (-SIDE, 0, SIDE):
            for dx in (-SIDE, 0, SIDE):
                a, b = ((end + 16 * np.array([dx, dy])).tolist() for end in ends)
                cv2.line(drawn, a, b, strength, 1, cv2.LINE_AA, 4)
    return drawn[SIDE : 2 * SIDE, SIDE : 2 * SIDE].astype(float)
