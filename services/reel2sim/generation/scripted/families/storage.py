"""Furniture and boxes that open."""

from __future__ import annotations

from reel2sim.generation.scripted.families.fittings import (
    BOARD,
    GAP,
    bar,
    case,
    drawer,
    handle_metal,
    interior,
    leaf,
    tray,
)
from reel2sim.generation.scripted.family import Bench, Family, Noun
from reel2sim.generation.scripted.solids import block, box, capsule, cylinder

_WALL = 0.02


def _cabinet(b: Bench) -> None:
    """Drawers in rows above, doors side by side below, hollow inside."""
    doors, drawers = b.count("door"), b.count("drawer")
    width = b.vary(0.55, 0.06) * b.size * b.wide * (1.0 if doors < 3 else 0.45 * doors)
    depth, row = 0.40 * b.size, b.vary(0.20, 0.06) * b.size * b.high
    _cupboard(b, width, depth, row, b.vary(0.42, 0.06) * b.size * b.high if doors else 0.0, drawers)


def _wardrobe(b: Bench) -> None:
    """Tall doors above, drawers below them."""
    doors, drawers = b.count("door"), b.count("drawer")
    width = b.vary(0.5) * b.size * b.wide * max(1, doors) ** 0.8
    row = 0.22 * b.size * b.high
    tall = b.vary(1.7, 0.05) * b.size * b.high if doors else 0.0
    _cupboard(b, width, 0.5 * b.size, row, tall, drawers, drawers_above=False)


def _cupboard(
    b: Bench,
    width: float,
    depth: float,
    row: float,
    tall: float,
    drawers: int,
    *,
    drawers_above: bool = True,
) -> None:
    inside, metal = interior(b), handle_metal(b)
    doors = b.count("door") if tall else 0
    height = drawers * row + tall + 2 * _WALL
    front, back, half = depth / 2, -depth / 2, width / 2
    low = _WALL if drawers_above else _WALL + drawers * row  # of the doors
    top = height - _WALL if drawers_above else low
    shelves = [top - (k + 1) * row for k in range(drawers)]
    body = case((back, -half, 0), (front, half, height), _WALL, inside)
    boards = shelves if drawers_above else [*shelves, top]
    body += [
        box(
            (back + _WALL, -half + _WALL, z - _WALL / 2),
            (front - 0.002, half - _WALL, z + _WALL / 2),
            inside,
        )
        for z in boards
        if _WALL < z < height - 2 * _WALL
    ]
    roof = low + tall - (_WALL / 2 if drawers_above and drawers else 0)
    for k in range(1, doors):
        y = -half + k * width / doors
        body.append(
            box((back + _WALL, y - _WALL / 2, low), (front - 0.002, y + _WALL / 2, roof), inside)
        )
    b.root("body", *body)
    for k, z in enumerate(shelves):
        grip = bar(front + BOARD, 0.0, z + 0.55 * row, 0.3 * width, metal, upright=False)
        drawer(
            b, f"drawer_{k}", k, parent="body", back=back, front=front, width=width, low=z,
            high=z + row, wall=_WALL, grip=grip,
        )  # fmt: skip
    each = width / max(1, doors)
    for k in range(doors):
        hinge_left = k < (doors + 1) // 2
        y0 = -half + k * each
        y_free = y0 + (each - GAP if hinge_left else GAP)
        y_bar = y_free + (-0.14 if hinge_left else 0.14) * each
        z_bar = low + 0.58 * tall
        grip = bar(front + BOARD, y_bar, z_bar, 0.3 * min(tall, 0.6), metal, upright=True)
        leaf(
            b, f"door_{k}", k, parent="body", front=front, y0=y0 + GAP, y1=y0 + each - GAP,
            low=low - _WALL + GAP, high=low + tall - GAP, hinge_left=hinge_left, extra=grip,
        )  # fmt: skip


def _chest(b: Bench) -> None:
    """A trunk with a lid hinged behind, bound with metal straps."""
    inside, metal = interior(b), handle_metal(b)
    x, y = b.vary(0.22) * b.size, b.vary(0.38) * b.size * b.wide
    high, thick = b.vary(0.30) * b.size * b.high, 0.02 * b.size
    lid = b.vary(0.10) * b.size
    straps = [s * 0.6 * y for s in (-1, 1)]
    body = [*tray((-x, -y, 0.02), (x, y, high), thick, "base")]
    body += [box((x, s - 0.02, 0.02), (x + 0.004, s + 0.02, high), metal) for s in straps]
    feet = [(sx * (x - 0.03), sy * (y - 0.03), 0.01) for sx in (-1, 1) for sy in (-1, 1)]
    body += [block(f, (0.05, 0.05, 0.02), "dark") for f in feet]
    b.root("body", *body)
    z0, z1 = high + 0.003, high + lid
    top = [
        box((-x, -y, z1 - thick), (x, y, z1), "front"),
        box((x - thick, -y, z0), (x, y, z1 - thick), "front"),
        box((-x, -y, z0), (-x + thick, y, z1 - thick), "front"),
        box((-x + thick, -y, z0), (x - thick, -y + thick, z1 - thick), inside),
        box((-x + thick, y - thick, z0), (x - thick, y, z1 - thick), inside),
        *(box((x, s - 0.02, z0), (x + 0.004, s + 0.02, z1), metal) for s in straps),
        *(box((-x, s - 0.02, z1), (x + 0.004, s + 0.02, z1 + 0.004), metal) for s in straps),
        block((x + 0.012, 0, high), (0.02, 0.07, 0.09), metal),
    ]
    b.hinge("lid", "body", *top, axis=(0, -1, 0), pivot=(-x, 0, high), travel=1.75, noun="lid")


def _toolbox(b: Bench) -> None:
    """A box with a lid, a carrying handle that turns on it and up to two drawers."""
    x, y = b.vary(0.11) * b.size, b.vary(0.21) * b.size * b.wide
    drawers, row = b.count("drawer"), 0.07 * b.size * b.high
    wall, bin_ = 0.012 * b.size, b.vary(0.11) * b.size * b.high
    deck = drawers * row + wall
    metal = handle_metal(b)
    body = case((-x, -y, 0), (x, y, deck), wall, "dark") if drawers else []
    b.root(
        "body", *body, *tray((-x, -y, deck if drawers else 0), (x, y, deck + bin_), wall, "base")
    )
    for k in range(drawers):
        z = deck - wall / 2 - (k + 1) * row + wall / 2
        grip = bar(x + BOARD, 0, z + row / 2, 0.5 * y, metal, upright=False)
        drawer(
            b, f"drawer_{k}", k, parent="body", back=-x, front=x, width=2 * y, low=z,
            high=z + row, wall=wall, grip=grip,
        )  # fmt: skip
    z0 = deck + bin_ + 0.002
    z1 = z0 + 0.05 * b.size
    lid = [
        box((-x, -y, z1 - wall), (x, y, z1), "accent"),
        box((x - wall, -y, z0), (x, y, z1 - wall), "accent"),
        box((-x, -y, z0), (-x + wall, y, z1 - wall), "accent"),
        box((-x + wall, -y, z0), (x - wall, -y + wall, z1 - wall), "accent"),
        box((-x + wall, y - wall, z0), (x - wall, y, z1 - wall), "accent"),
        *(block((x + 0.006, s * 0.5 * y, z0 - 0.012), (0.012, 0.04, 0.05), metal) for s in (-1, 1)),
    ]
    b.hinge("lid", "body", *lid, axis=(0, -1, 0), pivot=(-x, 0, z0), travel=1.8, noun="lid")
    a, r = 0.55 * y, 0.008 * b.size
    up, out = z1 + 1.6 * r, 0.09 * b.size
    grip = [
        capsule((0, -a, up), (out, -a, up), r, metal, 12),
        capsule((0, a, up), (out, a, up), r, metal, 12),
        capsule((out, -a, up), (out, a, up), 1.4 * r, "dark", 12),
        *(
            cylinder((0, s * a - 0.012, up), (0, s * a + 0.012, up), 1.6 * r, metal)
            for s in (-1, 1)
        ),
    ]
    b.hinge("handle", "lid", *grip, axis=(0, -1, 0), pivot=(0, 0, up), travel=1.57, noun="handle")


def _bin(b: Bench) -> None:
    """A round pedal bin: the lid opens and the pedal goes down."""
    r, high = b.vary(0.14) * b.size * b.wide, b.vary(0.36) * b.size * b.high
    b.root(
        "body",
        cylinder((0, 0, 0), (0, 0, 0.03 * b.size), 1.03 * r, "dark", 32),
        cylinder((0, 0, 0.03 * b.size), (0, 0, high), r, "base", 32),
        cylinder((0, 0, high), (0, 0, high + 0.004), 0.9 * r, "dark", 32),
        block((-r, 0, high), (0.03, 0.08, 0.05), "dark"),
    )
    z = high + 0.008
    b.hinge(
        "lid", "body",
        cylinder((0, 0, z), (0, 0, z + 0.02 * b.size), 1.02 * r, "accent", 32),
        cylinder((0, 0, z + 0.02 * b.size), (0, 0, z + 0.035 * b.size), 0.85 * r, "accent", 32),
        axis=(0, -1, 0), pivot=(-r - 0.01, 0, z), travel=1.35, noun="lid",
    )  # fmt: skip
    b.hinge(
        "pedal", "body",
        block((1.22 * r, 0, 0.03 * b.size), (0.5 * r, 0.6 * r, 0.015 * b.size), "steel"),
        axis=(0, 1, 0), pivot=(0.9 * r, 0, 0.03 * b.size), travel=0.12, noun="pedal",
    )  # fmt: skip


FAMILIES = (
    Family(
        "cabinet", "storage", _cabinet,
        (Noun("door", 0, 4), Noun("drawer", 0, 5)), "wood",
        ("cupboard", "dresser", "nightstand", "sideboard"), ("push", "drop"),
        "a wooden cabinet with one drawer, the drawer slides open",
    ),
    Family(
        "wardrobe", "storage", _wardrobe,
        (Noun("door", 0, 4, 2), Noun("drawer", 0, 3, 0)), "wood", ("closet", "armoire"), ("push",),
        "a tall white wardrobe with two doors and a drawer, both doors open",
    ),
    Family(
        "chest", "storage", _chest, (Noun("lid"),), "wood", ("trunk",), ("push", "drop"),
        "a walnut chest, the lid opens half way",
    ),
    Family(
        "toolbox", "storage", _toolbox,
        (Noun("lid"), Noun("drawer", 0, 3, 0), Noun("handle")), "metal", ("box",),
        ("push", "drop"), "a blue toolbox with two drawers, the lid opens", tabletop=True,
    ),
    Family(
        "bin", "storage", _bin, (Noun("lid"), Noun("pedal")), "metal", ("trashcan",),
        ("push", "drop"), "a metal bin, the lid opens and closes",
    ),
)  # fmt: skip
