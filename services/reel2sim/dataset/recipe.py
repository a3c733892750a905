"""From where and when an object is seen: a still orbit, a moving orbit and a front view."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from reel2sim.pipeline.orbit import OrbitPath, circle_cameras, fitting_distance, outermost
from reel2sim.pipeline.views import MOST_PIXELS, View
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import UsageError

Draw = Literal["auto", "mesh", "surfels"]
Framing = Literal["first", "motion"]
SERIES = ("static", "moving", "front")
"""Folders of the pictures: still object and moving camera, both moving, only the object moving."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is made of every object, after Diffusion4D (Liang et al. 2024, arXiv 2405.16645).

    Attributes:
        frames: pictures of each of the three series.
        size: both sides of a picture, pixels.
        elevation_deg: range from which the height of the cameras is drawn, -89..89.
        azimuth_deg: where the orbits start and the front camera stands, from world +X towards +Y;
            None draws it for each object.
        fov_deg: vertical field of view.
        framing: place the cameras for the object at its first instant, so that what moves far
            leaves the picture and is rejected, or for all of its motion.
        fill: share of the picture that the framed object may take, from wherever the orbit sees it.
        least_motion: objects whose pictures change less are rejected.
        most_overflow: share of the surface that may leave a picture before the object is rejected.
        seed: of the draws.
        draw: shaded meshes, surfels with the colours of their film, or (auto) meshes of files and
            surfels of bundles.
        keep_rejected: keep the pictures of rejected objects too.
    """

    frames: int = 24
    size: int = 256
    elevation_deg: tuple[float, float] = (5.0, 30.0)
    azimuth_deg: float | None = None
    fov_deg: float = 40.0
    framing: Framing = "first"
    fill: float = 0.6
    least_motion: float = 0.01
    most_overflow: float = 0.0
    seed: int = 0
    draw: Draw = "auto"
    keep_rejected: bool = False

    def __post_init__(self) -> None:
        low, high = self.elevation_deg
        checks = {
            "frames": (2 <= self.frames <= 1000, "give 2 to 1000"),
            "size": (16 <= self.size <= MOST_PIXELS, f"give pixels from 16 to {MOST_PIXELS}"),
            "elevation": (-89.0 <= low <= high <= 89.0, "give two degrees, ascending, -89 to 89"),
            "azimuth": (
                self.azimuth_deg is None or bool(np.isfinite(self.azimuth_deg)),
                "give degrees",
            ),
            "fov": (1.0 <= self.fov_deg <= 150.0, "give degrees from 1 to 150"),
            "fill": (0.05 <= self.fill <= 1.0, "give a share from 0.05 to 1"),
            "least_motion": (0.0 <= self.least_motion <= 1.0, "give a share from 0 to 1"),
            "most_overflow": (0.0 <= self.most_overflow <= 1.0, "give a share from 0 to 1"),
            "seed": (0 <= self.seed < 2**32, "give 0 to 2³²−1"),
            "framing": (
                self.framing in get_args(Framing),
                f"give one of {', '.join(get_args(Framing))}",
            ),
            "draw": (self.draw in get_args(Draw), f"give one of {', '.join(get_args(Draw))}"),
        }
        for name, (fine, remedy) in checks.items():
            if not fine:
                raise UsageError("is out of range", source="dataset", field=name, remedy=remedy)


@dataclass(frozen=True, eq=False)
class Staging:
    """Where the cameras of one object stand.

    Attributes:
        center: of the bounds of what is framed ``(3,)``, metres.
        distance_m: of every camera from it.
        azimuth_deg: of the first camera.
        elevation_deg: of every camera.
        views: by series, each named ``series/0000.png``.
    """

    center: Array
    distance_m: float
    azimuth_deg: float
    elevation_deg: float
    views: Mapping[str, tuple[View, ...]]


def stage(recipe: Recipe, points: Array, times_s: Array, *, key: str) -> Staging:
    """Cameras and times for an object.

    The orbits go once round, counter-clockwise from above, in even steps, and stop one step
    before they close. The first view of all three series is the same.

    Args:
        recipe: of the dataset.
        points: what is framed ``(n, 3)``, world.
        times_s: of the moving pictures ``(frames,)``, seconds.
        key: of the object; with the seed it decides what is drawn.
    """
    draws = np.random.default_rng([recipe.seed, *hashlib.sha256(key.encode()).digest()])
    turn, lift = draws.random(2)
    azimuth = 360.0 * turn if recipe.azimuth_deg is None else recipe.azimuth_deg
    low, high = recipe.elevation_deg
    path = OrbitPath(
        elevation_deg=low + (high - low) * lift, azimuth_deg=azimuth, fov_deg=recipe.fov_deg
    )
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    around = outermost(points) - center
    distance = fitting_distance(around, path, aspect=1.0, margin=1.0 / recipe.fill)
    size = recipe.size
    orbit = circle_cameras(center, distance, path, count=recipe.frames, width=size, height=size)
    still = np.full(recipe.frames, times_s[0])
    views = {
        "static": _series("static", orbit, still),
        "moving": _series("moving", orbit, times_s),
        "front": _series("front", orbit[:1] * recipe.frames, times_s),
    }
    return Staging(center, distance, azimuth, path.elevation_deg, views)


def _series(name: str, cameras: tuple[Camera, ...], times_s: Array) -> tuple[View, ...]:
    return tuple(
        View(f"{name}/{i:04d}.png", camera, float(time_s))
        for i, (camera, time_s) in enumerate(zip(cameras, times_s, strict=True))
    )
