"""Joints in closed form from the motions of two parts, to begin a fit with."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.rigging.joints.model import JointModel, rotation_vectors
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

_PULL = 1e-3
"""Weight of a pivot's distance from the part, for turns too small to tell it."""


def initial_joint(kind: JointType, parent: Array, child: Array, points: Array) -> JointModel:
    """A joint of a given kind from two trajectories and the child's points.

    Args:
        kind: revolute, prismatic, screw, spherical or free.
        parent: since time zero ``(t, 4, 4)``.
        child: the same.
        points: of the child at time zero ``(n, 3)``.
    """
    relative = invert(parent) @ child
    R, shift = relative[:, :3, :3], relative[:, :3, 3]
    center = points.mean(axis=0)
    way = R @ center + shift - center
    if kind is JointType.PRISMATIC:
        axis = np.linalg.svd(way, full_matrices=False)[2][0]
        return JointModel(kind, axis, center, way @ axis)
    turns = rotation_vectors(R)
    if kind is JointType.FREE:
        return JointModel(kind, np.eye(3)[2], center, np.concatenate([turns, way], axis=1))
    if kind is JointType.SPHERICAL:
        return JointModel(kind, np.eye(3)[2], _pivot(R, shift, center), turns)
    short = Rotation.from_matrix(R).as_rotvec()
    axis = np.linalg.svd(short, full_matrices=False)[2][0]
    q = np.unwrap(np.concatenate([[0.0], short[1:] @ axis]))
    along, pitch = np.zeros(len(q)), 0.0
    if kind is JointType.SCREW:
        along = shift @ axis - (np.eye(3) - R) @ center @ axis
        pitch = float(q @ along / max(q @ q, 1e-12))
    pivot = _pivot(R, shift - (pitch * q)[:, None] * axis, center)
    return JointModel(kind, axis, pivot + axis * ((center - pivot) @ axis), q, pitch)


def _pivot(R: Array, shift: Array, center: Array) -> Array:
    """The point ``(3,)`` that motions leave where it is, as nearly as they do."""
    A = (np.eye(3) - R).reshape(-1, 3)
    normal = A.T @ A + _PULL * np.eye(3)
    return np.linalg.solve(normal, A.T @ shift.reshape(-1) + _PULL * center)
