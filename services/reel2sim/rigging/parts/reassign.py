"""Surfels that the pictures would rather see move with another part.

Flow follows what is seen, and a surfel that is hidden fits the pictures under any motion that
keeps it so: what a part slides over is easily taken along, and leaves a hole in the drawing where
it should lie. So surfels are drawn twice, mostly with their own part and a little with the one next
to them, and the gradient of the drawings' error tells which would rather move with the other.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import KDTree

from reel2sim.reconstruction.picture_error import softened, telling_first, wrong
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.rigging.proximity import clusters
from reel2sim.scene.arrays import Array

_SHARE = 0.15
"""Of a surfel's opacity that moves with the other part."""
_REACH = 0.3
"""Radii within which the other part must be."""
_AROUND = 8
"""Neighbours that a surfel's wish is averaged with."""
_STRONG = (0.1, 0.03, 0.1)
"""Least wish in each round, as a share of the strong ones'."""
_APART = 3.0
"""Distances of neighbours between surfels that change together, at most."""
_FEWEST = 6
_TRIALS = 6
"""Clusters that are tried from each part to each other; those who wish most go first."""
_HOPELESS = 0.004
"""Rise of the error so far, as a share of all of it, at which a trial is given up."""


def reassigned(drawings: Drawings, posing: Posing) -> Array:
    """Parts of surfels ``(n,)`` after those that spoil the drawings have gone to the next part.

    Clusters of surfels that wish to change are drawn with the other part, and do change if the
    drawings come nearer to the pictures. No part loses all of its surfels.

    Args:
        drawings: surfels and pictures.
        posing: part of each surfel, and their motions.
    """
    labels, motions = posing.labels.copy(), posing.motions
    points = drawings.surfels.means.cpu().numpy().astype(np.float64)
    found = KDTree(points).query(points, min(_AROUND + 1, len(points)))
    distance, around = (np.asarray(column) for column in found)
    reach = _APART * float(np.median(distance[:, 1]))
    now = drawings.errors(labels, motions)
    for least in _STRONG:
        others = _next_part(points, labels)
        wish = _wishes(drawings, labels, others, motions)
        wish = _averaged(wish, labels, others, around)
        for region in _regions(points, labels, others, wish, least, reach):
            trial = labels.copy()
            trial[region] = others[region]
            if (labels == labels[region[0]]).sum() - len(region) < _FEWEST:
                continue
            then = _better(drawings, trial, motions, now)
            if then is not None:
                labels, now = trial, then
    return labels


def _better(drawings: Drawings, labels: Array, motions: Array, now: Array) -> Array | None:
    """Errors at all instants ``(t,)`` under other labels; None if they are not less in sum."""
    then, rise = now.copy(), 0.0
    for f in telling_first(np.arange(len(now))):
        then[f] = drawings.error(labels, motions, int(f))
        rise += then[f] - now[f]
        if rise > _HOPELESS * now.sum():
            return None
    return then if rise < 0 else None


def _next_part(points: Array, labels: Array) -> Array:
    """The nearest other part of each surfel ``(n,)``; its own if none is near."""
    others, nearest = labels.copy(), np.full(len(points), _REACH)
    for k in np.unique(labels):
        away = np.nonzero(labels != k)[0]
        distance = np.asarray(KDTree(points[labels == k]).query(points[away])[0])
        nearer = distance < nearest[away]
        others[away[nearer]] = k
        nearest[away[nearer]] = distance[nearer]
    return others


def _wishes(drawings: Drawings, labels: Array, others: Array, motions: Array) -> Array:
    """How much each surfel's moving with its other part betters the drawings, to first order."""
    asked = np.nonzero(others != labels)[0]
    index = torch.as_tensor(asked)
    own = torch.sigmoid(drawings.surfels.opacity_logits)
    found = np.zeros(len(labels))
    for f in range(1, len(drawings.instants)):
        here = drawings.surfels.placed(motions[labels, f])
        there = drawings.surfels.select(index).placed(motions[others[asked], f])
        both = here.joined(there)
        share = torch.ones(len(both), device=own.device)
        share[index], share[len(labels) :] = 1 - _SHARE, _SHARE
        share.requires_grad_()
        logits = torch.logit(torch.cat([own, own[index]]) * share)
        shown = both.map({"opacity_logits": logits})
        slopes = [_slope(shown, share, view, drawings) for view in drawings.instants[f]]
        slope = np.sum(slopes, axis=0)
        found[asked] += slope[asked] - slope[len(labels) :]
    return found


def _slope(surfels: SurfelTensors, share: torch.Tensor, view: View, drawings: Drawings) -> Array:
    """Gradient of a drawing's error by the shares ``(n,)``, see :func:`picture_error`."""
    picture = surfels.draw(view, backend=drawings.backend)
    pull = softened(np.sign(softened(wrong(picture, view))))
    pull = torch.as_tensor(pull, device=share.device)
    pulls = [pull[..., :3].contiguous(), pull[..., 3].contiguous()]
    (slope,) = torch.autograd.grad(
        [picture.features, picture.alpha], [share], pulls, retain_graph=True
    )
    return slope.cpu().numpy().astype(np.float64)


def _averaged(wish: Array, labels: Array, others: Array, around: Array) -> Array:
    """Wishes ``(n,)`` half a surfel's own, half those around ``(n, k)`` that ask for the same."""
    alike = (labels[around] == labels[:, None]) & (others[around] == others[:, None])
    for _ in range(2):
        wish = 0.5 * wish + 0.5 * (alike * wish[around]).sum(axis=1) / alike.sum(axis=1)
    return wish


def _regions(
    points: Array, labels: Array, others: Array, wish: Array, least: float, reach: float
) -> list[Array]:
    """Surfels that hang together and wish for the same, those who wish most first."""
    eager = wish[wish > 0]
    if not len(eager):
        return []
    strong = wish > least * float(np.quantile(eager, 0.95))
    found: list[Array] = []
    for a, b in np.unique(np.stack([labels, others], axis=1)[strong], axis=0):
        chosen = np.nonzero(strong & (labels == a) & (others == b))[0]
        groups = clusters(points, chosen, reach=reach, fewest=_FEWEST)
        groups.sort(key=lambda group: -float(wish[group].sum()))
        found += groups[:_TRIALS]
    return sorted(found, key=lambda group: -float(wish[group].sum()))
