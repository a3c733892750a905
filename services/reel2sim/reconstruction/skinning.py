"""Bones in torch: B-spline poses, ellipsoid skinning weights, dual-quaternion blending.

These are the differentiable twins of :class:`reel2sim.scene.PoseSpline` and
:func:`reel2sim.scene.transforms.blend_dual_quaternions`; they agree to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import matrix_from_quaternion, pose, quaternion_from_matrix


def quaternion_multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of wxyz quaternions ``(..., 4)``."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        dim=-1,
    )


def conjugate(q: Tensor) -> Tensor:
    """Conjugate of wxyz quaternions ``(..., 4)``."""
    return torch.cat([q[..., :1], -q[..., 1:]], dim=-1)


def rotate(q: Tensor, points: Tensor) -> Tensor:
    """Rotate ``points`` ``(..., 3)`` by unit wxyz quaternions ``(..., 4)``, broadcast."""
    w, axis = q[..., :1], q[..., 1:]
    axis, points = torch.broadcast_tensors(axis, points)
    turn = 2 * torch.linalg.cross(axis, points, dim=-1)
    return points + w * turn + torch.linalg.cross(axis, turn, dim=-1)


@dataclass(frozen=True, eq=False)
class BonePoses:
    """Rigid motion of ``b`` bones since time zero: ``x -> rotate(rotation, x) + translation``.

    Attributes:
        rotation: unit quaternions ``(..., b, 4)`` wxyz.
        translation: ``(..., b, 3)``.
    """

    rotation: Tensor
    translation: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """Move points ``(..., b, 3)``, one for each bone."""
        return rotate(self.rotation, points) + self.translation


def matrices(poses: BonePoses) -> Array:
    """Poses ``(...)`` as float64 matrices ``(..., 4, 4)``."""
    rotation, translation = (
        x.detach().cpu().numpy().astype(np.float64) for x in (poses.rotation, poses.translation)
    )
    return pose(matrix_from_quaternion(rotation), translation)


def as_poses(T: Array, like: Tensor) -> BonePoses:
    """Matrices ``(b, 4, 4)`` as poses with the dtype and device of ``like``."""

    def tensor(value: Array) -> Tensor:
        return torch.as_tensor(value, dtype=like.dtype, device=like.device)

    return BonePoses(tensor(quaternion_from_matrix(T[:, :3, :3])), tensor(T[:, :3, 3]))


def spline_poses(
    basis: Tensor, translations: Tensor, rotations: Tensor, centers: Tensor
) -> BonePoses:
    """Poses of a B-spline since its start.

    Args:
        basis: spline weights ``(t, k)``; row 0 belongs to the start.
        translations: control points ``(k, b, 3)``.
        rotations: control points ``(k, b, 4)`` wxyz.
        centers: centre of rotation of each bone ``(b, 3)``.

    Returns:
        Poses ``(t, b)``; row 0 is the identity.
    """
    q = functional.normalize(torch.einsum("tk,kbc->tbc", basis, rotations), dim=-1)
    moved = torch.einsum("tk,kbc->tbc", basis, translations) + centers
    offset = moved - rotate(q, centers.expand_as(moved))
    since = quaternion_multiply(q, conjugate(q[:1]))
    return BonePoses(since, offset - rotate(since, offset[:1]))


def ellipsoid_logits(
    points: Tensor, centers: Tensor, scales: Tensor, *, temperature: float
) -> Tensor:
    """Skinning logits ``(n, b)``: minus the squared Mahalanobis distance over ``temperature``.

    Args:
        points: ``(n, 3)``.
        centers: of the bones' ellipsoids ``(b, 3)``.
        scales: semi-axes along the world's axes ``(b, 3)``.
        temperature: small is close to a hard choice.
    """
    offset = (points[:, None] - centers) / scales
    distance = (offset * offset).sum(-1)
    nearest = distance.amin(dim=1, keepdim=True)
    return -(distance - nearest) / temperature


def skinning_weights(logits: Tensor, delta: Tensor) -> Tensor:
    """Weights ``(n, b)``, rows sum to 1, of geometric logits and their learned correction."""
    return torch.softmax(logits.clamp(min=-30.0) + delta, dim=1)


def blend(weights: Tensor, poses: BonePoses) -> BonePoses:
    """Dual-quaternion blend of bone poses ``(b,)`` by ``weights`` ``(n, b)``.

    Signs are aligned to each point's heaviest bone, so that the blend takes the short way.

    Returns:
        One pose per point ``(n,)``.
    """
    real = poses.rotation
    pure = functional.pad(poses.translation, (1, 0))
    dual = 0.5 * quaternion_multiply(pure, real)
    with torch.no_grad():
        heaviest = real[weights.argmax(dim=1)]
        signs = torch.where(heaviest @ real.T < 0, -1.0, 1.0).to(weights.dtype)
    signed = weights * signs
    q_real, q_dual = signed @ real, signed @ dual
    norm = q_real.norm(dim=1, keepdim=True).clamp(min=1e-12)
    q_real, q_dual = q_real / norm, q_dual / norm
    return BonePoses(q_real, 2.0 * quaternion_multiply(q_dual, conjugate(q_real))[:, 1:])
