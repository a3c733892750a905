"""Pictures of surfels that move in a known way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.scene import Surfels
from reel2sim.scene.camera import look_at


def pictures_from(
    surfels: Surfels,
    posing: Posing,
    eyes: Sequence[Sequence[Sequence[float]]],
    *,
    size: int,
    fov_y: float,
    noise: float = 0.0,
    seed: int = 0,
) -> Drawings:
    """Square pictures from ``eyes``, some at each instant, that look at the origin."""
    rng = np.random.default_rng(seed)
    sphere = Sphere(np.zeros(3), 1.0)
    tensors = SurfelTensors.of(surfels, sphere=sphere, device=torch.device("cpu"))
    instants: list[list[View]] = []
    for i, places in enumerate(eyes):
        views: list[View] = []
        for eye in places:
            camera = look_at(np.array(eye), np.zeros(3), width=size, height=size, fov_y=fov_y)
            K, T = (
                torch.as_tensor(x, dtype=torch.float32) for x in (camera.K, camera.T_camera_world)
            )
            blank = View(torch.zeros(size, size, 3), torch.zeros(size, size), K, T, float(i), "a")
            made = tensors.placed(posing.at(i)).draw(blank, backend="numba")
            off = torch.as_tensor(rng.normal(0, noise, (size, size, 3)), dtype=torch.float32)
            views.append(replace(blank, rgb=made.features + off, mask=made.alpha))
        instants.append(views)
    return Drawings(tensors, instants, "numba")
