"""How links hang on each other: from a part's centre of mass over the pivot to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.pipeline.preview import link_colors
from reel2sim.scene import RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.viewing.layers.layer import Figure, Layer

if TYPE_CHECKING:
    from viser import SceneApi

_BONE_COLOR = (40, 40, 40)
"""Dark, so that bones are seen within parts of any colour."""


class Skeleton(Layer):
    """Bones, and a ball at every centre of mass."""

    name, title = "skeleton", "Skeleton"

    def add_asset(self, api: SceneApi, figure: Figure) -> Sequence[Any]:
        """Bones in one node, balls that move with their links."""
        asset, radius = figure.asset, 0.02 * figure.size
        colors = link_colors(len(asset.links))
        balls = [
            api.add_icosphere(
                f"{figure.link(i)}/centre",
                radius,
                color=tuple(color.tolist()),
                position=link.inertial.center,
                cast_shadow=False,
            )
            for i, (link, color) in enumerate(zip(asset.links, colors, strict=True))
        ]
        if not asset.joints:
            return balls
        bones = api.add_line_segments(
            f"{figure.root}/bones",
            bones_of(asset, asset.rest_poses),
            _BONE_COLOR,
            thickness=5.0,
            thickness_units="screen",
        )
        return [bones, *balls]

    def posed(self, handles: Sequence[Any], figure: Figure, poses: Array) -> None:
        """Bones span links, so they have to be drawn anew."""
        if figure.asset.joints:
            handles[0].points = bones_of(figure.asset, poses)


def bones_of(asset: RiggedAsset, poses: Array) -> Array:
    """Two lines a joint ``(2j, 2, 3)``, world: parent's centre to pivot to child's centre."""
    local = np.array([link.inertial.center for link in asset.links])
    centers = np.einsum("lij,lj->li", poses[:, :3, :3], local) + poses[:, :3, 3]
    parents = [asset.link_index[joint.parent] for joint in asset.joints]
    pivots = poses[1:, :3, 3]
    upper = np.stack([centers[parents], pivots], axis=1)
    lower = np.stack([pivots, centers[1:]], axis=1)
    return np.stack([upper, lower], axis=1).reshape(-1, 2, 3)
