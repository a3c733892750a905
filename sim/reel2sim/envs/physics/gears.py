"""Joints that follow others, held to it by the engine.

PyBullet ignores ``<mimic>``. Driving a follower's own motor towards where its leader is leaves it
a hundredth of a radian behind and lets no force through; a gear keeps both joints on their line to
about 1e-5 and makes the leader carry the follower's load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.scene import Mimic
from reel2sim.scene.arrays import Array

_FORCE = 1e6
"""Largest force or torque of a gear, N or N·m: more than any joint can bear."""

_RECOVERY = 0.8
"""Share of a gear's position error that is removed in one physics step."""

_ITERATIONS = 200
"""Of the engine's solver: with its usual 50, gears on a free base slip by ten times more."""


@dataclass(frozen=True)
class Gear:
    """One coupling among the movable joints of a bundle.

    Attributes:
        follower: index of the joint that follows.
        leader: index of the joint it follows.
        mimic: by which line.
    """

    follower: int
    leader: int
    mimic: Mimic


def gears_of(bundle: LoadedBundle) -> tuple[Gear, ...]:
    """All couplings of ``bundle``, by the indices of its movable joints."""
    index = {joint.name: i for i, joint in enumerate(bundle.joints)}
    return tuple(
        Gear(i, index[joint.description.mimic.joint], joint.description.mimic)
        for i, joint in enumerate(bundle.joints)
        if joint.description.mimic is not None
    )


def follow(gears: Sequence[Gear], q: Array) -> None:
    """Put followers, in place, where nothing but their leaders can: positions ``(..., n)``."""
    for gear in gears:
        q[..., gear.follower] = gear.mimic.follow(q[..., gear.leader])


def mesh(engine: Any, client: int, body: int, joints: Sequence[int], gears: Sequence[Gear]) -> None:
    """Join the joints of ``body``, whose indices in the engine are ``joints``, by ``gears``."""
    if gears:
        engine.setPhysicsEngineParameter(numSolverIterations=_ITERATIONS, physicsClientId=client)
    for gear in gears:
        constraint = engine.createConstraint(
            body,
            joints[gear.follower],
            body,
            joints[gear.leader],
            engine.JOINT_GEAR,
            [0, 0, 0],
            [0, 0, 0],
            [0, 0, 0],
            physicsClientId=client,
        )
        # The engine holds q_follower + ratio * q_leader at the target.
        engine.changeConstraint(
            constraint,
            gearRatio=-gear.mimic.multiplier,
            relativePositionTarget=gear.mimic.offset,
            erp=_RECOVERY,
            maxForce=_FORCE,
            physicsClientId=client,
        )
