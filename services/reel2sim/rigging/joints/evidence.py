"""What is known of the poses of a tree's parts, as normal equations of the twists it asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.rigid_fit import projection_jacobian, skew
from reel2sim.rigging.pictures.observations import (
    Observations,
    median_cost,
    some_of,
    truncated_cost,
)
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

_KERNEL_PX = 2.0
_REPLAY_SIGMA = 0.02
"""Distance in radii at which a part's free pose is mostly disbelieved."""


class Evidence(Protocol):
    """What is known of the parts' poses."""

    @property
    def centers(self) -> Array:
        """Middle of each part at time zero ``(p, 3)``."""
        ...

    def normal_equations(self, motions: Array) -> tuple[Array, Array, float]:
        """Linearised at ``motions`` ``(p, t, 4, 4)``.

        Returns:
            For each part and instant the matrix ``(p, t, 6, 6)`` and right side ``(p, t, 6)`` of
            the twist that it asks for, and the robust cost.
        """
        ...


class Settling(Evidence, Protocol):
    """Evidence about points whose places at time zero are uncertain."""

    def settle(self, linkage: Linkage) -> None:
        """Move the points to where the present motions show them."""
        ...


@dataclass(frozen=True, eq=False)
class FreePoses:
    """Poses that every part was found in by itself.

    Attributes:
        points: some of each part's surface at time zero ``(p, n, 3)``.
        paths: ``(p, t, 4, 4)``.
        weights: how much each pose is worth ``(p, t)``.
    """

    points: Array
    paths: Array
    weights: Array

    @property
    def centers(self) -> Array:
        """``(p, 3)``."""
        return self.points.mean(axis=1)

    def normal_equations(self, motions: Array) -> tuple[Array, Array, float]:
        """See :class:`Evidence`; whole poses are disbelieved, not single points."""
        wanted, now = (apply(T, self.points[:, None]) for T in (self.paths, motions))
        r = (wanted - now) / _REPLAY_SIGMA
        square = (r**2).sum(-1).mean(-1)
        trust = self.weights / (1 + square) ** 2 / self.points.shape[1]
        J = np.concatenate([-skew(now), np.broadcast_to(np.eye(3), (*now.shape, 3))], axis=-1)
        J = J / _REPLAY_SIGMA
        A = np.einsum("pt,ptnri,ptnrj->ptij", trust, J, J, optimize=True)
        b = np.einsum("pt,ptnri,ptnr->pti", trust, J, r, optimize=True)
        return A, b, float((self.weights * square / (1 + square)).sum())


class Targets:
    """Image positions of some of each part's surfels (Geman–McClure)."""

    def __init__(
        self,
        observations: Observations,
        owner: Array,
        parts: int,
        *,
        most: int,
        rng: np.random.Generator,
    ) -> None:
        mine = [np.nonzero(owner == k)[0] for k in range(parts)]
        self.parts = [observations.select(some_of(index, most, rng)) for index in mine]
        self.shares = [len(i) / max(len(o), 1) for i, o in zip(mine, self.parts, strict=True)]
        middle = observations.points.mean(axis=0) if len(observations) else np.zeros(3)
        self.centers = np.stack([o.points.mean(axis=0) if len(o) else middle for o in self.parts])
        self._points = [o.points for o in self.parts]
        self._views = [o.T_camera_world[:, o.stream].swapaxes(0, 1) for o in self.parts]
        self._intrinsics = [o.intrinsics[:, o.stream].swapaxes(0, 1) for o in self.parts]

    @property
    def settled(self) -> tuple[Array, ...]:
        """Where the points of each part are taken to be at time zero ``(n, 3)``."""
        return tuple(self._points)

    @settled.setter
    def settled(self, points: tuple[Array, ...]) -> None:
        self._points = list(points)

    def settle(self, linkage: Linkage) -> None:
        """Let points slide along their rays to where the present motions show them."""
        for k, (o, T) in enumerate(zip(self.parts, linkage.motions, strict=True)):
            self._points[k] = o.points + o.residuals(T)[1][:, None] * o.rays

    def normal_equations(self, motions: Array) -> tuple[Array, Array, float]:
        """See :class:`Evidence`."""
        found = [self._part(k, T) for k, T in enumerate(motions)]
        return (
            np.stack([A for A, _, _ in found]),
            np.stack([b for _, b, _ in found]),
            float(sum(cost for _, _, cost in found)),
        )

    def costs(self, part: int, motion: Array) -> tuple[float, float]:
        """Mean and median truncated squared residual of a part, pixels²."""
        some = replace(self.parts[part], points=self._points[part])
        residuals = some.residuals(motion, slack=False)[0]
        return truncated_cost(residuals), median_cost(residuals)

    def _part(self, k: int, T: Array) -> tuple[Array, Array, float]:
        o, x = self.parts[k], self._points[k]
        if not len(o):
            t = len(T)
            return np.zeros((t, 6, 6)), np.zeros((t, 6)), 0.0
        V = self._views[k]
        now = np.einsum("tij,nj->nti", T[:, :3, :3], x) + T[:, :3, 3]
        p = np.einsum("ntij,ntj->nti", V[..., :3, :3], now) + V[..., :3, 3]
        predicted, dp = projection_jacobian(p, self._intrinsics[k])
        r = np.einsum("nij,ntj->nti", o.whiten, o.pixels - predicted)
        dy = o.whiten[:, None] @ (dp @ V[..., :3, :3])
        J = np.concatenate([-dy @ skew(now), dy], axis=-1)
        square = (r**2).sum(-1)
        kernel = _KERNEL_PX**2 / (_KERNEL_PX**2 + square)
        seen = o.seen * self.shares[k]
        w = seen * kernel**2 * (p[..., 2] > 0.05)
        A = np.einsum("nt,ntri,ntrj->tij", w, J, J, optimize=True)
        b = np.einsum("nt,ntri,ntr->ti", w, J, r, optimize=True)
        return A, b, float((seen * square * kernel).sum())
