"""Which part each surfel belongs to, judged by the pictures.

The whole canonical model is replayed under each part's motion; a surfel belongs to the part
under which its surroundings look most like the frames. Frames in which the posed model hides the
surfel say nothing and are skipped. Neighbouring surfels are asked to agree (Potts model, min-sum
belief propagation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from reel2sim.rigging.footage import Footage, View
from reel2sim.rigging.posed import SurfelModel, sample, visible
from reel2sim.scene.arrays import Array

_MAX_MISMATCH = 0.7
_HIDDEN_BEHIND = 0.06
_PRIOR_COUNT, _PRIOR_MISMATCH = 3.0, 0.25
_FULL_EVIDENCE = 12.0
_MISFIT_DEMAND = 2.0


def image_mismatch(image: Array, alpha: Array, view: View) -> Array:
    """How unlike a rendering and a frame look, pixel by pixel ``(h, w)``, 0..1.

    Local normalised correlation, chromaticity, brightness and silhouette, each blurred over a
    few pixels; shading differences count little.
    """
    eps = 0.02**2
    a, b = image.mean(axis=-1), view.image.mean(axis=-1)
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = np.maximum(_blur(a * a) - mean_a**2, 0) + eps
    var_b = np.maximum(_blur(b * b) - mean_b**2, 0) + eps
    correlation = (_blur(a * b) - mean_a * mean_b + eps) / np.sqrt(var_a * var_b)
    tint_a, tint_b = _chromaticity(image), _chromaticity(view.image)
    brightness = np.abs(np.log((mean_a + 0.03) / (mean_b + 0.03)))
    both = np.minimum(alpha, view.mask) > 0.5
    outline = np.abs(_blur(alpha, 1.0) - _blur(view.mask, 1.0))
    total = (
        0.5 * (1 - correlation)
        + 2.0 * np.abs(tint_a - tint_b).sum(axis=-1)
        + 0.25 * brightness * both
        + outline
    )
    return np.clip(total, 0, 1)


def _blur(x: Array, sigma: float = 1.6) -> Array:
    return cv2.GaussianBlur(np.asarray(x, np.float32), (0, 0), sigma)


def _chromaticity(image: Array) -> Array:
    smooth = _blur(image)
    return smooth / (smooth.sum(axis=-1, keepdims=True) + 0.05)


@dataclass(frozen=True, eq=False)
class _Sample:
    """One frame's verdict on every surfel under one motion, each ``(n,)``."""

    mismatch: Array
    weight: Array
    depth: Array
    pixels: Array


class Replay:
    """Replays of the model under motions, remembered by motion."""

    def __init__(self, footage: Footage, model: SurfelModel, *, every: int = 3) -> None:
        last = len(footage.times_s) - 1
        chosen = {*range(1, last + 1, every), last}
        self.frames = [(s, t) for s, t in footage.seen() if t in chosen]
        self._footage, self._model = footage, model
        self._known: dict[bytes, list[_Sample]] = {}

    def evidence(
        self, trajectory: Array, surface: Sequence[Array] | None = None
    ) -> tuple[Array, Array]:
        """Summed mismatch and weight of each surfel, both ``(n,)``.

        Args:
            trajectory: motion since time zero ``(t, 4, 4)``.
            surface: depth maps of the posed model for each frame, from :meth:`surface`.
        """
        key = np.round(trajectory, 4).tobytes()
        if key not in self._known:
            self._known[key] = [self._sample(s, t, trajectory[t]) for s, t in self.frames]
        total, weight = np.zeros(len(self._model)), np.zeros(len(self._model))
        for i, seen in enumerate(self._known[key]):
            w = seen.weight
            if surface is not None:
                w = w * (seen.depth < sample(surface[i], seen.pixels) + _HIDDEN_BEHIND)
            total += w * seen.mismatch
            weight += w
        return total, weight

    def surface(self, labels: Array, motions: Array) -> list[Array]:
        """Depth ``(h, w)`` of the model posed by ``motions`` ``(p, t, 4, 4)``, frame by frame."""
        found: list[Array] = []
        for s, t in self.frames:
            shown = self._model.render(self._footage.view(s, t).camera, motions[labels, t])
            found.append(np.where(shown.alpha > 0.6, shown.depth, 99.0))
        return found

    def _sample(self, s: int, t: int, T: Array) -> _Sample:
        view, model = self._footage.view(s, t), self._model
        shown = model.render(view.camera, T)
        moved = model.points @ T[:3, :3].T + T[:3, 3]
        pixels, depth = view.camera.project(moved)
        mismatch = sample(image_mismatch(shown.rgb, shown.alpha, view), pixels)
        to_eye = view.camera.position - moved
        facing = np.abs(((model.surfels.normals @ T[:3, :3].T) * to_eye).sum(-1))
        facing = np.clip(2 * facing / np.linalg.norm(to_eye, axis=1), 0.1, 1)
        weight = visible(shown, pixels, depth) * facing
        return _Sample(np.minimum(mismatch, _MAX_MISMATCH), weight, depth, pixels)


def part_costs(replay: Replay, trajectories: Sequence[Array], labels: Array | None = None) -> Array:
    """Mean mismatch of each surfel under each motion ``(n, p)``.

    Surfels that few frames see under any motion get flat costs, so that their neighbours decide.

    Args:
        replay: the replays.
        trajectories: motion of each part ``(t, 4, 4)``.
        labels: present assignment ``(n,)``, to know what hides what; None at first.
    """
    surface = None if labels is None else replay.surface(labels, np.stack(trajectories))
    sums, weights = zip(*(replay.evidence(T, surface) for T in trajectories), strict=True)
    total, weight = np.stack(sums, axis=1), np.stack(weights, axis=1)
    cost = (total + _PRIOR_COUNT * _PRIOR_MISMATCH) / (weight + _PRIOR_COUNT)
    seen = np.minimum(weight.max(axis=1, keepdims=True), _FULL_EVIDENCE) / _FULL_EVIDENCE
    return cost * seen


def smooth_labels(
    cost: Array, model: SurfelModel, *, smoothness: float, iterations: int = 15
) -> Array:
    """Labels ``(n,)`` that minimise cost plus a Potts term on the neighbour graph."""
    n, parts = cost.shape
    k = model.neighbours.shape[1]
    a = np.repeat(np.arange(n), k)
    b = model.neighbours.ravel()
    source, target = np.concatenate([a, b]), np.concatenate([b, a])
    penalty = np.tile(model.affinity.ravel() * smoothness / 2, 2)[:, None]
    reverse = np.concatenate([np.arange(len(a)) + len(a), np.arange(len(a))])
    message = np.zeros((len(source), parts))
    order = np.argsort(target, kind="stable")
    starts = np.searchsorted(target[order], np.arange(n))

    def belief() -> Array:
        # Every surfel is the target of its own k reversed edges, so no segment is empty.
        return cost + np.add.reduceat(message[order], starts, axis=0)

    for _ in range(iterations):
        out = belief()[source] - message[reverse]
        lowest = out.min(axis=1, keepdims=True)
        message = 0.5 * message + 0.5 * (np.minimum(out, lowest + penalty) - lowest)
    return belief().argmin(axis=1)


def prune(
    cost: Array,
    model: SurfelModel,
    *,
    smoothness: float,
    evidence: float,
    evidence_share: float,
    misfit: Array,
) -> tuple[list[int], Array]:
    """Drop parts whose surfels others explain almost as well, weakest first.

    Args:
        cost: ``(n, p)``; part 0 stays.
        model: for the neighbour graph.
        smoothness: Potts weight.
        evidence: least increase of the total cost that keeps a part.
        evidence_share: the same per surfel of the part.
        misfit: residual of each part's joint ``(p,)``, pixels²; a joint that fits its points
            badly must be worth more to the pictures.

    Returns:
        Kept columns and labels into them ``(n,)``.
    """
    alive = list(range(cost.shape[1]))
    while True:
        labels = smooth_labels(cost[:, alive], model, smoothness=smoothness)
        now = _energy(cost, alive, labels, model, smoothness)
        weakest: tuple[float, int] | None = None
        for position, part in enumerate(alive[1:], start=1):
            rest = [p for p in alive if p != part]
            without = smooth_labels(cost[:, rest], model, smoothness=smoothness)
            gain = _energy(cost, rest, without, model, smoothness) - now
            size = int((labels == position).sum())
            demand = 1 + _MISFIT_DEMAND * min(float(misfit[part]), 3.0)
            if gain < demand * max(evidence, evidence_share * size):
                worth = gain / max(size, 1)
                if weakest is None or worth < weakest[0]:
                    weakest = (worth, part)
        if weakest is None:
            return alive, labels
        alive.remove(weakest[1])


def _energy(
    cost: Array, columns: list[int], labels: Array, model: SurfelModel, smoothness: float
) -> float:
    data = cost[np.arange(len(cost)), np.array(columns)[labels]].sum()
    cut = (labels[:, None] != labels[model.neighbours]) * model.affinity
    return float(data + smoothness * cut.sum() / 2)
