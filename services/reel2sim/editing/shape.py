"""Assets of another size, links of another shape, and assets without some of their links."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh

from reel2sim.editing.matter import scaled_link, scaled_mesh
from reel2sim.importers.appearance import surfels_on
from reel2sim.rigging.physics.collision import convex_pieces
from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.inertia import inertial_of
from reel2sim.scene import (
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.errors import InputError, UsageError

_LEAST_SURFELS = 200
"""Laid over a new shape, if the old one had fewer."""


def scaled_asset(asset: RiggedAsset, factor: float) -> RiggedAsset:
    """``asset`` scaled about its own origin, of the same materials.

    It moves through the same angles in the same time, and slides ``factor`` times as far. Masses
    grow with the cube, so limits of effort, damping and friction grow as what gravity asks of the
    joints does: forces with the cube, torques with the fourth power.
    """
    motion = asset.motion
    base = motion.base_poses.copy()
    base[:, :3, 3] *= factor
    slides = {joint.name for joint in asset.joints if joint.type is JointType.PRISMATIC}
    positions = {n: q * factor if n in slides else q for n, q in motion.positions.items()}
    skin = asset.skin
    return replace(
        asset,
        links=tuple(scaled_link(link, factor) for link in asset.links),
        joints=tuple(_scaled_joint(joint, factor) for joint in asset.joints),
        motion=Motion(motion.times_s, base, positions),
        surfels=_scaled_surfels(asset.surfels, factor),
        skin=None if skin is None else replace(skin, mesh=scaled_mesh(skin.mesh, factor)),
    )


def _scaled_joint(joint: Joint, factor: float) -> Joint:
    slides = joint.type is JointType.PRISMATIC
    stretch = factor if slides else 1.0
    load = factor**3 if slides else factor**4
    limits, seen, mimic = joint.limits, joint.observed_range, joint.mimic
    return replace(
        joint,
        origin=joint.origin * factor,
        pitch=joint.pitch * factor,
        limits=JointLimits(
            limits.lower * stretch,
            limits.upper * stretch,
            limits.effort * load,
            limits.velocity * stretch,
        ),
        damping=joint.damping * load / stretch,
        friction=joint.friction * load,
        observed_range=None if seen is None else (seen[0] * stretch, seen[1] * stretch),
        mimic=None if mimic is None else replace(mimic, offset=mimic.offset * stretch),
    )


def _scaled_surfels(surfels: Surfels, factor: float) -> Surfels:
    return replace(surfels, means=surfels.means * factor, scales=surfels.scales * factor)


def scaled_part(asset: RiggedAsset, name: str, factor: float) -> RiggedAsset:
    """``asset`` with the link ``name`` scaled about its joint; what hangs on it moves along.

    Raises:
        UsageError: if a skin covers the asset.
    """
    refuse_skin(asset, name)
    before = asset.rest_poses[:, :3, 3]
    links = tuple(scaled_link(x, factor) if x.name == name else x for x in asset.links)
    joints = tuple(
        replace(j, origin=j.origin * factor) if j.parent == name else j for j in asset.joints
    )
    moved = replace(asset, links=links, joints=joints)
    shift = moved.rest_poses[:, :3, 3] - before
    surfels, owner = asset.surfels, asset.surfel_links
    own = (owner == asset.link_index[name])[:, None]
    pivot = before[owner]
    means = np.where(own, pivot + factor * (surfels.means - pivot), surfels.means + shift[owner])
    scales = np.where(own, surfels.scales * factor, surfels.scales)
    return replace(moved, surfels=replace(surfels, means=means, scales=scales))


def without_part(asset: RiggedAsset, name: str) -> RiggedAsset:
    """``asset`` without the link ``name`` and all that it carries.

    Joints that followed one of those removed move by themselves from then on.

    Raises:
        UsageError: if it is the root, or a skin covers the asset.
    """
    refuse_skin(asset, name)
    if name == asset.links[0].name:
        raise UsageError("is the root", source=name, remedy=f"remove {asset.name} itself")
    gone = {name, *beyond(asset, name)}
    lost = {joint.name for joint in asset.joints if joint.child in gone}
    joints = tuple(
        replace(j, mimic=None) if j.mimic is not None and j.mimic.joint in lost else j
        for j in asset.joints
        if j.name not in lost
    )
    stays = np.array([link.name not in gone for link in asset.links])
    kept = stays[asset.surfel_links]
    motion = asset.motion
    positions = {n: q for n, q in motion.positions.items() if n not in lost}
    return replace(
        asset,
        links=tuple(link for link in asset.links if link.name not in gone),
        joints=joints,
        motion=Motion(motion.times_s, motion.base_poses, positions),
        surfels=asset.surfels.select(kept),
        surfel_links=(np.cumsum(stays) - 1)[asset.surfel_links[kept]],
        interpenetrating=tuple(p for p in asset.interpenetrating if not gone & set(p)),
    )


def beyond(asset: RiggedAsset, name: str) -> list[str]:
    """Links that ``name`` carries, parents first."""
    found: list[str] = []
    for joint in asset.joints:
        if joint.parent == name or joint.parent in found:
            found.append(joint.child)
    return found


def with_shape(
    asset: RiggedAsset, name: str, mesh: TriangleMesh, *, config: PhysicsConfig, fit: bool
) -> RiggedAsset:
    """``asset`` with another shape of the link ``name``: what is seen, what collides, what weighs.

    Args:
        asset: any but one with a skin.
        name: of the link.
        mesh: the shape, in any place and size if it is to ``fit``, else in the link's frame.
        config: how it is decomposed into convex pieces.
        fit: move and scale it evenly, so that its bounding box has the old one's middle and
            diagonal.

    Raises:
        UsageError: if a skin covers the asset.
        InputError: if the mesh is flat.
    """
    refuse_skin(asset, name)
    i = asset.link_index[name]
    old = asset.links[i]
    if fit and len(old.visual.vertices):
        mesh = _fitted(mesh, old.visual)
    link, note = _link_of(old, mesh, config)
    count = max(int((asset.surfel_links == i).sum()), _LEAST_SURFELS)
    rest = asset.rest_poses[i, :3, 3]
    laid, _ = surfels_on([link], [rest], count=count)
    others = asset.surfel_links != i
    links = tuple(link if x is old else x for x in asset.links)
    notes = (*asset.notes, f"{name}: {note}") if note else asset.notes
    return replace(
        asset,
        links=links,
        surfels=Surfels.joined([asset.surfels.select(others), laid]),
        surfel_links=np.concatenate([asset.surfel_links[others], np.full(len(laid), i)]),
        notes=notes,
    )


def _fitted(mesh: TriangleMesh, old: TriangleMesh) -> TriangleMesh:
    (low, high), (old_low, old_high) = (
        (x.vertices.min(axis=0), x.vertices.max(axis=0)) for x in (mesh, old)
    )
    size = float(np.linalg.norm(high - low))
    if not size > 0:
        raise InputError("is a single point", source="mesh")
    factor = float(np.linalg.norm(old_high - old_low)) / size
    placed = (mesh.vertices - (low + high) / 2) * factor + (old_low + old_high) / 2
    return replace(mesh, vertices=placed)


def _link_of(old: Link, mesh: TriangleMesh, config: PhysicsConfig) -> tuple[Link, str]:
    """The link in its new shape, and what should be known of it."""
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    note = ""
    try:
        hull = solid.convex_hull
    except Exception as cause:  # Qhull's own error, where points lie in a plane
        raise InputError("is flat, so that it has no inside", source="mesh") from cause
    if not (solid.is_watertight and solid.volume > 0):
        solid, note = hull, "its new mesh is not closed; its hull collides and weighs"
    pieces, trouble = convex_pieces(solid, config=config, clearance=0.0)
    collision = tuple(TriangleMesh(np.asarray(p.vertices), np.asarray(p.faces)) for p in pieces)
    weight = inertial_of(solid, old.material.density)
    said = "; ".join(text for text in (note, trouble) if text)
    return Link(old.name, mesh, collision, weight, old.material), said


def refuse_skin(asset: RiggedAsset, name: str) -> None:
    """Refuse what would tear a skin.

    Raises:
        UsageError: if ``asset`` has one.
    """
    if asset.skin is not None:
        raise UsageError(
            "is under a skin that covers all links",
            source=name,
            remedy=f"change {asset.name} as a whole",
        )
