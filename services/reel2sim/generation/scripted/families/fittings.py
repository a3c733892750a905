"""Pieces that several kinds of furniture share: carcasses, drawers, doors, handles, knobs."""

from __future__ import annotations

from typing import Final

from reel2sim.generation.scripted.family import Bench, X, Z
from reel2sim.generation.scripted.solids import Solid, block, box, capsule, cylinder

GAP: Final = 0.004
BOARD: Final = 0.018


def interior(bench: Bench) -> str:
    """A plain light wood for what doors and drawers hide."""
    return bench.surface("inside", "wood", (0.80, 0.68, 0.50), metres=0.8)


def handle_metal(bench: Bench) -> str:
    """Dark metal of handles."""
    return bench.surface("handle", "metal", (0.30, 0.30, 0.32))


def case(
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    wall: float,
    inside: str,
    outside: str = "base",
) -> list[Solid]:
    """A box open towards +x: sides, floor, top and back."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    return [
        box((x0, y0, z0), (x1, y0 + wall, z1), outside),
        box((x0, y1 - wall, z0), (x1, y1, z1), outside),
        box((x0, y0 + wall, z0), (x1, y1 - wall, z0 + wall), outside),
        box((x0, y0 + wall, z1 - wall), (x1, y1 - wall, z1), outside),
        box((x0, y0 + wall, z0 + wall), (x0 + wall, y1 - wall, z1 - wall), inside),
    ]


def tray(
    low: tuple[float, float, float], high: tuple[float, float, float], wall: float, surface: str
) -> list[Solid]:
    """A box open towards +z: floor and four walls."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    top = z0 + wall
    return [
        box((x0, y0, z0), (x1, y1, top), surface),
        box((x0, y0, top), (x1, y0 + wall, z1), surface),
        box((x0, y1 - wall, top), (x1, y1, z1), surface),
        box((x0, y0 + wall, top), (x0 + wall, y1 - wall, z1), surface),
        box((x1 - wall, y0 + wall, top), (x1, y1 - wall, z1), surface),
    ]


def bar(x: float, y: float, z: float, length: float, surface: str, *, upright: bool) -> list[Solid]:
    """A handle on two feet, centred at (y, z), on a board whose face is at ``x``."""
    half, thick, out = length / 2, 0.009, 0.032
    solids: list[Solid] = []
    for along, reach, near in ((0.0, half, out - 2 * thick), (-half, thick, 0), (half, thick, 0)):
        ry, rz = (thick, reach) if upright else (reach, thick)
        cy, cz = (y, z + along) if upright else (y + along, z)
        solids.append(box((x + near, cy - ry, cz - rz), (x + out, cy + ry, cz + rz), surface))
    return solids


def rail(
    x: float, y: float, z: float, length: float, surface: str, *, upright: bool
) -> list[Solid]:
    """A round handle on two round feet, as on appliances."""
    half, out = length / 2, 0.04
    dy, dz = (0.0, half) if upright else (half, 0.0)
    ends = [(y - dy, z - dz), (y + dy, z + dz)]
    (a, b), (c, d) = ends
    solids = [capsule((x + out, a, b), (x + out, c, d), 0.010, surface, 12)]
    k = 0.85
    for s in (-k, k):
        foot = (y + s * dy, z + s * dz)
        solids.append(cylinder((x, *foot), (x + out, *foot), 0.007, surface, 10))
    return solids


def drawer(
    bench: Bench,
    name: str,
    index: int,
    *,
    parent: str,
    back: float,
    front: float,
    width: float,
    low: float,
    high: float,
    wall: float,
    grip: list[Solid],
) -> None:
    """An open box behind a front board between heights ``low`` and ``high``."""
    inside = interior(bench)
    y1, row = width / 2 - wall - GAP, high - low
    floor, top = low + wall / 2 + GAP, high - wall / 2 - GAP - 0.2 * row
    bench.slide(
        name,
        parent,
        box(
            (front, -width / 2 + GAP, low + GAP),
            (front + BOARD, width / 2 - GAP, high - GAP),
            "front",
        ),
        *tray((back + 2 * wall, -y1, floor), (front - 0.001, y1, top), wall / 2, inside),
        *grip,
        axis=X,
        pivot=(front, 0.0, (low + high) / 2),
        travel=0.72 * (front - back),
        noun="drawer",
        index=index,
    )


def leaf(
    bench: Bench,
    name: str,
    index: int,
    *,
    parent: str,
    front: float,
    y0: float,
    y1: float,
    low: float,
    high: float,
    hinge_left: bool,
    extra: list[Solid],
    travel: float = 1.75,
    thick: float = BOARD,
    noun: str = "door",
) -> None:
    """A door between ``y0`` and ``y1`` that turns about an upright hinge; left is −y."""
    y_hinge = y0 if hinge_left else y1
    bench.hinge(
        name,
        parent,
        box((front + 0.001, y0, low), (front + thick, y1, high), "front"),
        *extra,
        axis=(0, 0, -1) if hinge_left else Z,
        pivot=(front, y_hinge, (low + high) / 2),
        travel=travel,
        noun=noun,
        index=index,
    )


def knob(x: float, y: float, z: float, radius: float, surface: str) -> list[Solid]:
    """A round knob on a face at ``x``, with a mark that shows how it is turned."""
    return [
        cylinder((x, y, z), (x + 0.7 * radius, y, z), radius, surface, 18),
        block(
            (x + 0.75 * radius, y, z + 0.5 * radius),
            (0.5 * radius, 0.25 * radius, radius),
            "accent",
        ),
    ]
