"""``Reel2Sim/TrackMotion-v0``: drive an object so that it moves as it did in its reel."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Unpack

import gymnasium
import numpy as np
from gymnasium import spaces

from reel2sim.envs.actuation import Actuation, driven_joints
from reel2sim.envs.bundle import load_bundle
from reel2sim.envs.camera import View
from reel2sim.envs.config import TrackMotionOptions, make_config
from reel2sim.envs.engine import has_display
from reel2sim.envs.following import Follower
from reel2sim.envs.gears import gears_of
from reel2sim.envs.observation import Observer
from reel2sim.envs.reference import build_reference
from reel2sim.envs.reward import Tracking, TrackingScore
from reel2sim.envs.world import TIMESTEP_S, World
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError

_FAR_RANGES = 10.0
"""A joint this many half-ranges from the middle of its range has diverged."""

_FAR_SIZES = 20.0
"""A root this many diagonals of the object from its start has diverged."""


@dataclass(frozen=True, eq=False)
class _State:
    """What one look at the world found."""

    q: Array
    qd: Array
    centers: Array
    diverged: bool


class TrackMotionEnv(gymnasium.Env[Array, Array]):
    """Track the motion that was recovered with an object.

    **Actions**: ``Box(-1, 1, (m,))``, one number for each movable joint that the reel showed well
    enough and that follows no other, in the order of :attr:`joint_names`. With
    ``control="position"`` −1..1 spans the joint's limits (with ``residual=True`` it is an offset
    from the reference, in half-ranges), with ``"velocity"`` the speed limit, with ``"torque"`` the
    effort limit. Actions outside of the space are refused, not clipped.

    **Observations**: see :class:`reel2sim.envs.observation.Observer`.

    **Reward**: 0..1, see :class:`reel2sim.envs.reward.Tracking`.

    **Episodes** start in the reference's state, at the motion's first instant, or with
    ``reference_start`` at a random one; ``reset(options={"start_s": 0.5})`` names it. They are
    truncated at the end of the motion or after ``episode_s``, and terminated only if the simulation
    diverges. A reset with the same seed and the same actions give the same bits.

    **Info**: ``time_s``, ``q`` and ``q_ref`` ``(m,)``, ``position_error`` ``(m,)`` in radians or
    metres, ``tracking_error`` (mean share of the joints' ranges), ``mean_tracking_error`` (over the
    episode), ``link_error_m``, ``is_success`` (the mean error of the episode so far is at most
    ``success_error``), and after a step the reward's terms.

    Contacts between the object's own links are off: recovered parts touch where they are joined.

    Args:
        bundle: folder that ``reel2sim run`` wrote.
        render_mode: None, ``"rgb_array"`` or, with a display, ``"human"``.
        **options: fields of :class:`reel2sim.envs.config.TrackMotionConfig`.

    Raises:
        BundleError: if the bundle cannot be used.
        UsageError: if an option is not allowed.
    """

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        # Listed only where it works: PyBullet ends the process that asks for a missing display.
        "render_modes": ["rgb_array", *(["human"] if has_display() else [])],
        "render_fps": 60,
    }

    def __init__(
        self,
        bundle: str | Path,
        *,
        render_mode: str | None = None,
        **options: Unpack[TrackMotionOptions],
    ) -> None:
        self._world: World | None = None
        config = self.config = make_config(options)
        if render_mode not in (None, "rgb_array", "human"):
            raise UsageError(
                f"is {render_mode!r}, expected None, 'rgb_array' or 'human'", source="render_mode"
            )
        self.render_mode = render_mode
        self.bundle = load_bundle(bundle)
        driven_joints(self.bundle, config)  # refuses a bundle without any before much is done
        self.step_s = config.frame_skip * TIMESTEP_S
        self.metadata = {**type(self).metadata, "render_fps": max(1, round(1 / self.step_s))}  # type: ignore[misc]
        fixed = self.bundle.fixed_base if config.fixed_base is None else config.fixed_base
        self._fixed_base = fixed
        self._world = World(
            self.bundle.urdf,
            tuple(joint.name for joint in self.bundle.joints),
            fixed_base=fixed,
            gravity=config.gravity,
            gears=gears_of(self.bundle),
            window=render_mode == "human",
            visuals=render_mode is not None,
        )
        try:
            self._prepare(self._world)
        except BaseException:
            self.close()
            raise

    def _prepare(self, world: World) -> None:
        config, fixed = self.config, self._fixed_base
        self.reference = build_reference(self.bundle, world, step_s=self.step_s, fixed_base=fixed)
        self.actuation = Actuation(self.bundle, self.reference, config)
        self._observer = Observer(self.actuation, self.reference, config, fixed_base=fixed)
        self._tracking = Tracking(self.reference, self.actuation, config.reward, self.step_s)
        self.action_space = spaces.Box(-1.0, 1.0, (len(self.actuation.driven),), np.float32)
        self.observation_space = self._observer.space
        self.observation_layout = self._observer.layout
        self._follower = Follower(
            self.bundle, self.reference, self.actuation, config, step_s=self.step_s
        )
        world.damping = self.reference.damping
        if config.ground or (config.ground is None and not fixed):
            world.floor_z = float(self.reference.lower[2])
        self._started = False
        self._k = self._end = 0
        self._error_sum, self._error_count = 0.0, 0
        self._T_world_root = np.eye(4)
        self._far = _FAR_RANGES * self.actuation.half
        path = np.ptp(self.reference.T_world_root[:, :3, 3], axis=0).sum()
        self._far_root = float(path + _FAR_SIZES * self.reference.size)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The driven joints, in the order of the action."""
        return self.actuation.names

    @property
    def world(self) -> World:
        """The physics world.

        Raises:
            UsageError: if the environment is closed.
        """
        if self._world is None:
            raise UsageError("is closed", source="environment", remedy="make a new one")
        return self._world

    def reference_action(self) -> Array:
        """The action ``(m,)`` that follows the recovered motion from the present state.

        Raises:
            UsageError: before the first reset, or after :meth:`close`.
        """
        return self._follower.action(self._running(), self._k)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Put the object into the reference's state.

        Args:
            seed: of the random start; None goes on with the present generator.
            options: ``start_s`` names the instant of the motion to start at, seconds.

        Raises:
            UsageError: if an option is unknown or outside of the motion.
        """
        super().reset(seed=seed)
        world = self.world
        self._k = self._first_step(options or {})
        length = self.reference.last - self._k
        if self.config.episode_s is not None:
            length = round(self.config.episode_s / self.step_s)
        self._end = self._k + max(1, length)
        world.reset(self.reference.start(self._k))
        self._T_world_root = world.root_pose()
        self._started = True
        state = self._look()
        score = self._tracking.score(state.q, state.qd, state.centers, self._k)
        self._error_sum, self._error_count = score.tracking_error, 1
        if self.render_mode == "human":
            view = self._view(4 / 3)
            world.look(view.target, distance=view.distance, yaw=view.yaw, pitch=view.pitch)
        self._pace()
        return self._observer.observe(world, state.q, state.qd, self._k), self._info(state, score)

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Apply an action for one control step.

        Raises:
            InputError: if the action is not in the action space.
            UsageError: before the first reset, or after :meth:`close`.
        """
        world = self._running()
        checked = self.actuation.check(action)
        q_ref, qd_ref = self.reference.at(self._k + 1)
        self.actuation.apply(world, checked, q_ref, qd_ref)
        self._k += 1
        state = self._look()
        score = self._tracking.score(state.q, state.qd, state.centers, self._k)
        self._error_sum += score.tracking_error
        self._error_count += 1
        observation = self._observer.observe(world, state.q, state.qd, self._k)
        info = {**self._info(state, score), **score.terms}
        reward = 0.0 if state.diverged else score.reward
        self._pace()
        return observation, reward, state.diverged, self._k >= self._end, info

    def render(self) -> Array | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A picture ``(h, w, 3)`` uint8 that holds the whole motion; None for other modes."""
        if self.render_mode is None:
            gymnasium.logger.warn('nothing to render: pass render_mode="rgb_array" to make')
        if self.render_mode != "rgb_array":
            return None
        world = self._running()
        width, height = self.config.render_size
        view, lens = self._view(width / height).matrices(aspect=width / height)
        return world.picture(view, lens, (width, height))

    def close(self) -> None:
        """Free the physics server; more calls do nothing."""
        world, self._world = self._world, None
        if world is not None:
            world.close()

    def __del__(self) -> None:
        # A physics server that nobody can reach is not collected by anyone else.
        if getattr(self, "_world", None) is not None:
            self.close()

    def _running(self) -> World:
        world = self.world
        if not self._started:
            raise UsageError("has no episode", source="environment", remedy="call reset first")
        return world

    def _first_step(self, options: dict[str, Any]) -> int:
        for name in options:
            if name != "start_s":
                raise UsageError(
                    "is not an option of reset", source="options", field=name, remedy="use start_s"
                )
        last, wanted = self.reference.last, options.get("start_s")
        if wanted is not None:
            seconds = float(wanted) if isinstance(wanted, (int, float)) else float("nan")
            if not 0 <= seconds <= last * self.step_s:
                raise UsageError(
                    f"is {wanted!r}, expected 0..{last * self.step_s:g} s",
                    source="options",
                    field="start_s",
                )
            return round(seconds / self.step_s)
        if self.config.reference_start:
            return int(self.np_random.integers(0, last))
        return 0

    def _look(self) -> _State:
        world, reference, act = self.world, self.reference, self.actuation
        q, qd = world.joint_state()
        T = self._T_world_root if self._fixed_base else world.root_pose()
        centers = (world.link_centers() - T[:3, 3]) @ T[:3, :3]
        # A sum is finite exactly if all of it is, but for sums beyond 10³⁰⁸.
        whole = math.isfinite(q.sum() + qd.sum() + centers.sum() + T.sum())
        far = whole and bool((np.abs(q[act.driven] - act.center) > self._far).any())
        if whole and not self._fixed_base:
            far |= math.dist(T[:3, 3], reference.T_world_root[0, :3, 3]) > self._far_root
        return _State(q, qd, centers, not whole or far)

    def _info(self, state: _State, score: TrackingScore) -> dict[str, Any]:
        mean = self._error_sum / self._error_count
        return {
            "time_s": self._k * self.step_s,
            "q": state.q[self.actuation.driven],
            "q_ref": self.reference.at(self._k)[0][self.actuation.driven],
            "position_error": score.position_error,
            "tracking_error": score.tracking_error,
            "mean_tracking_error": mean,
            "link_error_m": score.link_error_m,
            "is_success": bool(mean <= self.config.success_error),
        }

    def _view(self, aspect: float) -> View:
        return View.around(self.reference.lower, self.reference.upper, aspect=aspect)

    def _pace(self) -> None:
        """Let people watch: a window shows the world by itself, but faster than it moves."""
        if self.render_mode == "human":
            time.sleep(self.step_s)
