"""Gaussian surfels, and surfels moved by bones through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.harmonics import SH_C0, rotate_sh, sh_basis
from reel2sim.scene.spline import PoseSpline, bspline_basis
from reel2sim.scene.transforms import (
    blend_dual_quaternions,
    matrix_from_quaternion,
    quaternion_from_matrix,
    quaternion_multiply,
)


@dataclass(frozen=True, eq=False)
class Surfels:
    """Flat Gaussians (2DGS, Huang et al. 2024): an ellipse with a normal, opacity and colour.

    Attributes:
        means: centres ``(n, 3)``, metres, world.
        rotations: ``(n, 4)`` wxyz; columns of the matrix are the two tangents and the normal.
        scales: standard deviations along the tangents ``(n, 2)``, metres, positive.
        opacities: ``(n,)``, 0..1.
        sh: spherical-harmonic colour coefficients ``(n, (degree + 1)**2, 3)`` in the 3DGS
            convention: ``rgb = 0.5 + SH_C0 * sh[:, 0] + …``.
        confidence: how well each surfel was seen ``(n,)``, 0..1.
    """

    means: Array
    rotations: Array
    scales: Array
    opacities: Array
    sh: Array
    confidence: Array

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        f32 = np.float32
        means = checked("Surfels.means", self.means, ("n", 3), dtype=f32, sizes=sizes)
        rot = checked("Surfels.rotations", self.rotations, ("n", 4), dtype=f32, sizes=sizes)
        scales = checked("Surfels.scales", self.scales, ("n", 2), dtype=f32, sizes=sizes)
        op = checked("Surfels.opacities", self.opacities, ("n",), dtype=f32, sizes=sizes)
        sh = checked("Surfels.sh", self.sh, ("n", "k", 3), dtype=f32, sizes=sizes)
        conf = checked("Surfels.confidence", self.confidence, ("n",), dtype=f32, sizes=sizes)
        if sizes["k"] not in (1, 4, 9, 16):
            raise InputError(f"has {sizes['k']} coefficients, not a square", source="Surfels.sh")
        if len(scales) and scales.min() <= 0:
            raise InputError("must be positive", source="Surfels.scales")
        norms = np.linalg.norm(rot, axis=1, keepdims=True)
        if len(norms) and norms.min() < 1e-6:
            raise InputError("has a zero quaternion", source="Surfels.rotations")
        assign(
            self,
            means=means,
            # Stored surfels must load with the bits they had, so unit stays untouched.
            rotations=np.where(np.abs(norms - 1) < 1e-6, rot, rot / norms),
            scales=scales,
            opacities=op,
            sh=sh,
            confidence=conf,
        )

    def __len__(self) -> int:
        return len(self.means)

    @classmethod
    def from_colors(
        cls,
        *,
        means: Array,
        rotations: Array,
        scales: Array,
        opacities: Array,
        colors: Array,
        confidence: Array | None = None,
    ) -> Surfels:
        """Build with view-independent ``colors`` ``(n, 3)``, 0..1."""
        sh = (np.asarray(colors, dtype=np.float32)[:, None, :] - 0.5) / SH_C0
        sure = np.ones(len(sh), np.float32) if confidence is None else confidence
        return cls(means, rotations, scales, opacities, sh, sure)

    @property
    def colors(self) -> Array:
        """View-independent part of the colour ``(n, 3)``, clipped to 0..1."""
        return np.clip(0.5 + SH_C0 * self.sh[:, 0], 0.0, 1.0)

    @property
    def normals(self) -> Array:
        """Unit normals ``(n, 3)``."""
        return matrix_from_quaternion(self.rotations)[:, :, 2]

    @property
    def diagonal(self) -> float:
        """Length of the bounding box diagonal of the centres, metres."""
        return float(np.linalg.norm(np.ptp(self.means, axis=0))) if len(self) else 0.0

    def select(self, mask: Array) -> Surfels:
        """The surfels picked by a boolean mask or indices."""
        return Surfels(
            self.means[mask],
            self.rotations[mask],
            self.scales[mask],
            self.opacities[mask],
            self.sh[mask],
            self.confidence[mask],
        )

    @classmethod
    def joined(cls, parts: Sequence[Surfels]) -> Surfels:
        """All surfels of ``parts``, in order; colours get the most coefficients that any has."""
        size = max((part.sh.shape[1] for part in parts), default=1)
        sh = [np.pad(part.sh, ((0, 0), (0, size - part.sh.shape[1]), (0, 0))) for part in parts]

        def stacked(name: str, *shape: int) -> Array:
            return np.concatenate([np.zeros((0, *shape)), *(getattr(p, name) for p in parts)])

        return cls(
            stacked("means", 3),
            stacked("rotations", 4),
            stacked("scales", 2),
            stacked("opacities"),
            np.concatenate([np.zeros((0, size, 3)), *sh]),
            stacked("confidence"),
        )

    def moved(self, T: Array) -> Surfels:
        """Each surfel moved by its own rigid transform ``(n, 4, 4)``, or all by one ``(4, 4)``.

        What is seen from a side of a surfel turns with it.
        """
        each = np.asarray(T, dtype=np.float64).reshape(-1, 4, 4)
        R = each[:, :3, :3]
        means = (R @ self.means[:, :, None])[:, :, 0] + each[:, :3, 3]
        rotations = quaternion_multiply(quaternion_from_matrix(R), self.rotations)
        sh = rotate_sh(self.sh, R)
        return Surfels(means, rotations, self.scales, self.opacities, sh, self.confidence)


@dataclass(frozen=True, eq=False)
class Refinement:
    """Small changes of moving surfels beyond their bones, none of them at time zero.

    Turn and scale of each surfel follow Vidu4D's refinement (arXiv 2405.16822, ΔR and ΔS), here
    as cubic B-splines of time: ``R = R_bones (ΔR R*)``, ``S = exp(ΔS) S*``. Light that stays while
    the object turns is a function of the world normal: colours are multiplied by
    ``light(n(t)) / light(n(0))`` in spherical harmonics of degree 2 (Ramamoorthi & Hanrahan 2001).

    Attributes:
        stop_s: time of the last sample, seconds; the first is 0.
        rotations: control points of twice the Rodrigues vectors ``(k, n, 3)``: the axis times
            ``2 tan(angle / 2)``, applied before the bones move.
        log_scales: control points ``(k, n, 2)``.
        light: coefficients ``(9,)``; the first alone is light from everywhere.
    """

    stop_s: float
    rotations: Array
    log_scales: Array
    light: Array

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        r = checked("Refinement.rotations", self.rotations, ("k", "n", 3), dtype="f4", sizes=sizes)
        s = checked(
            "Refinement.log_scales", self.log_scales, ("k", "n", 2), dtype="f4", sizes=sizes
        )
        if sizes["k"] < 4:
            raise InputError("needs at least 4 control points", source="Refinement.rotations")
        light = checked("Refinement.light", self.light, (9,))
        assign(self, rotations=r, log_scales=s, light=light)

    def applied(self, surfels: Surfels, T: Array, time_s: float) -> Surfels:
        """Canonical ``surfels`` refined at ``time_s`` and moved by ``T`` ``(n, 4, 4)``."""
        row = refinement_basis(np.array([time_s]), stop_s=self.stop_s, knots=len(self.rotations))[0]
        turn = np.einsum("k,knc->nc", row, self.rotations.astype(np.float64))
        q = np.concatenate([np.ones_like(turn[:, :1]), 0.5 * turn], axis=1)
        q /= np.linalg.norm(q, axis=1, keepdims=True)
        growth = np.exp(np.einsum("k,knc->nc", row, self.log_scales.astype(np.float64)))
        refined = Surfels(
            surfels.means,
            quaternion_multiply(q, surfels.rotations),
            surfels.scales * growth,
            surfels.opacities,
            surfels.sh,
            surfels.confidence,
        ).moved(T)
        ratio = light_ratio(self.light, surfels.normals, refined.normals)[:, None, None]
        sh = refined.sh * ratio
        sh[:, 0] += 0.5 * (ratio[:, 0] - 1) / SH_C0
        return Surfels(
            refined.means, refined.rotations, refined.scales, refined.opacities, sh,
            refined.confidence,
        )  # fmt: skip


def refinement_basis(times_s: Array, *, stop_s: float, knots: int) -> Array:
    """Weights ``(t, knots)`` of a refinement's control points, all zero at time zero."""
    times = np.concatenate([[0.0], np.atleast_1d(times_s)])
    basis = bspline_basis(times, start_s=0.0, stop_s=stop_s, knots=knots)
    return basis[1:] - basis[:1]


def light_ratio(light: Array, before: Array, after: Array) -> Array:
    """How much brighter ``(n,)`` surfaces of unit normals ``after`` are than ``before`` ``(n, 3)``.

    Limited to a factor of 4 either way.
    """
    old, new = (np.maximum(sh_basis(normals, 9) @ light, 1e-3) for normals in (before, after))
    return np.clip(new / old, 0.25, 4.0)


@dataclass(frozen=True, eq=False)
class SurfelSequence:
    """Dynamic Gaussian surfels: canonical surfels at time zero, moved by skinned bones.

    Attributes:
        canonical: the surfels at ``times_s[0]``.
        bones: motion of the ``b`` bones.
        bone_scales: semi-axes of the bones' ellipsoids ``(b, 3)``, metres.
        weights: skinning weights ``(n, b)``, rows sum to 1.
        times_s: distinct times of the input ``(t,)``, ascending, first is 0.
        metrics: figures of the fit, such as ``psnr_db``.
        refinement: what the bones leave to each surfel, or None.
    """

    canonical: Surfels
    bones: PoseSpline
    bone_scales: Array
    weights: Array
    times_s: Array
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    refinement: Refinement | None = None

    def __post_init__(self) -> None:
        sizes = {"n": len(self.canonical), "b": len(self.bones.centers)}
        w = checked("SurfelSequence.weights", self.weights, ("n", "b"), dtype="f4", sizes=sizes)
        s = checked("SurfelSequence.bone_scales", self.bone_scales, ("b", 3), sizes=sizes)
        t = checked("SurfelSequence.times_s", self.times_s, ("t",))
        if len(t) == 0 or (np.diff(t) <= 0).any():
            raise InputError("must ascend", source="SurfelSequence.times_s")
        if self.refinement is not None and self.refinement.rotations.shape[1] != sizes["n"]:
            raise InputError("is of another number of surfels", source="SurfelSequence.refinement")
        assign(self, weights=w, bone_scales=s, times_s=t, metrics=dict(self.metrics))

    def transforms(self, time_s: float) -> Array:
        """Motion of every surfel since time zero ``(n, 4, 4)``, dual-quaternion blended."""
        return blend_dual_quaternions(self.weights, self.bones(np.array([time_s]))[0])

    def at(self, time_s: float) -> Surfels:
        """The surfels at ``time_s``."""
        T = self.transforms(time_s)
        if self.refinement is None:
            return self.canonical.moved(T)
        return self.refinement.applied(self.canonical, T, time_s)
