"""Surfels in camera coordinates: the part of the image model that autograd differentiates."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from reel2sim.reconstruction.rasterize.model import NEAR_M, SCALE_MIN_M


@dataclass(frozen=True, eq=False)
class CameraSurfels:
    """Surfels seen from one camera (OpenCV axes).

    A point of a surfel's plane is ``u * axis_u + v * axis_v + centers`` with ``u`` and ``v`` in
    standard deviations.

    Attributes:
        tangent_u: first unit tangent ``(n, 3)``, camera.
        tangent_v: second unit tangent ``(n, 3)``, camera.
        scales: standard deviations along the tangents ``(n, 2)``, metres.
        centers: ``(n, 3)``, metres, camera.
        facing: +1 where ``tangent_u × tangent_v`` looks towards the camera, else −1 ``(n, 1)``.
        normals: unit normals turned towards the camera ``(n, 3)``, world.
    """

    tangent_u: torch.Tensor
    tangent_v: torch.Tensor
    scales: torch.Tensor
    centers: torch.Tensor
    facing: torch.Tensor
    normals: torch.Tensor

    @property
    def axis_u(self) -> torch.Tensor:
        """First tangent times its scale ``(n, 3)``, metres, camera."""
        return self.tangent_u * self.scales[:, :1]

    @property
    def axis_v(self) -> torch.Tensor:
        """Second tangent times its scale ``(n, 3)``, metres, camera."""
        return self.tangent_v * self.scales[:, 1:]

    @property
    def in_front(self) -> torch.Tensor:
        """Which surfels can be drawn at all ``(n,)``."""
        return self.centers[:, 2] > NEAR_M


def rotation_matrices(q_wxyz: torch.Tensor) -> torch.Tensor:
    """Rotation matrices ``(n, 3, 3)`` of quaternions ``(n, 4)`` of any length above zero."""
    w, x, y, z = torch.nn.functional.normalize(q_wxyz, dim=-1).unbind(-1)
    entries = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(entries, -1).reshape(-1, 3, 3)


def to_camera(
    means: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor, T_camera_world: torch.Tensor
) -> CameraSurfels:
    """Move surfels into the camera frame.

    Args:
        means: ``(n, 3)``, metres, world.
        rotations: ``(n, 4)`` wxyz, world.
        scales: ``(n, 2)``, metres.
        T_camera_world: ``(4, 4)``.
    """
    R_camera_world = T_camera_world[:3, :3]
    R_world_surfel = rotation_matrices(rotations)
    R = R_camera_world @ R_world_surfel
    centers = means @ R_camera_world.T + T_camera_world[:3, 3]
    away = (R[:, :, 2] * centers).sum(-1, keepdim=True) > 0
    facing = torch.where(away, -1.0, 1.0).to(centers.dtype)
    return CameraSurfels(
        tangent_u=R[:, :, 0],
        tangent_v=R[:, :, 1],
        scales=scales.clamp_min(SCALE_MIN_M),
        centers=centers,
        facing=facing,
        normals=R_world_surfel[:, :, 2] * facing,
    )


def pixel_maps(surfels: CameraSurfels, K: torch.Tensor) -> torch.Tensor:
    """Coefficients that turn a pixel into a surfel's own coordinates ``(n, 10)``.

    Intersecting the ray of a pixel with a surfel's plane is a homography. Written about the
    projected centre ``(cx, cy)`` with ``d = pixel − centre`` it has no constant term in its
    numerators, which keeps single precision accurate, and nothing divides by the sine of the
    viewing angle, which keeps edge-on surfels finite::

        u = (a1 dx + a2 dy) / w      v = (b1 dx + b2 dy) / w      w = g1 dx + g2 dy + q
        z = pz q / w                 (in front of the camera where w > 0)

    Returns:
        Columns ``cx, cy, a1, a2, b1, b2, g1, g2, q, pz``; ``q`` is the distance of the camera
        from the plane, metres. Rows of surfels that are not in front are meaningless but finite.
    """
    p = surfels.centers
    ahead = torch.tensor([0.0, 0.0, 1.0], dtype=p.dtype, device=p.device)
    p = torch.where(surfels.in_front[:, None], p, ahead)
    z = p[:, 2:]
    center = (p / z) @ K[:2].T

    # In the basis (axis_u, axis_v, p) the ray p / z + e, with e in the plane z = 0, has the
    # coordinates u : v : 1 = (v×p)·e : (p×u)·e : (u×v)·(p / z + e), all over one determinant.
    step = torch.linalg.inv(K[:2, :2])  # one pixel moves e by a column of this
    normal = torch.linalg.cross(surfels.tangent_u, surfels.tangent_v) * -surfels.facing
    rows = (
        torch.linalg.cross(surfels.tangent_v, p) * -surfels.facing / surfels.scales[:, :1],
        torch.linalg.cross(p, surfels.tangent_u) * -surfels.facing / surfels.scales[:, 1:],
        normal,
    )
    slopes = [(row[:, :2] @ step) * z for row in rows]
    distance = (normal * p).sum(-1, keepdim=True)
    return torch.cat([center, *slopes, distance, z], dim=-1)
