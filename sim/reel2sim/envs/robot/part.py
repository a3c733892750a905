"""The part of an object that a joint moves: where it is, and where its points go."""

from __future__ import annotations

import numpy as np

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.gears import follow
from reel2sim.envs.robot.kinematics import rotation_vector
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, invert, pose

_NUDGE = 1e-3
"""Radians or metres by which a joint is moved to see how its part goes."""


class Part:
    """What one joint of an object moves; "part" is the frame of the joint's child link.

    Args:
        body: the object, loaded.
        n: index of the joint among the body's.
        client: PyBullet's id of the world.

    Attributes:
        joint: index of the joint among the body's.
        links: PyBullet's numbers of the links that move as one with it.
        twist: angular and linear velocity of the part's frame for a joint velocity of 1, in that
            frame ``(6,)``.
        hinged: whether it turns.
    """

    def __init__(self, body: Body, n: int, client: int) -> None:
        self._p, self.body, self._client = engine.pybullet(), body, client
        self.joint = n
        self._link = body.joints[n]
        self.links = self._rigid()
        q, _ = body.joint_state()
        before = self.pose()
        self.move(q, _NUDGE)
        T = invert(before) @ self.pose()
        turn = rotation_vector(np.eye(3), np.ascontiguousarray(T[:3, :3])) / _NUDGE
        # The frame lies on a hinge's axis: what little it moves by is round-off.
        self.hinged = bool(np.linalg.norm(turn) > 0.5)
        self.twist: Array = np.concatenate(
            [turn, np.zeros(3) if self.hinged else T[:3, 3] / _NUDGE]
        )
        body.place(q)

    def _rigid(self) -> frozenset[int]:
        p, client, body = self._p, self._client, self.body
        found = {self._link}
        for i in range(p.getNumJoints(body.id, physicsClientId=client)):
            info = p.getJointInfo(body.id, i, physicsClientId=client)
            if info[2] == p.JOINT_FIXED and info[16] in found:
                found.add(i)
        return frozenset(found)

    def move(self, q: Array, dq: float) -> None:
        """Put the object at ``q`` ``(n,)`` but for its joint, which is ``dq`` further on."""
        moved = q.copy()
        moved[self.joint] += dq
        follow(self.body.gears, moved)
        self.body.place(moved)

    def pose(self) -> Array:
        """``T_world_part`` ``(4, 4)`` in the world as it is."""
        return self.body.link_pose(self._link)

    def velocity(self, points: Array) -> Array:
        """Of points of the part ``(..., 3)`` for a joint velocity of 1, in its frame."""
        return np.cross(self.twist[:3], points) + self.twist[3:]

    def displacement(self, dq: float) -> Array:
        """Where the part goes when its joint moves on by ``dq``: ``T_part_later`` ``(4, 4)``."""
        if self.hinged:
            return pose(axis_rotation(self.twist[:3], dq))
        return pose(None, dq * self.twist[3:])
