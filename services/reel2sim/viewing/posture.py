"""How an asset stands: where its root is, and its joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reel2sim.scene import RiggedAsset, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert
from reel2sim.viewing.controls import JointControl


@dataclass(frozen=True, eq=False)
class Posture:
    """State of one asset.

    Attributes:
        T_world_root: pose of its root link ``(4, 4)``, metres.
        positions: of its joints by name, radians or metres.
    """

    T_world_root: Array
    positions: Mapping[str, float]

    @classmethod
    def at(cls, asset: RiggedAsset, time_s: float) -> Posture:
        """As the reel of ``asset`` showed it at ``time_s``, held to the motion's ends."""
        return cls(*asset.motion.sample(time_s))

    def moved(self, asset: RiggedAsset, control: JointControl, position: float) -> Posture:
        """With one joint elsewhere, within its range, and those that follow it."""
        own = {j.name: self.positions.get(j.name, 0.0) for j in asset.joints if j.mimic is None}
        own[control.joint] = control.clamped(position)
        return Posture(self.T_world_root, asset.followed(own))

    def link_poses(self, asset: RiggedAsset) -> Array:
        """``T_world_link`` of every link ``(l, 4, 4)``."""
        return asset.link_poses(self.positions, self.T_world_root)

    def surfels(self, asset: RiggedAsset) -> Surfels:
        """The surfels of ``asset``, by its skin if it has one, world frame."""
        T = self.link_poses(asset) @ invert(asset.rest_poses)
        if asset.skin is None:
            return asset.surfels.moved(T[asset.surfel_links])
        return asset.surfels.moved(asset.skin.surfels.placements(asset.surfels.means, T))
