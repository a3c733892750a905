"""Building machines."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.family import Bench, Family, Noun, X, Z, v3
from reel2sim.generation.scripted.solids import Solid, box, cylinder, extrusion


def _excavator(b: Bench) -> None:
    """Tracks, a house that turns, boom, stick and bucket."""
    s = b.size
    y, track = b.vary(0.15) * s * b.wide, 0.05 * s
    tracks: list[Solid] = []
    for e in (-1, 1):
        belt = [(t * 0.17 * s, e * y, track) for t in (-1, 1)]
        tracks += [
            cylinder(
                (p[0], p[1] - 0.03 * s, p[2]), (p[0], p[1] + 0.03 * s, p[2]), track, "rubber", 24
            )
            for p in belt
        ]
        tracks.append(
            box((-0.17 * s, e * y - 0.03 * s, 0), (0.17 * s, e * y + 0.03 * s, 2 * track), "rubber")
        )
        tracks += [
            cylinder(
                (t * s, e * (y + 0.03 * s), track),
                (t * s, e * (y + 0.036 * s), track),
                0.03 * s,
                "steel",
                16,
            )
            for t in (-0.16, -0.08, 0, 0.08, 0.16)
        ]
    b.root(
        "tracks",
        *tracks,
        box((-0.1 * s, -y, 0.05 * s), (0.1 * s, y, 0.1 * s), "dark"),
        cylinder((0, 0, 0.1 * s), (0, 0, 0.115 * s), 0.09 * s, "dark"),
    )
    z = 0.115 * s
    glass = b.surface("glass", "glass", (0.35, 0.45, 0.52))
    b.spin(
        "house",
        "tracks",
        box((-0.22 * s, -0.14 * s, z), (0.10 * s, 0.14 * s, z + 0.05 * s), "base"),
        box((-0.22 * s, -0.14 * s, z + 0.05 * s), (-0.07 * s, 0.14 * s, z + 0.13 * s), "base"),
        box((-0.05 * s, -0.13 * s, z + 0.05 * s), (0.10 * s, -0.03 * s, z + 0.2 * s), glass),
        box((-0.055 * s, -0.135 * s, z + 0.2 * s), (0.105 * s, -0.025 * s, z + 0.21 * s), "base"),
        *(
            box(
                (x * s - 0.005 * s, yy * s - 0.005 * s, z + 0.05 * s),
                (x * s + 0.006 * s, yy * s + 0.005 * s, z + 0.2 * s),
                "dark",
            )
            for x in (-0.05, 0.1)
            for yy in (-0.131, -0.029)
        ),
        cylinder(
            (-0.16 * s, 0.08 * s, z + 0.13 * s),
            (-0.16 * s, 0.08 * s, z + 0.18 * s),
            0.012 * s,
            "dark",
        ),
        axis=Z,
        pivot=(0, 0, z),
        noun="cab",
        turns=0.35,
    )
    at = np.array([0.09 * s, 0.03 * s, z + 0.06 * s])
    reach = b.vary(0.30) * s * b.high
    elbow = at + reach * np.array([0.70, 0, 0.71])
    tip = elbow + 0.8 * reach * np.array([0.60, 0, -0.80])
    parent, start = "house", at
    for name, end, turn, travel in (
        ("boom", elbow, (0, -1, 0), 0.55),
        ("stick", tip, (0, -1, 0), 0.9),
    ):
        b.hinge(
            name, parent, _beam(start, end, 0.04 * s, "base" if name == "boom" else "front"),
            cylinder(end - v3(0, 0.026 * s, 0), end + v3(0, 0.026 * s, 0), 0.016 * s, "dark"),
            axis=turn, pivot=start, travel=travel, noun=name,
        )  # fmt: skip
        parent, start = name, end
    scoop = np.array(
        [
            (0, 0.01),
            (0.06, -0.01),
            (0.075, -0.07),
            (0.02, -0.115),
            (-0.07, -0.10),
            (-0.066, -0.095),
            (0.015, -0.10),
            (0.06, -0.065),
            (0.045, -0.02),
            (-0.005, -0.005),
        ]
    )
    scoop = scoop[::-1] * s
    cheek = np.array([(-0.07, -0.10), (0.02, -0.115), (0.075, -0.07), (0.06, -0.01), (0, 0.01)]) * s
    b.hinge(
        "bucket",
        parent,
        extrusion(scoop, tip, X, (0, 0, 1), 0.11 * s, "dark"),
        *(
            extrusion(cheek, tip + v3(0, e * 0.057 * s, 0), X, (0, 0, 1), 0.006 * s, "dark")
            for e in (-1, 1)
        ),
        axis=(0, 1, 0),
        pivot=tip,
        travel=1.1,
        noun="bucket",
    )


def _beam(start: np.ndarray, end: np.ndarray, width: float, surface: str) -> Solid:
    """A tapered beam in the plane of x and z."""
    way = (end - start) / np.linalg.norm(end - start)
    up = np.cross(way, (0, 1, 0))
    long = float(np.linalg.norm(end - start))
    outline = np.array([(0, -0.5), (1, -0.4), (1, 0.4), (0.5, 0.85), (0, 0.5)]) * [long, width]
    return extrusion(outline, start, way, up, 0.9 * width, surface)


FAMILIES = (
    Family(
        "excavator",
        "vehicles",
        _excavator,
        (Noun("cab"), Noun("boom"), Noun("stick"), Noun("bucket")),
        "paint",
        ("digger",),
        (),
        "a yellow excavator, the boom lifts, then the bucket opens",
        tabletop=True,
    ),
)
