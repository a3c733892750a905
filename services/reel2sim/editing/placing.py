"""Assets where they stand: on their feet, and not in each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh

from reel2sim.exporters.joints import start_poses
from reel2sim.rigging.physics.contact import Contacts
from reel2sim.scene import Placement, RiggedAsset, Scene
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError
from reel2sim.scene.transforms import apply, axis_rotation, pose

_TOUCH = 2e-3
"""Assets that are less deep in each other touch; as a share of the smaller one's size."""
_GAP = 0.15
"""Space left beside an asset for which no place was given, as a share of its size."""
_UP = np.array([0.0, 0.0, 1.0])


def bounds_of(asset: RiggedAsset) -> Array:
    """Lowest and highest corner of all that is seen or collides at the first instant ``(2, 3)``."""
    found = [
        apply(T, mesh.vertices)
        for T, link in zip(start_poses(asset), asset.links, strict=True)
        for mesh in (link.visual, *link.collision)
        if len(mesh.vertices)
    ]
    points = np.concatenate(found) if found else start_poses(asset)[:, :3, 3]
    return np.stack([points.min(axis=0), points.max(axis=0)])


def foot_of(asset: RiggedAsset) -> Array:
    """The point below the middle of an asset's bounding box, at its lowest ``(3,)``."""
    low, high = bounds_of(asset)
    return np.array([*(low + high)[:2] / 2, low[2]])


def standing(placement: Placement, at: Array, turn_deg: float) -> Placement:
    """The placement turned about the vertical, then moved until its foot is ``at``."""
    turn = pose(axis_rotation(_UP, np.radians(turn_deg)))
    turned = replace(placement, T_world_asset=turn @ placement.T_world_asset)
    shift = pose(translation=at - foot_of(turned.placed))
    return replace(turned, T_world_asset=shift @ turned.T_world_asset)


def beside(scene: Scene, placement: Placement, turn_deg: float) -> Placement:
    """The placement on the ground, beside all that is there already, towards +x.

    Without a ground it stands as low as the lowest of the others; alone it stays where it is.
    """
    if not scene.placements:
        return standing(placement, foot_of(placement.placed), turn_deg)
    each = np.stack([bounds_of(asset) for asset in scene.assets])
    low, high = each[:, 0].min(axis=0), each[:, 1].max(axis=0)
    turned = standing(placement, np.zeros(3), turn_deg)
    size = np.ptp(bounds_of(turned.placed), axis=0)
    x = high[0] + _GAP * float(np.linalg.norm(size)) + size[0] / 2
    z = low[2] if scene.ground_z is None else scene.ground_z
    return standing(turned, np.array([x, (low[1] + high[1]) / 2, z]), 0.0)


def require_apart(scene: Scene, name: str) -> None:
    """Refuse a scene in which an asset is in another, or in the ground, at the first instant.

    Raises:
        UsageError: naming what ``name`` is in, and how deep.
    """
    assets = scene.assets
    i = scene.names.index(name)
    sizes = [float(np.linalg.norm(np.ptp(bounds_of(asset), axis=0))) for asset in assets]
    if scene.ground_z is not None:
        depth = scene.ground_z - float(bounds_of(assets[i])[0, 2])
        if depth > _TOUCH * sizes[i]:
            raise UsageError(
                f"is {depth:.3g} m deep in the ground",
                source=name,
                remedy="move it up, or lower the ground (--ground auto puts it under everything)",
            )
    depths = _depths(assets, i)
    for j in np.argsort(-depths):
        if j != i and depths[j] > _TOUCH * min(sizes[i], sizes[j]):
            raise UsageError(
                f"is {depths[j]:.3g} m deep in {assets[j].name}",
                source=name,
                remedy="put it elsewhere, or give no place to have one found",
            )


def _depths(assets: tuple[RiggedAsset, ...], i: int) -> Array:
    """How deep asset ``i`` is in each of the others ``(n,)``, metres."""
    contacts = Contacts([_pieces(asset) for asset in assets])
    _, second = contacts.pairs([i])
    found = np.full(len(assets), -contacts.reach)
    depths = contacts.depths(np.tile(np.eye(4), (len(assets), 1, 1)), [i])
    if depths.size:
        np.maximum.at(found, second, depths.max(axis=0))
    return found


def _pieces(asset: RiggedAsset) -> list[trimesh.Trimesh]:
    """All collision pieces where they are at the first instant, world frame."""
    return [
        trimesh.Trimesh(apply(T, piece.vertices), piece.faces, process=False)
        for T, link in zip(start_poses(asset), asset.links, strict=True)
        for piece in link.collision
    ]
