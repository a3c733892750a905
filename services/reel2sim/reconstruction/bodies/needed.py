"""Bodies that the pictures need: drawn without one of them, its surfels moved as others do.

Flow follows a surfel from where it is believed to be, so a wrong motion that has once won keeps
finding matches, and a surfel that is hardly seen can follow anything. Drawing the whole model
both ways tells such motions from true ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.reconstruction.picture_error import drawn, softened, telling_first
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array

_SAVED = 0.002
"""Share of the pictures' error that a body must save."""
_HOPELESS = 6.0
"""Times that share by which a trial's error may rise before its other instants are looked at."""
_RIVALS = 2
"""Motions that are tried on all of a body's surfels, besides standing still."""
_INSTANTS = 12
"""Instants that are drawn for every trial."""
_BARE = 0.5
"""Error of a pixel of the object at which nothing is drawn: about that of two colours of a
textured object, drawn at random."""
_BEYOND = 2.0
"""Error of a pixel that is drawn where the object is not."""


def needed_bodies(
    surfels: SurfelTensors,
    motions: Array,
    labels: Array,
    cost: Array,
    instants: Sequence[Sequence[View]],
    *,
    backend: Backend,
) -> tuple[Array, Array]:
    """Motions without those that others do as well for, and the bodies of surfels then.

    Args:
        surfels: at time zero.
        motions: ``(m, t, 4, 4)``; the first is of what stands still and stays.
        labels: body of each surfel ``(n,)``.
        cost: of each surfel under each motion ``(n, m)``; tells which are worth a trial.
        instants: views of each instant, first is time zero.
        backend: rasteriser.
    """
    chosen = np.linspace(1, len(instants) - 1, _INSTANTS).round().astype(int)
    chosen = telling_first(np.unique(chosen))

    def errors(labels: Array) -> Iterator[float]:
        for f in chosen:
            posed = surfels.placed(motions[labels, f])
            yield believable_error(posed, instants[f], backend=backend)

    def error(labels: Array) -> float:
        """Over the chosen instants, or infinite as soon as it is much more than usual."""
        rise, bound = 0.0, _HOPELESS * _SAVED * sum(usual)
        for one, before in zip(errors(labels), usual, strict=True):
            rise += one - before
            if rise > bound:
                return np.inf
        return sum(usual) + rise

    while True:
        usual = list(errors(labels))
        now = sum(usual)
        trials = [
            (error(without.given(labels, cost)), i, without)
            for i, without in enumerate(_ways(cost, labels))
        ]
        joined = False
        for before, _, without in sorted(trials, key=lambda trial: trial[:2]):
            if before > now * (1 + _SAVED):
                break
            if not without.possible(labels):
                continue
            trial = without.given(labels, cost)
            then = error(trial) if joined else before
            if then <= now * (1 + _SAVED):
                labels, now, joined = trial, then, True
        if not joined:
            left = np.unique(np.concatenate([[0], labels]))
            return motions[left], np.searchsorted(left, labels)


@dataclass(frozen=True)
class _Without:
    """One body given up.

    Attributes:
        body: which.
        heir: the motion all its surfels follow then; None if each takes what suits it best.
    """

    body: int
    heir: int | None

    def possible(self, labels: Array) -> bool:
        """Whether the body and its heir are still there."""
        present = {0, *np.unique(labels).tolist()}
        return self.body in present and (self.heir is None or self.heir in present)

    def given(self, labels: Array, cost: Array) -> Array:
        """Labels ``(n,)`` without the body."""
        if self.heir is not None:
            return np.where(labels == self.body, self.heir, labels)
        left = np.setdiff1d(np.concatenate([[0], labels]), [self.body])
        return np.where(labels == self.body, left[cost[:, left].argmin(axis=1)], labels)


def _ways(cost: Array, labels: Array) -> list[_Without]:
    """Each body's surfels left still, given to the likeliest others, and shared out.

    A body that lies across the seam of two others would spoil either as a whole.
    """
    found: list[_Without] = []
    for body in np.unique(labels[labels > 0]).tolist():
        mean = cost[labels == body].mean(axis=0)
        others = [k for k in np.argsort(mean).tolist() if k not in (0, body) and k in labels]
        heirs = [0, *others[:_RIVALS]]
        found += [_Without(body, heir) for heir in heirs]
        if len(heirs) > 1:
            found.append(_Without(body, None))
    return found


def believable_error(surfels: SurfelTensors, views: Sequence[View], *, backend: Backend) -> float:
    """How far drawings are from the pictures where something is drawn.

    What a moving part uncovers has no surfels yet. Were its pixels wholly wrong, any surfels that
    stray there would make the picture better; so they count no more than surfels of the wrong
    colour would.
    """
    total = 0.0
    for view, picture in zip(views, drawn(surfels, views, backend=backend), strict=True):
        alpha, mask = picture.alpha.cpu().numpy(), view.mask.cpu().numpy()
        share = np.clip(alpha / np.maximum(mask, 1e-3), 0.0, 1.0)[..., None]
        tint = picture.features.cpu().numpy() - share * view.rgb.cpu().numpy()
        tint, cover = softened(tint), softened(alpha - mask)
        beyond, bare = np.maximum(cover, 0.0).sum(), np.maximum(-cover, 0.0).sum()
        total += float(np.abs(tint).sum() + _BEYOND * beyond + _BARE * bare)
    return total
