"""Which links of an asset never collide."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.rig import JointType

_FREE = 6
"""Axes of a body that can go anywhere."""


def meeting_links(asset: RiggedAsset) -> list[tuple[str, str]]:
    """Pairs of links that must not collide, each in order.

    They are those that joints hold together (:func:`held_links`), and those that are in each
    other though no joint joins them.
    """
    return _ordered(asset, {*held_links(asset), *asset.interpenetrating})


def held_links(asset: RiggedAsset) -> list[tuple[str, str]]:
    """Pairs of links that a joint holds together, each in order.

    Links on fixed joints count as one body. Links without collision pieces, such as those between
    the axes of a ball joint, are looked through; two links with six axes between them are free of
    each other.
    """
    body, above, axes = _axes_above(asset)
    parts: dict[str, list[str]] = {}
    for link in asset.links:
        parts.setdefault(body[link.name], []).append(link.name)
    held = {pair for own in parts.values() for pair in itertools.combinations(own, 2)}
    for child, parent in above.items():
        if axes[child] < _FREE:
            held.update(itertools.product(parts[parent], parts[child]))
    return _ordered(asset, held)


def loose_links(asset: RiggedAsset) -> set[str]:
    """Links that nothing holds: with six axes between them and the next solid one, and beyond."""
    body, _, axes = _axes_above(asset)
    loose = {name for name, count in axes.items() if count >= _FREE}
    for joint in asset.joints:  # parents come first
        if body[joint.child] in loose or joint.parent in loose:
            loose.add(joint.child)
    return loose


def _axes_above(asset: RiggedAsset) -> tuple[dict[str, str], dict[str, str], dict[str, int]]:
    """Of each link the body it is part of, and of each body the solid one above and axes between.

    Links on fixed joints are one body, called after the first of them.
    """
    body = {asset.links[0].name: asset.links[0].name}
    for joint in asset.joints:
        fixed = joint.type is JointType.FIXED
        body[joint.child] = body[joint.parent] if fixed else joint.child
    solid = {body[link.name] for link in asset.links if link.collision}
    above: dict[str, str] = {}
    axes: dict[str, int] = {}
    for joint in asset.joints:
        if joint.type is JointType.FIXED:
            continue
        parent = body[joint.parent]
        axes[joint.child] = 1
        if parent not in solid and parent in above:
            axes[joint.child] += axes[parent]
            parent = above[parent]
        above[joint.child] = parent
    return body, above, axes


def _ordered(asset: RiggedAsset, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs in the order of the links, as are the two of each."""
    place = asset.link_index
    names = [link.name for link in asset.links]
    found = {(min(place[a], place[b]), max(place[a], place[b])) for a, b in pairs}
    return [(names[i], names[k]) for i, k in sorted(found)]
