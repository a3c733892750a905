"""Bodies at rest: mass, closed meshes, pieces, and how deep links are in each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh

from reel2sim.rigging.physics.contact import Contacts
from reel2sim.rigging.physics.inertia import LEAST_MASS
from reel2sim.scene import Link, RiggedAsset
from reel2sim.scene.transforms import invert

MOST_PIECES = 32
_MASS_SLACK = 0.02
_DEEP = 0.01
"""Links that no joint joins may be this deep in each other at zero, as a share of the size."""
_LOOKS = 16


@dataclass(frozen=True)
class Statics:
    """Figures of one bundle at rest.

    Attributes:
        faults: what is wrong.
        mass_kg: of all links.
        most_pieces: collision pieces of the link that has most.
        joined_mm: deepest that two links of a joint are in each other at zero; engines let them.
        others_mm: the same of links that no joint joins.
        moving_mm: the same over the motion.
    """

    faults: tuple[str, ...]
    mass_kg: float
    most_pieces: int
    joined_mm: float
    others_mm: float
    moving_mm: float


def statics(asset: RiggedAsset) -> Statics:
    """Look at every link by itself and at all together."""
    faults = [fault for link in asset.links for fault in _link_faults(link)]
    rest = asset.rest_poses
    joined, others = _depths(asset, [rest])
    times = np.linspace(asset.motion.times_s[0], asset.motion.times_s[-1], _LOOKS)
    back = [invert(asset.motion.sample(float(t))[0]) for t in times]
    moved = [T @ asset.link_poses_at(float(t)) for t, T in zip(times, back, strict=True)]
    _, moving = _depths(asset, moved)
    size = float(np.linalg.norm(np.ptp(asset.surfels.means, axis=0)))
    if others > _DEEP * size:
        faults.append(f"unjoined links are {1e3 * others:.1f} mm in each other at zero")
    return Statics(
        tuple(faults),
        float(sum(link.inertial.mass for link in asset.links)),
        max(len(link.collision) for link in asset.links),
        1e3 * max(joined, 0.0),
        1e3 * max(others, 0.0),
        1e3 * max(moving, 0.0),
    )


def _link_faults(link: Link) -> list[str]:
    faults: list[str] = []
    low, middle, high = np.linalg.eigvalsh(link.inertial.inertia)
    if low <= 0 or low + middle < high * (1 - 1e-6):
        faults.append(f"{link.name}: no body has the moments {low:.3g} {middle:.3g} {high:.3g}")
    mesh = trimesh.Trimesh(link.visual.vertices, link.visual.faces, process=False)
    if not (mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0):
        faults.append(f"{link.name}: its visual mesh is not closed")
    expected = max(mesh.volume * link.material.density, LEAST_MASS)
    if abs(link.inertial.mass / expected - 1) > _MASS_SLACK:
        faults.append(f"{link.name}: weighs {link.inertial.mass:.3g} kg, not {expected:.3g}")
    if not 1 <= len(link.collision) <= MOST_PIECES:
        faults.append(f"{link.name}: has {len(link.collision)} collision pieces")
    for piece in link.collision:
        shape = trimesh.Trimesh(piece.vertices, piece.faces, process=False)
        if not (shape.is_convex and shape.volume > 0):
            faults.append(f"{link.name}: a collision piece is not convex")
    return faults


def _depths(asset: RiggedAsset, states: list[np.ndarray]) -> tuple[float, float]:
    """Deepest that joined links, and others, are in each other at any state, metres."""
    rest = asset.rest_poses
    pieces = [
        [
            trimesh.Trimesh(piece.vertices + T[:3, 3], piece.faces, process=False)
            for piece in link.collision
        ]
        for link, T in zip(asset.links, rest, strict=True)
    ]
    contacts = Contacts(pieces)
    index = asset.link_index
    pairs = {frozenset((index[j.parent], index[j.child])) for j in asset.joints}
    joined, others = -contacts.reach, -contacts.reach
    for T in states:
        motions = T @ invert(rest)
        for link in range(len(asset.links)):
            first, second = contacts.pairs([link])
            depths = contacts.depths(motions, [link])
            touching = np.array(
                [[frozenset((int(a), int(b))) in pairs for b in second] for a in first], bool
            ).reshape(depths.shape)
            joined = max(joined, float(np.max(depths, initial=joined, where=touching)))
            others = max(others, float(np.max(depths, initial=others, where=~touching)))
    return joined, others
