"""Kitchen and laundry appliances."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.families.fittings import (
    BOARD,
    GAP,
    case,
    drawer,
    knob,
    leaf,
    rail,
)
from reel2sim.generation.scripted.family import Bench, Family, Noun, X
from reel2sim.generation.scripted.solids import block, box, capsule, cylinder, lathe, plate, torus


def _liner(b: Bench) -> str:
    return b.surface("liner", "plastic", (0.80, 0.82, 0.83), metres=0.6)


def _glass(b: Bench) -> str:
    return b.surface("glass", "glass", (0.16, 0.19, 0.22))


def _fridge(b: Bench) -> None:
    """Doors above one another, the upper one smaller, or drawers below a door."""
    doors, drawers = b.count("door"), b.count("drawer")
    x, y = b.vary(0.30) * b.size, b.vary(0.30) * b.size * b.wide
    high = b.vary(1.5) * b.size * b.high
    liner, wall = _liner(b), 0.04 * b.size
    row = 0.24 * b.size * b.high
    body = case((-x, -y, 0.03), (x, y, high), wall, liner)
    rest = high - 0.03 - drawers * row
    cuts = [high]
    if doors == 2:
        cuts.append(high - b.vary(0.35) * rest)
    if doors:
        cuts.append(high - rest)
    shelves = [*np.linspace(high - rest, high, 6)[1:-1], *cuts[1:]]
    body += [
        box((-x + wall, -y + wall, z - 0.008), (x - 0.05, y - wall, z + 0.008), liner)
        for z in shelves
    ]
    body.append(block((0, 0, 0.015), (1.8 * x, 1.8 * y, 0.03), "dark"))
    b.root("body", *body)
    for k in range(doors):
        top, low = cuts[k], cuts[k + 1]
        at = low + 0.3 * (top - low) if k == 0 else top - 0.3 * (top - low)
        grip = rail(x + 0.05, y - 0.06, at, 0.35 * (top - low), "steel", upright=True)
        leaf(
            b, f"door_{k}", k, parent="body", front=x, y0=-y, y1=y, low=low + GAP, high=top - GAP,
            hinge_left=True, extra=grip, thick=0.05,
        )  # fmt: skip
    floor = high - rest if doors else 0.03 + drawers * row
    for k in range(drawers):
        z = floor - (k + 1) * row
        grip = rail(x + BOARD, 0, z + 0.7 * row, y, "steel", upright=False)
        drawer(
            b, f"drawer_{k}", k, parent="body", back=-x, front=x, width=2 * y, low=z, high=z + row,
            wall=wall / 2, grip=grip,
        )  # fmt: skip


def _oven(b: Bench) -> None:
    """A hob above knobs above a door that folds down."""
    x, y = b.vary(0.29, 0.05) * b.size, b.vary(0.30) * b.size * b.wide
    high, wall = b.vary(0.80, 0.06) * b.size * b.high, 0.04 * b.size
    inner, glass = b.surface("inner", "metal", (0.30, 0.30, 0.32)), _glass(b)
    panel = high - 0.14 * b.size
    body = case((-x, -y, 0), (x, y, panel), wall, inner)
    body.append(box((-x, -y, panel), (x + 0.02, y, high), "base"))
    for z in np.linspace(0.3, 0.62, 2) * panel:
        body.append(box((-x + wall, -y + wall, z), (x - 0.03, y - wall, z + 0.008), "steel"))
    for sx in (-0.45, 0.45):
        for sy in (-0.45, 0.45):
            r = (0.34 if sx * sy > 0 else 0.26) * x
            body.append(cylinder((sx * x, sy * y, high), (sx * x, sy * y, high + 0.008), r, "dark"))
            body.append(torus((sx * x, sy * y, high + 0.01), (0, 0, 1), 0.8 * r, 0.006, inner))
    b.root("body", *body)
    low, top, t = 0.08 * b.size, panel - GAP, 0.03
    door = [
        box((x + 0.001, -y + GAP, low), (x + t, y - GAP, top), "front"),
        plate((x + t, 0, (low + top) / 2), (0, 0.7 * y, 0), (0, 0, 0.28 * (top - low)), glass),
        *rail(x + t, 0, top - 0.06 * b.size, 1.5 * y, "steel", upright=False),
    ]
    b.hinge("door_0", "body", *door, axis=(0, 1, 0), pivot=(x, 0, low), travel=1.5, noun="door")
    n = b.count("knob")
    for k in range(n):
        at = 0.8 * y * (2 * (k + 0.5) / n - 1)
        z = (panel + high) / 2
        b.hinge(
            f"knob_{k}", "body", *knob(x + 0.02, at, z, 0.028 * b.size, "dark"),
            axis=X, pivot=(x, at, z), travel=4.2, noun="knob", index=k,
        )  # fmt: skip


def _microwave(b: Bench) -> None:
    """A door on the left of a keypad; a glass plate turns inside."""
    x, y = b.vary(0.17) * b.size, b.vary(0.25) * b.size * b.wide
    high, wall = b.vary(0.29) * b.size * b.high, 0.02 * b.size
    split = y - b.vary(0.11) * b.size
    keypad = b.surface("keypad", "plastic", (0.25, 0.26, 0.28), pattern="keypad")
    body = case((-x, -y, 0), (x, split, high), wall, _liner(b))
    body.append(box((-x, split, 0), (x + 0.02, y, high), "base"))
    body.append(
        plate(
            (x + 0.02, (split + y) / 2, high / 2),
            (0, 0.38 * (y - split), 0),
            (0, 0, 0.4 * high),
            keypad,
        )
    )
    b.root("body", *body)
    door = [
        plate(
            (x + 0.02, (split - y) / 2, high / 2),
            (0, 0.36 * (y + split), 0),
            (0, 0, 0.32 * high),
            _glass(b),
        ),
        *rail(x + 0.02, split - 0.035 * b.size, high / 2, 0.6 * high, "steel", upright=True),
    ]
    leaf(
        b, "door_0", 0, parent="body", front=x, y0=-y + 0.002, y1=split - 0.003, low=0.012,
        high=high - 0.002, hinge_left=True, extra=door, thick=0.02,
    )  # fmt: skip
    middle, z = (split - y) / 2, wall
    glass = b.surface("dish", "glass", (0.72, 0.80, 0.82))
    r = 0.78 * min(x, (split + y) / 2)
    b.spin(
        "plate",
        "body",
        cylinder((0, middle, z), (0, middle, z + 0.01), 0.25 * r, "dark"),
        cylinder((0, middle, z + 0.01), (0, middle, z + 0.018), r, glass, 32),
        cylinder(
            (0.55 * r, middle, z + 0.018), (0.55 * r, middle, z + 0.09 * b.size), 0.25 * r, "accent"
        ),
        axis=(0, 0, 1),
        pivot=(0, middle, z),
        noun="plate",
    )


def _washer(b: Bench) -> None:
    """A round door before a drum that turns, under a panel with a knob."""
    x, y = b.vary(0.27, 0.05) * b.size, b.vary(0.30, 0.05) * b.size * b.wide
    high, wall = b.vary(0.84, 0.05) * b.size * b.high, 0.03 * b.size
    z, r = 0.46 * high, 0.6 * min(y, 0.4 * high)
    steel = b.surface("drum", "metal", (0.60, 0.62, 0.65), metres=0.25)
    hollow = [
        (0.02 * r, -0.6 * x),
        (1.02 * r, -0.6 * x),
        (1.02 * r, 0),
        (1.1 * r, 0),
        (1.1 * r, -0.62 * x),
        (0.02 * r, -0.62 * x),
    ]
    # A square front around the round opening: four corners cut to the ring.
    body = case((-x, -y, 0), (x, y, high), wall, "base")
    body += [
        box((x - 0.02, -y, z + r), (x, y, high), "front"),
        box((x - 0.02, -y, 0), (x, y, z - r), "front"),
        box((x - 0.02, -y, z - r), (x, -r, z + r), "front"),
        box((x - 0.02, r, z - r), (x, y, z + r), "front"),
        lathe((x - 0.002, 0, z), (x + 1, 0, z), hollow[::-1], "dark", closed=True, sides=32),
        lathe(
            (x - 0.019, 0, z),
            (x + 1, 0, z),
            [(1.02 * r, 0), (1.45 * r, 0), (1.45 * r, 0.004), (1.02 * r, 0.004)],
            "front",
            closed=True,
            sides=32,
        ),
        plate(
            (x, -0.55 * y, high - 0.07 * b.size),
            (0, 0.35 * y, 0),
            (0, 0, 0.04 * b.size),
            b.surface("slot", "plastic", (0.6, 0.62, 0.64)),
        ),
    ]
    b.root("body", *body)
    ribs = [
        block(
            (x - 0.1, 0.85 * r * np.cos(a), z + 0.85 * r * np.sin(a)),
            (0.16 * b.size, 0.08 * r, 0.08 * r),
            "accent",
        )
        for a in np.arange(3) * 2.094
    ]
    shell = [
        (0.05 * r, -0.5 * x),
        (0.97 * r, -0.5 * x),
        (0.97 * r, -0.02),
        (0.93 * r, -0.02),
        (0.93 * r, -0.48 * x),
        (0.05 * r, -0.48 * x),
    ]
    b.spin(
        "drum", "body", lathe((x, 0, z), (x + 1, 0, z), shell, steel, closed=True, sides=32), *ribs,
        axis=X, pivot=(x, 0, z), noun="drum", turns=1.5,
    )  # fmt: skip
    glass = _glass(b)
    ring = [(0.72 * r, 0.002), (1.1 * r, 0.002), (1.1 * r, 0.03), (0.72 * r, 0.045)]
    b.hinge(
        "door_0",
        "body",
        lathe((x, 0, z), (x + 1, 0, z), ring, "accent", closed=True, sides=32),
        lathe(
            (x, 0, z),
            (x + 1, 0, z),
            [(0, -0.05), (0.5 * r, -0.03), (0.74 * r, 0.005), (0.74 * r, 0.03), (0, 0.045)],
            glass,
            sides=32,
        ),
        block((x + 0.05, 0.95 * r, z), (0.03, 0.12 * r, 0.4 * r), "dark"),
        axis=(0, 0, -1),
        pivot=(x + 0.01, -1.12 * r, z),
        travel=1.8,
        noun="door",
    )
    at = (0.45 * y, high - 0.07 * b.size)
    b.hinge(
        "knob", "body", *knob(x, *at, 0.035 * b.size, "steel"),
        axis=X, pivot=(x, *at), travel=4.2, noun="knob",
    )  # fmt: skip


def _dishwasher(b: Bench) -> None:
    """A door that folds down before racks that slide."""
    x, y = b.vary(0.28, 0.05) * b.size, b.vary(0.30, 0.05) * b.size * b.wide
    high, wall = b.vary(0.82, 0.05) * b.size * b.high, 0.03 * b.size
    steel = b.surface("tub", "metal", (0.62, 0.64, 0.66), metres=0.6)
    b.root(
        "body",
        *case((-x, -y, 0), (x, y, high), wall, steel),
        block((0, 0, 0.05), (1.9 * x, 1.8 * y, 0.1), "dark"),
    )
    low, top, t = 0.12 * b.size, high - GAP, 0.03
    b.hinge(
        "door_0", "body",
        box((x + 0.001, -y + GAP, low), (x + t, y - GAP, top), "front"),
        box((x - 0.012, -0.85 * y, low + 0.05), (x + 0.001, 0.85 * y, top - 0.05), steel),
        *rail(x + t, 0, top - 0.09 * b.size, 1.2 * y, "steel", upright=False),
        axis=(0, 1, 0), pivot=(x, 0, low), travel=1.5, noun="door",
    )  # fmt: skip
    n, y1 = b.count("rack"), y - wall - 0.01
    r = 0.004 * b.size
    wires = b.surface("wire", "plastic", (0.30, 0.42, 0.60), metres=0.3)
    plates = b.surface("dish", "ceramic", (0.90, 0.89, 0.86))
    for k in range(n):
        z0 = low + 0.05 + (n - 1 - k) * (top - low - 0.1) / n
        z1, x0, x1 = z0 + 0.12 * b.size, -x + wall + 0.01, x - 0.03
        rack = [
            capsule((xa, ya, z), (xb, yb, z), 1.6 * r, wires, 8)
            for z in (z0, z1)
            for xa, ya, xb, yb in (
                (x0, -y1, x1, -y1), (x1, -y1, x1, y1), (x1, y1, x0, y1), (x0, y1, x0, -y1),
            )
        ]  # fmt: skip
        rack += [
            box((x0, at - r, z0 - r), (x1, at + r, z0 + r), wires) for at in np.linspace(-y1, y1, 9)
        ]
        rack += [
            box((at - r, -y1, z0 - r), (at + r, y1, z0 + r), wires) for at in np.linspace(x0, x1, 7)
        ]
        rack += [
            cylinder(
                (0, at, z0 + 0.09 * b.size),
                (0, at + 0.008, z0 + 0.09 * b.size),
                0.08 * b.size,
                plates,
                20,
            )
            for at in np.linspace(-0.7, 0.6, 5) * y1
        ]
        b.slide(
            f"rack_{k}",
            "body",
            *rack,
            axis=X,
            travel=1.3 * x,
            pivot=(x1, 0, z0),
            noun="rack",
            index=k,
        )


FAMILIES = (
    Family(
        "fridge", "appliances", _fridge,
        (Noun("door", 1, 2, 2), Noun("drawer", 0, 2, 0)), "metal", ("refrigerator", "freezer"), (),
        "a white fridge with two doors, the bottom door opens",
    ),
    Family(
        "oven", "appliances", _oven, (Noun("door"), Noun("knob", 1, 6, 4)), "metal",
        ("stove", "cooker"), (), "a black oven with five knobs, the door opens",
    ),
    Family(
        "microwave", "appliances", _microwave, (Noun("door"), Noun("plate", manner="spin")),
        "metal", (), ("push", "drop"), "a microwave on a table, the door opens", tabletop=True,
    ),
    Family(
        "washer", "appliances", _washer,
        (Noun("door"), Noun("drum", manner="spin"), Noun("knob")), "paint",
        ("washing machine",), (), "a white washing machine, the door opens and the drum spins",
    ),
    Family(
        "dishwasher", "appliances", _dishwasher, (Noun("door"), Noun("rack", 1, 2, 2)), "metal", (),
        (), "a dishwasher, the door opens, then the bottom rack slides out",
    ),
)  # fmt: skip
