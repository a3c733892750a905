"""All joints of a tree fitted together.

What a joint does shows in everything that hangs below it: a turn of the waist is seen in the hand
when the waist itself is hidden. So lines and positions of all joints are found at once
(Levenberg–Marquardt). Evidence enters as normal equations of each part's pose at each instant,
which a tree's twists carry over to its joints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from reel2sim.rigging.joints.evidence import Evidence, Settling
from reel2sim.rigging.joints.fit import roughness
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.model import JointModel
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across

_SMOOTH = 0.02
"""Weight of second differences of positions, as a share of what a position is known by."""
_PULL = 1e-4
"""The same of the pivot's distance from its part, which keeps lines that nothing tells."""
_STEP = 0.3
_SETTLE = 2


@dataclass(frozen=True, eq=False)
class LinkageFit:
    """A fitted tree.

    Attributes:
        linkage: its joints.
        covariances: of each joint's axis, as a small turn ``(p - 1, 3, 3)``, for evidence of unit
            variance; zero for joints without an axis.
        cost: of the evidence.
    """

    linkage: Linkage
    covariances: Array
    cost: float


def fit_linkage(start: Linkage, evidence: Evidence, *, iterations: int = 20) -> LinkageFit:
    """Lines and positions of all joints that explain the evidence best."""
    best, damping = start, 1e-3
    smooth: Array | None = None
    A, b, explained = evidence.normal_equations(best.motions)
    if not best.joints:
        return LinkageFit(best, np.zeros((0, 3, 3)), explained)
    cost = explained
    for _ in range(iterations):
        system = _System.of(best, A, b)
        if smooth is None:
            smooth = system.stiffness()
            cost += _roughness_cost(best, smooth)
        H, g = system.regularised(best, evidence.centers, smooth)
        step = np.linalg.solve(H + damping * np.diag(np.diag(H)) + 1e-9 * np.eye(len(H)), g)
        trial = system.stepped(best, step)
        trial_A, trial_b, trial_explained = evidence.normal_equations(trial.motions)
        trial_cost = trial_explained + _roughness_cost(trial, smooth)
        if trial_cost < cost:
            gain = (cost - trial_cost) / max(cost, 1e-12)
            best, A, b, cost, explained = trial, trial_A, trial_b, trial_cost, trial_explained
            damping = max(damping * 0.3, 1e-6)
            if gain < 1e-5:
                break
        else:
            damping *= 8
            if damping > 1e4:
                break
    system = _System.of(best, A, b)
    H, _ = system.regularised(best, evidence.centers, system.stiffness())
    return LinkageFit(best, system.axis_covariances(best, np.linalg.pinv(H)), explained)


def fit_settling(start: Linkage, evidence: Settling, *, times: int = _SETTLE) -> LinkageFit:
    """Joints from evidence about points whose places at time zero are uncertain.

    Points stay where they are at first: they would explain by moving what the joints should. Then
    they move to where the joints show them, and the joints are fitted again, so many times.
    """
    fit = fit_linkage(start, evidence)
    for _ in range(times):
        evidence.settle(fit.linkage)
        fit = fit_linkage(fit.linkage, evidence)
    return fit


@dataclass(frozen=True, eq=False)
class _System:
    """Normal equations of all lines, then all coordinates after time zero, joint by joint.

    Attributes:
        H: ``(m, m)``.
        g: ``(m,)``.
        lines: where each joint's line parameters are.
        moves: where each joint's coordinates are, one after the other.
    """

    H: Array
    g: Array
    lines: tuple[slice, ...]
    moves: tuple[slice, ...]

    @classmethod
    def of(cls, linkage: Linkage, A: Array, b: Array) -> _System:
        joints, t = linkage.joints, len(linkage.base)
        below = linkage.below()
        lower_A = np.einsum("km,mtij->ktij", below.astype(float), A)
        lower_b = np.einsum("km,mti->kti", below.astype(float), b)
        twists = [linkage.twists(k) for k in range(1, len(joints) + 1)]
        lines = _slices([joint.line_size for joint in joints], start=0)
        first = lines[-1].stop
        moves = _slices([joint.dof * (t - 1) for joint in joints], start=first)
        H, g = np.zeros((moves[-1].stop,) * 2), np.zeros(moves[-1].stop)
        for k in range(len(joints)):
            line, along = twists[k]
            g[lines[k]] = np.einsum("mti,ti->m", line, lower_b[k + 1])
            g[moves[k]] = np.einsum("dti,ti->dt", along, lower_b[k + 1])[:, 1:].ravel()
            for other in range(len(joints)):
                if not below[k + 1, other + 1]:
                    continue
                line2, along2 = twists[other]
                left = np.einsum("mti,tij->mtj", line, lower_A[other + 1])
                push = np.einsum("dti,tij->dtj", along, lower_A[other + 1])
                blocks = (
                    (lines[k], lines[other], np.einsum("mtj,ntj->mn", left, line2)),
                    (lines[k], moves[other], _flat(np.einsum("mtj,dtj->mdt", left, along2))),
                    (moves[k], lines[other], _flat(np.einsum("dtj,ntj->ndt", push, line2)).T),
                    (moves[k], moves[other], _spread(np.einsum("dtj,etj->det", push, along2))),
                )
                for rows, columns, block in blocks:
                    H[rows, columns] = block
                    H[columns, rows] = block.T
        return cls(H, g, lines, moves)

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
            H[m, m] += np.kron(np.eye(joint.dof), rough[1:, 1:])
            g[m] -= (rough @ joint.coordinates)[1:].T.ravel()
            if joint.line_size == 0:
                continue
            size = joint.line_size
            weight = _PULL * (np.trace(H[self.lines[k], self.lines[k]]) / size + 1e-6)
            rows = np.arange(self.lines[k].start, self.lines[k].stop)
            H[rows, rows] += weight
            shifts = joint.shifts
            at = rows[size - len(shifts) - (joint.type is JointType.SCREW) :][: len(shifts)]
            g[at] += weight * (shifts @ (centers[k + 1] - joint.pivot))
        return H, g

    def stepped(self, linkage: Linkage, step: Array) -> Linkage:
        """The linkage moved by a step, limited."""
        step = np.clip(step, -_STEP, _STEP)
        joints: list[JointModel] = []
        for line, move, joint in zip(self.lines, self.moves, linkage.joints, strict=True):
            along = np.zeros((len(linkage.base), joint.dof))
            along[1:] = step[move].reshape(joint.dof, -1).T
            joints.append(joint.stepped(step[line], along))
        return replace(linkage, joints=tuple(joints))

    def axis_covariances(self, linkage: Linkage, covariance: Array) -> Array:
        """Of the axes, as small turns across them ``(p - 1, 3, 3)``."""
        found: list[Array] = []
        for line, joint in zip(self.lines, linkage.joints, strict=True):
            if joint.dof > 1:
                found.append(np.zeros((3, 3)))
                continue
            lean = np.arange(line.start, line.start + 2)
            U = across(joint.axis)
            found.append(U.T @ covariance[np.ix_(lean, lean)] @ U)
        return np.stack(found)


def _slices(sizes: list[int], *, start: int) -> tuple[slice, ...]:
    ends = start + np.cumsum([0, *sizes])
    return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))


def _flat(block: Array) -> Array:
    """Of lines by coordinates ``(m, d, t)``, without time zero: ``(m, d (t - 1))``."""
    later = block[..., 1:]
    return later.reshape(len(block), later.shape[1] * later.shape[2])


def _spread(block: Array) -> Array:
    """Of coordinates by coordinates ``(d, e, t)``, which only meet at the same instant."""
    d, e, t = block.shape
    out = np.zeros((d, t - 1, e, t - 1))
    instants = np.arange(t - 1)
    out[:, instants, :, instants] = block[..., 1:].transpose(2, 0, 1)
    return out.reshape(d * (t - 1), e * (t - 1))


def _roughness_cost(linkage: Linkage, smooth: Array) -> float:
    rough = roughness(len(linkage.base))
    q = [joint.coordinates for joint in linkage.joints]
    return float(sum(s * np.sum(p * (rough @ p)) for s, p in zip(smooth, q, strict=True)))
