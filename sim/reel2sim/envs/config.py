"""Options of the environments."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, ClassVar, Literal, TypedDict, TypeVar, get_args

from reel2sim.envs.options import build, either, flags, listed, number, require
from reel2sim.envs.randomisation.config import RandomisationConfig, randomisation_from
from reel2sim.envs.robot.stand import ArmStand, stand_from
from reel2sim.envs.sensors.config import Sensor, sensors_from

Control = Literal["position", "velocity", "torque"]
ArmControl = Literal["ee", "joint"]
ArmName = Literal["panda"]
Goal = Literal["open", "close"]

T = TypeVar("T", bound="EnvConfig")


@dataclass(frozen=True)
class RewardConfig:
    """How the three terms of the reward are weighed; weights are normalised to sum to 1.

    Attributes:
        position_weight: of the joints' positions.
        velocity_weight: of the joints' velocities.
        link_weight: of the links' centres of mass.
        position_sharpness: k in exp(−k·e), e in squared shares of the joint's recovered range.
        velocity_sharpness: the same in squared shares of the joint's largest recovered speed.
        link_sharpness: the same in squared shares of the object's size.
    """

    position_weight: float = 0.65
    velocity_weight: float = 0.1
    link_weight: float = 0.25
    position_sharpness: float = 20.0
    velocity_sharpness: float = 1.0
    link_sharpness: float = 40.0

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            require(number(getattr(self, item.name)) >= 0, item.name, self, "at least 0")
        total = self.position_weight + self.velocity_weight + self.link_weight
        require(total > 0, "position_weight", self, "positive, or another weight")


@dataclass(frozen=True)
class EnvConfig:
    """Options of every environment.

    Attributes:
        control: what an action means: target positions, target velocities or torques.
        frame_skip: physics steps of 1/240 s for each action; 8 are 30 actions a second.
        drive_unobserved: whether the agent also drives joints the reel did not show moving well
            enough; otherwise they hold themselves.
        fixed_base: whether the object's root is welded to the world; None is what the bundle says.
        ground: whether there is a floor; None is what the scene says, and with a lone object below
            it if its base is free.
        gravity: m/s²; None is that of the scene, or 9.81 along −z.
        position_gain: share of a position error that the drive removes in one physics step.
        episode_s: seconds before truncation; None is the task's own length.
        render_size: width and height of rendered frames, pixels.
        sensors: what else is observed; the observation is a dictionary then, see
            :mod:`reel2sim.envs.sensors`.
        randomise: what differs from episode to episode; None is nothing.
    """

    controls: ClassVar[tuple[str, ...]] = get_args(Control)
    """What :attr:`control` may be."""

    control: str = "position"
    frame_skip: int = 8
    drive_unobserved: bool = False
    fixed_base: bool | None = None
    ground: bool | None = None
    gravity: tuple[float, float, float] | None = None
    position_gain: float = 0.1
    episode_s: float | None = None
    render_size: tuple[int, int] = (320, 240)
    sensors: tuple[Sensor, ...] = ()
    randomise: RandomisationConfig | None = None

    def __post_init__(self) -> None:
        if self.gravity is not None:
            object.__setattr__(self, "gravity", tuple(listed(self.gravity, "gravity")))
        object.__setattr__(self, "render_size", tuple(listed(self.render_size, "render_size")))
        flags(self, "drive_unobserved")
        for name in ("fixed_base", "ground"):
            known = getattr(self, name) in (None, True, False)
            require(known, name, self, "true, false or None")
        require(self.control in self.controls, "control", self, either(self.controls))
        skip = self.frame_skip
        whole = isinstance(skip, Integral) and 1 <= skip <= 240
        require(whole, "frame_skip", self, "a number in 1..240")
        size = all(isinstance(n, Integral) and 1 <= n <= 4096 for n in self.render_size)
        require(size and len(self.render_size) == 2, "render_size", self, "two sizes in 1..4096")
        pull = (0.0, 0.0, 0.0) if self.gravity is None else self.gravity
        finite = len(pull) == 3 and all(math.isfinite(number(g)) for g in pull)
        require(finite, "gravity", self, "three finite numbers")
        seconds = 1.0 if self.episode_s is None else number(self.episode_s)
        require(0 < seconds < math.inf, "episode_s", self, "positive or None")
        require(0 < number(self.position_gain) <= 1, "position_gain", self, "in 0..1")
        object.__setattr__(self, "sensors", sensors_from(self.sensors))
        object.__setattr__(self, "randomise", randomisation_from(self.randomise))


class _WorldOptions(TypedDict, total=False):
    """The fields of :class:`EnvConfig` but what an action means."""

    frame_skip: int
    drive_unobserved: bool
    fixed_base: bool | None
    ground: bool | None
    gravity: tuple[float, float, float] | None
    position_gain: float
    episode_s: float | None
    render_size: tuple[int, int]
    sensors: Sequence[Sensor | Mapping[str, Any]]
    randomise: RandomisationConfig | Mapping[str, Any] | None


class EnvOptions(_WorldOptions, total=False):
    """The fields of :class:`EnvConfig` as keyword arguments."""

    control: Control


@dataclass(frozen=True)
class TrackMotionConfig(EnvConfig):
    """Options of ``Reel2Sim/TrackMotion-v0``, besides those of every environment.

    An episode is as long as the rest of the motion; beyond its end the reference stands still.

    Attributes:
        residual: with position control, actions are offsets from the reference.
        reference_start: start episodes at a random instant of the motion instead of its first.
        lookahead: for which later control steps the observation holds the reference.
        reward: weights of the reward.
        success_error: largest mean position error of a success, as a share of a joint's range.
    """

    residual: bool = False
    reference_start: bool = False
    lookahead: tuple[int, ...] = (1, 2, 4, 8)
    reward: RewardConfig = field(default_factory=RewardConfig)
    success_error: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.reward, Mapping):  # environment specs travel as JSON
            object.__setattr__(self, "reward", build(RewardConfig, dict(self.reward)))
        object.__setattr__(self, "lookahead", tuple(listed(self.lookahead, "lookahead")))
        flags(self, "residual", "reference_start")
        require(isinstance(self.reward, RewardConfig), "reward", self, "a RewardConfig")
        require(
            all(isinstance(n, Integral) and 1 <= n <= 10_000 for n in self.lookahead),
            "lookahead",
            self,
            "steps in 1..10000",
        )
        require(number(self.success_error) > 0, "success_error", self, "positive")
        fits = not self.residual or self.control == "position"
        require(fits, "residual", self, 'False unless control is "position"')


class TrackMotionOptions(EnvOptions, total=False):
    """The fields of :class:`TrackMotionConfig` as keyword arguments."""

    residual: bool
    reference_start: bool
    lookahead: tuple[int, ...]
    reward: RewardConfig
    success_error: float


@dataclass(frozen=True)
class OpenJointConfig(EnvConfig):
    """Options of ``Reel2Sim/OpenJoint-v0``, besides those of every environment.

    Actions are torques unless said otherwise: with position control the goal is the action.

    Attributes:
        joint: name of the joint to drive; None is the surest of those that were observed.
        goals: smallest and largest goal, as shares of the joint's range.
        starts: smallest and largest position of a start, likewise; None is always the position
            at the motion's first instant.
        tolerance: distance from the goal that is a success, as a share of the joint's range.
        sparse: reward −1 until the goal is reached and 0 there, instead of minus the distance.
        torque_cost: what the largest effort costs in each step, with torque control.
    """

    control: str = "torque"
    joint: str | None = None
    goals: tuple[float, float] = (0.0, 1.0)
    starts: tuple[float, float] | None = (0.0, 1.0)
    tolerance: float = 0.05
    sparse: bool = False
    torque_cost: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("goals", "starts"):
            if name == "starts" and self.starts is None:
                continue
            pair = tuple(listed(getattr(self, name), name))
            object.__setattr__(self, name, pair)
            ordered = len(pair) == 2 and 0 <= number(pair[0]) <= number(pair[1]) <= 1
            require(ordered, name, self, "two shares in 0..1, the smaller first")
        require(self.joint is None or isinstance(self.joint, str), "joint", self, "a name or None")
        require(0 < number(self.tolerance) <= 1, "tolerance", self, "in 0..1, above 0")
        flags(self, "sparse")
        require(0 <= number(self.torque_cost) < math.inf, "torque_cost", self, "at least 0")


class OpenJointOptions(EnvOptions, total=False):
    """The fields of :class:`OpenJointConfig` as keyword arguments."""

    joint: str | None
    goals: tuple[float, float]
    starts: tuple[float, float] | None
    tolerance: float
    sparse: bool
    torque_cost: float


@dataclass(frozen=True)
class LocomoteConfig(EnvConfig):
    """Options of ``Reel2Sim/Locomote-v0``, besides those of every environment.

    Attributes:
        heading: horizontal direction ``(x, y)`` to go in, world frame; None is where the object
            went in its reel, or +x if it stayed.
        energy_cost: weight of the drives' power against progress, both in units of the object:
            its weight, its size and the speed at which a body falls by its own size.
        alive: reward of each step in which the object has not fallen.
        tilt_deg: tilt from the start at which it has fallen, degrees.
        start_noise: largest random offset of the joints at the start, as a share of their range.
    """

    heading: tuple[float, float] | None = None
    energy_cost: float = 0.05
    alive: float = 0.1
    tilt_deg: float = 60.0
    start_noise: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.heading is not None:
            pair = tuple(listed(self.heading, "heading"))
            object.__setattr__(self, "heading", pair)
            known = len(pair) == 2 and all(math.isfinite(number(x)) for x in pair)
            require(known and any(pair), "heading", self, "two finite numbers, not both 0")
        for name in ("energy_cost", "alive"):
            require(0 <= number(getattr(self, name)) < math.inf, name, self, "at least 0")
        require(0 < number(self.tilt_deg) <= 180, "tilt_deg", self, "in 0..180, above 0")
        require(0 <= number(self.start_noise) <= 0.5, "start_noise", self, "in 0..0.5")


class LocomoteOptions(EnvOptions, total=False):
    """The fields of :class:`LocomoteConfig` as keyword arguments."""

    heading: tuple[float, float] | None
    energy_cost: float
    alive: float
    tilt_deg: float
    start_noise: float


@dataclass(frozen=True)
class ManipulateConfig(EnvConfig):
    """Options of ``Reel2Sim/Manipulate-v0``, besides those of every environment.

    Here ``control`` says how the arm is driven: ``"ee"`` moves its tool, ``"joint"`` its joints.
    The object is fixed to the world unless said otherwise, and its joints move freely.

    Attributes:
        joint: name of the joint to move; None is the surest of those that were observed.
        goal: ``"open"`` moves it from where the reel starts to the farther end of its range,
            ``"close"`` starts there and goes back.
        share: of the range that is to be covered.
        still: speed below which the part counts as still, ranges per second.
        sparse: reward 1 for success and 0 otherwise.
        arm: which arm.
        arm_scale: size of the arm; None is 1, or what suits a very small or large object.
        start_noise: largest random offset of the arm's joints at the start, radians, and of the
            object's joint as a share of its range.
        rehearse: whether the arm's place is chosen by trying, which takes some seconds; otherwise
            by geometry alone.
        stand: where the arm stands and takes hold, such as ``stand`` of another environment; None
            is where it can do so best. Decides the arm's scale.
    """

    controls: ClassVar[tuple[str, ...]] = get_args(ArmControl)

    control: str = "ee"
    frame_skip: int = 12
    fixed_base: bool | None = True
    joint: str | None = None
    goal: Goal = "open"
    share: float = 0.75
    still: float = 0.2
    sparse: bool = False
    arm: str = "panda"
    arm_scale: float | None = None
    start_noise: float = 0.02
    rehearse: bool = True
    stand: ArmStand | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.joint is None or isinstance(self.joint, str), "joint", self, "a name or None")
        require(self.goal in get_args(Goal), "goal", self, either(get_args(Goal)))
        require(0 < number(self.share) < 1, "share", self, "in 0..1")
        require(0 < number(self.still) < math.inf, "still", self, "positive")
        flags(self, "sparse", "rehearse")
        require(self.arm in get_args(ArmName), "arm", self, either(get_args(ArmName)))
        scale = 1.0 if self.arm_scale is None else number(self.arm_scale)
        require(0.05 <= scale <= 20, "arm_scale", self, "in 0.05..20 or None")
        require(0 <= number(self.start_noise) <= 0.2, "start_noise", self, "in 0..0.2")
        object.__setattr__(self, "stand", stand_from(self.stand))


class ManipulateOptions(_WorldOptions, total=False):
    """The fields of :class:`ManipulateConfig` as keyword arguments."""

    control: ArmControl
    joint: str | None
    goal: Goal
    share: float
    still: float
    sparse: bool
    arm: ArmName
    arm_scale: float | None
    start_noise: float
    rehearse: bool
    stand: ArmStand | Mapping[str, Any] | None


def make_config(kind: type[T], options: Mapping[str, Any]) -> T:
    """A checked configuration.

    Raises:
        UsageError: if an option is unknown or its value not allowed.
    """
    return build(kind, options)
