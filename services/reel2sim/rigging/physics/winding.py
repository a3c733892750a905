"""Generalised winding number of oriented points, by a tree code.

Every surfel acts as a dipole ``a n``; the sum of their solid angles over 4π is 1 inside a closed
surface, 0 outside, and falls smoothly across holes (Barill et al., "Fast Winding Numbers for
Soups and Clouds", 2018). On the plane of a flat hole it is exactly one half, so the level one
half closes unseen bottoms and cut-off attachments flat. Softening each dipole by the spacing of
the points turns the jump at the surface into a ramp that a grid can resolve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.threads import KERNELS

_LEAF = 16
_FAR = 3.0
"""A node further away than this many radii is replaced by one dipole."""


@dataclass(frozen=True, eq=False)
class WindingTree:
    """Binary tree over oriented points.

    Attributes:
        points: ``(n, 4)`` position and softening length, metres, in tree order.
        dipoles: area times normal ``(n, 3)``, m², in tree order.
        nodes: ``(m, 8)`` centre, radius, summed dipole, mean softening.
        spans: ``(m, 4)`` first point, last point + 1, left child, right child (-1 for a leaf).
    """

    points: Array
    dipoles: Array
    nodes: Array
    spans: Array

    @classmethod
    def build(cls, points: Array, normals: Array, areas: Array, softening: Array) -> WindingTree:
        """Sort points into a tree.

        Args:
            points: ``(n, 3)``, metres.
            normals: unit, outwards ``(n, 3)``.
            areas: surface that each point stands for ``(n,)``, m².
            softening: length over which the jump is spread ``(n,)``, metres.
        """
        order = np.arange(len(points))
        dipoles = normals * areas[:, None]
        nodes: list[Array] = []
        spans: list[list[int]] = []
        stack = [(0, len(points), -1, 0)]
        while stack:
            first, last, parent, side = stack.pop()
            own = order[first:last]
            here = points[own]
            share = areas[own] / max(areas[own].sum(), 1e-30)
            center = share @ here if len(own) else np.zeros(3)
            radius = np.sqrt(((here - center) ** 2).sum(1).max()) if len(own) else 0.0
            total = dipoles[own].sum(0)
            nodes.append(np.concatenate([center, [radius], total, [share @ softening[own]]]))
            spans.append([first, last, -1, -1])
            if parent >= 0:
                spans[parent][2 + side] = len(spans) - 1
            if len(own) > _LEAF:
                axis = int(np.argmax(np.ptp(here, axis=0)))
                order[first:last] = own[np.argsort(here[:, axis], kind="stable")]
                middle = (first + last) // 2
                me = len(spans) - 1
                stack += [(middle, last, me, 1), (first, middle, me, 0)]
        packed = np.concatenate([points, softening[:, None]], axis=1)[order]
        return cls(
            np.ascontiguousarray(packed, dtype=np.float64),
            np.ascontiguousarray(dipoles[order], dtype=np.float64),
            np.array(nodes, dtype=np.float64),
            np.array(spans, dtype=np.int64),
        )

    def __call__(self, queries: Array) -> Array:
        """Winding numbers ``(q,)`` at ``queries`` ``(q, 3)``, metres."""
        if len(self.points) == 0:
            return np.zeros(len(queries))
        q = np.ascontiguousarray(queries, dtype=np.float64)
        with KERNELS:
            return _evaluate(q, self.points, self.dipoles, self.nodes, self.spans)


@numba.njit(cache=True, parallel=True, fastmath=False)
def _evaluate(queries, points, dipoles, nodes, spans):  # pragma: no cover - compiled
    """Sum of softened solid angles over 4π; each query is one thread's own, so deterministic."""
    out = np.empty(len(queries))
    for i in numba.prange(len(queries)):
        x, y, z = queries[i, 0], queries[i, 1], queries[i, 2]
        stack = np.empty(64, np.int64)
        stack[0] = 0
        top = 1
        total = 0.0
        while top > 0:
            top -= 1
            node = stack[top]
            dx, dy, dz = nodes[node, 0] - x, nodes[node, 1] - y, nodes[node, 2] - z
            r2 = dx * dx + dy * dy + dz * dz
            reach = _FAR * nodes[node, 3]
            if r2 > reach * reach:
                soft = nodes[node, 7]
                dot = nodes[node, 4] * dx + nodes[node, 5] * dy + nodes[node, 6] * dz
                s2 = r2 + soft * soft
                total += dot / (s2 * np.sqrt(s2))
            elif spans[node, 2] >= 0:
                stack[top] = spans[node, 2]
                stack[top + 1] = spans[node, 3]
                top += 2
            else:
                for j in range(spans[node, 0], spans[node, 1]):
                    dx, dy, dz = points[j, 0] - x, points[j, 1] - y, points[j, 2] - z
                    s2 = dx * dx + dy * dy + dz * dz + points[j, 3] * points[j, 3]
                    dot = dipoles[j, 0] * dx + dipoles[j, 1] * dy + dipoles[j, 2] * dz
                    total += dot / (s2 * np.sqrt(s2))
        out[i] = total / (4.0 * np.pi)
    return out
