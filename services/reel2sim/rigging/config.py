"""Settings of the rigging stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.scene.errors import UsageError


@dataclass(frozen=True)
class RiggingConfig:
    """How parts and joints are looked for.

    Lengths are in units of the object's bounding radius unless a unit is given, pixels are
    those of the input frames.

    Attributes:
        seed: of every random choice.
        max_times: instants used for estimation; longer reels are sampled evenly and joint
            positions interpolated between.
        track_step: grid step of tracked pixels.
        track_cycle_px: largest forward–backward error of a track that is kept, pixels.
        motion_px: residual under which a track is explained by a motion, pixels.
        hypotheses: local motions tried in each search for the next part.
        neighbours: tracks in each local motion.
        min_tracks: tracks a part needs to be proposed.
        max_parts: most moving parts looked for.
        stop_share: the search ends when the next part explains less than this share of the
            unexplained tracks.
        anchor_sigma: standard deviation of the depth of tracked points along their rays.
        label_smoothness: weight of the Potts term when surfels are assigned to parts.
        part_evidence: image evidence a part must add to be kept, in fully mismatched surfels.
        part_evidence_share: the same per surfel of the part.
        rounds: rounds of flow, joint fit and relabelling.
        min_angle_rad: range under which a revolute joint is flagged as not observed.
        min_travel: range of a prismatic joint, as a share of the object's diagonal, under which
            it is flagged.
        physics: how the parts get bodies.
    """

    seed: int = 0
    max_times: int = 32
    track_step: int = 2
    track_cycle_px: float = 0.6
    motion_px: float = 0.8
    hypotheses: int = 150
    neighbours: int = 24
    min_tracks: int = 7
    max_parts: int = 12
    stop_share: float = 0.025
    anchor_sigma: float = 0.02
    label_smoothness: float = 0.06
    part_evidence: float = 1.5
    part_evidence_share: float = 0.03
    rounds: int = 4
    min_angle_rad: float = 0.17
    min_travel: float = 0.02
    physics: PhysicsConfig = field(default_factory=PhysicsConfig)

    @classmethod
    def preset(cls, name: str, *, seed: int = 0) -> RiggingConfig:
        """Settings by name: ``draft``, ``standard`` or ``high``.

        Raises:
            UsageError: for another name.
        """
        base = cls(seed=seed, physics=PhysicsConfig.preset(name, seed=seed))
        if name == "draft":
            return replace(base, max_times=24, hypotheses=90, rounds=3)
        if name == "standard":
            return base
        if name == "high":
            return replace(base, max_times=64, hypotheses=300, rounds=6)
        raise UsageError(
            f"unknown preset {name!r}", field="preset", remedy="use draft, standard or high"
        )
