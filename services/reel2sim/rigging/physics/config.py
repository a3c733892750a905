"""Settings of the embodiment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reel2sim.scene.errors import UsageError


@dataclass(frozen=True)
class PhysicsConfig:
    """How bodies are built from surfels.

    Attributes:
        resolution: voxels along the longest side of each part.
        max_voxels: cells of a part's grid; thin parts use finer voxels up to this many.
        max_faces: triangles of a visual mesh.
        min_opacity: surfels below this are ignored as geometry.
        panel_thickness: thickness given to surfaces seen from one side only, as a share of
            the square root of the part's area.
        gap_voxels: space left between neighbouring parts, in voxels.
        max_pieces: convex collision pieces per link.
        concavity: CoACD's threshold; smaller means more pieces.
        max_piece_vertices: corners of a collision piece.
        decomposition_limit_s: processor time after which a link falls back to its convex hull.
        material: name in :data:`reel2sim.rigging.physics.materials.MATERIALS`.
        density: kg/m³ to use instead of the material's, or None.
        revolute_margin: added on both sides to the range of a joint that was hardly seen to
            move, radians; other joints are widened until something is in the way.
        prismatic_margin: the same for sliding joints, as a share of the range.
        max_turn_rad: furthest from zero that a turn is widened to.
        max_widening: furthest that a slide is widened at each end, as a share of the range seen.
        kept_overlap: share of the length over which a sliding part and its parent overlap along
            the axis that stays when it is pulled out.
        seed: of the decomposition.
    """

    resolution: int = 72
    max_voxels: int = 700_000
    max_faces: int = 4000
    min_opacity: float = 0.1
    panel_thickness: float = 0.05
    gap_voxels: float = 0.5
    max_pieces: int = 16
    concavity: float = 0.05
    max_piece_vertices: int = 64
    decomposition_limit_s: int = 60
    material: str = "plastic"
    density: float | None = None
    revolute_margin: float = 0.0873
    prismatic_margin: float = 0.05
    max_turn_rad: float = np.pi
    max_widening: float = 1.0
    kept_overlap: float = 0.25
    seed: int = 0

    @classmethod
    def preset(cls, name: str, *, seed: int = 0) -> PhysicsConfig:
        """The settings called ``draft``, ``standard`` or ``high``.

        Raises:
            UsageError: for any other name.
        """
        presets = {
            "draft": cls(resolution=48, max_voxels=200_000, max_faces=2000, max_pieces=8),
            "standard": cls(),
            "high": cls(resolution=112, max_voxels=2_000_000, max_faces=12_000, max_pieces=32),
        }
        if name not in presets:
            raise UsageError(f"{name!r} is not a preset", remedy=f"use one of {', '.join(presets)}")
        return replace(presets[name], seed=seed)
