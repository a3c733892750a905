"""A cabinet: drawers in rows above, doors side by side below, hollow inside."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.parts import Box, ObjectSpec, PartSpec
from reel2sim.generation.scripted.spec import SceneSpec
from reel2sim.generation.scripted.textures import material_tile
from reel2sim.scene.rig import JointType

_WALL, _GAP, _BOARD = 0.02, 0.004, 0.018  # metres


def build_cabinet(spec: SceneSpec, rng: np.random.Generator) -> ObjectSpec:
    """The cabinet a prompt asks for; it stands on z = 0 with its front towards +x."""
    scale, wide, high = spec.scale
    width = 0.55 * scale * wide * (1.0 if spec.doors < 3 else 0.45 * spec.doors)
    depth = 0.40 * scale
    row = 0.20 * scale * high
    door_height = 0.42 * scale * high if spec.doors else 0.0
    height = spec.drawers * row + door_height + 2 * _WALL
    shelves = [height - _WALL - (k + 1) * row for k in range(spec.drawers)]
    body = _carcass(spec, width, depth, height, shelves)
    parts = [PartSpec("body", tuple(body))]
    for k in range(spec.drawers):
        parts.append(_drawer(k, width, depth, shelves[k], row))
    for k in range(spec.doors):
        parts.append(_door(k, spec.doors, width, depth, door_height))
    tiles = {
        "base": material_tile(spec.material, spec.colour, rng, metres=1.1),
        "front": material_tile(spec.material, spec.colour, rng, metres=0.8),
        "inside": material_tile("wood", (0.80, 0.68, 0.50), rng, metres=0.8),
        "handle": material_tile("metal", (0.30, 0.30, 0.32), rng, metres=0.5),
    }
    return ObjectSpec("cabinet", tuple(parts), tiles)


def _carcass(
    spec: SceneSpec, width: float, depth: float, height: float, shelves: list[float]
) -> list[Box]:
    """Walls, shelves between the rows and uprights between the doors."""
    x0, x1, y0, y1 = -depth / 2, depth / 2, -width / 2, width / 2
    boxes = [
        Box((x0, y0, 0), (x1, y0 + _WALL, height)),
        Box((x0, y1 - _WALL, 0), (x1, y1, height)),
        Box((x0, y0 + _WALL, 0), (x1, y1 - _WALL, _WALL)),
        Box((x0, y0 + _WALL, height - _WALL), (x1, y1 - _WALL, height)),
        Box((x0, y0 + _WALL, _WALL), (x0 + _WALL, y1 - _WALL, height - _WALL), "inside"),
    ]
    last = len(shelves) - 1
    for k, z in enumerate(shelves):
        if k < last or spec.doors:
            inner = (x1 - 0.002, y1 - _WALL, z + _WALL / 2)
            boxes.append(Box((x0 + _WALL, y0 + _WALL, z - _WALL / 2), inner, "inside"))
    if spec.doors:
        top = shelves[-1] - _WALL / 2 if shelves else height - _WALL
        for k in range(1, spec.doors):
            y = y0 + k * width / spec.doors
            low = (x0 + _WALL, y - _WALL / 2, _WALL)
            boxes.append(Box(low, (x1 - 0.002, y + _WALL / 2, top), "inside"))
    return boxes


def _drawer(k: int, width: float, depth: float, z: float, row: float) -> PartSpec:
    """An open box behind a front board with a handle."""
    front, y1 = depth / 2, width / 2 - _WALL - _GAP
    low, high = z + _WALL / 2 + _GAP, z + row - _WALL / 2 - _GAP
    back, top = -depth / 2 + 2 * _WALL, high - 0.2 * row
    wall = 0.5 * _WALL
    inner = front - 0.001
    board = (
        (front, -width / 2 + _GAP, z + _GAP),
        (front + _BOARD, width / 2 - _GAP, z + row - _GAP),
    )
    boxes = (
        Box(*board, "front"),
        Box((back, -y1, low), (inner, y1, low + wall), "inside"),
        Box((back, -y1, low + wall), (inner, -y1 + wall, top), "inside"),
        Box((back, y1 - wall, low + wall), (inner, y1, top), "inside"),
        Box((back, -y1 + wall, low + wall), (back + wall, y1 - wall, top), "inside"),
        *_bar(front + _BOARD, 0.0, z + 0.55 * row, 0.3 * width, upright=False),
    )
    return PartSpec(
        name=f"drawer_{k}",
        boxes=boxes,
        noun="drawer",
        index=k,
        joint=JointType.PRISMATIC,
        axis=(1.0, 0.0, 0.0),
        pivot=(depth / 2, 0.0, z + row / 2),
        travel=0.72 * depth,
    )


def _door(k: int, doors: int, width: float, depth: float, height: float) -> PartSpec:
    """A board hinged on its outer edge, with a handle near the other."""
    front, each = depth / 2, width / doors
    y0 = -width / 2 + k * each
    # Seen from the front (from +x) the left is −y.
    hinge_left = k < (doors + 1) // 2
    y_hinge, y_free = (y0 + _GAP, y0 + each - _GAP) if hinge_left else (y0 + each - _GAP, y0 + _GAP)
    low, high = min(y_hinge, y_free), max(y_hinge, y_free)
    y_bar = y_free + (-0.14 if hinge_left else 0.14) * each
    boxes = (
        Box((front + 0.001, low, _GAP), (front + _BOARD, high, height + _WALL - _GAP), "front"),
        *_bar(front + _BOARD, y_bar, height * 0.6, 0.3 * height, upright=True),
    )
    return PartSpec(
        name=f"door_{k}",
        boxes=boxes,
        noun="door",
        index=k,
        joint=JointType.REVOLUTE,
        axis=(0.0, 0.0, -1.0 if hinge_left else 1.0),
        pivot=(front, y_hinge, height / 2),
        travel=1.75,
    )


def _bar(x: float, y: float, z: float, length: float, *, upright: bool) -> tuple[Box, ...]:
    """A handle: a bar on two feet, centred at (y, z), on a board whose face is at ``x``."""
    half, thick, out = length / 2, 0.009, 0.032
    boxes: list[Box] = []
    for along, reach, near in ((0.0, half, out - 2 * thick), (-half, thick, 0), (half, thick, 0)):
        ry, rz = (thick, reach) if upright else (reach, thick)
        cy, cz = (y, z + along) if upright else (y + along, z)
        boxes.append(Box((x + near, cy - ry, cz - rz), (x + out, cy + ry, cz + rz), "handle"))
    return tuple(boxes)
