"""Where an arm is to stand so that it can move a part from one end to the other.

Bases around each hold, some lower and some higher, are tried by inverse kinematics along the
whole way of the part, and kept if the arm is nowhere in the object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.envs.physics import engine
from reel2sim.envs.robot.arm import Arm
from reel2sim.envs.robot.holds import Hold
from reel2sim.envs.robot.part import Part
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, invert, pose

_AZIMUTHS = 16
_DISTANCES = (1.0, 0.8, 1.2)
"""In units of the distance at which the arm works best."""

_WAYPOINTS = 5
_POSITION_SLACK = 0.004
_TURN_SLACK = 0.03
"""What inverse kinematics may leave, metres of an arm of scale 1, and radians."""

_EASE = (0.1, 0.15)
"""Dexterity, and distance from the joint limits in radians, from which on more is no better."""

_CHECKED = 6
"""Bases of each hold that are looked at for collisions, the easiest first."""


@dataclass(frozen=True, eq=False)
class Placement:
    """An arm's place and how it takes hold.

    Attributes:
        hold: where it acts on the part.
        T_world_base: where it stands ``(4, 4)``.
        q: its posture before it takes hold ``(n,)``, radians.
    """

    hold: Hold
    T_world_base: Array
    q: Array


def place_arm(
    holds: list[Hold],
    part: Part,
    arm: Arm,
    client: int,
    *,
    way: float,
    others: tuple[int, ...],
    floor_z: float | None,
    most: int,
) -> list[Placement]:
    """Places from which the arm can follow the part, the most promising first.

    The world's object is to be in its starting posture, and is left in it.

    Args:
        holds: best first.
        part: what is to move.
        arm: loaded; it is moved about and left somewhere.
        client: PyBullet's id of the world.
        way: by how much the joint is to move, radians or metres.
        others: PyBullet's numbers of all bodies that the arm must not be in.
        floor_z: height of the floor, if there is one.
        most: how many.
    """
    T_world_part = part.pose()
    steps = np.linspace(0.0, way, _WAYPOINTS)
    placements: list[Placement] = []
    for hold in holds:
        tools = [T_world_part @ hold.before(arm.scale)]
        tools += [T_world_part @ part.displacement(dq) @ hold.T_part_tool for dq in steps]
        reached: list[tuple[float, Array, list[Array]]] = []
        for T_world_base in _bases(np.array(tools), arm, floor_z):
            found = _follow(arm, T_world_base, tools)
            if found is not None:
                reached.append((found[0], T_world_base, found[1]))
        reached.sort(key=lambda x: -x[0])
        for _, T_world_base, postures in reached[:_CHECKED]:
            if _clear(part, arm, T_world_base, postures, steps, hold, client, others):
                placements.append(Placement(hold, T_world_base, postures[0]))
                break
        if len(placements) == most:
            break
    return placements


def _bases(tools: Array, arm: Arm, floor_z: float | None) -> list[Array]:
    """Poses of the base around the tool's way, facing it ``(4, 4)``."""
    model, s = arm.model, arm.scale
    middle = (tools[:, :3, 3].min(axis=0) + tools[:, :3, 3].max(axis=0)) / 2
    ahead = tools[0, :2, 2]
    found: list[Array] = []
    for drop in model.base_drop:
        for share in _DISTANCES:
            for k in range(_AZIMUTHS):
                angle = 2 * np.pi * k / _AZIMUTHS
                out = np.array([np.cos(angle), np.sin(angle)])
                # A hand that comes from one side is not held from the other.
                if np.linalg.norm(ahead) > 0.5 and out @ ahead > 0.3:
                    continue
                place = np.append(middle[:2] + share * model.reach * s * out, middle[2] - drop * s)
                if floor_z is not None and place[2] < floor_z:
                    continue
                found.append(pose(axis_rotation(np.array([0.0, 0, 1.0]), angle + np.pi), place))
    return found


def _follow(arm: Arm, T_world_base: Array, tools: list[Array]) -> tuple[float, list[Array]] | None:
    """How easily the arm takes its tool along a way, and its postures; None if it cannot."""
    chain, T_base_world = arm.chain, invert(T_world_base)
    q, postures, ease = chain.rest, [], 1.0
    for T in tools:
        q, away, turned = chain.solve(T_base_world @ T, q, iterations=60 if not postures else 30)
        if away > _POSITION_SLACK * arm.scale or turned > _TURN_SLACK:
            return None
        margin = float(np.minimum(q - chain.lower, chain.upper - q).min())
        ease = min(ease, margin / _EASE[1], chain.dexterity(q) / _EASE[0])
        postures.append(q)
    return ease, postures


def _clear(
    part: Part,
    arm: Arm,
    T_world_base: Array,
    postures: list[Array],
    steps: Array,
    hold: Hold,
    client: int,
    others: tuple[int, ...],
) -> bool:
    """Whether the arm is in nothing along the way, but for its hand at the part it holds."""
    p, body = engine.pybullet(), part.body
    start, _ = body.joint_state()
    arm.stand(T_world_base)
    hand = arm.hand
    try:
        for dq, q in zip([0.0, *steps], postures, strict=True):
            part.move(start, dq)
            arm.place(q, hold.opening)
            for other in others:
                for near in p.getClosestPoints(arm.id, other, 0.0, physicsClientId=client):
                    held = other == body.id and near[3] in hand and near[4] in part.links
                    if not held:
                        return False
    finally:
        body.place(start)
    return True
