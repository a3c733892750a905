"""Surfels as tensors that an optimiser may change, and their picture in a view."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.rasterize import Backend, RasterOutput, rasterize_surfels
from reel2sim.reconstruction.skinning import BonePoses, as_poses, quaternion_multiply
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.harmonics import SH_C0
from reel2sim.scene.surfels import Surfels


@dataclass(frozen=True, eq=False)
class SurfelTensors:
    """Surfels in normalised units with unconstrained scale and opacity.

    Attributes:
        means: ``(n, 3)``.
        rotations: ``(n, 4)`` wxyz, any length but zero.
        log_scales: ``(n, 2)``.
        opacity_logits: ``(n,)``.
        colors: ``(n, 3)``, view independent.
    """

    means: Tensor
    rotations: Tensor
    log_scales: Tensor
    opacity_logits: Tensor
    colors: Tensor

    def __len__(self) -> int:
        return len(self.means)

    @classmethod
    def of(cls, surfels: Surfels, *, sphere: Sphere, device: torch.device) -> SurfelTensors:
        """From surfels in metres."""
        opacity = np.clip(surfels.opacities, 1e-4, 1 - 1e-4)

        def tensor(value: Array) -> Tensor:
            return torch.as_tensor(value, dtype=torch.float32, device=device)

        return cls(
            tensor(sphere.normalise(surfels.means)),
            tensor(surfels.rotations),
            tensor(np.log(surfels.scales / sphere.radius_m)),
            tensor(np.log(opacity / (1 - opacity))),
            tensor(0.5 + SH_C0 * surfels.sh[:, 0]),
        )

    def surfels(self, *, sphere: Sphere, confidence: Array) -> Surfels:
        """To surfels in metres."""

        def array(value: Tensor) -> Array:
            return value.detach().cpu().numpy().astype(np.float64)

        return Surfels.from_colors(
            means=sphere.denormalise(array(self.means)),
            rotations=array(self.rotations),
            scales=array(self.log_scales.exp()) * sphere.radius_m,
            opacities=array(torch.sigmoid(self.opacity_logits)),
            colors=np.clip(array(self.colors), 0, 1),
            confidence=confidence,
        )

    def map(self, change: dict[str, Tensor]) -> SurfelTensors:
        """A copy with some tensors replaced."""
        return replace(self, **change)

    def select(self, index: Tensor) -> SurfelTensors:
        """The surfels picked by a boolean mask or indices."""
        return SurfelTensors(*(getattr(self, f.name)[index] for f in fields(self)))

    def joined(self, *others: SurfelTensors) -> SurfelTensors:
        """These surfels and those of ``others``, in this order."""
        every = (self, *others)
        return SurfelTensors(
            *(torch.cat([getattr(s, f.name) for s in every]) for f in fields(self))
        )

    def leaves(self) -> SurfelTensors:
        """A detached copy whose tensors collect gradients."""
        return SurfelTensors(
            *(getattr(self, f.name).detach().clone().requires_grad_() for f in fields(self))
        )

    def detached(self) -> SurfelTensors:
        """A copy without gradients."""
        return SurfelTensors(*(getattr(self, f.name).detach() for f in fields(self)))

    def moved(self, poses: BonePoses) -> SurfelTensors:
        """Each surfel moved by its own pose ``(n,)``."""
        return replace(
            self,
            means=poses.apply(self.means),
            rotations=quaternion_multiply(poses.rotation, self.rotations),
        )

    @torch.no_grad()
    def placed(self, T: Array) -> SurfelTensors:
        """Each surfel moved by its own matrix ``(n, 4, 4)``, without gradients."""
        return self.moved(as_poses(T, self.means))

    def draw(self, view: View, *, backend: Backend = "auto") -> RasterOutput:
        """Picture of the surfels on black in ``view``; features are the colours."""
        return rasterize_surfels(
            self.means,
            self.rotations,
            self.log_scales.exp(),
            torch.sigmoid(self.opacity_logits),
            self.colors,
            K=view.K,
            T_camera_world=view.T_camera_world,
            width=view.width,
            height=view.height,
            backend=backend,
        )


@torch.no_grad()
def visibility(
    surfels: SurfelTensors,
    view: View,
    *,
    backend: Backend,
    drawn: RasterOutput | None = None,
    depth_slack: float = 0.06,
) -> tuple[Tensor, Tensor, Tensor]:
    """Which surfels a view sees.

    Args:
        surfels: to test.
        view: from where.
        backend: rasteriser.
        drawn: their picture in this view, if it is there already.
        depth_slack: how far behind the rendered surface still counts, radii.

    Returns:
        Cosine between normal and view ray where visible, else 0 ``(n,)``; pixel column and row
        of each centre ``(n, 2)`` float, pixel centres at halves; the nearest pixel ``(n, 2)``
        int, clamped into the picture.
    """
    out = surfels.draw(view, backend=backend) if drawn is None else drawn
    R, t = view.T_camera_world[:3, :3], view.T_camera_world[:3, 3]
    p = surfels.means @ R.T + t
    z = p[:, 2].clamp(min=1e-6)
    uv = (p @ view.K.T)[:, :2] / z[:, None]
    limit = torch.tensor([view.width, view.height], device=uv.device)
    inside = ((uv >= 0) & (uv < limit)).all(1) & (p[:, 2] > 1e-6)
    pixel = torch.minimum(uv.floor().long().clamp(min=0), limit - 1)
    alpha = out.alpha[pixel[:, 1], pixel[:, 0]]
    depth = out.depth[pixel[:, 1], pixel[:, 0]] / alpha.clamp(min=0.05)
    seen = inside & (alpha > 0.4) & (z < depth + depth_slack)
    normals = normals_of(surfels.rotations) @ R.T
    cosine = (normals * p).sum(1).abs() / p.norm(dim=1).clamp(min=1e-9)
    return torch.where(seen, cosine, torch.zeros_like(cosine)), uv, pixel


def normals_of(rotations: Tensor) -> Tensor:
    """Third columns ``(n, 3)`` of the rotation matrices of wxyz quaternions ``(n, 4)``."""
    w, x, y, z = functional.normalize(rotations, dim=-1).unbind(-1)
    columns = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
    return torch.stack(columns, dim=-1)
