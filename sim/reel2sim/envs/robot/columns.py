"""What the agent sees of an arm and the part it is to move: see :func:`arm_columns`."""

from __future__ import annotations

import numba
import numpy as np

from reel2sim.envs.observation import POSITION_BOUND, VELOCITY_BOUND, Column
from reel2sim.envs.robot.kinematics import quaternion, rotation_vector


def arm_columns(n: int) -> tuple[Column, ...]:
    """The columns of an arm with ``n`` joints, clipped to their bounds.

    Lengths are in units of a quarter of a metre for an arm of scale 1. Axes are those of the tool
    at an episode's usual start: z ahead, y along which the fingers close. The region is where the
    tool is to take hold, fixed to the part.

    ============= = ==============================================================================
    arm_position  n joint positions; −1..1 is the joint's range
    arm_velocity  n joint velocities over their limits
    tool_position 3 of the tool from the region
    tool_rotation 4 of the tool from the region's, unit wxyz with w ≥ 0
    lead          6 of the drive's target before the tool: position, of the longest that is
                    allowed, and rotation vector in radians
    opening       2 of the fingers, 0..1, as it is and as it was asked for
    region        3 position of the region from where it was at the start
    way           3 unit vector along which the region goes when the joint moves as it should
    progress      1 of the joint, 0..1 from one end of its range to the other as it should move
    rate          1 its velocity in ranges per second
    ============= = ==============================================================================
    """
    return (
        ("arm_position", n, POSITION_BOUND),
        ("arm_velocity", n, VELOCITY_BOUND),
        ("tool_position", 3, 5.0),
        ("tool_rotation", 4, 1.0),
        ("lead", 6, 2.0),
        ("opening", 2, 2.0),
        ("region", 3, 5.0),
        ("way", 3, 1.0),
        ("progress", 1, POSITION_BOUND),
        ("rate", 1, VELOCITY_BOUND),
    )


@numba.njit(cache=True)
def write_columns(
    q, qd, middle, half, speed, T_tool, T_region, T_target, axes, home, unit, leash, way,
    opening, joint, bound, out,
):  # fmt: skip
    """Write the columns of :func:`arm_columns` into ``out``; poses in the world's frame."""
    n = len(q)
    for i in range(n):
        out[i] = (q[i] - middle[i]) / half[i]
        out[n + i] = qd[i] / speed[i]
    at = 2 * n
    turn = rotation_vector(T_tool, T_target)
    R = np.zeros((3, 3))
    for r in range(3):
        for c in range(3):
            for k in range(3):
                R[r, c] += T_region[k, r] * T_tool[k, c]
    out[at + 3 : at + 7] = quaternion(R)
    out[at + 13], out[at + 14] = opening
    out[at + 21], out[at + 22] = joint
    for r in range(3):
        away = lead = turned = moved = ahead = 0.0
        for c in range(3):
            away += axes[c, r] * (T_tool[c, 3] - T_region[c, 3])
            lead += axes[c, r] * (T_target[c, 3] - T_tool[c, 3])
            turned += axes[c, r] * turn[c]
            moved += axes[c, r] * (T_region[c, 3] - home[c])
            ahead += axes[c, r] * way[c]
        out[at + r] = away / unit
        out[at + 7 + r] = lead / leash
        out[at + 10 + r] = turned
        out[at + 15 + r] = moved / unit
        out[at + 18 + r] = ahead
    for i in range(len(out)):
        # What is not a number is nowhere, and an observation has to be somewhere.
        x = out[i] if out[i] == out[i] else 0.0
        out[i] = min(max(x, -bound[i]), bound[i])
