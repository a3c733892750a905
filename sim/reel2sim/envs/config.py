"""Options of the environment."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal, TypedDict, get_args

from reel2sim.scene.errors import UsageError

Control = Literal["position", "velocity", "torque"]


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
            _require(_number(getattr(self, item.name)) >= 0, item.name, self, "at least 0")
        total = self.position_weight + self.velocity_weight + self.link_weight
        _require(total > 0, "position_weight", self, "positive, or another weight")


@dataclass(frozen=True)
class TrackMotionConfig:
    """Options of ``Reel2Sim/TrackMotion-v0``.

    Attributes:
        control: what an action means: target positions, target velocities or torques.
        residual: with position control, actions are offsets from the reference.
        frame_skip: physics steps of 1/240 s for each action.
        reference_start: start episodes at a random instant of the motion instead of its first.
        episode_s: seconds before truncation; None is the rest of the motion. Beyond the motion's
            end the reference stands still.
        lookahead: for which later control steps the observation holds the reference.
        drive_unobserved: whether the agent also drives joints the reel did not show moving well
            enough; otherwise they follow the reference by themselves.
        fixed_base: whether the root is welded to the world; None is what the bundle says.
        ground: whether there is a floor below the object; None is only with a free base.
        gravity: m/s².
        position_gain: share of a position error that the drive removes in one physics step.
        reward: weights of the reward.
        success_error: largest mean position error of a success, as a share of a joint's range.
        render_size: width and height of rendered frames, pixels.
    """

    control: Control = "position"
    residual: bool = False
    frame_skip: int = 4
    reference_start: bool = False
    episode_s: float | None = None
    lookahead: tuple[int, ...] = (1, 2, 4, 8)
    drive_unobserved: bool = False
    fixed_base: bool | None = None
    ground: bool | None = None
    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81)
    position_gain: float = 0.1
    reward: RewardConfig = field(default_factory=RewardConfig)
    success_error: float = 0.1
    render_size: tuple[int, int] = (320, 240)

    def __post_init__(self) -> None:
        if isinstance(self.reward, Mapping):  # environment specs travel as JSON
            object.__setattr__(self, "reward", _build(RewardConfig, dict(self.reward)))
        for name in ("lookahead", "gravity", "render_size"):
            object.__setattr__(self, name, tuple(_list(getattr(self, name), name)))
        for name in ("residual", "reference_start", "drive_unobserved"):
            _require(isinstance(getattr(self, name), bool), name, self, "true or false")
        for name in ("fixed_base", "ground"):
            known = getattr(self, name) in (None, True, False)
            _require(known, name, self, "true, false or None")
        _require(self.control in get_args(Control), "control", self, _either(get_args(Control)))
        _require(isinstance(self.reward, RewardConfig), "reward", self, "a RewardConfig")
        whole = all(isinstance(n, Integral) for n in (self.frame_skip, *self.lookahead))
        _require(whole and 1 <= self.frame_skip <= 240, "frame_skip", self, "a number in 1..240")
        _require(
            whole and all(1 <= n <= 10_000 for n in self.lookahead),
            "lookahead",
            self,
            "steps in 1..10000",
        )
        size = all(isinstance(n, Integral) and 1 <= n <= 4096 for n in self.render_size)
        _require(size and len(self.render_size) == 2, "render_size", self, "two sizes in 1..4096")
        finite = len(self.gravity) == 3 and all(math.isfinite(_number(g)) for g in self.gravity)
        _require(finite, "gravity", self, "three finite numbers")
        seconds = 1.0 if self.episode_s is None else _number(self.episode_s)
        _require(0 < seconds < math.inf, "episode_s", self, "positive or None")
        _require(0 < _number(self.position_gain) <= 1, "position_gain", self, "in 0..1")
        _require(_number(self.success_error) > 0, "success_error", self, "positive")
        fits = not self.residual or self.control == "position"
        _require(fits, "residual", self, 'False unless control is "position"')


class TrackMotionOptions(TypedDict, total=False):
    """The fields of :class:`TrackMotionConfig` as keyword arguments."""

    control: Control
    residual: bool
    frame_skip: int
    reference_start: bool
    episode_s: float | None
    lookahead: tuple[int, ...]
    drive_unobserved: bool
    fixed_base: bool | None
    ground: bool | None
    gravity: tuple[float, float, float]
    position_gain: float
    reward: RewardConfig
    success_error: float
    render_size: tuple[int, int]


def make_config(options: Mapping[str, Any]) -> TrackMotionConfig:
    """A checked configuration.

    Raises:
        UsageError: if an option is unknown or its value not allowed.
    """
    return _build(TrackMotionConfig, options)


def _build(kind: type[Any], options: Mapping[str, Any]) -> Any:
    known = [item.name for item in dataclasses.fields(kind)]
    for name in options:
        if name not in known:
            raise UsageError(
                "is not an option", source=kind.__name__, field=name, remedy=f"use {_either(known)}"
            )
    return kind(**options)


def _number(value: Any) -> float:
    """``value`` as a float; NaN, which no comparison accepts, if it is not a number."""
    return float(value) if isinstance(value, Real) else math.nan


def _list(value: Any, name: str) -> list[Any]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise UsageError(f"is {value!r}, expected several numbers", source=name)
    return list(value)


def _either(names: Any) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"


def _require(holds: bool, name: str, config: object, wanted: str) -> None:
    if not holds:
        raise UsageError(
            f"is {getattr(config, name)!r}, expected {wanted}",
            source=type(config).__name__,
            field=name,
        )
