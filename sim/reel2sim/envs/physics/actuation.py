"""From an action to drives of joints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.config import EnvConfig
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.world import World
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError, InputError, UsageError

_TOLERANCE = 1e-6


def driven_joints(bundle: LoadedBundle, config: EnvConfig) -> Array:
    """Which of the bundle's movable joints an agent may drive ``(n,)``, bool.

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
            remedy="use Reel2Sim/Scene-v0, a rigid object cannot be driven"
            if rigid
            else "pass drive_unobserved=True",
        )
    return chosen


def one_joint(bundle: LoadedBundle, config: EnvConfig, wanted: str | None) -> Array:
    """The named joint of those an agent may drive, or the surest ``(n,)``, bool.

    Raises:
        BundleError: if there is none.
        UsageError: if the named one is none of them.
    """
    allowed = driven_joints(bundle, config)
    usable = {j.name: j.confidence for j, ok in zip(bundle.joints, allowed, strict=True) if ok}
    if wanted is None:
        wanted = max(usable, key=lambda name: usable[name])
    if wanted not in usable:
        raise UsageError(
            f"is {wanted!r}, which cannot be driven",
            source=type(config).__name__,
            field="joint",
            remedy=f"use one of {', '.join(usable)}",
        )
    return np.array([joint.name == wanted for joint in bundle.joints])


def checked_action(action: Any, names: Sequence[str]) -> list[float]:
    """An action as numbers in −1..1, one for each of ``names``.

    Raises:
        InputError: naming what is wrong, and where.
    """
    count = len(names)
    try:
        # Others take a moment longer to become Python's floats.
        usual = type(action) is np.ndarray and action.dtype.char in "fd"
        array = action if usual else np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"is {type(action).__name__}, expected {count} numbers", source="action"
        ) from None
    if array.shape != (count,):
        raise InputError(f"has shape {array.shape}, expected ({count},)", source="action")
    values: list[float] = array.tolist()
    for value in values:
        if not -1.0 <= value <= 1.0:
            break
    else:
        return values
    for i, value in enumerate(values):
        if not abs(value) <= 1.0 + _TOLERANCE:
            raise InputError(
                f"is {value:g}, expected a number in -1..1",
                source="action",
                field=f"[{i}] ({names[i]})",
                remedy="clip it to the action space" if np.isfinite(value) else None,
            )
        values[i] = max(-1.0, min(1.0, value))  # out of it by rounding alone
    return values


class Actuation:
    """Which joints the agent drives, and how.

    Args:
        bundle: the object.
        q: positions of its movable joints along its motion ``(k, n)``.
        chosen: the joints the agent drives ``(n,)``, bool.
        config: options.

    Attributes:
        driven: indices of the agent's joints among the bundle's ``(m,)``.
        held: indices of those that hold themselves: neither the agent nor another joint moves
            them.
        names: the agent's joints, in the order of the action.
        center: middle of each driven joint's range ``(m,)``, radians or metres.
        half: half its width ``(m,)``. A continuous joint's range is half a turn or its whole
            recovered motion, whichever is more, on both sides of the motion's middle.
        velocity: speed limits ``(m,)``.
        scale: the three above ``(3, m)``.
        effort: torque or force limits ``(m,)``.
    """

    def __init__(self, bundle: LoadedBundle, q: Array, chosen: Array, config: EnvConfig) -> None:
        self._config = config
        self._joints = [joint.description for joint in bundle.joints]
        alone = np.array([joint.mimic is None for joint in self._joints], bool)
        self.driven: Array = np.flatnonzero(chosen)
        self.held: Array = np.flatnonzero(~chosen & alone)
        joints = [self._joints[i] for i in self.driven]
        self.names = tuple(joint.name for joint in joints)
        self.velocity: Array = np.array([joint.velocity for joint in joints])
        self.effort: Array = np.array([joint.effort for joint in joints])
        low = np.array([joint.lower for joint in joints])
        high = np.array([joint.upper for joint in joints])
        shown = q[:, self.driven]
        free = np.isinf(low) | np.isinf(high)
        middle = (shown.min(axis=0) + shown.max(axis=0)) / 2
        reach = np.maximum(np.pi, np.ptp(shown, axis=0))
        low, high = np.where(free, middle - reach, low), np.where(free, middle + reach, high)
        self.center: Array = (low + high) / 2
        self.half: Array = np.maximum((high - low) / 2, 1e-6)
        self.scale: Array = np.stack([self.center, self.half, self.velocity])
        self._held: list[int] = self.held.tolist()
        self.vary()

    def vary(self, *, gain: float = 1.0, effort: float = 1.0) -> None:
        """Scale the drives' gains and efforts, of all joints, until the next call."""
        self._gain = min(1.0, gain * self._config.position_gain)
        self._efforts = [effort * joint.effort for joint in self._joints]
        # Python's floats: with a few joints arithmetic on arrays costs more than the physics.
        self._columns = list(
            zip(
                self.driven.tolist(), self.center.tolist(), self.half.tolist(),
                self.velocity.tolist(), (effort * self.effort).tolist(), strict=True,
            )
        )  # fmt: skip

    def check(self, action: Any) -> list[float]:
        """The action as ``m`` numbers in −1..1.

        Raises:
            InputError: naming what is wrong, and where.
        """
        return checked_action(action, self.names)

    def hold(self, body: Body, q: Array, qd: Array | None = None) -> None:
        """Have the joints that nobody drives hold themselves at ``q`` until told otherwise.

        Args:
            body: the object.
            q: positions of all its joints ``(n,)``.
            qd: velocities they are to have there ``(n,)``; None is none.
        """
        for i in self._held:
            self._hold(body, i, float(q[i]), 0.0 if qd is None else float(qd[i]))

    def apply(
        self, world: World, body: Body, action: list[float], *, middle: Array | None = None
    ) -> None:
        """Advance ``world`` by one control step.

        Args:
            world: the world.
            body: the object.
            action: checked.
            middle: of the positions that the action spans ``(m,)``, with position control; None is
                the middle of the joints' ranges.
        """
        config = self._config
        if config.control == "torque":
            torques = [
                (body, i, share * effort)
                for share, (i, _, _, _, effort) in zip(action, self._columns, strict=True)
            ]
            world.step(config.frame_skip, torques)
            return
        if config.control == "velocity":
            for share, (i, _, _, velocity, effort) in zip(action, self._columns, strict=True):
                body.hold_velocity(i, share * velocity, force=effort)
        else:
            gain = self._gain
            middles = None if middle is None else middle.tolist()
            for n, (i, center, half, velocity, effort) in enumerate(self._columns):
                target = (center if middles is None else middles[n]) + action[n] * half
                target = max(center - half, min(center + half, target))
                body.hold_position(i, target, 0.0, gain, effort, velocity)
        world.step(config.frame_skip)

    def _hold(self, body: Body, i: int, target: float, speed: float) -> None:
        limit = self._joints[i].velocity
        body.hold_position(i, target, speed, self._gain, self._efforts[i], limit)
