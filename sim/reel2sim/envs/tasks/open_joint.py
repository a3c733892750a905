"""``Reel2Sim/OpenJoint-v0``: bring one joint of an object to a goal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np
from gymnasium import spaces

from reel2sim.envs.config import EnvConfig, OpenJointConfig, OpenJointOptions
from reel2sim.envs.kernels import goal_columns
from reel2sim.envs.observation import JointView, Layout
from reel2sim.envs.physics.actuation import one_joint
from reel2sim.envs.physics.body import StartState
from reel2sim.envs.physics.gears import follow
from reel2sim.envs.scene_env import SceneEnv, State, refuse_options
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError


class OpenJointEnv(SceneEnv):
    """Drive one joint to a position that is drawn anew for each episode.

    Goals are part of the observation, in the manner of Gymnasium-Robotics (Plappert et al. 2018),
    so that hindsight experience replay works: :meth:`compute_reward` takes whole batches.

    **Actions**: one number, the drive of :attr:`joint_names`; a torque or force unless ``control``
    says otherwise. Other joints hold themselves where the motion starts.

    **Observations**: ``observation`` (2,): the joint's position, −1..1 over its range, and its
    velocity over its limit; ``achieved_goal`` and ``desired_goal`` (1,): positions as shares of
    the range, 0..1 within it.

    **Reward**: minus the distance of the position from the goal, as a share of the range, less
    ``torque_cost``; with ``sparse`` −1, and 0 within ``tolerance``.

    **Episodes** start at rest at a random position and last ``episode_s`` (2 s).
    ``reset(options={"goal": 0.8, "start": 0.0})`` names goal and start, as shares of the range.

    **Info**: ``time_s``, ``q``, ``distance`` (share of the range), ``is_success``.

    Args:
        bundle: folder that ``reel2sim run`` wrote, or of a scene.
        scene: the same, for those who like to say so; one of both.
        asset: name of the object that acts; None is the first with a joint to drive.
        render_mode: None, ``"rgb_array"`` or, with a display, ``"human"``.
        **options: fields of :class:`reel2sim.envs.config.OpenJointConfig`.

    Raises:
        BundleError: if the bundle cannot be used.
        UsageError: if an option is not allowed.
    """

    config_type: ClassVar[type[EnvConfig]] = OpenJointConfig
    usual_episode_s: ClassVar[float] = 2.0

    def __init__(
        self,
        bundle: str | Path | None = None,
        *,
        scene: str | Path | None = None,
        asset: str | None = None,
        render_mode: str | None = None,
        **options: Unpack[OpenJointOptions],
    ) -> None:
        super().__init__(bundle, scene=scene, asset=asset, render_mode=render_mode, **options)

    def choose(self) -> Array:
        """The named joint, or the surest ``(n,)``, bool.

        Raises:
            UsageError: if the joint is not one the agent may drive.
        """
        return one_joint(self.bundle, self.config, self.config.joint)

    def prepare(self) -> None:
        """Lay out observations."""
        act, config = self.actuation, self.config
        self._joint = int(act.driven[0])
        self._low, self._span = float(act.center[0] - act.half[0]), float(2 * act.half[0])
        view = JointView(act)
        self._column_bounds = np.array([bound for _, _, bound in view.columns])
        self._layout = Layout(view.columns)
        self.observation_layout = self._layout.slices
        goal = spaces.Box(-0.5, 1.5, (1,), np.float32)
        self.observation_space = spaces.Dict(
            {"observation": self._layout.space, "achieved_goal": goal, "desired_goal": goal}
        )
        self._goal = np.zeros(1, np.float32)
        self._found: tuple[State, Array, tuple[float, float]] | None = None
        self._tolerance = float(np.float32(config.tolerance))  # as arrays of 32 bits compare
        self._effort = 0.0
        self._scale = act.scale
        self._costly = config.torque_cost > 0 and config.control == "torque"

    def start(self, options: dict[str, Any]) -> StartState:
        """At rest where it is named or drawn; draws the goal, too."""
        refuse_options(options, "goal", "start")
        config, at_rest = self.config, self.setting.start
        goal = _share(options, "goal", config.goals, self.np_random)
        self._goal = np.array([goal], np.float32)
        q = at_rest.q.copy()
        if config.starts is not None or "start" in options:
            share = _share(options, "start", config.starts or (0.0, 1.0), self.np_random)
            q[self._joint] = self._low + share * self._span
            follow(self.body.gears, q)
        return StartState(at_rest.T_world_root, q, at_rest.qd, at_rest.linear, at_rest.angular)

    def drive(self, action: list[float]) -> None:
        """Apply an action; what is not driven stays where the motion starts."""
        self._effort = abs(action[0])
        super().drive(action)

    def observe(self, state: State) -> dict[str, Array]:
        """The observation of ``state``."""
        out, _ = self._compared(state)
        self._found = None  # who gets the arrays may do with them what they like
        return {
            "observation": out[:2],
            "achieved_goal": out[2:],
            "desired_goal": self._goal.copy(),
        }

    def assess(self, state: State) -> tuple[float, bool, dict[str, Any]]:
        """The reward of the position that was reached."""
        _, (_, distance) = self._compared(state)
        reward = -distance
        if self.config.sparse:
            reward = -1.0 if distance > self._tolerance else 0.0
        if self._costly:
            reward -= self.config.torque_cost * self._effort
        return reward, False, self.info(state)

    def info(self, state: State) -> dict[str, Any]:
        """How far the joint is from the goal."""
        _, (distance, _) = self._compared(state)
        return {
            "time_s": state.k * self.step_s,
            "q": state.x[self.actuation.driven],
            "distance": distance,
            "is_success": distance <= self.config.tolerance,
        }

    def compute_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Rewards ``(...)`` for goals ``(..., 1)``, without ``torque_cost``.

        Args:
            achieved_goal: shares of the range that were reached.
            desired_goal: shares that were wanted.
            info: not looked at.
        """
        distance = np.abs(np.asarray(achieved_goal) - np.asarray(desired_goal))[..., 0]
        if self.config.sparse:
            return -(distance > self.config.tolerance).astype(np.float32)
        return -distance.astype(np.float32)

    def _compared(self, state: State) -> tuple[Array, tuple[float, float]]:
        """Columns of ``state``, and distances from the goal: exact, and as compute_reward's."""
        found = self._found
        if found is None or found[0] is not state:
            out = np.empty(3, np.float32)
            away = goal_columns(
                state.x, self._joint, self._low, self._span, self._scale, self._column_bounds,
                self._goal, out,
            )  # fmt: skip
            found = self._found = (state, out, away)
        return found[1], found[2]


def _share(
    options: dict[str, Any], name: str, between: tuple[float, float], rng: np.random.Generator
) -> float:
    """A share that is named, or drawn evenly."""
    drawn = float(rng.uniform(*between))
    wanted = options.get(name)
    if wanted is None:
        return drawn
    share = float(wanted) if isinstance(wanted, (int, float)) else float("nan")
    if not 0 <= share <= 1:
        raise UsageError(
            f"is {wanted!r}, expected a share of the range, 0..1", source="options", field=name
        )
    return share
