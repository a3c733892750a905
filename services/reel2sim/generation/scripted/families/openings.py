"""Doors, gates and windows in their frames."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.families.fittings import GAP, handle_metal, leaf
from reel2sim.generation.scripted.family import Bench, Family, Noun, Y, Z
from reel2sim.generation.scripted.solids import Solid, box, capsule, cylinder, sphere


def _frame(width: float, high: float, beam: float, deep: float, surface: str) -> list[Solid]:
    """A frame around an opening of ``width`` from the ground to ``high``."""
    half = width / 2
    return [
        box((-deep / 2, -half - beam, 0), (deep / 2, -half, high + beam), surface),
        box((-deep / 2, half, 0), (deep / 2, half + beam, high + beam), surface),
        box((-deep / 2, -half, high), (deep / 2, half, high + beam), surface),
    ]


def _door(b: Bench) -> None:
    """One or two panelled leaves, each with a handle that turns."""
    n = b.count("door")
    each = b.vary(0.82, 0.05) * b.size * b.wide * (1.0 if n == 1 else 0.8)
    high = b.vary(2.0, 0.04) * b.size * b.high
    frame, metal = b.surface("frame", "wood", (0.80, 0.78, 0.73)), handle_metal(b)
    b.root(
        "frame",
        *_frame(n * each, high, 0.08, 0.10, frame),
        box((-0.1, -n * each / 2 - 0.08, -0.015), (0.3, n * each / 2 + 0.08, 0), "dark"),
    )
    panels = b.surface("panel", b.thing.material, b.thing.colour, metres=0.45)
    for k in range(n):
        hinge_left = k == 0
        y0, y1 = -n * each / 2 + k * each + GAP, -n * each / 2 + (k + 1) * each - GAP
        y_free = y1 - 0.07 if hinge_left else y0 + 0.07
        t = 0.04
        panel = [
            box((t, y0 + 0.14 * each, z0 * high), (t + 0.012, y1 - 0.14 * each, z1 * high), panels)
            for z0, z1 in ((0.07, 0.40), (0.52, 0.93))
        ]
        reach = -0.11 if hinge_left else 0.11
        at = (t + 0.055, y_free, 0.5 * high)
        grip = [
            cylinder((t, y_free, 0.5 * high), at, 0.012, metal),
            cylinder((t, y_free, 0.5 * high), (t + 0.008, y_free, 0.5 * high), 0.028, metal),
            capsule(at, (at[0], y_free + reach, at[2]), 0.011, metal, 12),
        ]
        turns = k < b.count("handle")
        leaf(
            b, f"door_{k}", k, parent="frame", front=0.0, y0=y0, y1=y1, low=0.008, high=high - GAP,
            hinge_left=hinge_left, extra=panel if turns else panel + grip, thick=t, travel=1.6,
        )  # fmt: skip
        if turns:
            b.hinge(
                f"handle_{k}", f"door_{k}", *grip, axis=(1 if hinge_left else -1, 0, 0),
                pivot=(t, y_free, 0.5 * high), travel=0.7, noun="handle", index=k,
            )  # fmt: skip


def _gate(b: Bench) -> None:
    """Leaves of upright bars between two posts."""
    n = b.count("door")
    each, high = b.vary(1.0) * b.size * b.wide, b.vary(1.15) * b.size * b.high
    half, post = n * each / 2, 0.07 * b.size
    stone = b.surface("post", "stone", (0.62, 0.60, 0.57))
    posts: list[Solid] = []
    for s in (-1, 1):
        y = s * (half + post + 0.01)
        posts.append(box((-post, y - post, 0), (post, y + post, 1.15 * high), stone))
        posts.append(
            box(
                (-1.2 * post, y - 1.2 * post, 1.15 * high),
                (1.2 * post, y + 1.2 * post, 1.19 * high),
                stone,
            )
        )
        posts.append(sphere((0, y, 1.19 * high + 0.8 * post), post, "accent"))
    posts.append(
        box((-1.5 * post, -half - 2 * post, -0.03), (1.5 * post, half + 2 * post, 0), stone)
    )
    b.root("posts", *posts)
    for k in range(n):
        y0, y1 = -half + k * each + 0.012, -half + (k + 1) * each - 0.012
        r, low = 0.012 * b.size, 0.06 * b.size
        bars = [
            capsule(
                (0, y, low),
                (0, y, high * (0.92 + 0.1 * np.sin(np.pi * (y - y0) / (y1 - y0)))),
                r,
                "front",
                10,
            )
            for y in np.linspace(y0 + r, y1 - r, 8)
        ]
        bars += [
            box((-r, y0, z - 1.5 * r), (r, y1, z + 1.5 * r), "front")
            for z in (low + 0.1, 0.78 * high)
        ]
        hinge_left = k == 0
        b.hinge(
            f"door_{k}", "posts", *bars, axis=(0, 0, -1) if hinge_left else Z,
            pivot=(0, y0 if hinge_left else y1, high / 2), travel=1.5, noun="door", index=k,
        )  # fmt: skip


def _window(b: Bench) -> None:
    """Framed panes, which slide sideways one before the other, over a sill."""
    n = b.count("pane")
    each, high = b.vary(0.5) * b.size * b.wide, b.vary(0.9) * b.size * b.high
    half, beam = n * each / 2, 0.06 * b.size
    sill = b.surface("sill", "stone", (0.70, 0.69, 0.66))
    deep = 0.06 + 0.045 * n
    body = _frame(2 * half, high, beam, deep, "base")
    body.append(box((-deep / 2, -half - beam, -0.05), (deep / 2 + 0.1, half + beam, 0), sill))
    b.root("frame", *body)
    glass = b.surface("glass", "glass", (0.55, 0.68, 0.76))
    for k in range(n):
        x, w = (k - (n - 1) / 2) * 0.045, 0.045 * b.size
        y0, y1 = -half + k * each, -half + (k + 1) * each
        z0, z1 = 0.004, high - 0.004
        t = 0.016
        pane = [
            box((x - t, y0, z0), (x + t, y0 + w, z1), "front"),
            box((x - t, y1 - w, z0), (x + t, y1, z1), "front"),
            box((x - t, y0 + w, z0), (x + t, y1 - w, z0 + w), "front"),
            box((x - t, y0 + w, z1 - w), (x + t, y1 - w, z1), "front"),
            box((x - 0.004, y0 + w, z0 + w), (x + 0.004, y1 - w, z1 - w), glass),
            box(
                (x + t, y0 + w / 3 if k else y1 - w / 1.5, 0.4 * high),
                (x + t + 0.004, y0 + w / 1.5 if k else y1 - w / 3, 0.55 * high),
                "dark",
            ),
        ]
        right = k < n / 2
        b.slide(
            f"pane_{k}",
            "frame",
            *pane,
            axis=Y if right else (0, -1, 0),
            travel=0.85 * each * (1 if n > 1 else 0.9),
            pivot=(x, (y0 + y1) / 2, high / 2),
            noun="pane",
            index=k,
        )


def _shutter(b: Bench) -> None:
    """A garage door that slides up in its frame."""
    width, high = b.vary(2.2, 0.06) * b.size * b.wide, b.vary(1.9, 0.05) * b.size * b.high
    stone = b.surface("wall", "stone", (0.72, 0.66, 0.58))
    b.root(
        "wall",
        box((-0.12, -width / 2 - 0.25, 0), (0.06, -width / 2, 1.75 * high), stone),
        box((-0.12, width / 2, 0), (0.06, width / 2 + 0.25, 1.75 * high), stone),
        box((0.0, -width / 2, high), (0.06, width / 2, 1.75 * high), stone),
    )
    n = 5
    slats = [
        box(
            (-0.06, -width / 2 + 0.01, (k + 0.04) * high / n),
            (-0.02, width / 2 - 0.01, (k + 0.96) * high / n),
            "front",
        )
        for k in range(n)
    ]
    slats.append(
        box((-0.05, -width / 2 + 0.01, 0.01), (-0.035, width / 2 - 0.01, 0.99 * high), "dark")
    )
    slats.append(box((-0.02, -0.15, 0.1 * high), (0.0 - 0.002, 0.15, 0.13 * high), "accent"))
    b.slide("door_0", "wall", *slats, axis=Z, travel=0.7 * high, noun="door")


FAMILIES = (
    Family(
        "door",
        "openings",
        _door,
        (Noun("door", 1, 2), Noun("handle", 0, 1, 0)),
        "wood",
        ("doorway",),
        (),
        "a blue door, the handle turns, then the door opens half way",
    ),
    Family(
        "gate",
        "openings",
        _gate,
        (Noun("door", 1, 2, 2),),
        "metal",
        (),
        (),
        "a black metal gate with two doors, both doors open slowly",
    ),
    Family(
        "window",
        "openings",
        _window,
        (Noun("pane", 1, 3, 2),),
        "paint",
        ("sliding window",),
        (),
        "a white window with two panes, the left pane slides open",
    ),
    Family(
        "garage",
        "openings",
        _shutter,
        (Noun("door"),),
        "paint",
        ("garage door",),
        (),
        "a green garage, the door opens half way",
    ),
)
