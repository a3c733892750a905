"""One-degree-of-freedom joints fitted directly to image positions.

The unknowns are the joint's screw (axis and a point on it, as a Plücker line with unit axis) and
one position per instant; the parent's motion is given. Fitting the joint rather than a free
motion per frame is what makes small and distant parts recoverable: the 6·t unknowns of a free
trajectory become 6 + t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.joints.rigid_fit import exp_rotation, projection_jacobian, skew
from reel2sim.rigging.pictures.observations import Observations, truncated_cost
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array


@dataclass(frozen=True, eq=False)
class JointFit:
    """A fitted joint and how well it explains the points it was fitted to.

    Attributes:
        model: the joint.
        cost: mean truncated squared residual, pixels².
        slides: how far each point moved along its ray ``(n,)``.
    """

    model: JointModel
    cost: float
    slides: Array


def roughness(instants: int) -> Array:
    """Matrix ``(t, t)`` whose quadratic form is the sum of squared second differences."""
    second = np.diff(np.eye(instants), n=2, axis=0)
    return second.T @ second


def fit_joint(
    observations: Observations,
    parent: Array,
    start: JointModel,
    *,
    iterations: int = 10,
    kernel_px: float = 2.0,
    smoothness: float = 0.02,
) -> JointFit:
    """Refine a joint on image positions (Levenberg–Marquardt, Geman–McClure kernel).

    Args:
        observations: points of the child.
        parent: motion of the parent since time zero ``(t, 4, 4)``.
        start: where to begin.
        iterations: most steps.
        kernel_px: scale of the kernel, pixels.
        smoothness: weight of second differences of the positions, as a share of the mean
            information of one position.
    """
    problem = _Problem(observations, parent, start.type, kernel_px, smoothness)
    best, slides = start, np.zeros(len(observations))
    state = problem.linearise(best, slides)
    damping = 1e-3
    for _ in range(iterations):
        trial, trial_slides = problem.step(best, slides, state, damping)
        new = problem.linearise(trial, trial_slides)
        if new.cost < state.cost:
            gain = (state.cost - new.cost) / max(state.cost, 1e-12)
            best, slides, state = trial, trial_slides, new
            damping = max(damping * 0.3, 1e-6)
            if gain < 1e-5:
                break
        else:
            damping *= 10
            if damping > 1e4:
                break
    moved = replace(observations, points=observations.points + slides[:, None] * observations.rays)
    residuals, _ = moved.residuals(best.trajectory(parent), slack=False)
    return JointFit(best, truncated_cost(residuals), slides)


@dataclass(frozen=True, eq=False)
class _Linear:
    """Normal equations at one state: joint and positions, slides (diagonal), and both."""

    cost: float
    H: Array
    g: Array
    slide_h: Array
    slide_g: Array
    cross: Array


class _Problem:
    """Residuals and derivatives for fixed points and parent."""

    def __init__(
        self,
        observations: Observations,
        parent: Array,
        kind: JointType,
        kernel_px: float,
        smoothness: float,
    ) -> None:
        self.o = observations
        self.kind = kind
        self.kernel2 = kernel_px**2
        self.smoothness = smoothness
        view = (observations.T_camera_world @ parent[:, None])[:, observations.stream]
        self.view = view.swapaxes(0, 1)
        self.intrinsics = observations.intrinsics[:, observations.stream].swapaxes(0, 1)
        self.weight = observations.seen.astype(np.float64)
        self.center = observations.points.mean(axis=0)
        self.prior = (0.5 / observations.sigma) ** 2 if observations.sigma > 0 else 0.0
        self.roughness = roughness(observations.instants)

    def linearise(self, joint: JointModel, slides: Array) -> _Linear:
        o, t = self.o, self.o.instants
        x = o.points + slides[:, None] * o.rays
        motion = joint.motion()
        R = motion[:, :3, :3]
        moved = np.einsum("tij,nj->nti", R, x) + motion[:, :3, 3]
        V = self.view[..., :3, :3]
        p = np.einsum("ntij,ntj->nti", V, moved) + self.view[..., :3, 3]
        predicted, dp = projection_jacobian(p, self.intrinsics)
        residual = np.einsum("nij,ntj->nti", o.whiten, o.pixels - predicted)
        dy = np.einsum("nij,ntjk->ntik", o.whiten, dp @ V)
        J = np.concatenate([dy @ self._by_screw(joint, x, R), np.zeros((len(x), t, 2, 1))], -1)
        J[..., 6] = np.einsum("ntij,ntj->nti", dy, self._by_position(joint, moved))
        square = (residual**2).sum(-1)
        kernel = self.kernel2 / (self.kernel2 + square)
        w = self.weight * kernel**2 * (p[..., 2] > 0.05)
        cost = float((self.weight * square * kernel).sum() + self.prior * (slides**2).sum())
        H = np.zeros((6 + t, 6 + t))
        full = np.einsum("nt,ntri,ntrj->tij", w, J, J, optimize=True)
        grad = np.einsum("nt,ntri,ntr->ti", w, J, residual, optimize=True)
        H[:6, :6] = full[:, :6, :6].sum(0)
        H[:6, 6:] = full[:, :6, 6].T
        H[6:, :6] = full[:, :6, 6]
        H[6:, 6:] = np.diag(full[:, 6, 6])
        g = np.concatenate([grad[:, :6].sum(0), grad[:, 6]])
        # The pulls' weights depend on the state, so they stay out of the cost steps are judged by.
        self._regularise(joint, H, g)
        along = np.einsum("ntij,tjk,nk->nti", dy, R, o.rays, optimize=True)
        slide_h = self.prior + np.einsum("nt,nti,nti->n", w, along, along)
        slide_g = -self.prior * slides + np.einsum("nt,nti,nti->n", w, along, residual)
        coupling = np.einsum("nt,nti,ntij->ntj", w, along, J, optimize=True)
        cross = np.concatenate([coupling[..., :6].sum(1), coupling[..., 6]], axis=1)
        return _Linear(cost, H, g, slide_h, slide_g, cross)

    def _by_screw(self, joint: JointModel, x: Array, R: Array) -> Array:
        """Derivative of the moved points by axis rotation and pivot ``(n, t, 3, 6)``."""
        t = len(R)
        if self.kind is JointType.PRISMATIC:
            turn = -joint.positions[:, None, None] * skew(joint.axis)
            both = np.concatenate([turn, np.zeros((t, 3, 3))], axis=-1)
            return np.broadcast_to(both, (len(x), t, 3, 6))
        arm = x - joint.pivot
        moved = np.einsum("tij,nj->nti", R, arm)
        turn = -skew(moved) + np.einsum("tij,njk->ntik", R, skew(arm))
        shift = np.broadcast_to(np.eye(3) - R, (len(x), t, 3, 3))
        return np.concatenate([turn, shift], axis=-1)

    def _by_position(self, joint: JointModel, moved: Array) -> Array:
        if self.kind is JointType.PRISMATIC:
            return np.broadcast_to(joint.axis, moved.shape)
        return np.cross(joint.axis, moved - joint.pivot)

    def _regularise(self, joint: JointModel, H: Array, g: Array) -> None:
        """Add, in place, smooth positions, zero at time zero, and a pivot near the part."""
        q = joint.positions
        mean = np.trace(H[6:, 6:]) / len(q) + 1e-6
        scale = np.trace(H[:6, :6]) / 6 + 1e-6
        H[6:, 6:] += self.smoothness * mean * self.roughness + 1e-3 * mean * np.eye(len(q))
        g[6:] -= self.smoothness * mean * (self.roughness @ q)
        H[6, 6] += 10 * mean
        g[6] -= 10 * mean * q[0]
        if self.kind is JointType.PRISMATIC:
            H[3:6, 3:6] += np.eye(3)
        else:
            H[3:6, 3:6] += 0.01 * scale * np.outer(joint.axis, joint.axis) + 1e-4 * scale * np.eye(
                3
            )
            g[3:6] += 1e-4 * scale * (self.center - joint.pivot)
        H[:3, :3] += 1e-4 * scale * np.eye(3)

    def step(
        self, joint: JointModel, slides: Array, linear: _Linear, damping: float
    ) -> tuple[JointModel, Array]:
        H, g = linear.H.copy(), linear.g
        free = self.prior > 0
        share = linear.cross / (linear.slide_h * (1 + damping))[:, None]
        if free:  # eliminate the slides (Schur complement)
            H -= linear.cross.T @ share
            g = g - share.T @ linear.slide_g
        diagonal = np.arange(len(H))
        H[diagonal, diagonal] += damping * np.diag(linear.H) + 1e-9
        delta = np.linalg.solve(H, g)
        axis = exp_rotation(np.clip(delta[:3], -0.3, 0.3)) @ joint.axis
        moved = replace(
            joint,
            axis=axis / np.linalg.norm(axis),
            pivot=joint.pivot + np.clip(delta[3:6], -0.3, 0.3),
            positions=joint.positions + np.clip(delta[6:], -0.4, 0.4),
        )
        if not free:
            return moved, slides
        slide = linear.slide_g / (linear.slide_h * (1 + damping)) - share @ delta
        limit = 3 * self.o.sigma
        return moved, np.clip(slides + slide, -limit, limit)
