"""Ways of some of the reconstruction's surfels: what bones and skeletons are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.scene import SurfelSequence
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

MOST = 1500
"""Surfels that are looked at; they fix some twenty bones many times over."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """Points of the surface and where the reconstruction saw them go, world frame, metres.

    Attributes:
        points: at time zero ``(m, 3)``.
        ways: ``(t, m, 3)``.
        chosen: which surfels they are ``(m,)``.
        diagonal: of all surfels at time zero.
    """

    points: Array
    ways: Array
    chosen: Array
    diagonal: float

    @property
    def moved(self) -> float:
        """Mean distance from where the points were at time zero, metres."""
        return float(np.linalg.norm(self.ways - self.points, axis=-1).mean())


def tracks_of(sequence: SurfelSequence, times_s: Array, *, seed: int = 0) -> Tracks:
    """Follow some surfels, opaque ones first, over instants since the first ``(t,)``, seconds."""
    surfels = sequence.canonical
    rng = np.random.default_rng(seed)
    solid = np.flatnonzero(surfels.opacities >= np.median(surfels.opacities))
    chosen = np.sort(rng.permutation(solid)[:MOST])
    points = surfels.means[chosen].astype(np.float64)
    ways = np.stack(
        [apply(sequence.transforms(float(t))[chosen], points[:, None])[:, 0] for t in times_s]
    )
    return Tracks(points, ways, chosen, surfels.diagonal)
