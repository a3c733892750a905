"""``Reel2Sim/TrackMotion-v0``: drive an object so that it moves as it did in its reel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np

from reel2sim.envs.config import EnvConfig, TrackMotionConfig, TrackMotionOptions
from reel2sim.envs.observation import POSITION_BOUND, VELOCITY_BOUND, JointView, Layout, RootView
from reel2sim.envs.physics.actuation import driven_joints
from reel2sim.envs.physics.body import StartState
from reel2sim.envs.scene_env import SceneEnv, State, refuse_options
from reel2sim.envs.tasks.following import Follower
from reel2sim.envs.tasks.reference import build_reference
from reel2sim.envs.tasks.reward import Compared, Tracking
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError


class TrackMotionEnv(SceneEnv):
    """Track the motion that was recovered with an object.

    **Actions**: see :class:`reel2sim.envs.scene_env.SceneEnv`; with ``residual=True`` positions
    are offsets from the reference, in half-ranges. Joints that are not driven follow the
    reference by themselves.

    **Observations**, in this order (``observation_layout`` has the slices), of ``m`` driven joints:

    ============== =========== =====================================================================
    position       m           joint positions; −1..1 is the joint's range; clipped to ±2
    velocity       m           joint velocities over their limits; clipped to ±5
    reference      (1+a)·m     reference positions now and at each ``lookahead``, scaled alike
    reference_rate (1+a)·m     reference velocities now and at each ``lookahead``, scaled alike
    phase          1           share of the motion that has passed, 0..1
    root_…         13          with a free base: see :class:`reel2sim.envs.observation.RootView`
    ============== =========== =====================================================================

    **Reward**: 0..1, see :class:`reel2sim.envs.tasks.reward.Tracking`.

    **Episodes** start in the reference's state, at the motion's first instant, or with
    ``reference_start`` at a random one; ``reset(options={"start_s": 0.5})`` names it. They are
    truncated at the end of the motion or after ``episode_s``, and terminated only if the simulation
    diverges.

    **Info**: ``time_s``, ``q`` and ``q_ref`` ``(m,)``, ``position_error`` ``(m,)`` in radians or
    metres, ``tracking_error`` (mean share of the joints' ranges), ``mean_tracking_error`` (over the
    episode), ``link_error_m``, ``is_success`` (the mean error of the episode so far is at most
    ``success_error``), and after a step the reward's terms.

    Args:
        bundle: folder that ``reel2sim run`` wrote, or of a scene.
        scene: the same, for those who like to say so; one of both.
        asset: name of the object that acts; None is the first with a joint to drive.
        render_mode: None, ``"rgb_array"`` or, with a display, ``"human"``.
        **options: fields of :class:`reel2sim.envs.config.TrackMotionConfig`.

    Raises:
        BundleError: if the bundle cannot be used.
        UsageError: if an option is not allowed.
    """

    config_type: ClassVar[type[EnvConfig]] = TrackMotionConfig

    def __init__(
        self,
        bundle: str | Path | None = None,
        *,
        scene: str | Path | None = None,
        asset: str | None = None,
        render_mode: str | None = None,
        **options: Unpack[TrackMotionOptions],
    ) -> None:
        super().__init__(bundle, scene=scene, asset=asset, render_mode=render_mode, **options)

    def choose(self) -> Array:
        """The observed joints ``(n,)``, bool."""
        return driven_joints(self.bundle, self.config)

    def prepare(self) -> None:
        """Sample the reference and lay out observations."""
        config, act, setting = self.config, self.actuation, self.setting
        self.reference = build_reference(self.bundle, self.body, step_s=self.step_s)
        self._follower = Follower(
            self.bundle,
            self.reference,
            act,
            config,
            step_s=self.step_s,
            damping=setting.damping,
        )
        joints = JointView(act)
        free = not self.body.fixed_base
        self._root = RootView(self.reference.T_world_root[0], setting.size) if free else None
        m, ahead = len(act.driven), 1 + len(config.lookahead)
        self._layout = Layout(
            [
                *joints.columns,
                ("reference", ahead * m, POSITION_BOUND),
                ("reference_rate", ahead * m, VELOCITY_BOUND),
                ("phase", 1, 1.0),
                *(self._root.columns if self._root else ()),
            ],
            positive=("phase",),
        )
        self._tracking = Tracking(
            self.reference,
            act,
            config.reward,
            step_s=self.step_s,
            size=setting.size,
            ahead=self._reference_columns(),
            bounds=np.array([bound for _, _, bound in joints.columns]),
        )
        self._root_at = self._layout.width - (13 if free else 0)
        self.observation_layout = self._layout.slices
        self.observation_space = self._layout.space
        self._error_sum, self._error_count = 0.0, 0
        self._state: State | None = None

    def _reference_columns(self) -> Array:
        """What the observation holds of the reference at each control step ``(k, c)`` float32."""
        act, ref = self.actuation, self.reference
        ahead = np.array([0, *self.config.lookahead])
        beyond = ((0, int(ahead.max()) + 1), (0, 0))
        q = (ref.q[:, act.driven] - act.center) / act.half
        qd = ref.qd[:, act.driven] / act.velocity
        q, qd = np.pad(q, beyond, mode="edge"), np.pad(qd, beyond)
        steps = np.arange(ref.last + 2)
        rows = steps[:, None] + ahead
        found = np.concatenate(
            [
                q[rows].reshape(len(steps), -1).clip(-POSITION_BOUND, POSITION_BOUND),
                qd[rows].reshape(len(steps), -1).clip(-VELOCITY_BOUND, VELOCITY_BOUND),
                np.minimum(steps / ref.last, 1.0)[:, None],
            ],
            axis=1,
        )
        return found.astype(np.float32)

    def reference_action(self) -> Array:
        """The action ``(m,)`` that follows the recovered motion from the present state.

        Raises:
            UsageError: before the first reset, or after :meth:`close`.
        """
        self.running()
        return self._follower.action(self.body, self._k)

    def start(self, options: dict[str, Any]) -> StartState:
        """The reference's state at the instant that is named, drawn, or its first."""
        self._k = self._first_step(options)
        return self.reference.start(self._k)

    def length(self) -> int:
        """Control steps to the end of the motion, or of ``episode_s``."""
        if self.config.episode_s is not None:
            return super().length()
        return max(1, self.reference.last - self._k)

    def begun(self, state: State) -> None:
        """Start the episode's mean error."""
        self._error_sum, self._error_count = self._compare(state).tracking_error, 1

    def idle(self) -> list[float]:
        """The action that holds the driven joints where they are, or on the reference."""
        return [0.0] * len(self.actuation.driven) if self.config.residual else super().idle()

    def drive(self, action: list[float]) -> None:
        """Apply an action; what is not driven follows the reference."""
        act, middle = self.actuation, None
        if self.config.residual or len(act.held):
            q_ref, qd_ref = self.reference.at(self._k + 1)
            middle = q_ref[act.driven] if self.config.residual else None
            act.hold(self.body, q_ref, qd_ref)
        act.apply(self.world, self.body, action, middle=middle)

    def observe(self, state: State) -> Array:
        """The observation of ``state``."""
        self._compare(state)
        out, self._state = self._seen, None  # who gets the array may do with it what they like
        if self._root is not None:
            self._root.write(self.body, out, self._root_at)
        return out

    def assess(self, state: State) -> tuple[float, bool, dict[str, Any]]:
        """One comparison with the reference gives all."""
        found = self._compare(state)
        self._error_sum += found.tracking_error
        self._error_count += 1
        info = self.info(state)
        info["reward_position"] = found.position
        info["reward_velocity"] = found.velocity
        info["reward_links"] = found.links
        return found.reward, False, info

    def info(self, state: State) -> dict[str, Any]:
        """Where the object is and should be."""
        found, (q, q_ref, error) = self._compare(state), self._report
        mean = self._error_sum / self._error_count
        return {
            "time_s": state.k * self.step_s,
            "q": q,
            "q_ref": q_ref,
            "position_error": error,
            "tracking_error": found.tracking_error,
            "mean_tracking_error": mean,
            "link_error_m": found.link_error_m,
            "is_success": mean <= self.config.success_error,
        }

    def _compare(self, state: State) -> Compared:
        """Compare with the reference, once for each state."""
        if state is not self._state:
            self._report = np.empty((3, len(self.actuation.driven)))
            self._seen = np.empty(self._layout.width, np.float32)
            self._compared = self._tracking.compare(state.x, state.k, self._report, self._seen)
            self._state = state
        return self._compared

    def _first_step(self, options: dict[str, Any]) -> int:
        refuse_options(options, "start_s")
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
