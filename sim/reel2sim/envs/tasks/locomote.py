"""``Reel2Sim/Locomote-v0``: move a free object forward by its own joints."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np

from reel2sim.envs.config import EnvConfig, LocomoteConfig, LocomoteOptions
from reel2sim.envs.observation import JointView, Layout, RootView
from reel2sim.envs.physics.actuation import driven_joints
from reel2sim.envs.physics.body import StartState
from reel2sim.envs.physics.gears import follow
from reel2sim.envs.scene_env import SceneEnv, State, refuse_options
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError

_MOVED = 0.05
"""Share of its size by which an object must have moved in its reel to show a heading."""


class LocomoteEnv(SceneEnv):
    """Make progress along a heading with little energy, as quadrupeds are trained to.

    Lengths are in diagonals of the object, speeds in √(g · diagonal), the speed at which bodies of
    its size fall, so that a toy and an excavator are judged alike.

    **Actions**: see :class:`reel2sim.envs.scene_env.SceneEnv`.

    **Observations** of ``m`` driven joints, in this order (``observation_layout`` has the slices):

    ============= == ==============================================================================
    position      m  joint positions; −1..1 is the joint's range; clipped to ±2
    velocity      m  joint velocities over their limits; clipped to ±5
    root_…        13 see :class:`reel2sim.envs.observation.RootView`, since the episode's start
    up            3  the world's up in the root's frame
    action        m  the last action
    ============= == ==============================================================================

    **Reward**: speed along the heading, plus ``alive``, less ``energy_cost`` times the power of the
    joints over weight times speed.

    **Episodes** start at rest where the motion starts, joints off by a little, and last
    ``episode_s`` (10 s). They are terminated when the root has tilted by ``tilt_deg`` from there.

    **Info**: ``time_s``, ``q``, ``progress_m``, ``speed_mps``, ``power_w``.

    Args:
        bundle: folder that ``reel2sim run`` wrote, or of a scene.
        scene: the same, for those who like to say so; one of both.
        asset: name of the object that acts; None is the first with a joint to drive.
        render_mode: None, ``"rgb_array"`` or, with a display, ``"human"``.
        **options: fields of :class:`reel2sim.envs.config.LocomoteConfig`.

    Raises:
        BundleError: if the bundle cannot be used, such as one whose base is fixed.
        UsageError: if an option is not allowed.
    """

    config_type: ClassVar[type[EnvConfig]] = LocomoteConfig

    def __init__(
        self,
        bundle: str | Path | None = None,
        *,
        scene: str | Path | None = None,
        asset: str | None = None,
        render_mode: str | None = None,
        **options: Unpack[LocomoteOptions],
    ) -> None:
        super().__init__(bundle, scene=scene, asset=asset, render_mode=render_mode, **options)

    def choose(self) -> Array:
        """The observed joints ``(n,)``, bool.

        Raises:
            BundleError: if the base is fixed.
        """
        fixed = self.config.fixed_base
        if self.bundle.fixed_base if fixed is None else fixed:
            raise BundleError(
                "has a fixed base and goes nowhere",
                source=self.bundle.root / "manifest.json",
                field="asset.fixed_base",
                remedy="pass fixed_base=False, or use another task",
            )
        return driven_joints(self.bundle, self.config)

    def prepare(self) -> None:
        """Lay out observations, and find the heading."""
        setting, act = self.setting, self.actuation
        self._joints = JointView(act)
        self._root = RootView(setting.poses[0], setting.size)
        m = len(act.driven)
        self._layout = Layout(
            [*self._joints.columns, *self._root.columns, ("up", 3, 1.0), ("action", m, 1.0)]
        )
        self.observation_layout = self._layout.slices
        self.observation_space = self._layout.space
        self._heading = self._find_heading()
        self._fall_mps = math.sqrt(9.81 * setting.size)
        self._weight_n = 9.81 * max(self.body.mass(), 1e-9)
        self._up0 = setting.poses[0, 2, :3].copy()
        self._tilted = math.cos(math.radians(self.config.tilt_deg))
        self._action: list[float] = [0.0] * m
        self._power_w = 0.0

    def start(self, options: dict[str, Any]) -> StartState:
        """At rest, with joints off by a little."""
        refuse_options(options)
        rest, act = self.setting.start, self.actuation
        q = rest.q.copy()
        noise = 2 * self.config.start_noise * act.half
        shifted = q[act.driven] + self.np_random.uniform(-noise, noise)
        q[act.driven] = np.clip(shifted, act.center - act.half, act.center + act.half)
        follow(self.body.gears, q)
        return StartState(rest.T_world_root, q, rest.qd, rest.linear, rest.angular)

    def begun(self, state: State) -> None:
        """Remember where the episode began."""
        self._action = [0.0] * len(self._action)
        self._start_xy = state.T_world_root[:2, 3].copy()
        self._last_xy = self._start_xy
        self._power_w = self._speed_mps = 0.0

    def drive(self, action: list[float]) -> None:
        """Apply an action."""
        self._action = action
        super().drive(action)

    def observe(self, state: State) -> Array:
        """The observation of ``state``."""
        out = np.empty(self._layout.width, np.float32)
        m = len(self._action)
        self._joints.write(state.x, out, 0)
        self._root.write(self.body, out, 2 * m)
        up = state.T_world_root[2, :3]
        out[2 * m + 13 : 2 * m + 16] = np.where(np.isfinite(up), up, 0.0).clip(-1, 1)
        out[2 * m + 16 :] = self._action
        return out

    def assess(self, state: State) -> tuple[float, bool, dict[str, Any]]:
        """Progress since the last step, and what it took."""
        xy = state.T_world_root[:2, 3].copy()
        self._speed_mps = float((xy - self._last_xy) @ self._heading) / self.step_s
        self._last_xy = xy
        torques = self.body.applied_torques()
        self._power_w = float(np.abs(torques * state.qd).sum())
        speed = self._speed_mps / self._fall_mps
        power = self._power_w / (self._weight_n * self._fall_mps)
        reward = self.config.alive + speed - self.config.energy_cost * power
        upright = float(state.T_world_root[2, :3] @ self._up0)
        return reward, not upright >= self._tilted, self.info(state)

    def info(self, state: State) -> dict[str, Any]:
        """How far it has come, and at what cost."""
        come = float((state.T_world_root[:2, 3] - self._start_xy) @ self._heading)
        return {
            "time_s": state.k * self.step_s,
            "q": state.x[self.actuation.driven],
            "progress_m": come,
            "speed_mps": self._speed_mps,
            "power_w": self._power_w,
        }

    def _find_heading(self) -> Array:
        if self.config.heading is not None:
            way = np.array(self.config.heading)
        else:
            way = self.setting.poses[-1, :2, 3] - self.setting.poses[0, :2, 3]
            if np.linalg.norm(way) < _MOVED * self.setting.size:
                way = np.array([1.0, 0.0])
        return way / np.linalg.norm(way)
