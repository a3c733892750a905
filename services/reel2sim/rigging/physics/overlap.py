"""Links that are in each other where the reel shows them, though no joint joins them.

Two recovered surfaces may cross: a finger and a palm that were seen from one side, an arm folded
against its base. An engine would push them apart with all its might, and with them the joints. The
real object was in these states, so it is the recovered shapes that are wrong there, and such pairs
never collide, as in the collision matrix that MoveIt's setup assistant makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reel2sim.rigging.physics.contact import Contacts
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.contacts import held_links, loose_links
from reel2sim.scene.transforms import invert

_STATES = 16
"""States of the reel that are looked at, beside rest."""
_CONTACT = 1e-4
"""Links that are less deep in each other touch; as a share of the asset's size."""


def seen_states(asset: RiggedAsset) -> list[Array]:
    """Poses of all links ``(l, 4, 4)`` relative to the root: at rest, then along the reel."""
    times = np.linspace(asset.motion.times_s[0], asset.motion.times_s[-1], _STATES)
    along = [asset.link_poses(asset.motion.sample(float(t))[1]) for t in times]
    return [asset.rest_poses, *along]


def depths_between(asset: RiggedAsset, states: Sequence[Array]) -> Array:
    """How deep the collision pieces of each two links are in each other at most.

    Args:
        asset: any.
        states: poses of all links ``(l, 4, 4)``, root at the world's origin.

    Returns:
        Symmetric ``(l, l)``, metres; not positive where links only touch or stay apart, and for
        a link with itself.
    """
    contacts = Contacts.of(asset)
    count = len(asset.links)
    deepest = np.full((count, count), -contacts.reach)
    back = invert(asset.rest_poses)
    for poses in states:
        for link in range(count):
            first, second = contacts.pairs([link])
            found = contacts.depths(poses @ back, [link])
            for other in np.unique(second) if len(first) else ():
                depth = found[:, second == other].max()
                deepest[link, other] = max(deepest[link, other], depth)
    return np.maximum(deepest, deepest.T)


def disentangled(asset: RiggedAsset) -> RiggedAsset:
    """``asset`` with the pairs of links named that are in each other, and those named before.

    Links that nothing holds where they are collide all the same: an engine may push them out, and
    a ball must not fall through its drawer.
    """
    held, loose = set(held_links(asset)), loose_links(asset)
    size = float(np.linalg.norm(np.ptp(asset.surfels.means, axis=0)))
    deep = depths_between(asset, seen_states(asset)) > _CONTACT * size
    names = [link.name for link in asset.links]
    pairs = tuple(
        (names[i], names[j])
        for i, j in zip(*np.nonzero(np.triu(deep, 1)), strict=True)
        if (names[i], names[j]) not in held and names[i] not in loose and names[j] not in loose
    )
    new = [pair for pair in pairs if pair not in asset.interpenetrating]
    said = [f"{a} and {b}" for a, b in new]
    notes = [f"{', '.join(said)} are in each other and do not collide"] if said else []
    index = asset.link_index
    every = sorted({*asset.interpenetrating, *new}, key=lambda pair: [index[x] for x in pair])
    return replace(asset, interpenetrating=tuple(every), notes=(*asset.notes, *notes))
