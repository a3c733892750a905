"""How a rigged asset moved in its reel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import pose


@dataclass(frozen=True, eq=False)
class Motion:
    """Sampled generalised coordinates.

    Attributes:
        times_s: ``(t,)``, ascending, seconds.
        base_poses: ``T_world_root`` ``(t, 4, 4)``, metres.
        positions: for each joint name its position ``(t,)``, radians or metres.
    """

    times_s: Array
    base_poses: Array
    positions: Mapping[str, Array]

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        times = checked("Motion.times_s", self.times_s, ("t",), sizes=sizes)
        if len(times) == 0 or (np.diff(times) <= 0).any():
            raise InputError("must ascend and not be empty", source="Motion.times_s")
        base = checked("Motion.base_poses", self.base_poses, ("t", 4, 4), sizes=sizes)
        positions = {
            name: checked(f"Motion.positions[{name}]", q, ("t",), sizes=sizes)
            for name, q in self.positions.items()
        }
        assign(self, times_s=times, base_poses=base, positions=positions)

    @property
    def duration_s(self) -> float:
        """Seconds between the first and the last sample."""
        return float(self.times_s[-1] - self.times_s[0])

    def sample(self, time_s: float) -> tuple[Array, dict[str, float]]:
        """State at ``time_s``: ``T_world_root`` ``(4, 4)`` and joint positions.

        Linear in joints and translation, spherical-linear in rotation; clamped at both ends.
        """
        # See the module on transforms for why here.
        from scipy.spatial.transform import (  # pyright: ignore[reportMissingTypeStubs]
            Rotation,
            Slerp,
        )

        t = float(np.clip(time_s, self.times_s[0], self.times_s[-1]))
        q = {name: float(np.interp(t, self.times_s, x)) for name, x in self.positions.items()}
        if len(self.times_s) == 1:
            return self.base_poses[0], q
        rotation = Slerp(self.times_s, Rotation.from_matrix(self.base_poses[:, :3, :3]))(t)
        shift = [np.interp(t, self.times_s, self.base_poses[:, i, 3]) for i in range(3)]
        return pose(np.asarray(rotation.as_matrix()), np.array(shift)), q
