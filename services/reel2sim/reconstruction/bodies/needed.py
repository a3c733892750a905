"""Bodies that the pictures need: drawn as one with another body, the others look no worse.

Flow follows a surfel from where it is believed to be, so a wrong motion that has once won keeps
finding matches, and a surfel that is hardly seen can follow anything. Drawing the whole model
both ways tells such motions from true ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reel2sim.reconstruction.picture_error import picture_error
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array

_SAVED = 0.002
"""Share of the pictures' error that a body must save."""
_RIVALS = 2
"""Motions that are tried on a body's surfels, besides standing still."""
_INSTANTS = 12
"""Instants that are drawn for every trial."""


def needed_bodies(
    surfels: SurfelTensors,
    motions: Array,
    labels: Array,
    cost: Array,
    instants: Sequence[Sequence[View]],
    *,
    backend: Backend,
) -> tuple[Array, Array]:
    """Motions without those that another does as well for, and the bodies of surfels then.

    Args:
        surfels: at time zero.
        motions: ``(m, t, 4, 4)``; the first is of what stands still and stays.
        labels: body of each surfel ``(n,)``.
        cost: of each surfel under each motion ``(n, m)``; tells which are worth a trial.
        instants: views of each instant, first is time zero.
        backend: rasteriser.
    """
    chosen = np.unique(np.linspace(1, len(instants) - 1, _INSTANTS).round().astype(int))

    def error(labels: Array) -> float:
        return sum(
            picture_error(surfels.placed(motions[labels, f]), instants[f], backend=backend)
            for f in chosen
        )

    now = error(labels)
    while True:
        trials = sorted(
            (error(np.where(labels == body, rival, labels)), body, rival)
            for body in np.unique(labels[labels > 0])
            for rival in _rivals(cost, labels, body)
        )
        joined = False
        for before, body, rival in trials:
            if before > now * (1 + _SAVED):
                break
            if not (labels == body).any() or not (rival == 0 or (labels == rival).any()):
                continue
            trial = np.where(labels == body, rival, labels)
            then = error(trial) if joined else before
            if then <= now * (1 + _SAVED):
                labels, now, joined = trial, then, True
        if not joined:
            left = np.unique(np.concatenate([[0], labels]))
            return motions[left], np.searchsorted(left, labels)


def _rivals(cost: Array, labels: Array, body: int) -> list[int]:
    """Stillness, and the motions in use that come nearest to explaining a body's surfels."""
    mean = cost[labels == body].mean(axis=0)
    others = [int(k) for k in np.argsort(mean) if k not in (0, body) and (labels == k).any()]
    return [0, *others[:_RIVALS]]
