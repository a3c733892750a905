"""Arithmetic of every step of an arm, compiled; poses are in the world's frame unless named."""

from __future__ import annotations

import numba
import numpy as np

from reel2sim.envs.robot.kinematics import (
    compose,
    rotation_vector,
    solve_chain,
    tool_in,
    turn_about,
)


@numba.njit(cache=True)
def _shorten(v, most):
    """Make ``v`` ``(3,)``, in place, at most so long."""
    length = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    if length > most:
        for r in range(3):
            v[r] *= most / length


@numba.njit(cache=True)
def _turned(v, T, out):
    """``T`` turned by the rotation vector ``v`` ``(3,)`` into ``out``; its place is not touched."""
    angle = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    R = np.eye(3)
    if angle >= 1e-12:
        turn_about(v / angle, angle, R)
    for r in range(3):
        for c in range(3):
            out[r, c] = R[r, 0] * T[0, c] + R[r, 1] * T[1, c] + R[r, 2] * T[2, c]


@numba.njit(cache=True)
def step_tool(
    q, driven, most, T_target, move, turn, leash, leash_turn, lost, T_world_base, T_base_world,
    origins, axes, T_last_tool, lower, upper, rest, length, iterations,
):  # fmt: skip
    """Where the drive's target goes by a step of the tool.

    Args:
        q: where the joints are ``(n,)``.
        driven: where they are to be ``(n,)``.
        most: largest change of that ``(n,)``.
        T_target: where the tool is to be ``(4, 4)``.
        move: step of that ``(3,)``, metres.
        turn: its rotation vector ``(3,)``, radians.
        leash: how far the target may be ahead of the tool, metres.
        leash_turn: likewise, radians.
        lost: shares of the leash by which a target may be out of the arm's reach.
        T_world_base: pose of the base ``(4, 4)``.
        T_base_world: its inverse.
        origins: this and what follows: see :class:`reel2sim.envs.robot.kinematics.Chain`.
        axes: of the joints.
        T_last_tool: the tool in the last joint's frame.
        lower: smallest positions.
        upper: largest positions.
        rest: posture that redundancy is spent on.
        length: unit of lengths.
        iterations: of the solver.

    Returns:
        ``driven`` and ``T_target`` after the step.
    """
    at = tool_in(T_world_base, origins, axes, T_last_tool, q)
    goal, inside = T_target.copy(), np.empty((4, 4))
    ahead = np.empty(3)
    for r in range(3):
        ahead[r] = T_target[r, 3] + move[r] - at[r, 3]
    _shorten(ahead, leash)
    for r in range(3):
        goal[r, 3] = at[r, 3] + ahead[r]
    _turned(turn, T_target, goal)
    ahead = rotation_vector(at, goal)
    _shorten(ahead, leash_turn)
    _turned(ahead, at, goal)
    compose(T_base_world, goal, inside)
    wanted, away, turned = solve_chain(
        origins, axes, T_last_tool, lower, upper, rest, length, inside, driven, iterations
    )
    if away > lost * leash or turned > lost * leash_turn:
        goal = tool_in(T_world_base, origins, axes, T_last_tool, wanted)
    for i in range(len(wanted)):
        wanted[i] = driven[i] + min(max(wanted[i] - driven[i], -most[i]), most[i])
    return wanted, goal


@numba.njit(cache=True)
def sense_part(T_part, T_part_tool, part_way, T_tool):
    """Where a part is held and which way that goes, and how far the tool is from there.

    Args:
        T_part: pose of the part ``(4, 4)``.
        T_part_tool: the tool where it holds the part ``(4, 4)``.
        part_way: unit vector along which the part goes there, in its frame ``(3,)``.
        T_tool: where the tool is ``(4, 4)``.
    """
    T_hold, way, square = np.empty((4, 4)), np.zeros(3), 0.0
    compose(T_part, T_part_tool, T_hold)
    for r in range(3):
        square += (T_tool[r, 3] - T_hold[r, 3]) ** 2
        for c in range(3):
            way[r] += T_part[r, c] * part_way[c]
    return T_hold, way, np.sqrt(square)
