"""Pictures of one region of the model, drawn under trial motions at little cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from reel2sim.reconstruction.picture_error import drawn
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.rigging.pictures.drawings import Drawings, blurred
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.scene.arrays import Array

_AROUND = 1.4
"""Size of a window over that of the region."""
_LEAST_PX = 6
_EDGE = 3.5
"""Deviations of a surfel within which it may be seen in a window."""


@dataclass(frozen=True, eq=False)
class _Window:
    """Part of a picture, what else is seen in it, and how it should look ``(h, w, 4)``."""

    view: View
    others: SurfelTensors
    wanted: Array


@dataclass(frozen=True, eq=False)
class Windows:
    """The pictures around a region, and the region to be moved in them.

    Attributes:
        region: its surfels at time zero, normalised space.
        instants: windows of each instant; none where it is out of the picture.
        unit_px: pixels that one normalised unit takes up in a window.
        backend: rasteriser.
    """

    region: SurfelTensors
    instants: Sequence[Sequence[_Window]]
    unit_px: float
    backend: Backend

    @classmethod
    def of(
        cls, drawings: Drawings, posing: Posing, region: Array, carrier: Array, *, most_px: int
    ) -> Windows:
        """Cut windows out of all pictures.

        Args:
            drawings: surfels and pictures.
            posing: of all surfels; those of the region are left out.
            region: indices of its surfels ``(m,)``.
            carrier: motion of the middle of the windows ``(t, 4, 4)``.
            most_px: width and height of a window; larger ones are reduced.
        """
        own = drawings.surfels.select(torch.as_tensor(region))
        points = own.means.cpu().numpy().astype(np.float64)
        center = points.mean(axis=0)
        radius = _AROUND * float(np.linalg.norm(points - center, axis=1).max())
        instants: list[list[_Window]] = []
        units: list[float] = []
        for f, views in enumerate(drawings.instants):
            placed = drawings.surfels.placed(posing.at(f))
            at = carrier[f, :3, :3] @ center + carrier[f, :3, 3]
            cut = [_cut(view, at, radius, most_px) for view in views]
            found = [view for view in cut if view is not None]
            instants.append([_window(view, placed, region) for view in found])
            units += [float(v.K[0, 0]) / max(_depth(v, at), 1e-3) for v in found]
        return cls(own, instants, float(np.median(units or [1.0])), drawings.backend)

    @property
    def seen(self) -> Array:
        """Instants with a window ``(k,)``."""
        return np.nonzero(np.array([len(windows) > 0 for windows in self.instants]))[0]

    @property
    def points(self) -> Array:
        """Centres of the region's surfels at time zero ``(m, 3)``."""
        return self.region.means.cpu().numpy().astype(np.float64)

    def error(self, instant: int, motion: Array) -> float:
        """How far the windows of an instant are from the pictures.

        Args:
            instant: its index.
            motion: since time zero, of the region ``(4, 4)`` or of each of its surfels
                ``(m, 4, 4)``.
        """
        moved = self.region.placed(np.broadcast_to(motion, (len(self.region), 4, 4)))
        total = 0.0
        for window in self.instants[instant]:
            scene = moved.joined(window.others)
            picture = drawn(scene, [window.view], backend=self.backend)[0]
            total += float(np.abs(blurred(picture.features, picture.alpha) - window.wanted).sum())
        return total


def _window(view: View, placed: SurfelTensors, region: Array) -> _Window:
    """A window with the surfels that may be seen in it, but for the region's."""
    T, K = view.T_camera_world.cpu().numpy(), view.K.cpu().numpy()
    local = placed.means.cpu().numpy() @ T[:3, :3].T + T[:3, 3]
    depth = local[:, 2]
    ahead = depth > 1e-3
    scale = K[0, 0] / np.where(ahead, depth, 1.0)
    x, y = local[:, 0] * scale + K[0, 2], local[:, 1] * scale + K[1, 2]
    reach = 1 + _EDGE * np.exp(placed.log_scales.cpu().numpy()).max(axis=1) * scale
    inside = ahead & (x > -reach) & (x < view.width + reach)
    inside &= (y > -reach) & (y < view.height + reach)
    inside[region] = False
    others = placed.select(torch.as_tensor(np.nonzero(inside)[0]))
    return _Window(view, others, blurred(view.rgb, view.mask))


def _cut(view: View, center: Array, radius: float, most_px: int) -> View | None:
    """The square around a sphere, clipped to the picture; None if hardly anything is left."""
    depth = _depth(view, center)
    if depth < 1e-3:
        return None
    K = view.K.cpu().numpy()
    T = view.T_camera_world.cpu().numpy()
    x, y = (K @ (T[:3, :3] @ center + T[:3, 3]))[:2] / depth
    half = K[0, 0] * radius / max(depth - radius, radius)
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(view.width, int(x + half) + 1), min(view.height, int(y + half) + 1)
    if min(right - left, bottom - top) < _LEAST_PX:
        return None
    moved = view.K.clone()
    moved[0, 2] -= left
    moved[1, 2] -= top
    area = (slice(top, bottom), slice(left, right))
    found = replace(view, rgb=view.rgb[area].clone(), mask=view.mask[area].clone(), K=moved)
    return _reduced(found, most_px)


def _reduced(view: View, most_px: int) -> View:
    shrink = most_px / max(view.width, view.height)
    if shrink >= 1:
        return view
    width, height = max(1, round(view.width * shrink)), max(1, round(view.height * shrink))
    K = view.K.clone()
    K[0] *= width / view.width
    K[1] *= height / view.height
    size, small = (width, height), cv2.INTER_AREA
    rgb, mask = (
        cv2.resize(x.cpu().numpy(), size, interpolation=small) for x in (view.rgb, view.mask)
    )
    return replace(
        view, rgb=torch.as_tensor(rgb).to(view.rgb), mask=torch.as_tensor(mask).to(view.mask), K=K
    )


def _depth(view: View, point: Array) -> float:
    T = view.T_camera_world.cpu().numpy()
    return float(T[2, :3] @ point + T[2, 3])
