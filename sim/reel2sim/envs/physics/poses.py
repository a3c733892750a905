"""Poses as PyBullet takes and gives them: a position, and a quaternion with its real part last."""

from __future__ import annotations

from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import pose_to_vector, vector_to_pose


def to_bullet(T: Array) -> tuple[list[float], list[float]]:
    """Position and quaternion xyzw of a pose ``(4, 4)``."""
    v = pose_to_vector(T)
    return v[:3].tolist(), [*v[4:].tolist(), float(v[3])]


def from_bullet(position: Any, xyzw: Any) -> Array:
    """The pose ``(4, 4)`` of a position and a quaternion xyzw."""
    return vector_to_pose(np.array([*position, xyzw[3], *xyzw[:3]], dtype=np.float64))
