"""Bodies at rest: mass, closed meshes, pieces, and how deep links are in each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh

from reel2sim.rigging.physics.inertia import LEAST_MASS
from reel2sim.rigging.physics.overlap import depths_between, seen_states
from reel2sim.scene import Link, RiggedAsset
from reel2sim.scene.contacts import meeting_links

MOST_PIECES = 32
_MASS_SLACK = 0.02
_DEEP = 0.01
"""Links that collide may be this deep in each other at zero, as a share of the size."""


@dataclass(frozen=True)
class Statics:
    """Figures of one bundle at rest.

    Attributes:
        faults: what is wrong.
        mass_kg: of all links.
        most_pieces: collision pieces of the link that has most.
        entangled: pairs of links that no joint joins and that do not collide.
        joined_mm: deepest that two links that do not collide are in each other at zero.
        others_mm: the same of links that do.
        moving_mm: the same over the motion.
    """

    faults: tuple[str, ...]
    mass_kg: float
    most_pieces: int
    entangled: int
    joined_mm: float
    others_mm: float
    moving_mm: float


def statics(asset: RiggedAsset) -> Statics:
    """Look at every link by itself and at all together."""
    faults = [fault for link in asset.links for fault in _link_faults(link)]
    collide = np.ones((len(asset.links), len(asset.links)), bool)
    for first, second in meeting_links(asset):
        i, j = asset.link_index[first], asset.link_index[second]
        collide[i, j] = collide[j, i] = False
    rest, *along = seen_states(asset)
    at_rest, moved = depths_between(asset, [rest]), depths_between(asset, along)
    joined = float(np.max(at_rest, initial=0.0, where=~collide))
    others = float(np.max(at_rest, initial=0.0, where=collide))
    moving = float(np.max(moved, initial=0.0, where=collide))
    size = float(np.linalg.norm(np.ptp(asset.surfels.means, axis=0)))
    if others > _DEEP * size:
        faults.append(f"links that collide are {1e3 * others:.1f} mm in each other at zero")
    return Statics(
        tuple(faults),
        float(sum(link.inertial.mass for link in asset.links)),
        max(len(link.collision) for link in asset.links),
        len(asset.interpenetrating),
        1e3 * joined,
        1e3 * others,
        1e3 * moving,
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
