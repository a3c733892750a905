"""``Reel2Sim/Manipulate-v0``: a robot arm opens or closes one joint of an object."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np
from gymnasium import spaces

from reel2sim.envs.camera import View
from reel2sim.envs.config import EnvConfig, ManipulateConfig, ManipulateOptions
from reel2sim.envs.observation import Layout
from reel2sim.envs.physics.actuation import checked_action, one_joint
from reel2sim.envs.physics.body import StartState
from reel2sim.envs.physics.gears import follow
from reel2sim.envs.robot.arm import ARMS, Arm
from reel2sim.envs.robot.columns import arm_columns, write_columns
from reel2sim.envs.robot.expert import Hand, step_towards
from reel2sim.envs.robot.holds import Hold, find_holds
from reel2sim.envs.robot.part import Part
from reel2sim.envs.robot.placing import Placement, place_arm
from reel2sim.envs.robot.stand import ArmStand
from reel2sim.envs.robot.steps import sense_part
from reel2sim.envs.robot.tool_control import LEASH, MOVE, TURN, ToolControl
from reel2sim.envs.scene_env import SceneEnv, State, refuse_options
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError, UsageError
from reel2sim.scene.transforms import invert, pose_to_vector, vector_to_pose

_UNIT = 0.25
"""Unit of lengths in observations, metres of an arm of scale 1."""

_REACH = 0.2
"""Distance at which the reward for reaching has fallen to a quarter, likewise."""

_SIZES = (0.25, 2.0)
"""Diagonals of objects that an arm of scale 1 is for, metres."""

_JOINT_STEP = 0.1
"""Largest step of an arm's joint, radians."""

_HOLDS, _PLACEMENTS = 24, 8
_BEYOND = 0.12
"""How much more than the wanted share of its range the expert moves a joint."""

_TOOL = ("x", "y", "z", "about x", "about y", "about z")

_ASIDE_DEG = 50.0
_CLOSER = 0.9
"""Pictures are taken from this far aside of where the arm looks, and this much closer than a view
that is sure to hold all: arms fill little of their box."""


class ManipulateEnv(SceneEnv):
    """A robot arm opens or closes one joint of an object.

    As in ManiSkill's cabinet tasks (Tao et al. 2024), the joint is to be brought over most of its
    range and the part to be still there. The arm stands where it can follow the part all the way,
    a hand's breadth before a place to push the part or to close the fingers on it; that place is
    the region. Where that is is found from the object alone and always the same; unless
    ``rehearse`` is false, a scripted expert tries the most promising, and :attr:`rehearsed` says
    how it fared. The object's joints are passive, with the description's damping and friction.

    **Actions** with ``control="ee"``: ``Box(-1, 1, (7,))``: a step of the tool's target by 3 cm
    along each axis and 0.12 rad about each, and the fingers, −1 closed and 1 open. Axes are those
    of the tool at an episode's usual start: z ahead, y along which the fingers close. With
    ``"joint"``: ``(n + 1,)``, steps of the arm's joints by 0.1 rad, and the fingers. Targets stay
    within 5 cm of the tool, so that what it presses with is bounded. Actions outside of the space
    are refused, not clipped.

    **Observations**: see :func:`reel2sim.envs.robot.columns.arm_columns`; ``observation_layout``
    has the slices. They are the same for all objects.

    **Reward**: 0..1, ``0.2 · (1 − tanh(d / 0.2 m)) + 0.5 · min(p / share, 1) + 0.3 · success``,
    with ``d`` the distance of the tool from the region and ``p`` the joint's progress: 0 at the end
    of its range that it comes from and 1 at the other. Success is ``p ≥ share`` at less than
    ``still`` ranges per second. With ``sparse`` 1 for success, else 0. All lengths grow with the
    arm's scale.

    **Episodes** begin at rest, arm and joint a little off by ``start_noise``, and last
    ``episode_s`` (5 s, 100 steps). They are terminated only if the simulation diverges.

    **Info**: ``time_s``, ``q`` ``(1,)``, ``progress``, ``distance_m``, ``is_success``.

    Args:
        bundle: folder that ``reel2sim run`` wrote, or of a scene.
        scene: the same, for those who like to say so; one of both.
        asset: name of the object that acts; None is the first with a joint to drive.
        render_mode: None, ``"rgb_array"`` or, with a display, ``"human"``.
        **options: fields of :class:`reel2sim.envs.config.ManipulateConfig`.

    Attributes:
        arm: the arm.
        part: what it is to move.
        placement: where it stands and how it takes hold.
        rehearsed: for each placement that was tried, in how many trials the expert succeeded, and
            its mean progress.

    Raises:
        BundleError: if the bundle cannot be used, or no arm can stand where it moves the part.
        UsageError: if an option is not allowed.
    """

    config_type: ClassVar[type[EnvConfig]] = ManipulateConfig
    usual_episode_s: ClassVar[float] = 5.0

    def __init__(
        self,
        bundle: str | Path | None = None,
        *,
        scene: str | Path | None = None,
        asset: str | None = None,
        render_mode: str | None = None,
        **options: Unpack[ManipulateOptions],
    ) -> None:
        super().__init__(bundle, scene=scene, asset=asset, render_mode=render_mode, **options)

    def choose(self) -> Array:
        """The named joint, or the surest ``(n,)``, bool.

        Raises:
            UsageError: if the joint is not one that may be moved.
        """
        return one_joint(self.bundle, self.config, self.config.joint)

    def prepare(self) -> None:
        """Place the arm, and lay out actions and observations."""
        act, config = self.actuation, self.config
        self._joint = int(act.driven[0])
        ends = (float(act.center[0] - act.half[0]), float(act.center[0] + act.half[0]))
        rest = float(self.setting.start.q[self._joint])
        near, far = sorted(ends, key=lambda end: abs(end - rest))
        self._from, self._to = (near, far) if config.goal == "open" else (far, near)
        self._begin_at = min(max(rest, ends[0]), ends[1]) if config.goal == "open" else far
        self._span = self._to - self._from
        self._stand()
        n = len(self.arm.q)
        self._parts = (*(_TOOL if config.control == "ee" else self.arm.names), "fingers")
        self.action_space = spaces.Box(-1.0, 1.0, (len(self._parts),), np.float32)
        self._layout = Layout(arm_columns(n))
        self.observation_layout = self._layout.slices
        self.observation_space = self._layout.space
        self._bound = self.observation_space.high.astype(np.float64)
        chain = self.arm.chain
        self._middle = (chain.lower + chain.upper) / 2
        self._half = (chain.upper - chain.lower) / 2

    # Placing the arm

    def _stand(self) -> None:
        config, size = self.config, self.setting.size
        scale = config.arm_scale if config.stand is None else config.stand.scale
        if scale is None:
            scale = size / min(max(size, _SIZES[0]), _SIZES[1])
        self.arm = Arm(ARMS[config.arm], scale=scale)
        self.world.guests = (self.arm,)
        self.launch(self._start_state(self._begin_at))
        client = self.world.client
        self.part = Part(self.body, self._joint, client)
        self._T_part_start = self.part.pose()
        self.rehearsed: list[tuple[int, float]] = []
        if config.stand is not None:
            self._take(self._placed(config.stand))
            return
        others = tuple(body.id for body in self.world.bodies)
        if self.world.floor_id is not None:
            others += (self.world.floor_id,)
        sign = 1.0 if self._to > self._from else -1.0
        holds = find_holds(self.part, self.arm, client, sign=sign, most=_HOLDS, others=others)
        share = min(config.share + _BEYOND, 1.0)
        places = place_arm(
            holds,
            self.part,
            self.arm,
            client,
            way=self._from + share * self._span - self._begin_at,
            others=others,
            floor_z=self.world.floor_z,
            most=_PLACEMENTS if config.rehearse else 1,
        )
        if not places:
            fault = "cannot be reached along its way" if holds else "has nothing to push or pinch"
            raise BundleError(
                f"{fault} by the arm",
                source=self.bundle.root,
                field=self.actuation.names[0],
                remedy="name another joint= or goal=, or set arm_scale=",
            )
        if not config.rehearse:
            self._take(places[0])
            return
        for place in places:
            self._take(place)
            trials = [self._rehearse(noise) for noise in (0.0, config.start_noise)]
            successes = sum(success for success, _ in trials)
            self.rehearsed.append((successes, sum(p for _, p in trials) / len(trials)))
            if successes == len(trials):
                break
        best = max(range(len(self.rehearsed)), key=lambda i: self.rehearsed[i])
        self._take(places[best])

    def _placed(self, stand: ArmStand) -> Placement:
        """The placement that ``stand`` means for this object."""
        if len(stand.posture) != len(self.arm.q):
            raise UsageError(
                f"has {len(stand.posture)} joints, the arm has {len(self.arm.q)}",
                source="stand",
                field="posture",
            )
        base, tool = (vector_to_pose(np.array(v)) for v in (stand.base, stand.tool))
        hold = Hold(invert(self._T_part_start) @ tool, stand.pinch, stand.opening, 0.0)
        return Placement(hold, base, np.array(stand.posture))

    @property
    def stand(self) -> ArmStand:
        """Where the arm stands and takes hold, for the option of that name."""
        place = self.placement
        tool = self._T_part_start @ place.hold.T_part_tool
        return ArmStand(
            base=tuple(pose_to_vector(place.T_world_base).tolist()),
            tool=tuple(pose_to_vector(tool).tolist()),
            posture=tuple(place.q.tolist()),
            opening=float(place.hold.opening),
            pinch=place.hold.pinch,
            scale=self.arm.scale,
        )

    def _take(self, place: Placement) -> None:
        arm = self.arm
        self.placement = place
        arm.T_world_base = place.T_world_base
        arm.q = place.q
        arm.opening = place.hold.opening
        self._T_part_tool = np.ascontiguousarray(place.hold.T_part_tool)
        self.control = ToolControl(arm, step_s=self.step_s)
        sign = 1.0 if self._to > self._from else -1.0
        self.hand = Hand(self.part, place.hold, scale=arm.scale, sign=sign)
        v = sign * self.part.velocity(place.hold.T_part_tool[:3, 3])
        self._part_way = v / max(float(np.linalg.norm(v)), 1e-9)
        self._axes = np.ascontiguousarray(arm.tool_pose(place.q)[:3, :3])

    def _rehearse(self, noise: float) -> tuple[bool, float]:
        """Whether the expert succeeds from here, and how far it comes."""
        state = self.launch(self._shaken(np.random.default_rng(0), noise))
        self.begun(state)
        for _ in range(self.length()):
            self._drive_tool(*self._expert())
            self._sense(self.look())
        return self._success(), self._progress

    # Episodes

    def _start_state(self, at: float) -> StartState:
        rest = self.setting.start
        q = rest.q.copy()
        q[self._joint] = at
        follow(self.body.gears, q)
        return StartState(rest.T_world_root, q, rest.qd, rest.linear, rest.angular)

    def start(self, options: dict[str, Any]) -> StartState:
        """At rest, the arm and the joint off by a little."""
        refuse_options(options)
        return self._shaken(self.np_random, self.config.start_noise)

    def _shaken(self, rng: np.random.Generator, noise: float) -> StartState:
        """The start with arm and joint off by up to ``noise``."""
        arm, place = self.arm, self.placement
        q = place.q + rng.uniform(-noise, noise, len(place.q))
        arm.q = np.clip(q, arm.chain.lower, arm.chain.upper)
        return self._start_state(self._begin_at + float(rng.uniform(0.0, noise)) * self._span)

    def hold(self) -> None:
        """Leave all joints of the object to themselves."""

    def idle(self) -> list[float]:
        """The action that leaves the arm where it is."""
        return [*[0.0] * (len(self._parts) - 1), 2.0 * self.arm.opening - 1.0]

    def begun(self, state: State) -> None:
        """Remember where the arm is."""
        self.control.begin(self.arm.q, self.arm.opening)
        self.hand.begin()
        self._sense(state)
        self._home = self._T_hold[:3, 3].copy()

    def check(self, action: Any) -> list[float]:
        """The action as numbers in −1..1."""
        return checked_action(action, self._parts)

    def drive(self, action: list[float]) -> None:
        """Move the arm and let time pass."""
        opening = (action[-1] + 1) / 2
        if self.config.control == "ee":
            move = self._axes @ np.array(action[:3]) * (MOVE * self.arm.scale)
            self._drive_tool(move, self._axes @ np.array(action[3:6]) * TURN, opening)
            return
        self.control.move_joints(self._q, np.array(action[:-1]) * _JOINT_STEP, opening)
        self.world.step(self.config.frame_skip)

    def _drive_tool(self, move: Array, turn: Array, opening: float) -> None:
        self.control.move_tool(self._q, move, turn, opening)
        self.world.step(self.config.frame_skip)

    def _sense(self, state: State) -> None:
        """Look at the arm and the part."""
        self._q, self._qd, self._opening = self.arm.state()
        self._T_tool = self.arm.tool_pose(self._q)
        self._T_hold, self._way, self._distance = sense_part(
            self.part.pose(), self._T_part_tool, self._part_way, self._T_tool
        )
        x, joint = state.x, self._joint
        self._progress = (float(x[joint]) - self._from) / self._span
        self._rate = float(x[len(x) // 2 + joint]) / self._span

    def _success(self) -> bool:
        config = self.config
        return bool(self._progress >= config.share and abs(self._rate) <= config.still)

    def observe(self, state: State) -> Array:
        """The observation of ``state``."""
        arm, control, out = self.arm, self.control, np.empty(self._layout.width, np.float32)
        write_columns(
            self._q, self._qd, self._middle, self._half, arm.speed,
            self._T_tool, self._T_hold, control.T_world_target, self._axes, self._home,
            _UNIT * arm.scale, LEASH * arm.scale, self._way,
            (self._opening, control.opening), (self._progress, self._rate),
            self._bound, out,
        )  # fmt: skip
        return out

    def assess(self, state: State) -> tuple[float, bool, dict[str, Any]]:
        """The reward of ``state``."""
        self._sense(state)
        info = self.info(state)
        success = info["is_success"]
        if self.config.sparse:
            return float(success), False, info
        reach = 1.0 - math.tanh(info["distance_m"] / (_REACH * self.arm.scale))
        moved = min(max(self._progress / self.config.share, 0.0), 1.0)
        return float(0.2 * reach + 0.5 * moved + 0.3 * success), False, info

    def info(self, state: State) -> dict[str, Any]:
        """How far the joint and the tool have come."""
        return {
            "time_s": state.k * self.step_s,
            "q": state.x[self.actuation.driven],
            "progress": self._progress,
            "distance_m": self._distance,
            "is_success": self._success(),
        }

    def _expert(self) -> tuple[Array, Array, float]:
        """Step, turn and opening that the expert wants."""
        share = min(self.config.share + _BEYOND, 1.0) - self._progress
        T, opening = self.hand.next(self._T_tool, share * abs(self._span))
        move, turn = step_towards(self.control.T_world_target, T)
        most = MOVE * self.arm.scale
        move = move * min(1.0, most / max(float(np.abs(move @ self._axes).max()), 1e-12))
        turn = turn * min(1.0, TURN / max(float(np.abs(turn @ self._axes).max()), 1e-12))
        return move, turn, opening

    def reference_action(self) -> Array:
        """The scripted expert's action ``(7,)`` in the present state.

        Raises:
            UsageError: unless ``control`` is ``"ee"``, before the first reset, or after
                :meth:`close`.
        """
        self.running()
        if self.config.control != "ee":
            raise UsageError(
                "has no expert",
                source="ManipulateConfig",
                field="control",
                remedy='use control="ee"',
            )
        move, turn, opening = self._expert()
        action = np.concatenate(
            [
                move @ self._axes / (MOVE * self.arm.scale),
                turn @ self._axes / TURN,
                [2 * opening - 1],
            ]
        )
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def view(self, aspect: float) -> View:
        """Object and arm, from the side of the arm."""
        arm, setting = self.arm, self.setting
        base, tool = arm.T_world_base[:3, 3], arm.tool_pose(self.placement.q)[:3, 3]
        s = 0.15 * arm.scale
        top = base + np.array([0.0, 0.0, 5 * s])
        points = np.array([setting.lower, setting.upper, base - s, base + s, top, tool])
        view = View.around(points.min(axis=0), points.max(axis=0), aspect=aspect)
        across = float(np.degrees(np.arctan2(*(tool - base)[1::-1])))
        sides = [(across + turn + 180.0) % 360.0 - 180.0 for turn in (_ASIDE_DEG, -_ASIDE_DEG)]
        yaw = min(sides, key=lambda side: abs(side - view.yaw))
        return replace(view, yaw=yaw, distance=_CLOSER * view.distance)
