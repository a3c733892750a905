"""Options of the reconstruction stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reel2sim.reconstruction.foreground.region import Box
from reel2sim.scene.errors import UsageError

PresetName = Literal["draft", "standard", "high"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class ReconstructionConfig:
    """How much work to spend and how strongly to believe in smooth, rigid motion.

    Lengths named *relative* are fractions of the radius of the object's bounding sphere, so that
    one configuration serves a button and a building.

    Attributes:
        image_px: longer side to which frames are reduced before fitting, pixels.
        hull_resolution: voxels along each side of the visual hull's grid.
        surfels: number of surfels to start from.
        canonical_steps: optimiser steps for the surfels at time zero.
        densify: how many surfels are added where pictures ask for them, as a share of those at
            the start; 0 adds none.
        most_surfels: surfels there may be at all.
        bones: number of bones that are followed before bodies are made of them; small parts among
            many need more, plain surfaces are steadier with fewer.
        knots_per_time: spline control points per distinct time of the reel.
        max_times: at most this many instants are fitted; others are interpolated.
        most_views: at most this many frames are fitted. With ``max_times``, ``image_px``,
            ``hull_resolution`` and ``most_surfels`` it bounds the memory, however long the reel.
        views_per_time: simultaneous views looked at in one step.
        track_rounds: flow rounds that bring the bones from one instant to the next.
        body_rounds: rounds that make bodies of bones that move as one; 0 keeps all bones.
        motion_steps: optimiser steps for motion and skinning weights before surfels join in.
        joint_steps: optimiser steps for surfels, motion and all else together.
        reveal: build surfaces that time zero hides from pictures that show them later.
        refinement: let each surfel turn and stretch a little over time (ΔR, ΔS).
        sh_degree: of the colours seen from different sides, 0 to 2.
        light: let surfaces grow lighter and darker as they turn, one light for all.
        refine_cameras: correct camera poses and focal lengths, too.
        ssim_weight: weight of structural dissimilarity against absolute differences.
        mask_weight: weight of the silhouette against one colour channel.
        normal_weight: agreement of rendered normals with normals of the rendered depth.
        rigidity: weight of keeping distances between neighbouring surfels.
        bone_rigidity: weight of neighbouring bones moving as one body; robust, so that it yields
            at joints.
        smoothness: weight of the control points' second differences.
        skin_temperature: softness of the bones' ellipsoids; small is close to hard parts.
        skin_smoothness: weight of equal skinning weights between neighbours.
        min_zero_views: with fewer views at time zero than this, frames of all times shape the
            canonical surfels.
        bounds: box that holds the object through its whole motion, metres: smallest x, y, z, then
            largest; looked at where pictures have neither masks nor a plain background. None
            takes what all cameras look at.
        seed: of every random choice.
        device: where to fit; "auto" takes CUDA if it and ``gsplat`` are there.
    """

    image_px: int = 192
    hull_resolution: int = 112
    surfels: int = 5000
    canonical_steps: int = 260
    densify: float = 1.0
    most_surfels: int = 12000
    bones: int = 64
    knots_per_time: float = 0.6
    max_times: int = 60
    most_views: int = 240
    views_per_time: int = 2
    track_rounds: int = 4
    body_rounds: int = 5
    motion_steps: int = 150
    joint_steps: int = 1800
    reveal: bool = True
    refinement: bool = True
    sh_degree: int = 1
    light: bool = True
    refine_cameras: bool = False
    ssim_weight: float = 0.2
    mask_weight: float = 1.0
    normal_weight: float = 0.05
    rigidity: float = 3.0
    bone_rigidity: float = 0.2
    smoothness: float = 0.5
    skin_temperature: float = 1.0
    skin_smoothness: float = 0.1
    min_zero_views: int = 3
    bounds: tuple[float, float, float, float, float, float] | None = None
    seed: int = 0
    device: Device = "auto"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise UsageError(
                    f"must be at least {least}, is {getattr(self, name)}",
                    source="ReconstructionConfig",
                    field=name,
                )
        if self.bounds is not None and len(self.bounds) != 6:
            raise UsageError("needs six numbers", source="ReconstructionConfig", field="bounds")
        _ = self.box  # refuses what is no box

    @property
    def box(self) -> Box | None:
        """``bounds`` as a box.

        Raises:
            UsageError: if a largest coordinate is not above the smallest.
        """
        if self.bounds is None:
            return None
        return Box(np.array(self.bounds[:3]), np.array(self.bounds[3:]))

    @classmethod
    def preset(
        cls, name: PresetName, *, seed: int = 0, device: Device = "auto"
    ) -> ReconstructionConfig:
        """A named trade of time for quality.

        Raises:
            UsageError: if ``name`` is not a preset.
        """
        if name not in _PRESETS:
            raise UsageError(
                f"unknown preset {name!r}", remedy=f"choose one of {', '.join(_PRESETS)}"
            )
        return replace(_PRESETS[name], seed=seed, device=device)


_LEAST = {
    "image_px": 16,
    "hull_resolution": 16,
    "surfels": 32,
    "canonical_steps": 1,
    "bones": 1,
    "knots_per_time": 0.05,
    "max_times": 2,
    "most_views": 2,
    "views_per_time": 1,
    "track_rounds": 0,
    "body_rounds": 0,
    "motion_steps": 0,
    "joint_steps": 0,
    "densify": 0.0,
    "most_surfels": 32,
    "sh_degree": 0,
    "skin_temperature": 1e-3,
    "min_zero_views": 1,
}

_PRESETS: dict[str, ReconstructionConfig] = {
    "draft": ReconstructionConfig(
        image_px=128,
        hull_resolution=80,
        surfels=2500,
        canonical_steps=150,
        track_rounds=3,
        body_rounds=3,
        motion_steps=60,
        joint_steps=250,
        densify=0.4,
        most_surfels=5000,
    ),
    "standard": ReconstructionConfig(),
    "high": ReconstructionConfig(
        image_px=384,
        hull_resolution=160,
        surfels=16000,
        canonical_steps=700,
        bones=96,
        track_rounds=5,
        body_rounds=6,
        motion_steps=300,
        joint_steps=4000,
        most_surfels=60000,
        sh_degree=2,
    ),
}
