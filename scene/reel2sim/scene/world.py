"""A scene: rigged assets placed in one world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import is_rigid


@dataclass(frozen=True, eq=False)
class Placement:
    """An asset and where it stands.

    Attributes:
        asset: the object.
        T_world_asset: moves the asset's own world frame into the scene's ``(4, 4)``.
        fixed: whether its root is welded to the world.
    """

    asset: RiggedAsset
    T_world_asset: Array
    fixed: bool = True

    def __post_init__(self) -> None:
        T = checked("Placement.T_world_asset", self.T_world_asset, (4, 4))
        if not is_rigid(T):
            raise InputError("is not a rigid transform", source="Placement.T_world_asset")
        assign(self, T_world_asset=T)


@dataclass(frozen=True, eq=False)
class Scene:
    """Placed assets, gravity and ground. Z up, metres.

    Attributes:
        placements: the assets; names must be unique.
        gravity: ``(3,)``, m/s².
        ground_z: height of an infinite ground plane, or None for none.
    """

    placements: tuple[Placement, ...]
    gravity: Array = (0.0, 0.0, -9.81)  # type: ignore[assignment]
    ground_z: float | None = None

    def __post_init__(self) -> None:
        gravity = checked("Scene.gravity", self.gravity, (3,))
        names = [p.asset.name for p in self.placements]
        if len(set(names)) != len(names):
            raise InputError(f"asset names are not unique: {names}", source="Scene")
        assign(self, gravity=gravity)

    @classmethod
    def of(cls, asset: RiggedAsset) -> Scene:
        """The scene that holds one asset where its reel saw it."""
        return cls((Placement(asset, np.eye(4), asset.fixed_base),))
