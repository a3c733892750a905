"""Corrections of camera poses and intrinsics, trained along when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from reel2sim.reconstruction.rasterize.projection import rotation_matrices
from reel2sim.reconstruction.views import View


@dataclass(frozen=True, eq=False)
class CameraCorrection:
    """A small motion of every camera, and one factor for all focal lengths.

    Attributes:
        parameters: ``camera_turn`` (v, 3), half the rotation vector of each view in camera axes,
            ``camera_shift`` (v, 3) in radii, ``log_focal`` (1,); empty if cameras are trusted.
        first: index of the first view of each instant.
        rates: learning rates.
    """

    parameters: dict[str, Tensor]
    first: tuple[int, ...]
    rates: dict[str, float] = field(
        default_factory=lambda: {"camera_turn": 3e-4, "camera_shift": 3e-4, "log_focal": 3e-4}
    )

    @classmethod
    def of(cls, instants: Sequence[Sequence[View]], *, active: bool) -> CameraCorrection:
        """No correction yet, of the views of ``instants``."""
        counts = [len(views) for views in instants]
        first = tuple(sum(counts[:i]) for i in range(len(counts)))
        if not active:
            return cls({}, first)
        like = instants[0][0].rgb
        total = sum(counts)
        parameters = {
            "camera_turn": torch.zeros(total, 3).to(like).requires_grad_(),
            "camera_shift": torch.zeros(total, 3).to(like).requires_grad_(),
            "log_focal": torch.zeros(1).to(like).requires_grad_(),
        }
        return cls(parameters, first)

    def corrected(self, view: View, instant: int, index: int) -> View:
        """The view with its camera where it is believed to be now."""
        if not self.parameters:
            return view
        row = self.first[instant] + index
        half = self.parameters["camera_turn"][row]
        q = functional.normalize(torch.cat([torch.ones_like(half[:1]), half]), dim=0)
        R = rotation_matrices(q[None])[0]
        T = view.T_camera_world
        moved = R @ T[:3, 3:] + self.parameters["camera_shift"][row][:, None]
        upper = torch.cat([R @ T[:3, :3], moved], dim=1)
        growth = torch.expm1(self.parameters["log_focal"])
        zoom = torch.diag(torch.cat([growth, growth, torch.zeros_like(growth)]))
        K = view.K * (1 + zoom)
        return replace(view, K=K, T_camera_world=torch.cat([upper, T[3:]]))
