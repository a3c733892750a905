"""From an action to drives of joints."""

from __future__ import annotations

from typing import Any

import numpy as np

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.config import TrackMotionConfig
from reel2sim.envs.reference import Reference
from reel2sim.envs.world import World
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError, InputError

_TOLERANCE = 1e-6


def driven_joints(bundle: LoadedBundle, config: TrackMotionConfig) -> Array:
    """Which of the bundle's movable joints the agent drives ``(n,)``, bool.

    Joints that follow another are moved by that one.

    Raises:
        BundleError: if it would be none.
    """
    chosen = np.array(
        [
            (j.observed or config.drive_unobserved) and j.description.mimic is None
            for j in bundle.joints
        ],
        bool,
    )
    if not chosen.any():
        rigid = len(chosen) == 0
        raise BundleError(
            "has no joint that moves" if rigid else "has no joint that was observed to move",
            source=bundle.root / "motion.json",
            field="joints",
            remedy="load scene.urdf into a scene of your own, a rigid object cannot be driven"
            if rigid
            else "pass drive_unobserved=True",
        )
    return chosen


class Actuation:
    """Which joints the agent drives, and how.

    Attributes:
        driven: indices of the agent's joints among the bundle's ``(m,)``.
        held: indices of those that follow the reference by themselves: neither the agent nor
            another joint moves them.
        names: the agent's joints, in the order of the action.
        center: middle of each driven joint's range ``(m,)``, radians or metres.
        half: half its width ``(m,)``. A continuous joint's range is half a turn or its whole
            recovered motion, whichever is more, on both sides of the motion's middle.
        velocity: speed limits ``(m,)``.
        effort: torque or force limits ``(m,)``.
    """

    def __init__(
        self, bundle: LoadedBundle, reference: Reference, config: TrackMotionConfig
    ) -> None:
        self._config = config
        self._joints = [joint.description for joint in bundle.joints]
        chosen_joints = driven_joints(bundle, config)
        free_joints = np.array([joint.mimic is None for joint in self._joints])
        self.driven: Array = np.flatnonzero(chosen_joints)
        self.held: Array = np.flatnonzero(~chosen_joints & free_joints)
        chosen = [self._joints[i] for i in self.driven]
        self.names = tuple(joint.name for joint in chosen)
        self.velocity: Array = np.array([joint.velocity for joint in chosen])
        self.effort: Array = np.array([joint.effort for joint in chosen])
        low = np.array([joint.lower for joint in chosen])
        high = np.array([joint.upper for joint in chosen])
        q = reference.q[:, self.driven]
        free = np.isinf(low) | np.isinf(high)
        middle = (q.min(axis=0) + q.max(axis=0)) / 2
        reach = np.maximum(np.pi, np.ptp(q, axis=0))
        low, high = np.where(free, middle - reach, low), np.where(free, middle + reach, high)
        self.center: Array = (low + high) / 2
        self.half: Array = np.maximum((high - low) / 2, 1e-6)

    def check(self, action: Any) -> Array:
        """The action as ``(m,)`` float64 in −1..1.

        Raises:
            InputError: naming what is wrong, and where.
        """
        count = len(self.driven)
        try:
            array = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"is {type(action).__name__}, expected {count} numbers", source="action"
            ) from None
        if array.shape != (count,):
            raise InputError(f"has shape {array.shape}, expected ({count},)", source="action")
        for i in np.flatnonzero(~(np.abs(array) <= 1.0 + _TOLERANCE)):
            fault = f"is {array[i]:g}, expected a number in -1..1"
            remedy = "clip it to the action space" if np.isfinite(array[i]) else None
            where = f"[{i}] ({self.names[i]})"
            raise InputError(fault, source="action", field=where, remedy=remedy)
        return np.clip(array, -1.0, 1.0)

    def apply(self, world: World, action: Array, target_q: Array, target_qd: Array) -> None:
        """Advance ``world`` by one control step.

        Args:
            world: the world.
            action: a checked action ``(m,)``.
            target_q: reference positions at the end of the step ``(n,)``.
            target_qd: reference velocities there ``(n,)``.
        """
        config = self._config
        for i in self.held:
            self._hold(world, int(i), float(target_q[i]), float(target_qd[i]))
        torques: dict[int, float] = {}
        if config.control == "torque":
            scaled = action * self.effort
            torques = {int(i): float(t) for i, t in zip(self.driven, scaled, strict=True)}
        elif config.control == "velocity":
            for i, speed in zip(self.driven, action * self.velocity, strict=True):
                world.hold_velocity(int(i), float(speed), force=self._joints[i].effort)
        else:
            middle = target_q[self.driven] if config.residual else self.center
            targets = np.clip(
                middle + action * self.half, self.center - self.half, self.center + self.half
            )
            for i, target in zip(self.driven, targets, strict=True):
                self._hold(world, int(i), float(target), 0.0)
        world.step(config.frame_skip, torques)

    def _hold(self, world: World, i: int, target: float, speed: float) -> None:
        joint = self._joints[i]
        world.hold_position(
            i,
            target,
            speed=speed,
            gain=self._config.position_gain,
            force=joint.effort,
            limit=joint.velocity,
        )
