"""Where a scripted scene is filmed: its light, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from reel2sim.generation.materials import material
from reel2sim.generation.setting import Background, Lighting
from reel2sim.rendering import Lamp, Lights, Mesh, Surface
from reel2sim.scene.arrays import Array

_FLOORS: Final = ("parquet", "tiles", "carpet", "concrete", "stone")
_GROUNDS: Final = ("grass", "concrete", "stone", "tiles", "parquet")
_WALLS: Final = ("wallpaper", "brick", "paint", "concrete")
_THINGS: Final = ("cardboard", "wood", "fabric", "marble", "leather", "paint", "cork", "metal")
_POSTERS: Final = 5
_SUNK_SHARE: Final = 2e-4
"""How far below the objects the floor lies, as a share of the stage, so that it does not flicker
through their undersides."""


@dataclass(frozen=True, eq=False)
class Scenery:
    """What is drawn but is no part of any object: meshes in world coordinates."""

    meshes: tuple[Mesh, ...]
    surfaces: tuple[Surface, ...]


def lights(name: Lighting, rng: np.random.Generator) -> Lights:
    """The light of a setting.

    ``studio`` is soft and white, ``daylight`` a hard warm sun under a blue sky, ``overcast`` has no
    lamp, ``evening`` a low orange one; ``random`` draws directions, strengths and warmth.
    """
    if name == "overcast":
        return Lights((), sky=(0.98, 1.0, 1.02), ground=(0.52, 0.51, 0.50))
    if name == "daylight":
        sun = Lamp((0.9, 0.55, 1.3), (0.78, 0.74, 0.66), shadow=True, blur=0.003)
        return Lights((sun,), sky=(0.44, 0.50, 0.60), ground=(0.26, 0.25, 0.23))
    if name == "evening":
        sun = Lamp((1.2, -0.9, 0.6), (0.85, 0.60, 0.38), shadow=True, blur=0.004)
        window = Lamp((-0.8, 1.0, 0.5), (0.10, 0.14, 0.24))
        return Lights((sun, window), sky=(0.34, 0.34, 0.42), ground=(0.22, 0.18, 0.16))
    if name == "random":
        turn, height = rng.uniform(-1.3, 1.3), rng.uniform(0.5, 1.3)
        key = rng.uniform(0.35, 0.8)
        warm = 1 + rng.uniform(-0.15, 0.15) * np.array([1.0, 0.1, -1.0])
        toward = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height)])
        r, g, b = (float(x) for x in key * warm)
        lamp = Lamp(
            (float(toward[0]), float(toward[1]), float(np.sin(height))),
            (r, g, b),
            shadow=True,
            blur=float(rng.uniform(0.003, 0.02)),
        )
        fill = 1.0 - 0.75 * key
        sr, sg, sb = (float(x) for x in fill * (2 - warm))
        return Lights((lamp,), sky=(sr, sg, sb), ground=(0.6 * sr, 0.58 * sg, 0.55 * sb))
    key = Lamp((1.2, 0.7, 2.0), (0.40, 0.39, 0.37), shadow=True, blur=0.015)
    fill = Lamp((0.8, -1.2, 0.9), (0.12, 0.12, 0.13))
    return Lights((key, fill), sky=(0.60, 0.61, 0.62), ground=(0.40, 0.39, 0.38))


def scenery(
    name: Background, low: Array, high: Array, reach: float, rng: np.random.Generator
) -> Scenery:
    """What surrounds the objects.

    Nothing of it comes between the objects and a camera: what stands in a ``room`` does so behind
    the ring of cameras, and is seen past the objects by the cameras on the other side.

    Args:
        name: ``none``; ``floor``: a large one; ``room``: a floor, walls with posters, and boxes and
            columns that stand about.
        low: lowest corner of all that moves, ever ``(3,)``, world, metres.
        high: highest corner.
        reach: greatest distance of a camera from the middle of these, level with the floor.
        rng: what draws materials and places.
    """
    if name == "none":
        return Scenery((), ())
    set_ = _Set(rng)
    middle = (low + high) / 2
    half = 1.9 * reach if name == "room" else 14.0 * reach
    scale = reach / 2.5  # patterns as a photographer sees them, whatever the size of the object
    base = float(low[2] - _SUNK_SHARE * np.linalg.norm(high - low))
    floor = np.array([middle[0], middle[1], base])
    x, y, z = np.eye(3)
    kinds = _FLOORS if name == "room" else _GROUNDS
    set_.sheet(floor, half * x, half * y, kinds, 1.6 * scale)
    if name == "floor":
        return set_.made()
    tall = 0.8 * half
    wall = set_.choose(_WALLS)
    for normal, right in ((-x, -y), (x, y), (-y, x), (y, -x)):
        centre = floor - half * normal + tall * z
        set_.sheet(centre, half * right, tall * z, wall, 2.2 * scale)
        for _ in range(3):
            side, up = rng.uniform(-0.75, 0.75) * half, rng.uniform(-0.55, 0.2) * tall
            size = rng.uniform(0.10, 0.2) * half
            at = centre + 0.01 * half * normal + side * right + up * z
            set_.poster(at, size * right, size * rng.uniform(0.7, 1.4) * z)
    for turn in np.arange(9) * 2 * np.pi / 9 + rng.uniform(-0.25, 0.25, 9):
        width, height = rng.uniform(0.06, 0.14) * half, rng.uniform(0.1, 0.4) * half
        away = (1.2 * reach + half - 1.5 * width) / 2 + rng.uniform(-0.1, 0.1) * reach
        place = floor + away * np.array([np.cos(turn), np.sin(turn), 0.0])
        set_.post(place, width, height, int(rng.choice([4, 4, 24])), rng.uniform(0, 1.5), scale)
    return set_.made()


class _Set:
    """What has been put up so far."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._seed = int(rng.integers(2**31))
        self._meshes: list[Mesh] = []
        self._surfaces: list[Surface] = []
        self._posters: list[int] = []

    def made(self) -> Scenery:
        return Scenery(tuple(self._meshes), tuple(self._surfaces))

    def choose(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return (str(self._rng.choice(names)),)

    def sheet(
        self, centre: Array, right: Array, up: Array, names: tuple[str, ...], metres: float
    ) -> None:
        """A rectangle of one of the materials, tiled in metres."""
        size = 2 * np.array([np.linalg.norm(right), np.linalg.norm(up)]) / metres
        # One seed for all, so that a material is worked out once.
        self._surfaces.append(material(self.choose(names)[0], None, self._seed))
        self._quad(centre, right, up, size)

    def poster(self, centre: Array, right: Array, up: Array) -> None:
        """One of a few pictures."""
        if len(self._posters) < _POSTERS:
            seed = int(self._rng.integers(2**31))
            self._posters.append(len(self._surfaces))
            self._surfaces.append(material("paint", (0.93, 0.92, 0.88), seed, pattern="poster"))
        number = int(self._rng.choice(self._posters))
        self._quad(centre, right, up, np.ones(2), number)

    def post(
        self, foot: Array, width: float, height: float, sides: int, turn: float, scale: float
    ) -> None:
        """An upright prism."""
        tint = None if self._rng.random() < 0.5 else tuple(self._rng.uniform(0.2, 0.9, 3))
        self._add(str(self._rng.choice(_THINGS)), tint)
        around = turn + 2 * np.pi * np.arange(sides + 1) / sides
        ring = foot + width * np.stack([np.cos(around), np.sin(around), 0 * around], axis=1)
        up = np.array([0.0, 0.0, height])
        vertices = np.concatenate([ring, ring + up, [foot + up]])
        k, n = np.arange(sides), sides + 1
        faces = np.concatenate(
            [
                np.stack([k, k + 1, k + 1 + n], axis=1),
                np.stack([k, k + 1 + n, k + n], axis=1),
                np.stack([k + n, k + 1 + n, 0 * k + 2 * n], axis=1),
            ]
        )
        metres = 0.9 * scale
        along = np.linalg.norm(ring[1] - ring[0]) * np.arange(n) / metres
        flat = np.concatenate([np.c_[along, 0 * along], np.c_[along, 0 * along + height / metres]])
        uv = np.concatenate([flat, [[0.0, 0.0]]])[faces]
        uv[2 * sides :] = ((vertices - foot)[:, :2] / metres)[faces[2 * sides :]]
        self._meshes.append(Mesh(vertices, faces, uv, surface=len(self._surfaces) - 1, part=0))

    def _add(self, name: str, tint: tuple[float, ...] | None) -> None:
        colour = None if tint is None else (float(tint[0]), float(tint[1]), float(tint[2]))
        self._surfaces.append(material(name, colour, self._seed))

    def _quad(
        self, centre: Array, right: Array, up: Array, size: Array, surface: int | None = None
    ) -> None:
        number = len(self._surfaces) - 1 if surface is None else surface
        square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        vertices = centre + square[:, :1] * right + square[:, 1:] * up
        faces = np.array([[0, 1, 2], [0, 2, 3]])
        uv = ((square + 1) / 2 * size)[faces]
        self._meshes.append(Mesh(vertices, faces, uv, surface=number, part=0))
