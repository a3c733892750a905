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
        max_streams: cameras whose flow is followed; of more, those that look from places far
            apart. All judge the parts.
        rounds: rounds of merging, choosing a tree and fitting its joints.
        polish: fits of all joints to flow from the posed model after that.
        missed: whether to look by drawing for small parts that flow misses.
        min_angle_rad: range under which a revolute joint is flagged as not observed.
        min_travel: range of a prismatic joint, as a share of the object's diagonal, under which
            it is flagged.
        physics: how the parts get bodies.
    """

    seed: int = 0
    max_times: int = 32
    max_streams: int = 4
    rounds: int = 2
    polish: int = 2
    missed: bool = True
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
            return replace(base, max_times=24, polish=1, missed=False)
        if name == "standard":
            return base
        if name == "high":
            return replace(base, max_times=64, max_streams=8, rounds=3, polish=4)
        raise UsageError(
            f"unknown preset {name!r}", field="preset", remedy="use draft, standard or high"
        )
