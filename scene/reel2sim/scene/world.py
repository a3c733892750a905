"""A scene: rigged assets placed in one world, with what is around them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError, NotFoundError
from reel2sim.scene.motion import Motion
from reel2sim.scene.surfels import Surfels
from reel2sim.scene.transforms import is_rigid

EARTH_GRAVITY = (0.0, 0.0, -9.81)
"""m/s²."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, eq=False)
class Placement:
    """An asset and where it stands.

    Attributes:
        asset: the object.
        T_world_asset: moves the asset's own world frame into the scene's ``(4, 4)``.
        fixed: whether its root is welded to the world.
    """

    asset: RiggedAsset
    T_world_asset: Array = field(default_factory=lambda: np.eye(4))
    fixed: bool = True

    def __post_init__(self) -> None:
        T = checked("Placement.T_world_asset", self.T_world_asset, (4, 4))
        if not is_rigid(T):
            raise InputError("is not a rigid transform", source="Placement.T_world_asset")
        assign(self, T_world_asset=T)

    @classmethod
    def of(cls, asset: RiggedAsset, T_world_asset: Array | None = None) -> Placement:
        """``asset`` held as its reel saw it held, where its reel saw it if no pose is given."""
        T = np.eye(4) if T_world_asset is None else T_world_asset
        return cls(asset, T, asset.fixed_base)

    @property
    def placed(self) -> RiggedAsset:
        """The asset in the scene's frame: what moves it there is part of its base poses."""
        motion = self.asset.motion
        poses = self.T_world_asset @ motion.base_poses
        moved = Motion(motion.times_s, poses, motion.positions)
        return replace(self.asset, motion=moved, fixed_base=self.fixed)


class LightKind(StrEnum):
    """Where light comes from."""

    SUN = "sun"
    POINT = "point"


@dataclass(frozen=True, eq=False)
class Light:
    """A light.

    Attributes:
        name: unique among the lights; same alphabet as link names.
        kind: from far away, or from a point.
        T_world_light: its pose ``(4, 4)``; a sun shines along its −Z.
        color: linear RGB ``(3,)``, not negative.
        strength: lux of a sun, candela of a point, positive.
    """

    name: str
    kind: LightKind
    T_world_light: Array
    color: Array = (1.0, 1.0, 1.0)  # type: ignore[assignment]
    strength: float = 1000.0

    def __post_init__(self) -> None:
        T = checked("Light.T_world_light", self.T_world_light, (4, 4))
        color = checked("Light.color", self.color, (3,))
        _check_name(self.name)
        if not is_rigid(T):
            raise InputError("is not a rigid transform", source=self.name, field="T_world_light")
        if (color < 0).any():
            raise InputError("must not be negative", source=self.name, field="color")
        if not (np.isfinite(self.strength) and self.strength > 0):
            raise InputError("must be positive", source=self.name, field="strength")
        assign(self, T_world_light=T, color=color)

    @property
    def direction(self) -> Array:
        """Unit direction in which a sun shines ``(3,)``."""
        return -self.T_world_light[:3, 2]


@dataclass(frozen=True, eq=False)
class Scene:
    """Placed assets and what is around them. Z up, metres.

    Attributes:
        placements: the assets; names must be unique.
        gravity: ``(3,)``, m/s².
        ground_z: height of an infinite ground plane, or None for none.
        name: of the scene; same alphabet as link names.
        lights: names must be unique.
        cameras: by name.
        background: surfels that belong to no asset and never move; None for none.
    """

    placements: tuple[Placement, ...]
    gravity: Array = EARTH_GRAVITY  # type: ignore[assignment]
    ground_z: float | None = None
    name: str = "scene"
    lights: tuple[Light, ...] = ()
    cameras: Mapping[str, Camera] = field(default_factory=dict[str, Camera])
    background: Surfels | None = None

    def __post_init__(self) -> None:
        gravity = checked("Scene.gravity", self.gravity, (3,))
        for name in (self.name, *self.cameras):
            _check_name(name)
        if self.ground_z is not None and not np.isfinite(self.ground_z):
            raise InputError("must be finite", source=self.name, field="ground_z")
        kinds = {"asset": self.names, "light": tuple(light.name for light in self.lights)}
        for kind, names in kinds.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"has two {kind}s named {twice[0]!r}", source=self.name)
        assign(self, gravity=gravity, cameras=dict(self.cameras))

    @classmethod
    def of(cls, asset: RiggedAsset) -> Scene:
        """The scene that holds one asset where its reel saw it."""
        return cls((Placement.of(asset),))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the assets, in order."""
        return tuple(placement.asset.name for placement in self.placements)

    @property
    def assets(self) -> tuple[RiggedAsset, ...]:
        """The assets in the scene's frame, in order."""
        return tuple(placement.placed for placement in self.placements)

    @property
    def is_one_asset(self) -> bool:
        """Whether it holds a single asset, and all else is as for an asset alone."""
        return (
            len(self.placements) == 1
            and self.ground_z is None
            and np.array_equal(self.gravity, EARTH_GRAVITY)
            and not (self.lights or self.cameras)
            and self.background is None
        )

    def placement(self, name: str) -> Placement:
        """The placement of the asset called ``name``.

        Raises:
            NotFoundError: if there is none.
        """
        for placement in self.placements:
            if placement.asset.name == name:
                return placement
        raise NotFoundError(
            f"has no asset named {name!r}",
            source=self.name,
            remedy=f"it has {', '.join(self.names) or 'none at all'}",
        )

    def with_placement(self, placement: Placement) -> Scene:
        """The scene with ``placement`` instead of the one of its asset's name, or in addition."""
        name = placement.asset.name
        if name not in self.names:
            return replace(self, placements=(*self.placements, placement))
        kept = (placement if p.asset.name == name else p for p in self.placements)
        return replace(self, placements=tuple(kept))

    def without(self, name: str) -> Scene:
        """The scene without the asset called ``name``.

        Raises:
            NotFoundError: if there is none.
        """
        gone = self.placement(name)
        return replace(self, placements=tuple(p for p in self.placements if p is not gone))

    def surfels_at(self, time_s: float) -> Surfels:
        """Surfels of the background and of all assets as their reels show them at ``time_s``."""
        each = [asset.surfels_at(time_s) for asset in self.assets]
        return Surfels.joined([*([] if self.background is None else [self.background]), *each])


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        raise InputError(
            "is not a name (a letter, then letters, digits, underscores)", source=name or "(empty)"
        )
