"""All that is trained, and the surfels it makes at one instant."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from reel2sim.reconstruction.rasterize import Backend, RasterOutput, rasterize_surfels
from reel2sim.reconstruction.skinning import (
    BonePoses,
    blend,
    conjugate,
    quaternion_multiply,
    rotate,
    spline_poses,
)
from reel2sim.reconstruction.surfel_model import SurfelTensors, normals_of
from reel2sim.reconstruction.training.harmonics import higher_bands
from reel2sim.reconstruction.views import View
from reel2sim.scene.harmonics import SH_C0

FREE, HINGE, SLIDE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Posed:
    """Surfels at one instant, ready to be drawn from anywhere.

    Attributes:
        means: ``(n, 3)``.
        rotations: ``(n, 4)`` wxyz.
        scales: ``(n, 2)``.
        opacities: ``(n,)``.
        colors: the part that is the same from all sides, lit ``(n, 3)``.
        bands: higher harmonics in the canonical frame, lit ``(n, k, 3)``, k of 0, 3 or 8.
        turned: rotation of each surfel since time zero ``(n, 4)``.
        bones: poses of the bones ``(b,)``.
        weights: skinning weights ``(n, b)``.
    """

    means: Tensor
    rotations: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor
    bands: Tensor
    turned: Tensor
    bones: BonePoses
    weights: Tensor

    def draw(self, view: View, *, backend: Backend) -> RasterOutput:
        """Picture on black; features are the colours seen from the view's camera."""
        colors = self.colors
        if self.bands.shape[1]:
            R, t = view.T_camera_world[:3, :3], view.T_camera_world[:3, 3]
            gaze = functional.normalize(self.means.detach() + (t @ R), dim=-1)
            basis = higher_bands(rotate(conjugate(self.turned), gaze), self.bands.shape[1] + 1)
            colors = colors + torch.einsum("nk,nkc->nc", basis, self.bands)
        return rasterize_surfels(
            self.means,
            self.rotations,
            self.scales,
            self.opacities,
            colors,
            K=view.K,
            T_camera_world=view.T_camera_world,
            width=view.width,
            height=view.height,
            backend=backend,
        )


@dataclass(frozen=True, eq=False)
class MovingSurfels:
    """Surfels, bones, skinning and refinement in normalised units.

    Attributes:
        own: tensors with one row per surfel: ``means`` (n, 3), ``rotations`` (n, 4),
            ``log_scales`` (n, 2), ``opacity_logits`` (n,), ``colors`` (n, 3), ``bands``
            (n, k, 3), ``skin`` logits (n, b), ``turn`` (n, r, 3) and ``stretch`` (n, r, 2).
        shared: ``translations`` (k, b, 3) and ``bone_rotations`` (k, b, 4) of free bones;
            ``axis`` (b, 3), ``pivot`` (b, 3) and ``coordinate`` (k, b) of those on one axis;
            ``light`` (9,).
        centers: centres of the bones ``(b, 3)``.
        kinds: how each bone may move ``(b,)`` int64: :data:`FREE`, :data:`HINGE` about its axis
            by an angle, or :data:`SLIDE` along it.
    """

    own: dict[str, Tensor]
    shared: dict[str, Tensor]
    centers: Tensor
    kinds: Tensor

    def __len__(self) -> int:
        return len(self.own["means"])

    def leaves(self) -> MovingSurfels:
        """A detached copy whose tensors collect gradients."""

        def fresh(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {k: v.detach().clone().requires_grad_() for k, v in tensors.items()}

        return replace(self, own=fresh(self.own), shared=fresh(self.shared))

    def bones(self, rows: Tensor) -> BonePoses:
        """Poses ``(t - 1, b)`` at the instants of ``rows`` ``(t, k)`` after row 0, time zero."""
        poses = spline_poses(
            rows, self.shared["translations"], self.shared["bone_rotations"], self.centers
        )
        if bool((self.kinds != FREE).any()):
            poses = self._on_axes(rows, poses)
        return BonePoses(poses.rotation[1:], poses.translation[1:])

    def _on_axes(self, rows: Tensor, free: BonePoses) -> BonePoses:
        """Poses ``(t, b)``: those of hinges and slides from their coordinate, ``free`` else."""
        q = rows @ self.shared["coordinate"]
        q = (q - q[:1])[..., None]
        axis = functional.normalize(self.shared["axis"], dim=-1).expand(*q.shape[:2], 3)
        turn = torch.cat([torch.cos(q / 2), torch.sin(q / 2) * axis], dim=-1)
        pivot = self.shared["pivot"].expand_as(axis)
        hinge, slide = ((self.kinds == kind)[:, None] for kind in (HINGE, SLIDE))
        none = torch.tensor([1.0, 0, 0, 0]).to(turn).expand_as(turn)
        return BonePoses(
            torch.where(hinge, turn, torch.where(slide, none, free.rotation)),
            torch.where(
                hinge,
                pivot - rotate(turn, pivot),
                torch.where(slide, q * axis, free.translation),
            ),
        )

    def weights(self) -> Tensor:
        """Skinning weights ``(n, b)``."""
        return torch.softmax(self.own["skin"], dim=1)

    def posed(self, rows: Tensor, refinement: Tensor) -> Posed:
        """Surfels at one instant.

        Args:
            rows: spline weights of time zero and of the instant ``(2, k)``.
            refinement: weights of the refinement's control points ``(r,)``, see
                :func:`reel2sim.scene.surfels.refinement_basis`.
        """
        moved = self.bones(rows)
        bones = BonePoses(moved.rotation[0], moved.translation[0])
        weights = self.weights()
        own = self.own
        motion = blend(weights, bones)
        rotations, scales = own["rotations"], own["log_scales"]
        if own["turn"].shape[1] and bool(refinement.any()):
            turn = torch.einsum("r,nrc->nc", refinement, own["turn"])
            small = torch.cat([torch.ones_like(turn[:, :1]), 0.5 * turn], dim=1)
            rotations = quaternion_multiply(functional.normalize(small, dim=-1), rotations)
            scales = scales + torch.einsum("r,nrc->nc", refinement, own["stretch"])
        turned = quaternion_multiply(motion.rotation, rotations)
        light = self._light(own["rotations"], turned)
        return Posed(
            motion.apply(own["means"]),
            turned,
            scales.exp(),
            torch.sigmoid(own["opacity_logits"]),
            own["colors"] * light,
            own["bands"] * light[..., None],
            motion.rotation,
            bones,
            weights,
        )

    def _light(self, before: Tensor, after: Tensor) -> Tensor:
        """How much brighter each surfel is than at time zero ``(n, 1)``."""
        light = self.shared["light"]
        old, new = (
            (SH_C0 * light[0] + higher_bands(normals_of(q).detach(), 9) @ light[1:]).clamp(min=1e-3)
            for q in (before, after)
        )
        return (new / old).clamp(0.25, 4.0)[:, None]

    def canonical(self) -> SurfelTensors:
        """The surfels at time zero, without their higher harmonics."""
        names = ("means", "rotations", "log_scales", "opacity_logits", "colors")
        return SurfelTensors(*(self.own[name].detach() for name in names))
