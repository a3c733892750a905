"""All joints of a tree fitted together.

What a joint does shows in everything that hangs below it: a turn of the waist is seen in the hand
when the waist itself is hidden. So lines and positions of all joints are found at once
(Levenberg–Marquardt). Evidence enters as normal equations of each part's pose at each instant,
which a tree's twists carry over to its joints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from reel2sim.rigging.joint_fit import JointModel, roughness
from reel2sim.rigging.linkage import Linkage
from reel2sim.rigging.observations import Observations, some_of, truncated_cost
from reel2sim.rigging.rigid_fit import projection_jacobian, skew
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across, apply

_KERNEL_PX = 2.0
_REPLAY_SIGMA = 0.02
"""Distance in radii at which a part's free pose is mostly disbelieved."""
_SMOOTH = 0.02
"""Weight of second differences of positions, as a share of what a position is known by."""
_PULL = 1e-4
"""The same of the pivot's distance from its part, which keeps lines that nothing tells."""
_STEP = 0.3
_SETTLE = 2
"""Times that points slide to where the joints show them, and the joints are fitted again."""


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

    def mean_cost(self, part: int, motion: Array) -> float:
        """Mean truncated squared residual of a part, pixels²."""
        some = replace(self.parts[part], points=self._points[part])
        return truncated_cost(some.residuals(motion, slack=False)[0])

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


@dataclass(frozen=True, eq=False)
class LinkageFit:
    """A fitted tree.

    Attributes:
        linkage: its joints.
        covariances: of each joint's axis, as a small turn ``(p - 1, 3, 3)``, for evidence of unit
            variance.
    """

    linkage: Linkage
    covariances: Array


def fit_linkage(start: Linkage, evidence: Evidence, *, iterations: int = 20) -> LinkageFit:
    """Lines and positions of all joints that explain the evidence best."""
    best, damping = start, 1e-3
    if not best.joints:
        return LinkageFit(best, np.zeros((0, 3, 3)))
    smooth: Array | None = None
    A, b, cost = evidence.normal_equations(best.motions)
    for _ in range(iterations):
        system = _System.of(best, A, b)
        if smooth is None:
            smooth = system.stiffness()
            cost += _roughness_cost(best, smooth)
        H, g = system.regularised(best, evidence.centers, smooth)
        step = np.linalg.solve(H + damping * np.diag(np.diag(H)) + 1e-9 * np.eye(len(H)), g)
        trial = system.stepped(best, step)
        trial_A, trial_b, trial_cost = evidence.normal_equations(trial.motions)
        trial_cost += _roughness_cost(trial, smooth)
        if trial_cost < cost:
            gain = (cost - trial_cost) / max(cost, 1e-12)
            best, A, b, cost = trial, trial_A, trial_b, trial_cost
            damping = max(damping * 0.3, 1e-6)
            if gain < 1e-5:
                break
        else:
            damping *= 8
            if damping > 1e4:
                break
    system = _System.of(best, A, b)
    H, _ = system.regularised(best, evidence.centers, system.stiffness())
    return LinkageFit(best, system.axis_covariances(best, np.linalg.pinv(H)))


def fit_to_targets(start: Linkage, targets: Targets) -> LinkageFit:
    """Joints from image positions whose points are uncertain along their rays.

    Points stay where they are at first: they would explain by sliding what the joints should.
    """
    fit = fit_linkage(start, targets)
    for _ in range(_SETTLE):
        targets.settle(fit.linkage)
        fit = fit_linkage(fit.linkage, targets)
    return fit


@dataclass(frozen=True, eq=False)
class _System:
    """Normal equations of all lines, then all positions after time zero, joint by joint.

    Attributes:
        H: ``(m, m)``.
        g: ``(m,)``.
        lines: where each joint's line parameters are.
        moves: where each joint's positions are.
    """

    H: Array
    g: Array
    lines: tuple[slice, ...]
    moves: tuple[slice, ...]

    @classmethod
    def of(cls, linkage: Linkage, A: Array, b: Array) -> _System:
        count, t = len(linkage.joints), len(linkage.base)
        below = linkage.below()
        lower_A = np.einsum("km,mtij->ktij", below.astype(float), A)
        lower_b = np.einsum("km,mti->kti", below.astype(float), b)
        twists = [linkage.twists(k) for k in range(1, count + 1)]
        lines, at = [], 0
        for line, _ in twists:
            lines.append(slice(at, at + len(line)))
            at += len(line)
        moves = [slice(at + k * (t - 1), at + (k + 1) * (t - 1)) for k in range(count)]
        size = at + count * (t - 1)
        H, g = np.zeros((size, size)), np.zeros(size)
        for k in range(count):
            line, along = twists[k]
            g[lines[k]] = np.einsum("mti,ti->m", line, lower_b[k + 1])
            g[moves[k]] = np.einsum("ti,ti->t", along, lower_b[k + 1])[1:]
            for other in range(count):
                if not below[k + 1, other + 1]:
                    continue
                line2, along2 = twists[other]
                S = lower_A[other + 1]
                left = np.einsum("mti,tij->mtj", line, S)
                push = np.einsum("ti,tij->tj", along, S)
                blocks = (
                    (lines[k], lines[other], np.einsum("mtj,ntj->mn", left, line2)),
                    (lines[k], moves[other], np.einsum("mtj,tj->mt", left, along2)[:, 1:]),
                    (moves[k], lines[other], np.einsum("tj,ntj->tn", push, line2)[1:]),
                    (moves[k], moves[other], np.diag(np.einsum("tj,tj->t", push, along2)[1:])),
                )
                for rows, columns, block in blocks:
                    H[rows, columns] = block
                    H[columns, rows] = block.T
        return cls(H, g, tuple(lines), tuple(moves))

    def stiffness(self) -> Array:
        """Of each joint's positions ``(p - 1,)``."""
        known = [np.trace(self.H[m, m]) / (m.stop - m.start) for m in self.moves]
        return _SMOOTH * np.array(known) + 1e-9

    def regularised(self, linkage: Linkage, centers: Array, smooth: Array) -> tuple[Array, Array]:
        """With smooth positions, and pivots held near their parts."""
        H, g = self.H.copy(), self.g.copy()
        bending = roughness(len(linkage.base))
        for k, joint in enumerate(linkage.joints):
            m = self.moves[k]
            rough = smooth[k] * bending
            H[m, m] += rough[1:, 1:]
            g[m] -= (rough @ joint.positions)[1:]
            rows = np.arange(self.lines[k].start, self.lines[k].stop)
            weight = _PULL * (np.trace(H[self.lines[k], self.lines[k]]) / len(rows) + 1e-6)
            H[rows, rows] += weight
            if len(rows) == 4:
                g[rows[2:]] += weight * (across(joint.axis) @ (centers[k + 1] - joint.pivot))
        return H, g

    def stepped(self, linkage: Linkage, step: Array) -> Linkage:
        """The linkage moved by a step, limited."""
        step = np.clip(step, -_STEP, _STEP)
        joints: list[JointModel] = []
        for k, joint in enumerate(linkage.joints):
            line, leaning = step[self.lines[k]], across(joint.axis)
            axis = joint.axis + line[:2] @ leaning
            pivot = joint.pivot + line[2:] @ leaning if len(line) == 4 else joint.pivot
            q = joint.positions + np.concatenate([[0.0], step[self.moves[k]]])
            joints.append(
                replace(joint, axis=axis / np.linalg.norm(axis), pivot=pivot, positions=q)
            )
        return replace(linkage, joints=tuple(joints))

    def axis_covariances(self, linkage: Linkage, covariance: Array) -> Array:
        """Of the axes, as small turns across them ``(p - 1, 3, 3)``."""
        found: list[Array] = []
        for line, joint in zip(self.lines, linkage.joints, strict=True):
            lean = np.arange(line.start, line.start + 2)
            U = across(joint.axis)
            found.append(U.T @ covariance[np.ix_(lean, lean)] @ U)
        return np.stack(found)


def _roughness_cost(linkage: Linkage, smooth: Array) -> float:
    rough = roughness(len(linkage.base))
    q = [joint.positions for joint in linkage.joints]
    return float(sum(s * (p @ rough @ p) for s, p in zip(smooth, q, strict=True)))
