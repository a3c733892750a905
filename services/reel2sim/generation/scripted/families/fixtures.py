"""Lamps, fans, taps, switches and valves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from reel2sim.generation.scripted.families.fittings import knob
from reel2sim.generation.scripted.family import Bench, Family, Noun, X, Y, Z, v3
from reel2sim.generation.scripted.solids import (
    Solid,
    block,
    box,
    capsule,
    cone,
    cylinder,
    extrusion,
    lathe,
    plate,
    sphere,
    torus,
)


def _lamp(b: Bench) -> None:
    """A desk lamp: arms on a heavy foot and a shade that tilts, in the plane of x and z."""
    n, s = b.count("arm"), b.size
    each = b.vary(0.44 / max(1, n)) * s * b.high
    foot = b.vary(0.09) * s * b.wide
    b.root(
        "foot",
        cylinder((0, 0, 0), (0, 0, 0.018 * s), foot, "base", 32),
        cone((0, 0, 0.018 * s), (0, 0, 0.03 * s), 0.8 * foot, 0.3 * foot, "base", 32),
        cylinder((0, 0, 0.03 * s), (0, 0, 0.05 * s), 0.014 * s, "steel"),
        cylinder((0, -0.02 * s, 0.05 * s), (0, 0.02 * s, 0.05 * s), 0.016 * s, "dark"),
        cylinder((0.6 * foot, 0, 0.018 * s), (0.6 * foot, 0, 0.027 * s), 0.012 * s, "accent"),
    )
    at, parent, lean = np.array([0, 0, 0.05 * s]), "foot", -0.45
    for k in range(n):
        way = np.array([np.sin(lean), 0, np.cos(lean)])
        end = at + each * way
        rods: list[Solid] = [
            capsule(at + v3(0, y, 0), end + v3(0, y, 0), 0.006 * s, "front", 12)
            for y in (-0.012 * s, 0.012 * s)
        ]
        rods.append(
            cylinder(end + v3(0, -0.02 * s, 0), end + v3(0, 0.02 * s, 0), 0.014 * s, "dark")
        )
        rods.append(block(at + 0.3 * each * way, (0.012 * s, 0.026 * s, 0.03 * s), "steel"))
        b.hinge(
            f"arm_{k}", parent, *rods, axis=Y if k % 2 == 0 else (0, -1, 0), pivot=at, travel=0.6,
            noun="arm", index=k, both=True,
        )  # fmt: skip
        at, parent, lean = end, f"arm_{k}", lean + 1.35 if k % 2 == 0 else lean - 0.9
    tip = np.array([0.25, 0, -1]) / np.hypot(0.25, 1)
    shade = (
        np.array(
            [
                (0.0, 0),
                (0.02, 0),
                (0.026, 0.03),
                (0.075, 0.11),
                (0.068, 0.11),
                (0.02, 0.035),
                (0, 0.03),
            ]
        )
        * s
    )
    start = at - 0.02 * s * tip
    b.hinge(
        "head",
        parent,
        lathe(start, start + tip, shade, "accent", sides=32),
        sphere(
            start + 0.075 * s * tip, 0.026 * s, b.surface("bulb", "glass", (0.98, 0.93, 0.75)), 16
        ),
        axis=(0, -1, 0),
        pivot=at,
        travel=0.8,
        noun="head",
        both=True,
    )


def _fan(b: Bench) -> None:
    """Blades in a cage on a head that turns from side to side."""
    n, s = b.count("blade"), b.size
    r = b.vary(0.17) * s * b.wide
    z = b.vary(0.34) * s * b.high
    b.root(
        "stand",
        cylinder((0, 0, 0), (0, 0, 0.025 * s), 0.6 * r, "base", 32),
        cylinder((0, 0, 0.025 * s), (0, 0, z - 0.05 * s), 0.018 * s, "base"),
        *knob(0.45 * r, 0, 0.03 * s, 0.02 * s, "dark"),
    )
    front = 0.07 * s
    head: list[Solid] = [
        cylinder((0, 0, z - 0.05 * s), (0, 0, z), 0.03 * s, "dark"),
        cylinder((-0.09 * s, 0, z), (0.03 * s, 0, z), 0.055 * s, "front", 32),
        torus((front, 0, z), X, 1.08 * r, 0.006 * s, "steel", 40),
    ]
    for a in np.arange(10) * np.pi / 5:
        out = np.array([0, np.cos(a), np.sin(a)])
        rim = np.array([front, 0, z]) + 1.08 * r * out
        head.append(
            capsule(np.array([-0.02 * s, 0, z]) + 0.05 * s * out, rim, 0.003 * s, "steel", 8)
        )
    b.hinge("head", "stand", *head, axis=Z, pivot=(0, 0, z), travel=0.7, noun="head", both=True)
    blades: list[Solid] = [
        cylinder((0.03 * s, 0, z), (front, 0, z), 0.028 * s, "dark"),
    ]
    leaf = np.array(
        [
            (0.02, -0.25),
            (0.35, -0.42),
            (0.9, -0.36),
            (1.0, -0.05),
            (0.85, 0.2),
            (0.3, 0.16),
            (0.02, 0.1),
        ]
    )
    for k in range(n):
        a = 2 * np.pi * k / n
        out, side = np.array([0, np.cos(a), np.sin(a)]), np.array([0, -np.sin(a), np.cos(a)])
        twist = np.cos(0.35) * side + np.sin(0.35) * np.array(X)
        blades.append(
            extrusion(
                leaf * r * 0.98 * [1, min(1, 3.5 / n)],
                (0.052 * s, 0, z),
                out,
                twist,
                0.004 * s,
                "accent" if k else "dark",
            )
        )
    b.spin("rotor", "head", *blades, axis=X, pivot=(0.05 * s, 0, z), noun="blade", turns=1.5)


def _tap(b: Bench) -> None:
    """A basin tap: levers that turn and a spout that swings."""
    n, s = b.count("lever"), b.size
    high, reach = b.vary(0.16) * s * b.high, b.vary(0.13) * s * b.wide
    sink = b.surface("sink", "ceramic", (0.92, 0.92, 0.90))
    wide = 0.2 * s
    b.root(
        "sink",
        box((-0.06 * s, -wide, -0.03 * s), (0.05 * s, wide, 0), sink),
        cylinder((0, 0, 0), (0, 0, 0.05 * s), 0.026 * s, "base"),
        cylinder((0, 0, 0.05 * s), (0, 0, 0.056 * s), 0.03 * s, "dark"),
    )
    r, turns = 0.013 * s, np.linspace(np.pi, 0.15, 9)
    middle, top = reach / 2, high
    path = np.c_[middle + middle * np.cos(turns), np.zeros(9), top + middle * np.sin(turns)]
    spout: list[Solid] = [
        cylinder((0, 0, 0.056 * s), (0, 0, 0.075 * s), 0.022 * s, "base"),
        capsule((0, 0, 0.06 * s), (0, 0, top), r, "front"),
    ]
    spout += [capsule(p, q, r, "front") for p, q in pairwise(path)]
    tip = path[-1]
    spout.append(cone(tip, tip - v3(0, 0, 0.03 * s), r, 1.15 * r, "steel"))
    b.hinge(
        "spout",
        "sink",
        *spout,
        axis=Z,
        pivot=(0, 0, 0.056 * s),
        travel=1.0,
        noun="spout",
        both=True,
    )
    for k, y in enumerate(np.linspace(-0.11, 0.11, n) * s if n > 1 else [-0.11 * s]):
        z = 0.05 * s
        hue = b.surface(f"mark_{k}", "paint", (0.80, 0.22, 0.18) if k == 0 else (0.22, 0.42, 0.75))
        b.fix(f"post_{k}", "sink", cylinder((0, y, 0), (0, y, z), 0.018 * s, "base"))
        b.hinge(
            f"lever_{k}", f"post_{k}",
            cylinder((0, y, z), (0, y, z + 0.02 * s), 0.022 * s, "base"),
            cylinder((0, y, z + 0.02 * s), (0, y, z + 0.024 * s), 0.012 * s, hue),
            capsule((0, y, z + 0.012 * s), (0.07 * s, y, z + 0.022 * s), 0.008 * s, "front", 12),
            axis=(0, 0, -1 if y < 0 else 1), pivot=(0, y, z), travel=1.4, noun="lever", index=k,
        )  # fmt: skip


def _switch(b: Bench) -> None:
    """A wall box with levers that are thrown up and down."""
    n, s = b.count("lever"), b.size
    pitch = 0.07 * s * b.wide
    half, high = n * pitch / 2 + 0.03 * s, b.vary(0.2) * s * b.high
    b.root(
        "box",
        box((-0.03 * s, -half, 0), (0.03 * s, half, high), "base"),
        *(
            block(
                (0.031 * s, e * (half - 0.012 * s), f * high),
                (0.008 * s, 0.01 * s, 0.01 * s),
                "steel",
            )
            for e in (-1, 1)
            for f in (0.08, 0.92)
        ),
        *(
            block(
                (0.032 * s, (k - (n - 1) / 2) * pitch, high / 2),
                (0.006 * s, 0.3 * pitch, 0.5 * high),
                "dark",
            )
            for k in range(n)
        ),
    )
    for k in range(n):
        y, z = (k - (n - 1) / 2) * pitch, high / 2
        way = np.array([np.cos(0.6), 0, np.sin(0.6)])
        start = np.array([0.03 * s, y, z])
        end = start + b.vary(0.10) * s * way
        b.hinge(
            f"lever_{k}", "box",
            cylinder(start - v3(0, 0.02 * s, 0), start + v3(0, 0.02 * s, 0), 0.018 * s, "steel"),
            capsule(start, end, 0.008 * s, "steel", 12), sphere(end, 0.02 * s, "accent", 16),
            axis=Y, pivot=start, travel=1.2, noun="lever", index=k,
        )  # fmt: skip


def _valve(b: Bench) -> None:
    """A pipe with a hand wheel."""
    s = b.size
    z, r = 0.16 * s, b.vary(0.09) * s * b.wide
    long, pipe = b.vary(0.24) * s, 0.045 * s
    b.root(
        "pipe",
        cylinder((0, -long, z), (0, long, z), pipe, "base", 32),
        *(
            cylinder((0, y - 0.015 * s, z), (0, y + 0.015 * s, z), 1.6 * pipe, "front", 32)
            for y in (-0.92 * long, 0.92 * long)
        ),
        sphere((0, 0, z), 1.45 * pipe, "front"),
        cylinder((0, 0, z), (0.12 * s, 0, z), 0.5 * pipe, "front"),
        *(
            box((-0.03 * s, y - 0.02 * s, 0), (0.03 * s, y + 0.02 * s, z - 0.8 * pipe), "dark")
            for y in (-0.6 * long, 0.6 * long)
        ),
    )
    x = 0.15 * s
    spokes = [
        capsule((x, 0, z), (x, r * np.cos(a), z + r * np.sin(a)), 0.009 * s, "accent", 10)
        for a in np.arange(5) * 2 * np.pi / 5
    ]
    b.spin(
        "wheel", "pipe", torus((x, 0, z), X, r, 0.013 * s, "accent", 40), *spokes,
        cylinder((0.12 * s, 0, z), (x + 0.02 * s, 0, z), 0.02 * s, "steel"),
        block((x + 0.012 * s, 0, z + r), (0.012 * s, 0.03 * s, 0.012 * s), "steel"),
        axis=X, pivot=(x, 0, z), noun="wheel", turns=1.0,
    )  # fmt: skip


def _clock(b: Bench) -> None:
    """A clock whose hands turn and whose pendulum swings."""
    s, r = b.size, b.vary(0.14) * b.size * b.wide
    z, x = 0.62 * s * b.high, 0.05 * s
    face = b.surface("face", "paint", (0.93, 0.91, 0.86), pattern="dial")
    b.root(
        "case",
        box((-x, -1.15 * r, z - 1.2 * r), (x, 1.15 * r, z + 1.2 * r), "base"),
        box((-x, -0.7 * r, 0), (-0.6 * x, 0.7 * r, z - 1.2 * r), "front"),
        box((-x, -0.85 * r, 0), (x, 0.85 * r, 0.05 * s), "base"),
        *(
            box((-x, y - 0.02 * s, 0.05 * s), (x, y + 0.02 * s, z - 1.2 * r), "base")
            for y in (-0.8 * r, 0.8 * r)
        ),
        torus((x, 0, z), X, r, 0.012 * s, "accent", 40),
        plate((x, 0, z), (0, 0.95 * r, 0), (0, 0, 0.95 * r), face),
    )
    for k, (name, reach, out) in enumerate((("hour", 0.5, 0.006), ("minute", 0.8, 0.012))):
        hand = (
            np.array([(-0.05, -0.15), (0.05, -0.15), (0.03, 0.8), (0, 1), (-0.03, 0.8)]) * r * reach
        )
        b.spin(
            name, "case", extrusion(hand, (x + out * s, 0, z), Y, Z, 0.004 * s, "dark"),
            axis=(-1, 0, 0), pivot=(x + out * s, 0, z), noun="hand", index=k, turns=(0.25, 1.0)[k],
        )  # fmt: skip
    top = z - 1.2 * r
    low = 0.05 * s + 0.3 * (top - 0.05 * s)
    b.hinge(
        "pendulum", "case", cylinder((0, 0, top), (0, 0, low), 0.005 * s, "steel", 10),
        cylinder((-0.008 * s, 0, low), (0.008 * s, 0, low), 0.35 * r, "accent", 32),
        axis=X, pivot=(0, 0, top), travel=0.3, noun="pendulum", both=True,
    )  # fmt: skip


FAMILIES = (
    Family(
        "lamp",
        "fixtures",
        _lamp,
        (Noun("arm", 1, 3, 2), Noun("head")),
        "metal",
        ("desk lamp",),
        ("push", "drop"),
        "a red desk lamp with two arms, the head tilts",
        tabletop=True,
    ),
    Family(
        "fan",
        "fixtures",
        _fan,
        (Noun("blade", 3, 6, 4, "spin", together=True), Noun("head", manner="wave")),
        "plastic",
        (),
        ("push", "drop"),
        "a white fan with four blades, the blades spin quickly",
        tabletop=True,
    ),
    Family(
        "tap",
        "fixtures",
        _tap,
        (Noun("lever", 1, 2, 2), Noun("spout")),
        "metal",
        ("faucet",),
        (),
        "a metal tap with two levers, the left lever turns",
    ),
    Family(
        "switch",
        "fixtures",
        _switch,
        (Noun("lever", 1, 5, 1),),
        "metal",
        ("lever box", "breaker"),
        (),
        "a switch with three levers, the second lever moves",
    ),
    Family(
        "valve",
        "fixtures",
        _valve,
        (Noun("wheel", manner="spin"),),
        "metal",
        (),
        (),
        "a green valve, the wheel turns slowly",
    ),
    Family(
        "clock",
        "fixtures",
        _clock,
        (Noun("hand", 2, 2, 2, "spin"), Noun("pendulum", manner="wave")),
        "wood",
        (),
        (),
        "an oak clock, the pendulum swings and the hands turn",
    ),
)
