"""``Reel2Sim/Scene-v0``: recovered objects to act on, and the base of every task."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.camera import View
from reel2sim.envs.config import EnvConfig, make_config
from reel2sim.envs.extras import Extras
from reel2sim.envs.kernels import astray
from reel2sim.envs.loading import load_scene
from reel2sim.envs.observation import Column, JointView, Layout, RootView
from reel2sim.envs.physics.actuation import Actuation, driven_joints
from reel2sim.envs.physics.body import Body, StartState
from reel2sim.envs.physics.engine import has_display
from reel2sim.envs.physics.gears import gears_of
from reel2sim.envs.physics.setting import Setting, setting_of, start_state
from reel2sim.envs.physics.world import TIMESTEP_S, World
from reel2sim.envs.sensors.config import needs_visuals
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError

_FAR_RANGES = 10.0
"""A joint this many half-ranges from the middle of its range has diverged."""

_FAR_SIZES = 20.0
"""A root this many diagonals of the object from its start has diverged."""


@dataclass(eq=False, slots=True)
class State:
    """What one look at the acting object found.

    Attributes:
        k: control steps since the episode's first instant, or the motion's for a task that
            follows it.
        x: positions of its movable joints, radians or metres, then their velocities ``(2n,)``.
        T_world_root: pose of its root ``(4, 4)``.
        diverged: whether the simulation has blown up.
    """

    k: int
    x: Array
    T_world_root: Array
    diverged: bool

    @property
    def q(self) -> Array:
        """Positions of the movable joints ``(n,)``."""
        return self.x[: len(self.x) // 2]

    @property
    def qd(self) -> Array:
        """Velocities of the movable joints ``(n,)``."""
        return self.x[len(self.x) // 2 :]


class SceneEnv(gymnasium.Env[Any, Array]):
    """One recovered object, or a scene of several, in PyBullet; without a reward.

    To make a task of one's own, subclass it and override what differs: :meth:`start`,
    :meth:`observe` with :meth:`prepare`, :meth:`reward`, :meth:`terminated`, :meth:`info`. One
    object of a scene acts, all others are moved by what touches them.

    **Actions**: ``Box(-1, 1, (m,))``, one number for each movable joint of the acting object that
    the reel showed well enough and that follows no other, in the order of :attr:`joint_names`.
    With ``control="position"`` −1..1 spans the joint's limits, with ``"velocity"`` the speed limit
    both ways, with ``"torque"`` the effort limit. Actions outside of the space are refused, not
    clipped.

    **Observations**: for each object in turn, see :class:`reel2sim.envs.observation.JointView`
    and, of objects that can move as a whole, :class:`reel2sim.envs.observation.RootView`.

    **Episodes** start as the motion does, at rest, and are truncated after ``episode_s`` (10 s);
    they are terminated only if the simulation diverges. A reset with the same seed and the same
    actions give the same bits.

    **Info**: ``time_s`` and ``q`` ``(m,)``, radians or metres.

    Contacts between the object's own links are off: recovered parts touch where they are joined.

    Args:
        bundle: folder that ``reel2sim run`` wrote, or of a scene.
        scene: the same, for those who like to say so; one of both.
        asset: name of the object that acts; None is the first with a joint to drive.
        render_mode: None, ``"rgb_array"`` or, with a display, ``"human"``.
        **options: fields of :class:`reel2sim.envs.config.EnvConfig`, or of the task's own.

    Raises:
        BundleError: if the bundle cannot be used.
        UsageError: if an option is not allowed.
    """

    config_type: ClassVar[type[EnvConfig]] = EnvConfig
    usual_episode_s: ClassVar[float] = 10.0
    """Length of an episode if ``episode_s`` is None."""

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        # Listed only where it works: PyBullet ends the process that asks for a missing display.
        "render_modes": ["rgb_array", *(["human"] if has_display() else [])],
        "render_fps": 60,
    }

    def __init__(
        self,
        bundle: str | Path | None = None,
        *,
        scene: str | Path | None = None,
        asset: str | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._world: World | None = None
        self.config: Any = make_config(type(self).config_type, options)
        if render_mode not in (None, "rgb_array", "human"):
            raise UsageError(
                f"is {render_mode!r}, expected None, 'rgb_array' or 'human'", source="render_mode"
            )
        self.render_mode = render_mode
        if (bundle is None) == (scene is None):
            given = "both are given" if bundle is not None else "is missing"
            raise UsageError(given, source="bundle", remedy="give bundle= or scene=, a folder")
        self.scene = load_scene(bundle if bundle is not None else scene)  # pyright: ignore
        self.asset = self._acting(asset)
        self.bundle = self.scene.bundles[self.asset]
        self.step_s = self.config.frame_skip * TIMESTEP_S
        self.metadata = {**type(self).metadata, "render_fps": max(1, round(1 / self.step_s))}  # type: ignore[misc]
        driven = self.choose()  # refuses a bundle without any before much is done
        self.bodies = {name: self._body(name, b) for name, b in self.scene.bundles.items()}
        self.body = self.bodies[self.asset]
        wanted = self.config.gravity
        self.gravity = self.scene.gravity if wanted is None else wanted
        self._world = World(
            tuple(self.bodies.values()),
            gravity=self.gravity,
            window=render_mode == "human",
            visuals=render_mode is not None or needs_visuals(self.config.sensors),
        )
        try:
            self._look_around(self._world)
            self.actuation = Actuation(self.bundle, self.setting.q, driven, self.config)
            self._sane = self._far()
            self.action_space = spaces.Box(-1.0, 1.0, (len(self.actuation.driven),), np.float32)
            self._started = False
            self._k = self._end = 0
            self._extras: Extras | None = None
            self.prepare()
            self._extend(self._world)
        except BaseException:
            self.close()
            raise

    # What a task overrides

    def choose(self) -> Array:
        """The joints of the acting object that the agent drives ``(n,)``, bool.

        Raises:
            BundleError: if there are none and the task needs some.
        """
        if not any(j.observed or self.config.drive_unobserved for j in self.bundle.joints):
            return np.zeros(len(self.bundle.joints), bool)
        return driven_joints(self.bundle, self.config)

    def prepare(self) -> None:
        """Set ``observation_space``, and what the task computes once; the world is loaded.

        A task whose agent drives something else sets ``action_space``, too, puts it into
        ``world.guests``, and overrides :meth:`check` and :meth:`drive`.
        """
        self._views: list[tuple[Body, JointView, RootView | None]] = []
        columns: list[Column] = []
        for name, body in self.bodies.items():
            bundle, setting = self.scene.bundles[name], self.settings[name]
            every = np.ones(len(bundle.joints), bool)
            joints = JointView(Actuation(bundle, setting.q, every, self.config))
            root = None if body.fixed_base else RootView(setting.poses[0], setting.size)
            self._views.append((body, joints, root))
            seen = (*joints.columns, *(root.columns if root else ()))
            columns += [(f"{name}.{column}", width, bound) for column, width, bound in seen]
        self._layout = Layout(columns)
        self.observation_layout = self._layout.slices
        self.observation_space = self._layout.space

    def start(self, options: dict[str, Any]) -> StartState:
        """Where the acting object starts; draws from ``self.np_random`` alone.

        Args:
            options: of :meth:`reset`.
        """
        refuse_options(options)
        return self.setting.start

    def length(self) -> int:
        """Control steps of the episode that begins."""
        seconds = self.usual_episode_s if self.config.episode_s is None else self.config.episode_s
        return max(1, round(seconds / self.step_s))

    def drive(self, action: list[float]) -> None:
        """Apply a checked action and advance the world by one control step."""
        self.actuation.apply(self.world, self.body, action)

    def check(self, action: Any) -> list[float]:
        """The action as numbers in −1..1.

        Raises:
            InputError: if it is not in the action space.
        """
        return self.actuation.check(action)

    def observe(self, state: State) -> Any:
        """The observation of ``state``."""
        out = np.empty(self._layout.width, np.float32)
        at = 0
        for body, joints, root in self._views:
            x = state.x if body is self.body else body.motion()
            joints.write(x, out, at)
            at += len(x)
            if root is not None:
                root.write(body, out, at)
                at += 13
        return out

    def reward(self, state: State) -> float:
        """What ``state`` is worth; 0 here."""
        return 0.0

    def terminated(self, state: State) -> bool:
        """Whether the episode ends in ``state``; one that diverged ends anyway."""
        return False

    def info(self, state: State) -> dict[str, Any]:
        """What else is said about ``state``."""
        return {"time_s": state.k * self.step_s, "q": state.x[self.actuation.driven]}

    def assess(self, state: State) -> tuple[float, bool, dict[str, Any]]:
        """:meth:`reward`, :meth:`terminated` and :meth:`info`; a task may compute them as one."""
        return self.reward(state), self.terminated(state), self.info(state)

    def idle(self) -> list[float]:
        """The action that holds the driven joints where they are, or gives no torque."""
        act = self.actuation
        if self.config.control != "position":
            return [0.0] * len(act.driven)
        q, _ = self.body.joint_state()
        return ((q[act.driven] - act.center) / act.half).clip(-1.0, 1.0).tolist()

    # Gymnasium's interface

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The driven joints, in the order of the action."""
        return self.actuation.names

    @property
    def setting(self) -> Setting:
        """The acting object as its motion starts."""
        return self.settings[self.asset]

    @property
    def world(self) -> World:
        """The physics world.

        Raises:
            UsageError: if the environment is closed.
        """
        if self._world is None:
            raise UsageError("is closed", source="environment", remedy="make a new one")
        return self._world

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Put all objects where they start.

        Args:
            seed: of what is random; None goes on with the present generator.
            options: of the task.

        Raises:
            UsageError: if an option is unknown or its value not allowed.
        """
        super().reset(seed=seed)
        world = self.world
        self._k = 0
        first = self.start(options or {})
        self._end = self._k + self.length()
        state = self.launch(first)
        self._started = True
        self.begun(state)
        if self.render_mode == "human":
            view = self.view(4 / 3)
            world.look(view.target, distance=view.distance, yaw=view.yaw, pitch=view.pitch)
            self._pace()
        seen, info = self.observe(state), self.info(state)
        if self._extras is None:
            return seen, info
        return self._extras.observed(seen, self.np_random), self._extras.told(info)

    def launch(self, first: StartState) -> State:
        """Build the world anew, the acting object in the state ``first``, others where they are."""
        starts = [
            first if name == self.asset else setting.start
            for name, setting in self.settings.items()
        ]
        if self._extras is not None:
            self._extras.draw(self.np_random)
        self.world.reset(starts)
        if self._extras is not None:
            self._extras.begin(self.idle)
        self.hold()
        self._T_world_root = self.body.root_pose()
        return self.look()

    def hold(self) -> None:
        """Have joints hold themselves that the agent does not drive; an episode begins."""
        self.actuation.hold(self.body, self.setting.start.q)

    def begun(self, state: State) -> None:
        """Called once an episode has begun in ``state``, for tasks that sum up."""

    def step(self, action: Array) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Apply an action for one control step.

        Raises:
            InputError: if the action is not in the action space.
            UsageError: before the first reset, or after :meth:`close`.
        """
        if not self._started:
            self.running()
        wanted = self.check(action)
        self.drive(wanted if self._extras is None else self._extras.late(wanted))
        self._k += 1
        state = self.look()
        reward, terminated, info = self.assess(state)
        if state.diverged:
            reward, terminated = 0.0, True
            self.world.renew()  # what is not a number stays in the engine
        if self.render_mode == "human":
            self._pace()
        seen = self.observe(state)
        if self._extras is not None:
            seen = self._extras.observed(seen, self.np_random)
        return seen, reward, terminated, self._k >= self._end, info

    def render(self) -> Array | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A picture ``(h, w, 3)`` uint8 that holds all motions; None for other modes."""
        if self.render_mode is None:
            gymnasium.logger.warn('nothing to render: pass render_mode="rgb_array" to make')
        if self.render_mode != "rgb_array":
            return None
        world = self.running()
        width, height = self.config.render_size
        view, lens = self.view(width / height).matrices(aspect=width / height)
        return world.picture(view, lens, (width, height))

    def close(self) -> None:
        """Free the physics server; more calls do nothing."""
        world, self._world = self._world, None
        self._started = False
        if world is not None:
            world.close()

    def __del__(self) -> None:
        # A physics server that nobody can reach is not collected by anyone else.
        if getattr(self, "_world", None) is not None:
            self.close()

    def running(self) -> World:
        """The world of an episode that has begun.

        Raises:
            UsageError: before the first reset, or after :meth:`close`.
        """
        world = self.world
        if not self._started:
            raise UsageError("has no episode", source="environment", remedy="call reset first")
        return world

    def _acting(self, asset: str | None) -> str:
        bundles = self.scene.bundles
        if asset is not None and asset not in bundles:
            raise UsageError(
                f"is {asset!r}, which is not in {self.scene.root}",
                source="asset",
                remedy=f"use one of {', '.join(bundles)}",
            )
        jointed = (name for name, b in bundles.items() if any(j.observed for j in b.joints))
        return asset if asset is not None else next(jointed, next(iter(bundles)))

    def _body(self, name: str, bundle: LoadedBundle) -> Body:
        wanted = self.config.fixed_base if name == self.asset else None
        return Body(
            bundle.urdf,
            tuple(joint.name for joint in bundle.joints),
            fixed_base=bundle.fixed_base if wanted is None else wanted,
            gears=gears_of(bundle),
        )

    def _look_around(self, world: World) -> None:
        bundles = self.scene.bundles
        world.reset([start_state(bundle) for bundle in bundles.values()])
        self.settings = {
            name: setting_of(bundles[name], body) for name, body in self.bodies.items()
        }
        for name, body in self.bodies.items():
            body.damping = self.settings[name].damping
        world.floor_z = self._floor()
        world.renew()
        path = np.ptp(self.setting.poses[:, :3, 3], axis=0).sum()
        self._far_root = float(path + _FAR_SIZES * self.setting.size)

    def _floor(self) -> float | None:
        wanted, given = self.config.ground, self.scene.ground_z
        if wanted is False:
            return None
        lone = self.scene.lone and not self.body.fixed_base
        if given is not None or not (wanted or lone):
            return given
        return min(float(setting.lower[2]) for setting in self.settings.values())

    def _far(self) -> Array:
        """Between what positions and velocities of the joints must be ``(2, 2n)``."""
        act, n = self.actuation, len(self.bundle.joints)
        bounds = np.outer([-1.0, 1.0], np.full(2 * n, np.finfo(np.float64).max))
        bounds[0, act.driven] = act.center - _FAR_RANGES * act.half
        bounds[1, act.driven] = act.center + _FAR_RANGES * act.half
        return bounds

    def look(self) -> State:
        """The acting object as it is."""
        body = self.body
        x, T = body.motion(), self._T_world_root
        far = astray(x, self._sane)
        if not body.fixed_base:
            T = body.root_pose()
            away = math.dist(T[:3, 3], self.setting.poses[0, :3, 3])
            far |= not away <= self._far_root
        return State(self._k, x, T, far)

    def view(self, aspect: float) -> View:
        """Where pictures of width over height ``aspect`` are taken from."""
        return View.around(*self._bounds(), aspect=aspect)

    def _bounds(self) -> tuple[Array, Array]:
        settings = self.settings.values()
        lower = np.min([setting.lower for setting in settings], axis=0)
        return lower, np.max([setting.upper for setting in settings], axis=0)

    def _extend(self, world: World) -> None:
        if not self.config.sensors and self.config.randomise is None:
            return
        self._extras = Extras(
            self.config,
            scene=self.scene,
            world=world,
            bodies=self.bodies,
            settings=self.settings,
            actuation=self.actuation,
            gravity=self.gravity,
            bounds=self._bounds(),
            space=self.observation_space,
        )
        self.observation_space = self._extras.space

    def _pace(self) -> None:
        """Let people watch: a window shows the world by itself, but faster than it moves."""
        time.sleep(self.step_s)


def refuse_options(options: dict[str, Any], *known: str) -> None:
    """Refuse options of a reset that a task does not know.

    Raises:
        UsageError: naming the first.
    """
    for name in options:
        if name not in known:
            raise UsageError(
                "is not an option of reset",
                source="options",
                field=name,
                remedy=f"use {', '.join(known)}" if known else "leave it out",
            )
