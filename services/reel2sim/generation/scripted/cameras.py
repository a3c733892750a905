"""Where the scripted backend takes its pictures from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reel2sim.generation.backend import GenerationConfig
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.spec import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera, look_at

_FOV: Final = np.radians(40.0)
_FILL: Final = 0.92  # of the half picture, at most
_FRONT: Final = (float(np.radians(22.0)), float(np.radians(24.0)))  # azimuth from +x, elevation
_FIXED: Final = ("front", "back", "left", "right")
"""Cameras that stand still, in the order in which they are set up; sides are the object's own."""
_AROUND: Final = {"front": 0.0, "back": np.pi, "left": np.pi / 2, "right": -np.pi / 2}
_HIGHER: Final = float(np.radians(14.0))
"""How much more those at the sides look down, so that tops are seen in two ways."""
_SIDE: Final = float(np.radians(75.0))
"""Azimuth between which the moving camera passes: what opens does so towards +x, and a camera
behind the object would see none of it."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture to take.

    Attributes:
        stream: name of the camera stream.
        instant: index of its time.
        camera: from where.
        name: what to call the frame.
    """

    stream: str
    instant: int
    camera: Camera
    name: str


def plan_shots(play: Performance, config: GenerationConfig, view: View = "all") -> list[Shot]:
    """Cameras of all streams, stream after stream.

    Args:
        play: what happens.
        config: numbers of views and pixels.
        view: which streams.

    Returns:
        ``static``: a circle at the first instant; ``orbit``: from one side past the front to the
        other while time runs; ``front``, ``back``, ``left``, ``right``: as many fixed cameras as
        asked. Heights wave, so that tops and undersides of edges show. A still or front view has
        the front camera alone, an orbit view the second stream.
    """
    still, swept = play.points([0]), play.points()
    around = 2 * np.pi * np.arange(config.views) / max(1, config.views)
    passing = np.linspace(-_SIDE, _SIDE, len(play.times_s))
    static = [(a, np.radians(20 + 12 * np.sin(2 * a))) for a in around]
    orbit = [(a, np.radians(25 + 10 * np.sin(3 * a))) for a in passing]
    ahead = (0.0, _FRONT[1]) if view == "front" else _FRONT
    instants = range(len(play.times_s))
    shots: list[Shot] = []
    if view == "all":
        shots += _stream("static", [0] * len(static), static, still, config)
    if view in ("all", "orbit"):
        shots += _stream("orbit", instants, orbit, swept, config)
    if view != "orbit":
        for name in _FIXED[: config.fixed if view == "all" else 1]:
            aside = _HIGHER if name in ("left", "right") else 0.0
            from_there = (ahead[0] + _AROUND[name], ahead[1] + aside)
            shots += _stream(name, instants, [from_there for _ in instants], swept, config)
    return shots


def _stream(
    name: str,
    instants: Iterable[int],
    angles: Sequence[Sequence[float]],
    cloud: Array,
    config: GenerationConfig,
) -> list[Shot]:
    """Cameras on a sphere about ``cloud``, as near as all of it is in all their views."""
    target = (cloud.min(axis=0) + cloud.max(axis=0)) / 2
    directions = [direction_of(azimuth, elevation) for azimuth, elevation in angles]
    distance = max((_fitting_distance(cloud - target, d) for d in directions), default=1.0)
    shots: list[Shot] = []
    for k, (instant, direction) in enumerate(zip(instants, directions, strict=True)):
        eye = target + distance * direction
        camera = look_at(eye, target, width=config.size, height=config.size, fov_y=_FOV)
        shots.append(Shot(name, instant, camera, f"{name}/{k:04d}.png"))
    return shots


def direction_of(azimuth: float, elevation: float) -> Array:
    """Unit vector ``(3,)`` from the target towards a camera; azimuth 0 is +x."""
    flat = np.array([np.cos(azimuth), np.sin(azimuth), 0.0]) * np.cos(elevation)
    return flat + np.array([0.0, 0.0, np.sin(elevation)])


def _fitting_distance(cloud: Array, direction: Array) -> float:
    """How far away along ``direction`` all of ``cloud`` ``(n, 3)`` is just in view, metres."""
    right = np.cross([0.0, 0.0, 1.0], direction)
    right /= np.linalg.norm(right)
    up = np.cross(direction, right)
    aside = np.maximum(np.abs(cloud @ right), np.abs(cloud @ up))
    return float((aside / (_FILL * np.tan(_FOV / 2)) + cloud @ direction).max())
