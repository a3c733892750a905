"""Small bodies that the reconstruction took for part of a larger one.

A button moves a few pixels and has a few surfels: too little to be a bone of its own. But flow
from the posed model keeps pointing away from its surfels, all of them together.
"""

from __future__ import annotations

import numpy as np

from reel2sim.rigging.joints.rigid_fit import refine_motions
from reel2sim.rigging.pictures.observations import Observations, upper_quartile
from reel2sim.rigging.pictures.posed import SurfelModel
from reel2sim.rigging.proximity import clusters
from reel2sim.scene.arrays import Array

_OFF_PX = 0.7
"""Upper quartile of a surfel's residuals from which it does not follow its part."""
_FEWEST_INSTANTS = 5
_FEWEST = 12
_LARGEST = 0.5
"""Share of a body's surfels that may leave it."""
_APART = 0.06
"""Radii between surfels of one cluster, at most."""
_MOST = 6
"""Clusters that are tried; the largest go first."""
_POINTS = 300


def split_astray(
    targets: Observations, model: SurfelModel, labels: Array, paths: Array
) -> tuple[Array, Array]:
    """Labels and paths with clusters of surfels that do not follow their part as new parts.

    Args:
        targets: image positions of surfels, from the model posed by ``paths``.
        model: the surfels.
        labels: part of each ``(n,)``.
        paths: ``(p, t, 4, 4)``.
    """
    off = _off(targets, labels, paths)
    found: list[tuple[int, Array]] = []
    for part in range(len(paths)):
        gone = np.nonzero(off & (labels == part))[0]
        if len(gone) > _LARGEST * (labels == part).sum():
            continue  # it is the body whose motion is wrong
        groups = clusters(model.points, gone, reach=_APART, fewest=_FEWEST)
        found += [(part, cluster) for cluster in groups]
    found = sorted(found, key=lambda item: -len(item[1]))[:_MOST]
    labels, new = labels.copy(), list(paths)
    for part, cluster in found:
        mine = np.nonzero(np.isin(targets.surfel, cluster))[0]
        some = mine[:: max(1, len(mine) // _POINTS)]
        labels[cluster] = len(new)
        new += [*refine_motions(targets, some[None], paths[part][None], sweeps=2, iterations=5)]
    return labels, np.stack(new)


def _off(targets: Observations, labels: Array, paths: Array) -> Array:
    """Whether any camera sees a surfel leave its part ``(n,)``."""
    off = np.zeros(len(labels), bool)
    owner = labels[targets.surfel]
    for part, path in enumerate(paths):
        mine = np.nonzero(owner == part)[0]
        if not len(mine):
            continue
        some = targets.select(mine)
        residuals = some.residuals(path, slack=False)[0]
        enough = some.seen.sum(axis=1) >= _FEWEST_INSTANTS
        off[some.surfel[enough & (upper_quartile(residuals) > _OFF_PX)]] = True
    return off
