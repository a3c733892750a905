"""Which links of an asset never collide."""

from __future__ import annotations

from collections.abc import Callable

from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.rig import JointType

_FREE = 6
"""Axes of a body that can go anywhere."""


def meeting_links(asset: RiggedAsset) -> list[tuple[str, str]]:
    """Pairs of links that must not collide, each in order.

    They are those that joints hold together (:func:`held_links`), and those that are in each
    other though no joint joins them.
    """
    apart = {*held_links(asset), *asset.interpenetrating}
    return _ordered(asset, lambda first, second: (first, second) in apart)


def held_links(asset: RiggedAsset) -> list[tuple[str, str]]:
    """Pairs of links that a joint holds together, each in order.

    Links on fixed joints count as one body. Links without collision pieces, such as those between
    the axes of a ball joint, are looked through; two links with six axes between them are free of
    each other.
    """
    body, above, axes = _axes_above(asset)
    held = {frozenset((parent, child)) for child, parent in above.items() if axes[child] < _FREE}
    held |= {frozenset((name,)) for name in body.values()}
    return _ordered(asset, lambda first, second: frozenset((body[first], body[second])) in held)


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


def _ordered(asset: RiggedAsset, chosen: Callable[[str, str], bool]) -> list[tuple[str, str]]:
    names = [link.name for link in asset.links]
    return [
        (first, second)
        for i, first in enumerate(names)
        for second in names[i + 1 :]
        if chosen(first, second)
    ]
