"""Bodies on one axis: a trajectory that a hinge or a slide explains as well is given to it.

A free trajectory wanders where pictures say little, such as out of the plane of a flat front.
One axis for all instants ties these together, and leaves one number an instant to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.reconstruction.bodies.evidence import Footage, Sightings
from reel2sim.reconstruction.bodies.trajectory import Reprojection
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across, axis_rotation, pose

Kind = Literal["revolute", "prismatic"]

_ROUNDS = 12
_EXTRA_PX = 0.25
"""Root of the mean squared error that giving up five freedoms may add, pixels."""
_HINGE_PX = 0.15
"""The same for what a slide may add to a hinge, which is nearly one if its line is far away."""
_NUDGE = 1e-5


@dataclass(frozen=True, eq=False)
class Screw:
    """Motion about or along one line.

    Attributes:
        kind: what it is.
        axis: unit ``(3,)``.
        pivot: a point of the line ``(3,)``; of no meaning for a slide.
        q: angle (rad) or shift at each instant ``(t,)``; the first is 0.
    """

    kind: Kind
    axis: Array
    pivot: Array
    q: Array

    def poses(self) -> Array:
        """Motion since time zero ``(t, 4, 4)``."""
        if self.kind == "prismatic":
            R = np.tile(np.eye(3), (len(self.q), 1, 1))
            return pose(R, self.q[:, None] * self.axis)
        R = axis_rotation(self.axis, self.q)
        return pose(R, self.pivot - R @ self.pivot)


def fit_screw(
    T: Array, points: Array, sightings: Sightings, footage: Footage, *, sigma_px: float
) -> Screw | None:
    """The hinge or slide that explains sightings of a body about as well as its free motion.

    Args:
        T: the free motion since time zero ``(t, 4, 4)``.
        points: all surfels at time zero ``(n, 3)``.
        sightings: of this body's surfels.
        footage: cameras of the views.
        sigma_px: error at which a sighting is mostly disbelieved, pixels.

    Returns:
        The better of both, or None if neither does.
    """
    if len(T) < 3 or not len(sightings.surfel):
        return None
    seen = Reprojection.of(points, sightings, footage, sigma_px=sigma_px)
    free, trust = seen.cost(T)
    slide, hinge = (
        _refined(start, seen) if start is not None else None
        for start in (_slide(T, seen.middle), _hinge(T, seen.middle))
    )
    extra = {
        screw: (seen.cost(screw.poses())[0] - free) / max(trust, 1e-12)
        for screw in (slide, hinge)
        if screw is not None
    }
    if slide is not None and hinge is not None and extra[slide] < extra[hinge] + _HINGE_PX**2:
        del extra[hinge]
    best = min(extra, key=lambda screw: extra[screw], default=None)
    return best if best is not None and extra[best] < _EXTRA_PX**2 else None


def _slide(T: Array, middle: Array) -> Screw | None:
    """The line along which ``middle`` moves most."""
    shift = T[:, :3, :3] @ middle + T[:, :3, 3] - middle
    _, size, rows = np.linalg.svd(shift)
    if size[0] < 1e-6:
        return None
    q = shift @ rows[0]
    return Screw("prismatic", rows[0], middle, q)


def _hinge(T: Array, middle: Array) -> Screw | None:
    """The axis about which it turns most, through the point that moves least."""
    turns = Rotation.from_matrix(T[:, :3, :3]).as_rotvec()
    _, size, rows = np.linalg.svd(turns)
    if size[0] < 1e-3:
        return None
    axis = rows[0]
    q = turns @ axis
    # Along the axis the pivot is free, so it is held next to the body's middle.
    A = np.concatenate([np.eye(3) - T[:, :3, :3], [0.1 * np.outer(axis, axis)]]).reshape(-1, 3)
    b = np.concatenate([T[:, :3, 3], [0.1 * axis * (axis @ middle)]]).ravel()
    return Screw("revolute", axis, np.linalg.lstsq(A, b, rcond=None)[0], q)


def _refined(screw: Screw, seen: Reprojection) -> Screw | None:
    """Gauss–Newton on the reprojection errors over the line and all ``q`` together."""
    for _ in range(_ROUNDS):
        T = screw.poses()
        blocks, pulls, _, _ = seen.normal_equations(T)
        lines = _line_steps(screw)
        J = np.stack([_relative(moved.poses(), T, seen.middle) for moved in lines], -1) / _NUDGE
        along = _relative(_shifted(screw, _NUDGE).poses(), T, seen.middle) / _NUDGE
        count, wide = len(T), len(lines)
        A = np.zeros((wide + count, wide + count))
        g = np.zeros(wide + count)
        HJ, Ha = blocks @ J, np.einsum("tij,tj->ti", blocks, along)
        A[:wide, :wide] = np.einsum("tia,tib->ab", J, HJ)
        A[:wide, wide:] = np.einsum("tia,ti->at", J, Ha)
        A[wide:, :wide] = A[:wide, wide:].T
        A[wide:, wide:] = np.diag(np.einsum("ti,ti->t", along, Ha))
        g[:wide] = np.einsum("tia,ti->a", J, pulls)
        g[wide:] = np.einsum("ti,ti->t", along, pulls)
        A, g = np.delete(np.delete(A, wide, 0), wide, 1), np.delete(g, wide)
        damping = 1e-4 * np.diag(A) + 1e-7 * np.trace(A) / len(A) + 1e-12
        try:
            step = np.linalg.solve(A + np.diag(damping), -g)
        except np.linalg.LinAlgError:
            return None
        screw = _stepped(screw, np.clip(step, -0.2, 0.2))
    return screw if np.isfinite(screw.q).all() and np.isfinite(screw.pivot).all() else None


def _line_steps(screw: Screw) -> list[Screw]:
    """The screw with its line nudged: twice turned and, for a hinge, twice shifted."""
    wide = 2 if screw.kind == "prismatic" else 4
    return [_nudged(screw, _NUDGE * row) for row in np.eye(wide)]


def _nudged(screw: Screw, by: Array) -> Screw:
    leaning = across(screw.axis)
    axis = screw.axis + by[:2] @ leaning
    pivot = screw.pivot + by[2:] @ leaning if len(by) == 4 else screw.pivot
    return Screw(screw.kind, axis / np.linalg.norm(axis), pivot, screw.q)


def _shifted(screw: Screw, by: Array | float) -> Screw:
    return Screw(screw.kind, screw.axis, screw.pivot, screw.q + by)


def _stepped(screw: Screw, step: Array) -> Screw:
    wide = 2 if screw.kind == "prismatic" else 4
    return _shifted(_nudged(screw, step[:wide]), np.concatenate([[0.0], step[wide:]]))


def _relative(S: Array, T: Array, middle: Array) -> Array:
    """Small turn and shift ``(t, 6)`` that take poses ``T`` to ``S``, as trajectories step."""
    turn = Rotation.from_matrix(S[:, :3, :3] @ np.swapaxes(T[:, :3, :3], 1, 2)).as_rotvec()
    shift = (S[:, :3, :3] - T[:, :3, :3]) @ middle + S[:, :3, 3] - T[:, :3, 3]
    return np.concatenate([turn, shift], axis=1)
