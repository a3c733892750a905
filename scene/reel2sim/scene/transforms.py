"""Rigid motions as numpy arrays: 4×4 matrices, wxyz quaternions and dual quaternions.

A name ``T_a_b`` maps coordinates in frame ``b`` to frame ``a``: ``p_a = T_a_b @ p_b``.
Quaternions are ``(w, x, y, z)`` everywhere in memory.

SciPy's rotations are imported where they are needed: loading them takes longer than all else here,
and servers and commands that turn nothing should start at once.
"""

from __future__ import annotations

import numpy as np

from reel2sim.scene.arrays import Array


def matrix_from_quaternion(q_wxyz: Array) -> Array:
    """Rotation matrices ``(..., 3, 3)`` of wxyz quaternions ``(..., 4)`` (normalised here)."""
    q = np.asarray(q_wxyz, dtype=np.float64)
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = (
        np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
        np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
        np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
    )
    return np.stack(rows, -2)


def quaternion_from_matrix(rotation: Array) -> Array:
    """Wxyz quaternions ``(..., 4)`` with ``w >= 0`` of rotation matrices ``(..., 3, 3)``."""
    from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

    matrix = np.asarray(rotation, dtype=np.float64)
    flat = matrix.reshape(-1, 3, 3)
    xyzw = Rotation.from_matrix(flat).as_quat()
    q = np.concatenate([xyzw[:, 3:], xyzw[:, :3]], axis=1)
    q *= np.where(q[:, :1] < 0, -1.0, 1.0)
    return q.reshape(*matrix.shape[:-2], 4)


def quaternion_multiply(a: Array, b: Array) -> Array:
    """Hamilton product of wxyz quaternions, broadcast over leading dimensions."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a, dtype=np.float64), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b, dtype=np.float64), -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def pose(rotation: Array | None = None, translation: Array | None = None) -> Array:
    """Homogeneous matrices ``(..., 4, 4)`` from rotations ``(..., 3, 3)`` and translations."""
    lead = () if rotation is None else np.shape(rotation)[:-2]
    if translation is not None:
        lead = np.broadcast_shapes(lead, np.shape(translation)[:-1])
    T = np.zeros((*lead, 4, 4))
    T[..., 3, 3] = 1.0
    T[..., :3, :3] = np.eye(3) if rotation is None else rotation
    if translation is not None:
        T[..., :3, 3] = translation
    return T


def invert(T: Array) -> Array:
    """Inverse of rigid transforms ``(..., 4, 4)``."""
    matrix = np.asarray(T, dtype=np.float64)
    R_t = np.swapaxes(matrix[..., :3, :3], -1, -2)
    return pose(R_t, -np.einsum("...ij,...j->...i", R_t, matrix[..., :3, 3]))


def apply(T: Array, points: Array) -> Array:
    """Map ``points`` ``(..., n, 3)`` by rigid transforms ``(..., 4, 4)``."""
    matrix = np.asarray(T, dtype=np.float64)
    R_t = np.swapaxes(matrix[..., :3, :3], -1, -2)
    return np.asarray(points, dtype=np.float64) @ R_t + matrix[..., None, :3, 3]


def axis_rotation(axis: Array, angle: Array | float) -> Array:
    """Rotation matrices ``(..., 3, 3)`` about unit ``axis`` ``(..., 3)`` by ``angle`` radians."""
    from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

    rotvec = np.asarray(angle, dtype=np.float64)[..., None] * np.asarray(axis, dtype=np.float64)
    flat = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix()
    return np.asarray(flat, dtype=np.float64).reshape(*rotvec.shape[:-1], 3, 3)


def across(axis: Array) -> Array:
    """Two unit vectors ``(2, 3)`` across unit ``axis`` ``(3,)`` and each other."""
    first = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(axis, first)])


def pose_to_vector(T: Array) -> Array:
    """``(..., 7)`` rows ``[x, y, z, qw, qx, qy, qz]`` of rigid transforms ``(..., 4, 4)``."""
    matrix = np.asarray(T, dtype=np.float64)
    q_wxyz = quaternion_from_matrix(matrix[..., :3, :3])
    return np.concatenate([matrix[..., :3, 3], q_wxyz], axis=-1)


def vector_to_pose(vector: Array) -> Array:
    """Rigid transforms ``(..., 4, 4)`` of rows ``[x, y, z, qw, qx, qy, qz]``."""
    vector = np.asarray(vector, dtype=np.float64)
    return pose(matrix_from_quaternion(vector[..., 3:]), vector[..., :3])


def dual_quaternion(T: Array) -> tuple[Array, Array]:
    """Real and dual parts, each ``(..., 4)`` wxyz, of rigid transforms ``(..., 4, 4)``."""
    matrix = np.asarray(T, dtype=np.float64)
    real = quaternion_from_matrix(matrix[..., :3, :3])
    t = np.concatenate([np.zeros((*matrix.shape[:-2], 1)), matrix[..., :3, 3]], axis=-1)
    return real, 0.5 * quaternion_multiply(t, real)


def blend_dual_quaternions(weights: Array, T_bones: Array) -> Array:
    """Blend bone transforms per point (Kavan et al., "Skinning with Dual Quaternions", 2007).

    Bone quaternions are first aligned in sign to each point's heaviest bone, so that the blend
    takes the short way round.

    Args:
        weights: skinning weights ``(n, b)``, rows sum to 1.
        T_bones: rigid transform of each bone ``(b, 4, 4)``.

    Returns:
        Rigid transforms ``(n, 4, 4)``.
    """
    real, dual = dual_quaternion(T_bones)
    signs = np.where(real[np.argmax(weights, axis=1)] @ real.T < 0, -1.0, 1.0)
    signed = weights * signs
    q_real, q_dual = signed @ real, signed @ dual
    norm = np.linalg.norm(q_real, axis=1, keepdims=True)
    q_real, q_dual = q_real / norm, q_dual / norm
    conjugate = q_real * np.array([1.0, -1.0, -1.0, -1.0])
    translation = 2.0 * quaternion_multiply(q_dual, conjugate)[:, 1:]
    return pose(matrix_from_quaternion(q_real), translation)


def is_rigid(T: Array, *, tolerance: float = 1e-3) -> bool:
    """Whether a ``(4, 4)`` matrix is a proper rigid transform up to ``tolerance``."""
    matrix = np.asarray(T, dtype=np.float64)
    R = matrix[:3, :3]
    return bool(
        np.isfinite(matrix).all()
        and np.abs(R @ R.T - np.eye(3)).max() < tolerance
        and np.linalg.det(R) > 0
        and np.abs(matrix[3] - [0, 0, 0, 1]).max() < tolerance
    )
