"""Pictures the parts are judged by: the whole model, drawn under their motions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import KDTree

from reel2sim.reconstruction.bodies.needed import needed_bodies
from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.device import target
from reel2sim.reconstruction.picture_error import drawn, picture_error, softened
from reel2sim.reconstruction.rasterize import Backend, RasterOutput
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View, load_views
from reel2sim.rigging.pictures.footage import Normalisation
from reel2sim.rigging.pictures.posed import DEPTH_TOLERANCE, Posing
from reel2sim.scene import Reel, Surfels
from reel2sim.scene.arrays import Array

_VIEWS = 3
"""Pictures of one instant that are compared; more only cost time."""
_PIXELS = 256
_COVERED = 0.6
"""Coverage from which a surface is seen at a pixel."""
_ROOT_SHARE = 0.01
"""What the root's motion must explain, as a share of what all motions do."""


@dataclass(frozen=True, eq=False)
class Drawings:
    """The canonical surfels and the views of every instant.

    Attributes:
        surfels: normalised space.
        instants: some views of each instant, first is time zero.
        backend: rasteriser.
    """

    surfels: SurfelTensors
    instants: Sequence[Sequence[View]]
    backend: Backend

    @classmethod
    def of(cls, reel: Reel, surfels: Surfels, times_s: Array, norm: Normalisation) -> Drawings:
        """Prepare the pictures of instants ``times_s`` ``(t,)`` of a calibrated, masked reel."""
        where = target("auto")
        sphere = Sphere(norm.center, norm.radius)
        views = load_views(reel, sphere=sphere, max_px=_PIXELS, device=where.device)
        start = float(reel.times_s[0])
        groups = [[v for v in views if abs(v.time_s + start - t) < 1e-6] for t in times_s]
        spread = [
            [group[i] for i in np.unique(np.linspace(0, len(group) - 1, _VIEWS).astype(int))]
            for group in groups
        ]
        cropped = [[view.cropped() for view in group] for group in spread]
        tensors = SurfelTensors.of(surfels, sphere=sphere, device=where.device)
        return cls(tensors, cropped, where.backend)

    def needed(self, labels: Array, paths: Array) -> tuple[Array, Array]:
        """Parts that the pictures need, drawn as one with a part near them, or standing still.

        Args:
            labels: part of each surfel ``(n,)``; 0 is the root and stays.
            paths: ``(p, t, 4, 4)``.

        Returns:
            Labels and paths of those that are left.
        """
        points = self.surfels.means.cpu().numpy()
        away = np.stack(
            [KDTree(points[labels == k]).query(points)[0] for k in range(len(paths))], axis=1
        )
        with torch.no_grad():
            paths, labels = needed_bodies(
                self.surfels, paths, labels, away, self.instants, backend=self.backend
            )
        return labels, paths

    def rooted(self, labels: Array, paths: Array) -> tuple[Array, Array]:
        """Labels and paths with a root that the pictures need.

        What stands still while all else moves may be a few surfels that were left behind. Where
        the root looks hardly worse with the motion of another part, next to how much worse all
        looks at rest, that part is the root.

        Args:
            labels: part of each surfel ``(n,)``.
            paths: ``(p, t, 4, 4)``.
        """
        if len(paths) == 1:
            return labels, paths
        now, *trials = (
            float(self.errors(np.where(labels == 0, k, labels), paths).sum())
            for k in range(len(paths))
        )
        explained = float(self.errors(np.zeros_like(labels), paths).sum()) - now
        best = 1 + int(np.argmin(trials))
        if trials[best - 1] - now > _ROOT_SHARE * explained:
            return labels, paths
        order = [best, *(k for k in range(1, len(paths)) if k != best)]
        rank = np.zeros(len(paths), np.int64)
        rank[order] = np.arange(len(order))
        return rank[np.where(labels == 0, best, labels)], paths[order]

    def errors(self, labels: Array, motions: Array) -> Array:
        """How far the drawings are from the pictures at every instant ``(t,)``.

        Args:
            labels: part of each surfel ``(n,)``.
            motions: of the parts ``(p, t, 4, 4)``.
        """
        return np.array([self.error(labels, motions, f) for f in range(len(self.instants))])

    def error(self, labels: Array, motions: Array, instant: int) -> float:
        """How far the drawings of one instant are from the pictures, see :meth:`errors`."""
        placed = self.surfels.placed(motions[labels, instant])
        return picture_error(placed, self.instants[instant], backend=self.backend)

    def supports(self, now: Posing, others: Sequence[Posing]) -> Array:
        """What the pictures say to ``now``, against each of ``others`` ``(m,)``.

        The share of what it changes in the drawings that brings them nearer to the pictures: 1
        where every change is right, 0 where as many are wrong or none is made, negative where
        most are.
        """
        gained, changed = np.zeros(len(others)), np.zeros(len(others))
        for f, views in enumerate(self.instants):
            wanted = [blurred(view.rgb, view.mask) for view in views]
            ours = self._pictures(now, f)
            for i, other in enumerate(others):
                for a, b, w in zip(ours, self._pictures(other, f), wanted, strict=True):
                    gained[i] += float(np.abs(b - w).sum() - np.abs(a - w).sum())
                    changed[i] += float(np.abs(b - a).sum())
        return np.divide(gained, changed, out=np.zeros(len(others)), where=changed > 0)

    def wrongs(self, posing: Posing) -> Array:
        """How wrong the drawings are where each surfel is seen ``(n, t)``; NaN where it is not.

        Of several pictures of an instant the worst counts.
        """
        found = np.full((len(self.surfels), len(self.instants)), np.nan)
        for f, views in enumerate(self.instants):
            placed = self.surfels.placed(posing.at(f))
            points = placed.means.cpu().numpy()
            made = drawn(placed, views, backend=self.backend)
            for view, image in zip(views, made, strict=True):
                off = blurred(image.features, image.alpha) - blurred(view.rgb, view.mask)
                y, x, seen = _pixels_of(points, view, image)
                here = np.where(seen, np.abs(off).sum(axis=2)[y, x], np.nan)
                found[:, f] = np.fmax(found[:, f], here)
        return found

    def _pictures(self, posing: Posing, f: int) -> list[Array]:
        """Blurred drawings ``(h, w, 4)`` of one instant."""
        placed = self.surfels.placed(posing.at(f))
        made = drawn(placed, self.instants[f], backend=self.backend)
        return [blurred(image.features, image.alpha) for image in made]


def blurred(rgb: torch.Tensor, alpha: torch.Tensor) -> Array:
    """Colour ``(h, w, 3)`` and coverage ``(h, w)`` as ``(h, w, 4)``, blurred as errors are."""
    both = torch.cat([rgb, alpha[..., None]], -1).cpu().numpy()
    return softened(both)


def _pixels_of(points: Array, view: View, image: RasterOutput) -> tuple[Array, Array, Array]:
    """Row, column and whether it is on the drawn surface, of points ``(n, 3)``."""
    T = view.T_camera_world.cpu().numpy()
    local = points @ T[:3, :3].T + T[:3, 3]
    depth = local[:, 2]
    ahead = depth > 1e-3
    pixels = (local @ view.K.cpu().numpy().T)[:, :2] / np.where(ahead, depth, 1.0)[:, None]
    x, y = np.floor(pixels).astype(int).T
    inside = ahead & (x >= 0) & (x < view.width) & (y >= 0) & (y < view.height)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    drawn_depth, covered = image.depth.cpu().numpy()[y, x], image.alpha.cpu().numpy()[y, x]
    near = np.abs(drawn_depth - depth * covered) < DEPTH_TOLERANCE * covered
    return y, x, inside & near & (covered > _COVERED)
