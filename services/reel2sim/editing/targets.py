"""What the name of a target means in a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reel2sim.scene import Joint, Link, RiggedAsset, Scene
from reel2sim.scene.errors import NotFoundError, UsageError

Kind = Literal["asset", "link", "joint"]


@dataclass(frozen=True, eq=False)
class Target:
    """An asset, or a link or joint of one.

    Attributes:
        asset: name of the asset.
        kind: what of it is meant.
        part: name of the link or joint; "" for the asset itself.
    """

    asset: str
    kind: Kind
    part: str = ""


def find_target(scene: Scene, name: str, *kinds: Kind) -> Target:
    """What ``name`` means: ``asset``, ``asset/part``, or ``part`` if only one asset has it.

    Args:
        scene: the scene.
        name: of the target.
        kinds: what it may be.

    Raises:
        NotFoundError: if nothing is called so.
        UsageError: if several things are.
    """
    owner, slash, part = name.partition("/")
    if slash:
        asset = scene.placement(owner).asset
        found = _parts(asset, part, kinds)
        if found:
            return found[0]
        raise _missing(scene, name, kinds)
    if "asset" in kinds and name in scene.names:
        return Target(name, "asset")
    found = [hit for p in scene.placements for hit in _parts(p.asset, name, kinds)]
    if len(found) > 1:
        several = ", ".join(f"{hit.asset}/{hit.part}" for hit in found)
        raise UsageError(f"may be any of {several}", source=name, remedy="name the asset too")
    if not found:
        raise _missing(scene, name, kinds)
    return found[0]


def _parts(asset: RiggedAsset, name: str, kinds: tuple[Kind, ...]) -> list[Target]:
    """At most one: a link goes before a joint of its name."""
    pools: dict[Kind, tuple[Link, ...] | tuple[Joint, ...]] = {
        "link": asset.links,
        "joint": asset.joints,
    }
    for kind, pool in pools.items():
        if kind in kinds and any(part.name == name for part in pool):
            return [Target(asset.name, kind, name)]
    return []


def _missing(scene: Scene, name: str, kinds: tuple[Kind, ...]) -> NotFoundError:
    there: list[str] = list(scene.names) if "asset" in kinds else []
    for placement in scene.placements:
        asset = placement.asset
        there += [f"{asset.name}/{x.name}" for x in asset.links if "link" in kinds]
        there += [f"{asset.name}/{x.name}" for x in asset.joints if "joint" in kinds]
    shown = ", ".join(there[:12]) + (", …" if len(there) > 12 else "")
    what = " or ".join(kinds)
    return NotFoundError(f"is no {what} here", source=name, remedy=f"there are {shown or 'none'}")
