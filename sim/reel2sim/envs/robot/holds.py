"""Where a gripper can take hold of a part, or push it, so that its joint moves.

Rays from many sides find the part's surface as far as it can be seen. Where a ray strikes is where
a hand that comes along it may push, or close its fingers on what stands out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reel2sim.envs.physics import engine
from reel2sim.envs.robot.arm import Arm
from reel2sim.envs.robot.part import Part
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, axis_rotation, invert

_RAYS = (24, 56)
"""Fewest and most rays along each side of the part's bounding square, from each direction."""

_BATCH = 4096
"""Rays that are cast at once: of many more, the engine loses some."""

_SPACING = 0.012
"""Between rays, metres of an arm of scale 1, if so many suffice: handles are thin."""

_FACING = 0.6
"""Least cosine between a surface's inward normal and the way a finger presses on it."""

_GRIP = 0.85
"""The same for two fingers that close on a part: friction holds it on surfaces that are askew by no
more than its cone, 27 degrees for a coefficient of 0.5."""

_DEPTHS = (0.012, 0.004)
"""How far beyond the first touch fingers reach to pinch, metres of an arm of scale 1: well, or as
little as helps where something lies behind."""

_TIP = 0.01
"""How far fingers reach beyond the tool, likewise, with a little to spare."""

_CLEARANCE = 0.006
"""Between a finger and the surface that it is to push, likewise."""

_ROOM = 0.01
"""Between each finger and what it is to close on, likewise."""

_NEAR = 0.12
"""How far before the hold the hand begins, likewise."""

_ALIKE = 0.03
"""Holds closer than this are one, likewise, unless the hand comes from elsewhere."""


@dataclass(frozen=True, eq=False)
class Hold:
    """A way to act on a part.

    Attributes:
        T_part_tool: the tool in the part's frame ``(4, 4)``.
        pinch: whether fingers close on the part; otherwise, closed, they push it.
        opening: of the fingers before they close, 0..1.
        score: how promising it is; higher is better.
    """

    T_part_tool: Array
    pinch: bool
    opening: float
    score: float

    def before(self, scale: float) -> Array:
        """``T_part_tool`` ``(4, 4)`` from where a hand of that scale comes."""
        T = self.T_part_tool.copy()
        T[:3, 3] -= _NEAR * scale * T[:3, 2]
        return T


def find_holds(
    part: Part, arm: Arm, client: int, *, sign: float, most: int, others: tuple[int, ...]
) -> list[Hold]:
    """The most promising holds on a part in the world as it is, best first.

    The arm is moved about and left somewhere.

    Args:
        part: what is to move.
        arm: the arm, loaded.
        client: PyBullet's id of the world.
        sign: 1 to raise the joint's position, −1 to lower it.
        most: how many.
        others: PyBullet's numbers of all bodies that the hand must not be in.
    """
    away = np.eye(4)
    away[2, 3] = -1e4
    arm.place_tool(away)
    T_world_part = part.pose()
    seen = _look(part, client, arm)
    if not len(seen.points):
        return []
    v = sign * part.velocity(apply(invert(T_world_part), seen.points)) @ T_world_part[:3, :3].T
    speed = np.linalg.norm(v, axis=1)
    lever = speed / max(float(speed.max()), 1e-9)
    v = v / np.maximum(speed, 1e-9)[:, None]
    found = [*_pushes(seen, v, lever, arm), *_pinches(seen, v, lever, part, arm, client)]
    found.sort(key=lambda hold: -hold.score)
    kept: list[Hold] = []
    T_part_world = invert(T_world_part)
    for hold in found:
        if len(kept) == most:
            break
        if any(_alike(hold, other, arm.scale) for other in kept) or not _fits(hold, arm, others):
            continue
        kept.append(hold)
    return [replace(hold, T_part_tool=T_part_world @ hold.T_part_tool) for hold in kept]


@dataclass(frozen=True, eq=False)
class _Seen:
    """Points of the part that rays strike.

    Attributes:
        points: world frame ``(n, 3)``.
        normals: outward ``(n, 3)``.
        ways: of the rays ``(n, 3)``.
        stands_out: whether fingers have room on both sides, for each of ``_DEPTHS`` and of the
            turns of the hand ``(n, 2, 4)``.
    """

    points: Array
    normals: Array
    ways: Array
    stands_out: Array


def _look(part: Part, client: int, arm: Arm) -> _Seen:
    """What rays from all sides see of the part."""
    p = engine.pybullet()
    boxes = np.array([p.getAABB(part.body.id, i, physicsClientId=client) for i in part.links])
    lower, upper = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    middle, radius = (lower + upper) / 2, float(np.linalg.norm(upper - lower)) / 2
    far = radius + 2 * _NEAR * arm.scale
    count = int(np.clip(np.ceil(2 * radius / (_SPACING * arm.scale)), *_RAYS))
    grid = ((np.arange(count) + 0.5) / count * 2 - 1) * radius
    points, normals, ways, flags = [], [], [], []
    for way in _directions():
        x, y = _across(way)
        start = (
            middle - far * way + grid[:, None, None] * x + grid[None, :, None] * y
        ).reshape(-1, 3)  # fmt: skip
        hits = _cast(start, start + 2 * far * way, client)
        mine = [h[0] == part.body.id and h[1] in part.links for h in hits]
        depth = np.array([2 * far * h[2] if h[0] >= 0 else np.inf for h in hits])
        stands_out = _stands_out(depth.reshape(count, count), 2 * radius / count, arm)
        for i in np.flatnonzero(mine):
            points.append(hits[i][3])
            normals.append(hits[i][4])
            ways.append(way)
            flags.append(stands_out[i])
    return _Seen(
        np.array(points).reshape(-1, 3),
        np.array(normals).reshape(-1, 3),
        np.array(ways).reshape(-1, 3),
        np.array(flags, bool).reshape(-1, len(_DEPTHS), 4),
    )


def _stands_out(depth: Array, spacing: float, arm: Arm) -> Array:
    """Where, in a depth image ``(r, r)``, both fingers find room: ``(r · r, 2, 4)``, bool.

    Turns of the hand are by 45° from the image's second axis.
    """
    r, span = len(depth), arm.model.finger_travel * arm.scale
    found = np.zeros((r, r, len(_DEPTHS), 4), bool)
    reach = int(np.ceil(span / spacing))
    wide = np.pad(depth, reach, constant_values=np.inf)
    for turn in range(4):
        a, b = -np.sin(turn * np.pi / 4), np.cos(turn * np.pi / 4)
        i, j = round(a * span / spacing), round(b * span / spacing)
        one = wide[reach + i : reach + i + r, reach + j : reach + j + r]
        two = wide[reach - i : reach - i + r, reach - j : reach - j + r]
        room = np.minimum(one, two) - np.where(np.isinf(depth), 0, depth)
        for n, deep in enumerate(_DEPTHS):
            found[:, :, n, turn] = room > (deep + _TIP) * arm.scale
    return found.reshape(r * r, len(_DEPTHS), 4)


def _cast(start: Array, end: Array, client: int) -> list[Any]:
    p = engine.pybullet()
    found: list[Any] = []
    for at in range(0, len(start), _BATCH):
        a, b = start[at : at + _BATCH].tolist(), end[at : at + _BATCH].tolist()
        found += p.rayTestBatch(a, b, physicsClientId=client)
    return found


def _directions() -> list[Array]:
    """Those from which hands come: 26 around, without the five from right below."""
    every = [np.array(d, float) for d in np.ndindex(3, 3, 3)]
    units = [(d - 1) / np.linalg.norm(d - 1) for d in every if np.any(d != 1)]
    return [d for d in units if d[2] < 0.6]


def _across(way: Array) -> tuple[Array, Array]:
    """Two axes that with ``way`` make a right-handed frame; the second is level if it can be."""
    up = np.array([0.0, 0.0, 1.0]) if abs(way[2]) < 0.99 else np.array([1.0, 0.0, 0.0])
    y = np.cross(up, way)
    y /= np.linalg.norm(y)
    return np.cross(y, way), y


def _pushes(seen: _Seen, v: Array, lever: Array, arm: Arm) -> list[Hold]:
    """Tool poses to push from, world frame, with scores."""
    points, normals, ways = seen.points, seen.normals, seen.ways
    found: list[Hold] = []
    facing = -(v * normals).sum(axis=1)
    thick = (arm.model.finger_half + _CLEARANCE) * arm.scale
    for i in np.flatnonzero(facing > _FACING):
        x, y = _across(ways[i])
        T = np.eye(4)
        T[:3, 3] = points[i] + thick * normals[i]
        T[:3, :3] = np.stack([x, y, ways[i]], axis=1)
        straight = -float(ways[i] @ normals[i])
        score = facing[i] + lever[i] + 0.3 * straight - 0.3 * abs(ways[i][2])
        found.append(Hold(T, False, 0.0, float(score)))
    return found


def _pinches(seen: _Seen, v: Array, lever: Array, part: Part, arm: Arm, client: int) -> list[Hold]:
    """Tool poses with something to close on between the fingers, world frame, with scores."""
    span = arm.model.finger_travel * arm.scale
    points, ways = seen.points, seen.ways
    starts, ends, poses = [], [], []
    for i, deep, turn in np.argwhere(seen.stands_out):
        _, y = _across(ways[i])
        center = points[i] + _DEPTHS[deep] * arm.scale * ways[i]
        c = axis_rotation(ways[i], turn * np.pi / 4) @ y
        for side in (1.0, -1.0):
            starts.append(center + side * span * c)
            ends.append(center - side * span * c)
        poses.append((i, c, deep))
    if not poses:
        return []
    hits = _cast(np.array(starts), np.array(ends), client)
    found: list[Hold] = []
    for n, (i, c, deep) in enumerate(poses):
        one, two = hits[2 * n], hits[2 * n + 1]
        if not all(h[0] == part.body.id and h[1] in part.links and h[2] > 0.05 for h in (one, two)):
            continue
        grip = min(abs(np.dot(one[4], c)), abs(np.dot(two[4], c)))
        width = 2 * span * (1 - one[2] - two[2])
        if grip < _GRIP or width > 1.8 * span:
            continue
        T = np.eye(4)
        T[:3, :3] = np.stack([np.cross(c, ways[i]), c, ways[i]], axis=1)
        T[:3, 3] = (np.array(one[3]) + np.array(two[3])) / 2
        along = abs(float(v[i] @ c))
        score = 0.7 * grip + 0.3 * grip * along + lever[i] - 0.3 * abs(ways[i][2])
        score -= 0.2 * deep
        opening = min(1.0, width / (2 * span) + _ROOM * arm.scale / span)
        found.append(Hold(T, True, float(opening), float(score)))
    return found


def _alike(hold: Hold, other: Hold, scale: float) -> bool:
    T, U = hold.T_part_tool, other.T_part_tool
    near = np.linalg.norm(T[:3, 3] - U[:3, 3]) < _ALIKE * scale
    turned = T[:3, 2] @ U[:3, 2] < 0.9 or abs(T[:3, 1] @ U[:3, 1]) < 0.8
    return bool(hold.pinch == other.pinch and near and not turned)


def _fits(hold: Hold, arm: Arm, others: tuple[int, ...]) -> bool:
    """Whether a hand can be there, and on its way there, without being in anything."""
    arm.place(arm.q, hold.opening)
    for back in (0.0, 0.3, 0.6, 1.0):
        pose = hold.T_part_tool.copy()
        pose[:3, 3] -= back * _NEAR * arm.scale * pose[:3, 2]
        arm.place_tool(pose)
        if any(arm.hand_in(body) for body in others):
            return False
    return True
