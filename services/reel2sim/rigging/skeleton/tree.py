"""Which bone hangs on which, and about where: the skeleton before it is fitted.

After Schaefer & Yuksel, "Example-based skeleton extraction" (2007), and Le & Deng, "Robust and
accurate skeletal rigging from mesh sequences" (2014): two bones are joined where they move least
against each other, and the tree is the spanning tree of the best joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from scipy.spatial import KDTree

from reel2sim.rigging.skeleton.bones import Bones, gaps
from reel2sim.rigging.skeleton.tracks import Tracks
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

_SHARED = 1.0
"""Surfels, each half and half, that two bones must share four of to have a seam of their own."""
_PAIRS = 24
"""Closest points of two regions that stand for a seam where none is shared."""
_RAMP = float(np.sqrt(20))
"""Length of an even ramp over the deviation of what is shared along it, ``w (1 - w)``."""
_STILL = 0.005
"""Mean way, in diagonals, under which a bone stands still."""


@dataclass(frozen=True, eq=False)
class Seam:
    """Where two bones meet.

    Attributes:
        center: ``(3,)``, metres, world at time zero.
        spread: how far the seam reaches from there, metres, root mean square.
        length: over which one bone takes over from the other, in thicknesses of the limb there:
            of the even ramp and the round tube that would spread what the bones share as much
            along the way from one to the other, and across it. 0 where they share nothing.
    """

    center: Array
    spread: float
    length: float = 0.0


@dataclass(frozen=True, eq=False)
class Tree:
    """Bones in order, parents first.

    Attributes:
        order: index of each bone among those it was made of.
        parents: place of each bone's parent in ``order``; -1 for the first, which is the root.
        joints: where each hangs on its parent, world at time zero ``(b, 3)``; the root's middle.
        seams: where each meets its parent; the root's is its middle.
        held: whether the root stands still.
    """

    order: tuple[int, ...]
    parents: tuple[int, ...]
    joints: Array
    seams: tuple[Seam, ...]
    held: bool

    def __len__(self) -> int:
        return len(self.parents)


def spanning_tree(bones: Bones, tracks: Tracks) -> Tree:
    """Join the bones by the joints that come apart least.

    The cost of a joint is by how much it comes apart (metres, root mean square over the instants)
    and what gap between the regions it would have to bridge. The root is what stands still, if
    anything does; otherwise the bone from which the surface is nearest along the bones, each bone
    weighing what it carries: large and central.
    """
    count = len(bones)
    weights = bones.weights[tracks.chosen]
    labels = weights.argmax(axis=1)
    size = np.bincount(labels, minlength=count)
    middles = np.stack([_middle(tracks.points, weights[:, k], labels == k) for k in range(count)])
    apart = gaps(tracks.points, labels, count)
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    joints: dict[tuple[int, int], tuple[Array, Seam]] = {}
    for a in range(count):
        for b in range(a):
            seam = seam_between(tracks.points, weights, a, b)
            center, residual = center_of_rotation(
                bones.motions[a], bones.motions[b], seam, noise=0.002 * tracks.diagonal
            )
            joints[b, a] = (center, seam)
            gap = apart[a, b] if np.isfinite(apart[a, b]) else tracks.diagonal
            length = sum(float(np.linalg.norm(middles[k] - center)) for k in (a, b))
            graph.add_edge(a, b, weight=residual + gap, length=length)
    tree = nx.minimum_spanning_tree(graph)
    root, held = _root(tree, size, bones, tracks, labels)
    order = tuple(int(k) for k in nx.dfs_preorder_nodes(tree, root))
    above: dict[int, int] = nx.dfs_predecessors(tree, root)
    place = {bone: i for i, bone in enumerate(order)}
    parents = tuple(place[above[k]] if k in above else -1 for k in order)
    pairs = [(min(k, above[k]), max(k, above[k])) for k in order[1:]]
    found = [(middles[root], Seam(middles[root], 0.0)), *(joints[pair] for pair in pairs)]
    places, seams = np.stack([f[0] for f in found]), tuple(f[1] for f in found)
    return Tree(order, parents, places, seams, held)


def seam_between(points: Array, weights: Array, a: int, b: int) -> Seam:
    """Where bones ``a`` and ``b`` share the surface, or else come closest."""
    shared = weights[:, a] * weights[:, b]
    if shared.sum() >= _SHARED:
        share = shared / shared.sum()
        center = share @ points
        spread = float(np.sqrt(share @ ((points - center) ** 2).sum(axis=1)))
        ends = [weights[:, k] * (weights.argmax(axis=1) == k) for k in (a, b)]
        if min(end.sum() for end in ends) <= 0:
            return Seam(center, spread)
        way = ends[0] @ points / ends[0].sum() - ends[1] @ points / ends[1].sum()
        along = (points - center) @ (way / max(float(np.linalg.norm(way)), 1e-12))
        deviation = float(np.sqrt(share @ along**2))
        thickness = 2 * np.sqrt(max(spread**2 - deviation**2, 1e-24))
        return Seam(center, spread, _RAMP * deviation / float(thickness))
    first, second = (points[np.argsort(-weights[:, k])[: _count(weights, k)]] for k in (a, b))
    distance, index = (np.asarray(x) for x in KDTree(second).query(first))
    near = np.argsort(distance)[:_PAIRS]
    ends = np.concatenate([first[near], second[index[near]]])
    center = ends.mean(axis=0)
    return Seam(center, float(np.sqrt(((ends - center) ** 2).sum(axis=1).mean())))


def _count(weights: Array, k: int) -> int:
    return max(int((weights.argmax(axis=1) == k).sum()), 1)


def center_of_rotation(
    first: Array, second: Array, seam: Seam, *, noise: float
) -> tuple[Array, float]:
    """The point that two motions ``(t, 4, 4)`` move most alike, and how far apart they move it.

    Least squares over all instants with the seam as prior: it decides along an axis about which
    alone the bones turn, where motion says nothing.

    Args:
        first: motion of one bone.
        second: motion of the other.
        seam: where they meet.
        noise: by how much the motions may be wrong, metres.

    Returns:
        The centre ``(3,)``, world at time zero, and the root mean square distance in metres.
    """
    A = first[:, :3, :3] - second[:, :3, :3]
    b = second[:, :3, 3] - first[:, :3, 3]
    spread = max(seam.spread, noise)
    normal = np.einsum("tki,tkj->ij", A, A) / noise**2 + np.eye(3) / spread**2
    right = np.einsum("tki,tk->i", A, b) / noise**2 + seam.center / spread**2
    center = np.linalg.solve(normal, right)
    gap = A @ center - b
    return center, float(np.sqrt((gap**2).sum(axis=1).mean()))


def _middle(points: Array, weight: Array, own: Array) -> Array:
    share = weight if not own.any() else weight * own
    return share @ points / share.sum()


def _root(
    tree: nx.Graph, size: Array, bones: Bones, tracks: Tracks, labels: Array
) -> tuple[int, bool]:
    """What stands still, and that it does; else the weighted median of the tree."""
    ways = [
        np.linalg.norm(apply(T, tracks.points[own]) - tracks.points[own], axis=-1).mean()
        if (own := labels == k).any()
        else np.inf
        for k, T in enumerate(bones.motions)
    ]
    if min(ways) < _STILL * tracks.diagonal:
        return int(np.argmin(ways)), True
    far = dict(nx.all_pairs_dijkstra_path_length(tree, weight="length"))
    return min(tree.nodes, key=lambda k: (sum(size[j] * far[k][j] for j in tree.nodes), k)), False
