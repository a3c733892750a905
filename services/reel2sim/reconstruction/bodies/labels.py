"""Which motion each surfel follows: its own evidence, its neighbours, and as few motions as do."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from reel2sim.scene.arrays import Array

_ROUNDS = 24
_HOT, _COLD = 1.0, 0.08
"""Temperatures between which the labels freeze."""
NOISE = 0.015
"""Rise of a surfel's mean cost, 0..1, that says nothing about its motion."""


def adjacency(neighbours: Array, affinity: Array) -> csr_matrix:
    """Symmetric weights between surfels ``(n, n)``, rows sum to about 1.

    Args:
        neighbours: indices ``(n, k)``.
        affinity: ``(n, k)``, 0..1.
    """
    n, k = neighbours.shape
    rows = np.repeat(np.arange(n), k)
    W = csr_matrix((affinity.ravel(), (rows, neighbours.ravel())), shape=(n, n))
    W = (W + W.T) / 2
    total = np.asarray(W.sum(axis=1)).ravel()
    scale = csr_matrix((1 / np.maximum(total, 1e-9), (np.arange(n), np.arange(n))), shape=(n, n))
    return csr_matrix(scale @ W)


def choose(cost: Array, W: csr_matrix, *, coupling: float) -> Array:
    """Labels ``(n,)`` of low cost that mostly agree with their neighbours (mean field, cooled).

    Args:
        cost: of each label ``(n, m)``.
        W: see :func:`adjacency`.
        coupling: cost of disagreeing with all neighbours.
    """
    energy = cost - cost.min(axis=1, keepdims=True)
    share = _softmax(-energy / _HOT)
    for step in range(_ROUNDS):
        heat = _HOT * (_COLD / _HOT) ** (step / (_ROUNDS - 1))
        share = 0.5 * share + 0.5 * _softmax(-(energy - coupling * (W @ share)) / heat)
    return (share - 1e-9 * np.arange(cost.shape[1])).argmax(axis=1)


def economical(
    cost: Array, labels: Array, *, price: float, kept: tuple[int, ...] = ()
) -> tuple[Array, Array]:
    """Drop motions whose surfels can do with others at less than ``price`` more in total.

    Besides, every surfel may cost ``NOISE`` more: that much two motions differ by chance.

    Args:
        cost: of each label ``(n, m)``.
        labels: ``(n,)``.
        price: of one motion.
        kept: motions that stay whatever happens.

    Returns:
        Labels ``(n,)``, and which motions are left ``(m,)`` bool.
    """
    labels = labels.copy()
    alive = np.bincount(labels, minlength=cost.shape[1]) > 0
    alive[list(kept)] = True
    while True:
        best: tuple[float, int, Array] | None = None
        for k in np.flatnonzero(alive):
            if k in kept:
                continue
            mine = np.flatnonzero(labels == k)
            others = np.flatnonzero(alive & (np.arange(len(alive)) != k))
            if not len(others):
                continue
            # One receiver for all: a body is given up for another, not scattered over many.
            rise = (cost[np.ix_(mine, others)] - cost[mine, k][:, None]).sum(axis=0)
            scattered = float((cost[np.ix_(mine, others)].min(axis=1) - cost[mine, k]).sum())
            allowance = NOISE * len(mine)
            increase = float(rise.min()) - allowance if len(mine) else 0.0
            if increase < price and (best is None or increase < best[0]):
                receiver = others[int(rise.argmin())] if len(mine) else others[0]
                best = (increase, int(k), np.full(len(mine), receiver))
            elif scattered < 0.2 * price and (best is None or scattered < best[0]):
                chosen = others[cost[np.ix_(mine, others)].argmin(axis=1)]
                best = (scattered, int(k), chosen)
        if best is None:
            return labels, alive
        _, k, receivers = best
        labels[labels == k] = receivers
        alive[k] = False


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
