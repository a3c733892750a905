"""A textured ball whose upper half slides away, drawn exactly: for laws of motion and training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.rasterize import RasterOutput
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.training import Clock, MovingSurfels
from reel2sim.reconstruction.training.model import FREE
from reel2sim.reconstruction.views import View
from reel2sim.scene import Camera, look_at
from reel2sim.scene.spline import bspline_basis

UNIT = Sphere(np.zeros(3), 1.0)
TIMES = np.array([0.0, 0.3, 0.5, 1.0])
KNOTS = 5
SLIDE = 0.4
"""How far the upper half goes, radii of the sphere."""


def make_clock(times: np.ndarray = TIMES, *, refinement: int = 5) -> Clock:
    basis = bspline_basis(times, start_s=0.0, stop_s=float(times[-1]), knots=KNOTS)
    return Clock.of(times, basis, knots=refinement, like=torch.zeros(1))


def unbound(knots: int, bones: int) -> dict[str, np.ndarray]:
    """Axes, pivots and coordinates of bones that use none of them."""
    axis = np.tile([0.0, 0.0, 1.0], (bones, 1))
    return {"axis": axis, "pivot": np.zeros((bones, 3)), "coordinate": np.zeros((knots, bones))}


def free(bones: int) -> torch.Tensor:
    """Kinds of bones that may move anyhow."""
    return torch.full((bones,), FREE)


def ball(n: int = 160, *, detail: float = 1.0) -> MovingSurfels:
    """The ball, with blotches ``detail`` times as fine; bone 0, its lower half, stands still."""
    i = np.arange(n)
    z = 1 - (2 * i + 1) / n
    turn = np.pi * (1 + 5**0.5) * i
    normals = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], 1)
    half = np.stack([1 + z, -normals[:, 1], normals[:, 0], 0 * z], 1)
    color = 0.5 + 0.35 * np.sin(
        detail * normals @ [[5.0, 1, -2], [1, 6, 3], [3, -2, 5]] + [0, 1, 2]
    )
    own = {
        "means": 0.6 * normals,
        "rotations": half / np.linalg.norm(half, axis=1, keepdims=True),
        "log_scales": np.full((n, 2), np.log(0.7 / n**0.5)),
        "opacity_logits": np.full(n, 2.5),
        "colors": color,
        "bands": np.zeros((n, 3, 3)),
        "skin": np.where((z > 0)[:, None], [-6.0, 0], [0, -6.0]),
        "turn": np.zeros((n, 5, 3)),
        "stretch": np.zeros((n, 5, 2)),
    }
    translations = np.zeros((KNOTS, 2, 3))
    translations[:, 1, 0] = np.linspace(-0.5, 1.5, KNOTS) * SLIDE
    shared = {
        "translations": translations,
        "bone_rotations": np.tile([1.0, 0, 0, 0], (KNOTS, 2, 1)),
        "light": np.eye(9)[0],
        **unbound(KNOTS, 2),
    }
    as_tensors = ({a: torch.tensor(v).float() for a, v in d.items()} for d in (own, shared))
    return MovingSurfels(*as_tensors, torch.tensor([[0, 0, -0.3], [0, 0, 0.3]]).float(), free(2))


def surfels_of(model: MovingSurfels) -> SurfelTensors:
    """A model's surfels at time zero."""
    names = ("means", "rotations", "log_scales", "opacity_logits", "colors")
    return SurfelTensors(*(model.own[k] for k in names))


def ring_camera(azimuth: float, height: float = 1.0, *, px: int = 48) -> Camera:
    eye = np.array([3 * np.sin(azimuth), -3 * np.cos(azimuth), height])
    return look_at(eye, np.zeros(3), width=px, height=px, fov_y=0.6)


def empty_view(camera: Camera, time_s: float = 0.0, *, sphere: Sphere = UNIT) -> View:
    return View(
        torch.zeros(camera.height, camera.width, 3),
        torch.zeros(camera.height, camera.width),
        torch.as_tensor(camera.K).float(),
        torch.as_tensor(sphere.camera_matrix(camera)).float(),
        time_s,
        "",
    )


@torch.no_grad()
def draw(model: MovingSurfels, clock: Clock, f: int, view: View) -> RasterOutput:
    """The model at instant ``f``."""
    return model.posed(clock.motion[[0, f]], clock.refinement[f]).draw(view, backend="numba")


def make_film(
    model: MovingSurfels, clock: Clock, *, views: int = 4, px: int = 48
) -> list[list[View]]:
    """What fixed cameras on a ring see of ``model`` at each of ``TIMES``."""
    film: list[list[View]] = []
    for f, time in enumerate(TIMES[: len(clock.motion)]):
        film.append([])
        for v in range(views):
            camera = ring_camera(0.4 + v * 2 * np.pi / views, 1.0 - v % 2, px=px)
            view = empty_view(camera, float(time))
            out = draw(model, clock, f, view)
            film[-1].append(replace(view, rgb=out.features.clamp(0, 1), mask=out.alpha))
    return film
