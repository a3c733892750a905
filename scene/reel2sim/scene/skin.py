"""A skin over the links of an asset: one mesh that bends where they turn.

Linear blend skinning, the one kind that UsdSkel, glTF and game engines all share: a point at rest
``p`` goes to ``Σ w_k T_k p``, where ``T_k`` is how far link ``k`` has moved since rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import TriangleMesh
from reel2sim.scene.transforms import pose

INFLUENCES = 4
"""Links that may carry one point: what glTF's first joint set and most engines take."""
_SUM_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Influences:
    """Which links carry each of ``n`` points, and by how much.

    Attributes:
        links: indices of links ``(n, 4)``; 0 where fewer than four are needed.
        weights: not negative, rows sum to 1 ``(n, 4)``; 0 beside a link that is not needed.

    Raises:
        InputError: if an index or a weight is negative, or a row does not sum to 1.
    """

    links: Array
    weights: Array

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        shape = ("n", INFLUENCES)
        links = checked("Influences.links", self.links, shape, dtype=np.int32, sizes=sizes)
        weights = checked("Influences.weights", self.weights, shape, sizes=sizes)
        if len(links) and links.min() < 0:
            raise InputError("holds a negative index", source="Influences.links")
        if len(links) and weights.min() < 0:
            raise InputError("holds a negative weight", source="Influences.weights")
        total = weights.sum(axis=1)
        if len(links) and np.abs(total - 1).max() > _SUM_TOLERANCE:
            row = int(np.abs(total - 1).argmax())
            raise InputError(f"row {row} sums to {total[row]:g}", source="Influences.weights")
        assign(self, links=np.where(weights > 0, links, 0).astype(np.int32), weights=weights)

    def __len__(self) -> int:
        return len(self.links)

    @classmethod
    def strongest(cls, weights: Array) -> Influences:
        """The four largest of weights ``(n, l)`` for all links, made to sum to 1."""
        weights = np.asarray(weights, dtype=np.float64)
        short = INFLUENCES - weights.shape[1]
        if short > 0:
            weights = np.pad(weights, ((0, 0), (0, short)))
        links = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
        kept = np.take_along_axis(weights, links, axis=1)
        return cls(links, kept / kept.sum(axis=1, keepdims=True))

    def blended(self, T: Array) -> Array:
        """Weighted sums of link motions ``(l, 4, 4)`` for every point ``(n, 4, 4)``: affine."""
        return np.einsum("nk,nkij->nij", self.weights, np.asarray(T)[self.links])

    def moved(self, points: Array, T: Array) -> Array:
        """Points ``(n, 3)`` carried by link motions ``(l, 4, 4)`` since rest."""
        blend = self.blended(T)
        return np.einsum("nij,nj->ni", blend[:, :3, :3], points) + blend[:, :3, 3]

    def placements(self, points: Array, T: Array) -> Array:
        """Rigid motions ``(n, 4, 4)`` that carry ``points`` as :meth:`moved` does.

        Their rotation is the one closest to the blend's linear part.
        """
        left, _, right = np.linalg.svd(self.blended(T)[:, :3, :3])
        # Opposite turns may blend to a mirrored frame; surfels have no mirror image.
        left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
        R = left @ right
        return pose(R, self.moved(points, T) - np.einsum("nij,nj->ni", R, points))


@dataclass(frozen=True, eq=False)
class Skin:
    """One mesh over all links of an asset.

    Attributes:
        mesh: at time zero, world frame; closed.
        vertices: what carries the mesh's vertices.
        surfels: what carries the asset's surfels.

    Raises:
        InputError: if the influences are of another number of vertices.
    """

    mesh: TriangleMesh
    vertices: Influences
    surfels: Influences

    def __post_init__(self) -> None:
        if len(self.vertices) != len(self.mesh.vertices):
            raise InputError(
                f"holds {len(self.vertices)} rows for {len(self.mesh.vertices)} vertices",
                source="Skin.vertices",
            )

    @property
    def highest(self) -> int:
        """The largest index of a link in use; -1 without any."""
        each = [x.links.max() for x in (self.vertices, self.surfels) if len(x)]
        return int(max(each, default=-1))
