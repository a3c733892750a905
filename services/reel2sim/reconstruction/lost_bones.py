"""Bones that lost their surface look for it around them, and where other bones went.

Flow loses a part that moves by more than its own size between two instants, or that shows little.
Each bone that looks wrong where it is tries on shifted poses, and the poses of all others: often
what moves a neighbour moves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reel2sim.reconstruction.bodies.evidence import Footage, replay_cost, solid_depth
from reel2sim.reconstruction.bones import Skeleton
from reel2sim.reconstruction.picture_error import drawn, picture_error, softened
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import pose

_HIDDEN = 0.5
"""Cost of a look at a surfel that others hide: neither right nor wrong."""
_LOST = 0.4
"""Mean cost of what is in sight from which a bone may be lost."""
_SEEN = 0.1
"""Share of looks in which a bone must be in sight to look wrong."""
_BETTER = 0.8
"""Share of the mean cost that another pose may leave."""
_BETTER_TOUCHING = 0.95
"""The same for the pose of a bone that touches it: likely both move as one."""
_REACH, _STEP = 0.6, 0.06
"""How far, and in which steps, a lost bone looks around itself, radii."""
_SAMPLE = 80
"""Surfels of a bone that are asked."""


class LostAndFound:
    """What the views of one instant say about poses of bones.

    Args:
        rest: surfels at time zero.
        skeleton: the bones.
        views: of the instant.
        backend: rasteriser.
    """

    def __init__(
        self, rest: SurfelTensors, skeleton: Skeleton, views: Sequence[View], *, backend: Backend
    ) -> None:
        self._rest, self._views = rest, views
        self._backend: Backend = backend
        self._labels = skeleton.labels
        bones = len(skeleton.centers)
        members = [np.flatnonzero(skeleton.labels == b) for b in range(bones)]
        self._members = [own[:: max(1, len(own) // _SAMPLE)] for own in members]
        self._touch = np.zeros((bones, bones), bool)
        self._touch[tuple(skeleton.pairs.T)] = True
        self._touch |= self._touch.T
        self._points = rest.means.cpu().numpy().astype(np.float64)
        colors = rest.colors.cpu().numpy()
        self._colors = np.concatenate([colors[:, None], colors[skeleton.neighbours]], axis=1).mean(
            axis=1
        )
        footage = Footage.of(((), views))
        soft = np.stack([softened(rgb) for rgb in footage.rgb])
        self._footage = replace(footage, rgb=soft)

    def found(self, current: Array) -> tuple[Array, Array]:
        """Poses ``(b, 4, 4)`` in which lost bones look right, and which those are ``(b,)``."""
        depths = self._depths(current)
        shifts = _shifts()
        found, changed = current.copy(), np.zeros(len(current), bool)
        for b, members in enumerate(self._members):
            own, seen = (float(x[0]) for x in self._cost(members, current[b : b + 1], depths))
            if seen < _SEEN or own - _HIDDEN * (1 - seen) < _LOST * seen:
                continue
            tried = np.concatenate([current, shifts @ current[b]])
            cost, _ = self._cost(members, tried, depths)
            cost[: len(current)][self._touch[b]] *= _BETTER / _BETTER_TOUCHING
            best = int(cost.argmin())
            if cost[best] < _BETTER * own:
                found[b], changed[b] = tried[best], True
        return found, changed

    def better(self, first: Array, second: Array) -> Array:
        """For each bone the pose that looks better, where the first ones are ``(b, 4, 4)``."""
        depths = self._depths(first)
        chosen = first.copy()
        for b, members in enumerate(self._members):
            cost, _ = self._cost(members, np.stack([first[b], second[b]]), depths)
            if cost[1] < cost[0]:
                chosen[b] = second[b]
        return chosen

    def error(self, poses: Array) -> float:
        """Difference of the pictures with bones posed as ``(b, 4, 4)``."""
        return picture_error(self._posed(poses), self._views, backend=self._backend)

    def _posed(self, poses: Array) -> SurfelTensors:
        # Each surfel with its own bone alone: blended poses hide the bones that part from others.
        return self._rest.placed(poses[self._labels])

    def _depths(self, current: Array) -> Array:
        depths = np.zeros_like(self._footage.mask)
        for v, picture in enumerate(
            drawn(self._posed(current), self._views, backend=self._backend)
        ):
            h, w = picture.alpha.shape
            depths[v, :h, :w] = solid_depth(picture)
        return depths

    def _cost(self, members: Array, poses: Array, depths: Array) -> tuple[Array, Array]:
        """Mean cost of surfels ``members`` ``(k,)`` under each of ``poses`` ``(m, 4, 4)``.

        Returns:
            Costs ``(m,)``, and the share of the looks that nothing hid ``(m,)``.
        """
        motions = np.stack([poses, poses], axis=1)  # the footage's only instant is the second
        total, count = replay_cost(
            self._points[members], self._colors[members], motions, self._footage, depths
        )
        looks = len(self._footage.mask)
        cost = (total + _HIDDEN * (looks - count)) / looks
        return cost.mean(axis=0), count.mean(axis=0) / looks


def _shifts() -> Array:
    """Shifts on a grid within a ball ``(s, 4, 4)``."""
    steps = np.arange(-_REACH, _REACH + 1e-9, _STEP)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    return pose(None, grid[(grid**2).sum(1) <= _REACH**2 + 1e-9])
