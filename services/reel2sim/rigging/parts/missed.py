"""Parts whose motion flow could not follow, found where the drawings stay wrong.

A button sinks by two pixels into what is around it: optical flow, which is smooth, sees little of
that. Drawn with what carries it, such a part looks wrong wherever it is seen, while all around it
looks right. So regions of wrong surfels are moved along lines that their shape suggests, slides
along their principal axes and hinges at their sides and through their middle, and a line is
believed if the pictures around the region come out clearly better: than before, than if the region
moved as another part, and than without it. A region that looks right as part of another goes there.
"""

from __future__ import annotations

from contextlib import suppress

import numba
import numpy as np
from scipy.spatial import Delaunay, KDTree, QhullError

from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.parts.region_motion import RegionMotion, RegionTrial
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.rigging.proximity import clusters
from reel2sim.scene import Progress, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

_OFTEN = 0.85
"""A surfel is as wrong as it is in this quantile of the instants that see it."""
_WRONG = 4.0
"""Deviations (by median) above the median from which a surfel is wrong."""
_APART = 0.1
"""Radii between surfels of one region, at most."""
_MARGIN = 0.04
"""Radii by which a region is widened."""
_PEAK, _BESIDE = 0.9, 0.4
"""Surfels under this share of this quantile of their cluster are only next to what is wrong."""
_FEWEST = 20
"""Wrong surfels a region needs."""
_LARGEST = 0.3
"""Share of its part that a region may be; where more of it looks wrong, all of it is."""
_MOST = 4
"""Regions that are tried; the most wrong go first."""


def find_missed(
    drawings: Drawings,
    linkage: Linkage,
    labels: Array,
    *,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> tuple[Linkage, Array, dict[int, RegionMotion]]:
    """The linkage and labels with parts added whose motion the drawings show to be missing.

    Args:
        drawings: surfels and pictures.
        linkage: what is known.
        labels: part of each surfel ``(n,)``.
        checkpoints: where regions are kept every few seconds, and continued from.
        progress: told of regions.

    Returns:
        Linkage, labels, and the parts that were added, by number; regions that belong to another
        part have its label.
    """
    points = drawings.surfels.means.cpu().numpy().astype(np.float64)
    wrongs = drawings.wrongs(Posing(labels, linkage.motions))
    regions = [_of_one_part(region, labels) for region in wrong_regions(points, wrongs)]
    regions = [region for region in regions if len(region)][:_MOST]
    threads = numba.get_num_threads()
    numba.set_num_threads(1)  # windows are so small that waking others costs more than drawing
    try:
        return _tried(drawings, linkage, labels, regions, wrongs, checkpoints, progress)
    finally:
        numba.set_num_threads(threads)


def _tried(
    drawings: Drawings,
    linkage: Linkage,
    labels: Array,
    regions: list[Array],
    wrongs: Array,
    checkpoints: Checkpoints,
    progress: Progress,
) -> tuple[Linkage, Array, dict[int, RegionMotion]]:
    """Linkage and labels with those of ``regions`` as parts that move by themselves."""
    added: dict[int, RegionMotion] = {}
    loop = checkpoints.loop("regions")
    start, linkage, labels, added = loop.state or (0, linkage, labels, added)
    for i, region in enumerate(regions[start:], start):
        done = i, linkage, labels, added
        loop.reached(lambda done=done: done)
        progress("rigging", i / len(regions), f"looking for a motion of wrong region {i + 1}")
        carrier = int(labels[region[0]])
        wrong = np.nan_to_num(wrongs[region]).mean(axis=0)
        trial = RegionTrial.of(drawings, Posing(labels, linkage.motions), region, carrier)
        found = trial.moved(wrong)
        if found is None:
            other = trial.belongs(wrong)
            if other is not None:
                labels = labels.copy()
                labels[region] = other
            continue
        part = len(linkage.motions)
        added[part] = found
        labels = labels.copy()
        labels[region] = part
        joints = (*linkage.joints, found.joint)
        linkage = Linkage((*linkage.parents, carrier), joints, linkage.base)
    return linkage, labels, added


def _of_one_part(region: Array, labels: Array) -> Array:
    """What a region has of the part that it mostly belongs to; nothing if that is not small."""
    carrier = np.bincount(labels[region]).argmax()
    own = region[labels[region] == carrier]
    small = len(own) <= _LARGEST * (labels == carrier).sum()
    return own if small and len(own) >= _FEWEST else own[:0]


def wrong_regions(points: Array, wrongs: Array) -> list[Array]:
    """Groups of surfels that look wrong together, the most wrong first.

    Args:
        points: ``(n, 3)``.
        wrongs: how wrong each looks at every instant ``(n, t)``; NaN where it is not seen.
    """
    seen = np.isfinite(wrongs).sum(axis=1) > 0
    level = np.zeros(len(points))
    level[seen] = np.nanquantile(wrongs[seen], _OFTEN, axis=1)
    usual = float(np.median(level[seen])) if seen.any() else 0.0
    spread = 1.48 * float(np.median(np.abs(level[seen] - usual))) if seen.any() else 0.0
    wrong = np.nonzero(level > usual + _WRONG * spread)[0]
    above = level - usual
    cores = [
        core
        for cluster in clusters(points, wrong, reach=_APART, fewest=_FEWEST)
        for core in clusters(points, _core(cluster, above), reach=_APART, fewest=_FEWEST)
    ]
    cores.sort(key=lambda core: -float(above[core].sum()))
    return [_filled(points, core) for core in cores]


def _core(cluster: Array, level: Array) -> Array:
    """What is not merely next to something wrong: pictures are blurred, parts hide others."""
    most = float(np.quantile(level[cluster], _PEAK))
    return cluster[level[cluster] > _BESIDE * most]


def _filled(points: Array, cluster: Array) -> Array:
    """What lies between the surfels of a cluster or close to them."""
    inside = KDTree(points[cluster]).query(points)[0] < _MARGIN
    with suppress(QhullError):  # of a cluster in one plane
        inside |= Delaunay(points[cluster]).find_simplex(points) >= 0
    return np.nonzero(inside)[0]
