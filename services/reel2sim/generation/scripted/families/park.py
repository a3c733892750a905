"""What turns and swings outdoors."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.family import Bench, Family, Noun, X, Y, Z, v3
from reel2sim.generation.scripted.solids import (
    Solid,
    block,
    box,
    capsule,
    cone,
    cylinder,
    extrusion,
    sphere,
    torus,
)


def _windmill(b: Bench) -> None:
    """A tower whose cap turns into the wind and whose sails spin."""
    n, s = b.count("sail"), b.size
    high, r = b.vary(0.75) * s * b.high, b.vary(0.45) * s * b.wide
    r = min(r, high - 0.06 * s)
    stone = b.surface("tower", "stone", b.thing.colour or (0.80, 0.74, 0.66))
    b.root(
        "tower",
        cone((0, 0, 0), (0, 0, high - 0.04 * s), 0.2 * s, 0.125 * s, stone, 12),
        box((0.17 * s, -0.04 * s, 0), (0.2 * s, 0.04 * s, 0.16 * s), "dark"),
        *(
            block((0.155 * s, 0, z * high), (0.02 * s, 0.05 * s, 0.06 * s), "dark")
            for z in (0.5, 0.72)
        ),
    )
    z = high
    b.hinge(
        "cap", "tower", cylinder((0, 0, z - 0.04 * s), (0, 0, z + 0.05 * s), 0.135 * s, "base", 24),
        cone((0, 0, z + 0.05 * s), (0, 0, z + 0.17 * s), 0.15 * s, 0.02 * s, "accent", 24),
        cylinder((0.1 * s, 0, z), (0.19 * s, 0, z), 0.018 * s, "dark"),
        axis=Z, pivot=(0, 0, z - 0.04 * s), travel=0.6, noun="cap", both=True,
    )  # fmt: skip
    x, sails = 0.2 * s, [sphere((0.21 * s, 0, z), 0.035 * s, "dark", 16)]
    cloth = b.surface("cloth", "fabric", (0.90, 0.87, 0.79))
    for k in range(n):
        a = 2 * np.pi * k / n + 0.3
        out, side = np.array([0, np.cos(a), np.sin(a)]), np.array([0, -np.sin(a), np.cos(a)])
        at = np.array([x, 0, z])
        sails.append(capsule(at, at + r * out, 0.011 * s, "base", 10))
        panel = np.array([(0.22, 0.01), (0.98, 0.01), (0.98, 0.2), (0.22, 0.24)]) * [
            r,
            0.8 * s * min(1, 4 / n),
        ]
        sails.append(
            extrusion(
                panel, at + 0.004 * s * np.array(X), out, side, 0.005 * s, cloth if k else "accent"
            )
        )
    b.spin("sails", "cap", *sails, axis=X, pivot=(x, 0, z), noun="sail", turns=1.0)


def _swing(b: Bench) -> None:
    """A frame with seats on ropes that swing along x."""
    n, s = b.count("seat"), b.size
    each = b.vary(0.5) * s * b.wide
    half, high = n * each / 2 + 0.12 * s, b.vary(1.3, 0.06) * s * b.high
    r = 0.025 * s
    b.root(
        "frame",
        capsule((0, -half, high), (0, half, high), r, "base"),
        *(
            capsule((e * 0.4 * s, f * half * 1.12, r), (0, f * half, high), r, "base")
            for e in (-1, 1)
            for f in (-1, 1)
        ),
        *(
            capsule(
                (-0.25 * s, f * half * 1.05, 0.4 * high),
                (0.25 * s, f * half * 1.05, 0.4 * high),
                0.7 * r,
                "front",
            )
            for f in (-1, 1)
        ),
    )
    for k in range(n):
        y, low, w = (k - (n - 1) / 2) * each, 0.35 * high, 0.32 * each
        ropes: list[Solid] = [
            capsule((0, y + e * w, high), (0, y + e * w, low), 0.008 * s, "steel", 10)
            for e in (-1, 1)
        ]
        ropes.append(
            box(
                (-0.09 * s, y - 1.1 * w, low - 0.015 * s),
                (0.09 * s, y + 1.1 * w, low + 0.01 * s),
                "accent",
            )
        )
        ropes += [torus((0, y + e * w, high), Y, 1.3 * r, 0.3 * r, "dark", 16) for e in (-1, 1)]
        b.hinge(
            f"seat_{k}",
            "frame",
            *ropes,
            axis=(0, -1, 0),
            pivot=(0, y, high),
            travel=0.6,
            noun="seat",
            index=k,
            both=True,
        )


def _seesaw(b: Bench) -> None:
    """A plank on a trestle."""
    s = b.size
    half, z = b.vary(0.6) * s * b.wide, b.vary(0.3) * s * b.high
    stand = np.array([(-0.16 * s, 0), (0.16 * s, 0), (0.03 * s, z), (-0.03 * s, z)])
    b.root(
        "stand",
        *(extrusion(stand, (e * 0.10 * s, 0, 0), Y, Z, 0.03 * s, "front") for e in (-1, 1)),
        cylinder((-0.13 * s, 0, z), (0.13 * s, 0, z), 0.025 * s, "steel"),
    )
    grips: list[Solid] = []
    for e in (-1, 1):
        y = e * 0.78 * half
        grips += [
            capsule((0, y, z + 0.03 * s), (0, y, z + 0.16 * s), 0.011 * s, "steel", 10),
            capsule(
                (-0.07 * s, y, z + 0.16 * s), (0.07 * s, y, z + 0.16 * s), 0.012 * s, "accent", 10
            ),
            box(
                (-0.085 * s, y + e * 0.05 * s - 0.05 * s, z + 0.045 * s),
                (0.085 * s, y + e * 0.05 * s + 0.05 * s, z + 0.06 * s),
                "accent",
            ),
        ]
    b.hinge(
        "plank",
        "stand",
        box((-0.08 * s, -half, z + 0.02 * s), (0.08 * s, half, z + 0.045 * s), "base"),
        *grips,
        axis=X,
        pivot=(0, 0, z),
        travel=0.38,
        noun="plank",
        both=True,
    )


def _carousel(b: Bench) -> None:
    """A roof and a floor that turn together, with seats that swing out under it."""
    n, s = b.count("seat"), b.size
    r, high = b.vary(0.42) * s * b.wide, b.vary(0.65) * s * b.high
    b.root(
        "base",
        cylinder((0, 0, 0), (0, 0, 0.05 * s), 0.6 * r, "base", 32),
        cylinder((0, 0, 0.05 * s), (0, 0, high), 0.05 * s, "steel"),
    )
    stripes = [
        block(
            (0.8 * r * np.cos(a), 0.8 * r * np.sin(a), high + 0.02 * s),
            (0.1 * s, 0.1 * s, 0.045 * s),
            "front",
        )
        for a in np.arange(6) * np.pi / 3
    ]
    b.spin(
        "roof",
        "base",
        cylinder((0, 0, high), (0, 0, high + 0.03 * s), r, "accent", 32),
        cone((0, 0, high + 0.03 * s), (0, 0, high + 0.2 * s), 0.98 * r, 0.02 * s, "front", 12),
        *stripes,
        sphere((0, 0, high + 0.21 * s), 0.035 * s, "steel", 16),
        axis=Z,
        pivot=(0, 0, high),
        noun="roof",
        turns=0.75,
    )
    for k in range(n):
        a = 2 * np.pi * k / n
        out, side = np.array([np.cos(a), np.sin(a), 0]), np.array([-np.sin(a), np.cos(a), 0])
        top = 0.88 * r * out + [0, 0, high]
        low = top - v3(0, 0, 0.62 * high)
        b.hinge(
            f"seat_{k}", "roof", capsule(top, low, 0.008 * s, "steel", 10),
            sphere(low, 0.045 * s, "base" if k % 2 else "accent", 16),
            cylinder(low - v3(0, 0, 0.035 * s), low - v3(0, 0, 0.025 * s), 0.055 * s, "dark", 20),
            axis=-side, pivot=top, travel=0.5, noun="seat", index=k,
        )  # fmt: skip


def _drawbridge(b: Bench) -> None:
    """A level crossing: a barrier with a counterweight."""
    s = b.size
    z, long = b.vary(0.32) * s * b.high, b.vary(0.85) * s * b.wide
    y0 = -0.45 * long
    b.root(
        "post",
        box((-0.07 * s, y0 - 0.07 * s, 0), (0.07 * s, y0 + 0.07 * s, 0.03 * s), "dark"),
        box(
            (-0.045 * s, y0 - 0.045 * s, 0.03 * s),
            (0.045 * s, y0 + 0.045 * s, z + 0.06 * s),
            "base",
        ),
        sphere((0, y0, z + 0.085 * s), 0.03 * s, "accent", 16),
        *(
            box(
                (-0.02 * s, 0.52 * long - 0.02 * s, 0),
                (0.02 * s, 0.52 * long + 0.02 * s, z - 0.025 * s),
                "base",
            )
            for _ in (0,)
        ),
    )
    x = 0.062 * s
    stripes = [
        box(
            (x - 0.012 * s, y0 + t * long, z - 0.021 * s),
            (x + 0.016 * s, y0 + (t + 0.09) * long, z + 0.021 * s),
            "accent",
        )
        for t in (0.12, 0.34, 0.56, 0.78)
    ]
    b.hinge(
        "bar",
        "post",
        box(
            (x - 0.014 * s, y0 - 0.16 * s, z - 0.019 * s),
            (x + 0.014 * s, y0 + long, z + 0.019 * s),
            b.surface("white", "paint", (0.92, 0.91, 0.88)),
        ),
        block((x, y0 - 0.17 * s, z), (0.05 * s, 0.08 * s, 0.09 * s), "dark"),
        *stripes,
        cylinder((0.03 * s, y0, z), (x + 0.02 * s, y0, z), 0.025 * s, "steel"),
        axis=X,
        pivot=(x, y0, z),
        travel=1.35,
        noun="bar",
    )


FAMILIES = (
    Family(
        "windmill",
        "park",
        _windmill,
        (Noun("sail", 3, 6, 4, "spin", together=True), Noun("cap", manner="wave")),
        "wood",
        (),
        (),
        "a windmill with five sails, the sails spin",
    ),
    Family(
        "swing",
        "park",
        _swing,
        (Noun("seat", 1, 3, 1, "wave"),),
        "metal",
        ("swing set",),
        (),
        "a red swing set with two seats, the left seat swings",
    ),
    Family(
        "seesaw",
        "park",
        _seesaw,
        (Noun("plank", manner="wave"),),
        "wood",
        (),
        (),
        "a wooden seesaw rocks",
    ),
    Family(
        "carousel",
        "park",
        _carousel,
        (Noun("roof", manner="spin"), Noun("seat", 3, 8, 6)),
        "paint",
        ("merry go round",),
        (),
        "a pink carousel with four seats, the roof turns and the seats swing out",
    ),
    Family(
        "barrier",
        "park",
        _drawbridge,
        (Noun("bar"),),
        "paint",
        ("level crossing",),
        (),
        "a barrier, the bar lifts",
    ),
)
