"""Carts, cars, trains and scooters. Wheels are called ``wheel_*`` and stand on z = 0."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.families.fittings import tray
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


def _wheel(
    b: Bench, k: int, x: float, y: float, r: float, width: float, *, parent: str = "body"
) -> None:
    """A spoked wheel on an axle along y; the hub shows that it turns."""
    out = np.sign(y) * (width / 2 + 0.001)
    spokes: list[Solid] = [
        capsule(
            (x, y + out, r),
            (x + 0.72 * r * np.cos(a), y + out, r + 0.72 * r * np.sin(a)),
            0.07 * r,
            "steel",
            8,
        )
        for a in np.arange(5) * 2 * np.pi / 5
    ]
    b.spin(
        f"wheel_{k}",
        parent,
        cylinder((x, y - width / 2, r), (x, y + width / 2, r), r, "rubber", 32),
        cylinder(
            (x, y - width / 2 - 0.002, r), (x, y + width / 2 + 0.002, r), 0.3 * r, "accent", 20
        ),
        *spokes,
        axis=Y,
        pivot=(x, y, r),
        noun="wheel" if b.count("wheel") else "",
        index=k,
        turns=1.5,
    )


def _cart(b: Bench) -> None:
    """A hand cart: a tray on four wheels with a drawbar that swings."""
    s = b.size
    x, y, r = b.vary(0.26) * s, b.vary(0.17) * s * b.wide, b.vary(0.07) * s
    deck = 2.1 * r
    b.root(
        "body",
        *tray((-x, -y, deck), (x, y, deck + 0.14 * s * b.high), 0.014 * s, "base"),
        *(
            cylinder((e * 0.65 * x, -y, r), (e * 0.65 * x, y, r), 0.01 * s, "steel", 12)
            for e in (-1, 1)
        ),
        *(
            block((e * 0.65 * x, f * 0.7 * y, 1.55 * r), (0.03 * s, 0.03 * s, 1.12 * r), "dark")
            for e in (-1, 1)
            for f in (-1, 1)
        ),
    )
    for k in range(4):
        _wheel(b, k, (1 if k < 2 else -1) * 0.65 * x, (-1, 1)[k % 2] * (y + 0.02 * s), r, 0.03 * s)
    tip = np.array([x + 0.24 * s, 0, deck + 0.12 * s])
    start = np.array([x + 0.01 * s, 0, deck + 0.02 * s])
    b.hinge(
        "handle", "body", capsule(start, tip, 0.009 * s, "steel", 12),
        capsule(tip - v3(0, 0.06 * s, 0), tip + v3(0, 0.06 * s, 0), 0.012 * s, "accent", 12),
        cylinder(start - v3(0, 0.03 * s, 0), start + v3(0, 0.03 * s, 0), 0.014 * s, "dark"),
        axis=(0, -1, 0), pivot=start, travel=0.8, noun="handle",
    )  # fmt: skip


def _car(b: Bench) -> None:
    """A toy car whose doors and boot lid open."""
    s = b.size
    x, y, r = b.vary(0.16, 0.05) * s, b.vary(0.07) * s * b.wide, 0.034 * s
    low, belt, roof = 0.8 * r, 2.2 * r, 2.2 * r + b.vary(0.045) * s * b.high
    glass = b.surface("glass", "glass", (0.30, 0.38, 0.45))
    lower = np.array(
        [
            (-x, low),
            (x, low),
            (x, 0.85 * belt),
            (0.45 * x, belt),
            (-0.95 * x, belt),
            (-x, 0.9 * belt),
        ]
    )
    cabin = np.array([(-0.62 * x, belt), (0.45 * x, belt), (0.18 * x, roof), (-0.48 * x, roof)])
    t = 0.004 * s
    body: list[Solid] = [
        extrusion(lower, (0, 0, 0), X, (0, 0, 1), 2 * (y - t), "base"),
        extrusion(cabin * [0.94, 1], (0, 0, 0), X, (0, 0, 1), 1.7 * y, glass),
        block((-0.15 * x, 0, roof + t), (0.62 * x, 1.72 * y, 2 * t), "base"),
        *(
            cylinder(
                (0.995 * x, e * 0.65 * y, 0.62 * belt),
                (1.01 * x, e * 0.65 * y, 0.62 * belt),
                0.011 * s,
                b.surface("light", "glass", (0.97, 0.95, 0.82)),
            )
            for e in (-1, 1)
        ),
        box((0.98 * x, -0.95 * y, low), (1.04 * x, 0.95 * y, low + 0.012 * s), "dark"),
        box((-1.04 * x, -0.95 * y, low), (-0.98 * x, 0.95 * y, low + 0.012 * s), "dark"),
    ]
    # The reach of extrusions above runs along X × Z = −y, which is the same to both sides.
    b.root("body", *body)
    for k in range(4):
        _wheel(b, k, (1 if k < 2 else -1) * 0.62 * x, (-1, 1)[k % 2] * 0.97 * y, r, 0.022 * s)
    for k, e in enumerate((-1, 1)):
        front, back = 0.33 * x, -0.28 * x
        side = sorted((e * (y - t) + e * 0.0005, e * (y + 0.002 * s)))
        b.hinge(
            f"door_{k}",
            "body",
            box((back, side[0], low * 1.05), (front, side[1], belt), "accent"),
            block(
                (back + 0.025 * s, e * (y + 0.004 * s), 0.85 * belt),
                (0.02 * s, 0.004 * s, 0.005 * s),
                "steel",
            ),
            axis=(0, 0, e),
            pivot=(front, e * y, belt / 2),
            travel=1.1,
            noun="door",
            index=k,
        )


def _train(b: Bench) -> None:
    """A toy engine that draws wagons on couplings which turn."""
    n, s = b.count("wagon"), b.size
    w, r, deck = 0.035 * s * b.wide, 0.018 * s, 0.042 * s
    half, gap = b.vary(0.065) * s, 0.02 * s
    z = deck + 0.034 * s
    b.root(
        "engine",
        box((-half, -w, 1.3 * r), (half, w, deck), "dark"),
        cylinder((-0.2 * half, 0, z), (half * 0.95, 0, z), 0.8 * w, "base", 28),
        box((-half, -w, deck), (-0.2 * half, w, deck + 0.075 * s * b.high), "base"),
        box(
            (-1.1 * half, -1.15 * w, deck + 0.075 * s * b.high),
            (-0.1 * half, 1.15 * w, deck + 0.083 * s * b.high),
            "accent",
        ),
        cone(
            (0.65 * half, 0, z + 0.6 * w),
            (0.65 * half, 0, z + 1.7 * w),
            0.2 * w,
            0.36 * w,
            "accent",
        ),
        sphere((0.25 * half, 0, z + 0.75 * w), 0.3 * w, "steel", 16),
        *(
            block(
                (-0.6 * half, e * (w + 0.001), deck + 0.05 * s),
                (0.3 * half, 0.002, 0.025 * s),
                b.surface("glass", "glass", (0.35, 0.45, 0.52)),
            )
            for e in (-1, 1)
        ),
        cone((half, 0, 1.2 * r), (1.2 * half, 0, 0.8 * r), w, 0.3 * w, "accent", 4),
    )
    k = 0
    for x in (-0.65 * half, 0.6 * half):
        for e in (-1, 1):
            _wheel(b, k, x, e * (w + 0.003 * s), r, 0.008 * s, parent="engine")
            k += 1
    parent = "engine"
    for i in range(n):
        mid = -(i + 1) * (2 * half + gap)
        hook = mid + half + gap
        tone = b.surface(
            f"wagon_{i}",
            "paint",
            (0.75 - 0.2 * i % 0.6, 0.35 + 0.17 * (i % 3), 0.25 + 0.2 * (i % 2)),
        )
        load: list[Solid] = (
            [
                sphere((mid + t * half, 0, deck + 0.04 * s), 0.024 * s, "accent", 16)
                for t in (-0.5, 0, 0.5)
            ]
            if i % 2 == 0
            else [
                cylinder(
                    (mid - 0.8 * half, e * 0.5 * w, deck + 0.03 * s),
                    (mid + 0.8 * half, e * 0.5 * w, deck + 0.03 * s),
                    0.4 * w,
                    b.surface("log", "wood", None, metres=0.3),
                )
                for e in (-1, 1)
            ]
        )
        b.hinge(
            f"wagon_{i}", parent,
            *tray((mid - half, -w, 1.4 * r), (mid + half, w, deck + 0.02 * s), 0.005 * s, tone),
            capsule((hook, 0, 1.6 * r), (mid + half, 0, 1.6 * r), 0.005 * s, "steel", 10), *load,
            axis=Z, pivot=(hook, 0, 1.6 * r), travel=0.35, noun="wagon", index=i, both=True,
        )  # fmt: skip
        for x in (-0.6 * half, 0.6 * half):
            for e in (-1, 1):
                _wheel(b, k, mid + x, e * (w + 0.003 * s), r, 0.008 * s, parent=f"wagon_{i}")
                k += 1
        parent = f"wagon_{i}"


def _bike(b: Bench) -> None:
    """A scooter: a deck between two wheels and a steering column that turns."""
    s = b.size
    r, half = b.vary(0.055) * s, b.vary(0.22) * s
    deck = r + 0.012 * s
    b.root(
        "body",
        box(
            (-0.75 * half, -0.05 * s * b.wide, deck),
            (0.68 * half, 0.05 * s * b.wide, deck + 0.018 * s),
            "base",
        ),
        box(
            (-0.7 * half, -0.042 * s * b.wide, deck + 0.018 * s),
            (0.5 * half, 0.042 * s * b.wide, deck + 0.021 * s),
            "rubber",
        ),
        *(
            capsule(
                (-0.74 * half, e * 0.022 * s, deck + 0.006 * s),
                (-half, e * 0.022 * s, r),
                0.006 * s,
                "steel",
                10,
            )
            for e in (-1, 1)
        ),
        capsule((0.66 * half, 0, deck + 0.01 * s), (0.86 * half, 0, 2.6 * r), 0.014 * s, "base"),
    )
    _wheel(b, 0, -half, 1e-6, r, 0.03 * s)
    top = np.array([0.80 * half, 0, b.vary(0.52) * s * b.high])
    low = np.array([0.88 * half, 0, 2.4 * r])
    axis = (top - low) / np.linalg.norm(top - low)
    b.hinge(
        "handlebar",
        "body",
        cylinder(low, top, 0.011 * s, "steel"),
        cylinder(low + 0.02 * s * axis, low + 0.10 * s * axis, 0.017 * s, "accent"),
        capsule(top - v3(0, 0.13 * s, 0), top + v3(0, 0.13 * s, 0), 0.009 * s, "steel", 12),
        *(
            capsule(
                top + v3(0, e * 0.10 * s, 0), top + v3(0, e * 0.15 * s, 0), 0.013 * s, "rubber", 12
            )
            for e in (-1, 1)
        ),
        *(
            capsule(
                (0.88 * half, e * 0.024 * s, 2.3 * r),
                (half, e * 0.024 * s, r),
                0.006 * s,
                "steel",
                10,
            )
            for e in (-1, 1)
        ),
        box((0.86 * half, -0.028 * s, 2.25 * r), (0.91 * half, 0.028 * s, 2.4 * r), "steel"),
        axis=axis,
        pivot=low,
        travel=0.6,
        noun="handlebar",
        both=True,
    )
    b.spin(
        "wheel_1",
        "handlebar",
        torus((half, 0, r), Y, 0.8 * r, 0.2 * r, "rubber", 32),
        cylinder((half, -0.014 * s, r), (half, 0.014 * s, r), 0.22 * r, "accent"),
        *(
            capsule(
                (half, 0, r),
                (half + 0.75 * r * np.cos(a), 0, r + 0.75 * r * np.sin(a)),
                0.06 * r,
                "steel",
                8,
            )
            for a in np.arange(5) * 1.2566
        ),
        axis=Y,
        pivot=(half, 0, r),
        noun="wheel",
        index=1,
        turns=1.5,
    )


FAMILIES = (
    Family(
        "cart",
        "vehicles",
        _cart,
        (Noun("wheel", 4, 4, 4, "spin"), Noun("handle")),
        "wood",
        ("wagon", "handcart"),
        ("roll", "wind", "push", "drop"),
        "a red cart rolls",
    ),
    Family(
        "car",
        "vehicles",
        _car,
        (Noun("door", 2, 2, 2), Noun("wheel", 4, 4, 4, "spin")),
        "paint",
        ("toy car",),
        ("roll", "wind", "push", "drop"),
        "a yellow toy car is wound up and runs off",
        tabletop=True,
    ),
    Family(
        "train",
        "vehicles",
        _train,
        (Noun("wagon", 1, 4, 2, "wave"),),
        "paint",
        ("toy train",),
        ("roll",),
        "a green toy train with three wagons rolls slowly",
        tabletop=True,
    ),
    Family(
        "scooter",
        "vehicles",
        _bike,
        (Noun("handlebar", manner="wave"), Noun("wheel", 2, 2, 2, "spin")),
        "metal",
        (),
        ("roll",),
        "a blue scooter rolls and the handlebar turns",
    ),
)
