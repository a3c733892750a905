"""Which moving tracks are somebody's who comes into the picture, and leaves it again."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from reel2sim.reconstruction.monocular.one_joint import Sightings
from reel2sim.scene.arrays import Array

_LINK, _EDGE = 0.06, 0.05
"""How near tracks of one thing lie, and how near a border is: shares of the picture's width."""
_FEWEST = 4
"""Tracks that make a thing, and frames without anybody that it takes to tell who comes."""
_OF_THEM = 0.7
"""Share of its sightings in which a track must be with something at the border."""


def actor_tracks(seen: Sightings, moving: Array) -> Array:
    """Those of the moving tracks that belong to an actor ``(m,)`` bool.

    An arm reaches into the picture from its border, and is there for a while. What it moves hangs
    together with it then, but is seen before or after too.

    Args:
        seen: tracks.
        moving: which of them move ``(m,)``.
    """
    pool = seen.select(moving)
    reaching = np.zeros(pool.seen.shape, bool)
    for t in range(pool.seen.shape[1]):
        here = np.nonzero(pool.seen[:, t])[0]
        reaching[here, t] = _reach_in(pool.pixels[here, t], 2 * pool.center)
    there = reaching.any(axis=0)
    if (~there).sum() < _FEWEST or not there.any():
        return np.zeros(len(moving), bool)
    alone = ~pool.seen[:, ~there].any(axis=1)
    return alone & (reaching.sum(axis=1) >= _OF_THEM * pool.seen.sum(axis=1))


def _reach_in(pixels: Array, size: Array) -> Array:
    """Points that hang together with some at the border ``(k,)`` bool."""
    if len(pixels) < _FEWEST:
        return np.zeros(len(pixels), bool)
    pairs = KDTree(pixels).query_pairs(_LINK * size[0], output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(pixels),) * 2)
    count, group = connected_components(links, directed=False)
    margin = _EDGE * size[0]
    at_edge = ((pixels < margin) | (pixels > size - margin)).any(axis=1)
    sizes = np.bincount(group, minlength=count)
    touching = np.bincount(group, weights=at_edge, minlength=count) >= 2
    return (touching & (sizes >= _FEWEST))[group]
