"""The links of all objects in a world: what they are called, where they are, their labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.world import World
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import matrix_from_quaternion, pose

OTHERS = 255
"""Label of the floor, and of what is not of the scene."""


def link_names(world: World, body: Body) -> list[str]:
    """Names of a body's links, root first."""
    p, client = engine.pybullet(), world.client
    root = p.getBodyInfo(body.id, physicsClientId=client)[0].decode()
    return [root] + [
        p.getJointInfo(body.id, link, physicsClientId=client)[12].decode() for link in body.links
    ]


def link_poses(world: World, body: Body) -> Array:
    """``T_world_link`` ``(l, 4, 4)`` of a body's links, root first."""
    poses = np.empty((1 + len(body.links), 4, 4))
    poses[0] = body.root_pose()
    if body.links:
        p = engine.pybullet()
        # Without the second flag link frames are those of the last physics step.
        states = p.getLinkStates(body.id, body.links, False, True, world.client)
        turns = np.array([s[5] for s in states])[:, [3, 0, 1, 2]]
        poses[1:] = pose(matrix_from_quaternion(turns), np.array([s[4] for s in states]))
    # A simulation that has blown up is still to be looked at.
    poses[~np.isfinite(poses).all(axis=(1, 2))] = np.eye(4)
    return poses


class Labels:
    """Numbers of all links: 1 and up, object after object, each root first.

    Args:
        world: that holds the objects.
        bodies: the objects by name.

    Attributes:
        first: label of each object's root.
    """

    def __init__(self, world: World, bodies: Mapping[str, Body]) -> None:
        self._world, self._bodies = world, bodies
        self.first: dict[str, int] = {}
        count = 1
        for name, body in bodies.items():
            self.first[name] = count
            count += 1 + len(body.links)

    def of(self, mask: Array) -> Array:
        """Labels ``(...)`` uint8 of PyBullet's segmentation by object and link ``(...)`` int."""
        labels = np.where(mask < 0, 0, OTHERS)
        ids, links = mask & ((1 << 24) - 1), mask >> 24  # 0 is the root
        for name, body in self._bodies.items():
            here = (mask >= 0) & (ids == body.id)
            labels[here] = np.minimum(self.first[name] + links[here], OTHERS - 1)
        return labels.astype(np.uint8)
