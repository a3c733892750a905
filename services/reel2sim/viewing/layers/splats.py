"""Surfels as Gaussian splats, those of a link in one node.

Moving a link then sends a pose, and never its surfels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.scene import RiggedAsset, Scene, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert, matrix_from_quaternion
from reel2sim.viewing.layers.layer import Figure, Layer

if TYPE_CHECKING:
    from viser import SceneApi

_MOST = 200.0
"""Standard deviation, in units of the typical one, that 16 bits of a covariance still hold."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Gaussians as a viewer takes them, in the frame of a link.

    Attributes:
        centers: ``(n, 3)``, metres.
        covariances: ``(n, 3, 3)``, m².
        colors: sRGB ``(n, 3)``, 0..1.
        opacities: ``(n, 1)``, 0..1.
    """

    centers: Array
    covariances: Array
    colors: Array
    opacities: Array

    @classmethod
    def of(cls, surfels: Surfels, T: Array) -> Cloud:
        """``surfels`` moved by ``T`` ``(4, 4)``."""
        tangents = T[:3, :3] @ matrix_from_quaternion(surfels.rotations)[:, :, :2]
        spread = tangents * surfels.scales[:, None, :]
        return cls(
            apply(T, surfels.means),
            spread @ spread.transpose(0, 2, 1),
            surfels.colors,
            surfels.opacities[:, None],
        )

    @property
    def unit(self) -> float:
        """Typical standard deviation, metres."""
        if not len(self.centers):
            return 1.0
        largest = np.sqrt(self.covariances.trace(axis1=1, axis2=2))
        return float(max(np.median(largest), largest.max() / _MOST, 1e-9))


def link_clouds(asset: RiggedAsset) -> list[Cloud]:
    """The surfels of each link, in its frame; those of a skin go with the link that leads."""
    T_link_world, owner = invert(asset.rest_poses), asset.surfel_links
    return [Cloud.of(asset.surfels.select(owner == i), T) for i, T in enumerate(T_link_world)]


class Splats(Layer):
    """What was reconstructed."""

    name, title, shown = "splats", "Splats", True

    def add_asset(self, api: SceneApi, figure: Figure) -> Sequence[Any]:
        """One node a link."""
        return [
            _add(api, f"{figure.link(i)}/splats", cloud)
            for i, cloud in enumerate(link_clouds(figure.asset))
            if len(cloud.centers)
        ]

    def add_scene(self, api: SceneApi, scene: Scene) -> Sequence[Any]:
        """The background."""
        if scene.background is None or not len(scene.background):
            return ()
        return [_add(api, "/background/splats", Cloud.of(scene.background, np.eye(4)))]


def _add(api: SceneApi, name: str, cloud: Cloud) -> Any:
    # The page gets covariances as floats of 16 bits, which know next to nothing of square
    # millimetres in square metres; so they go in units that fit, and the node is scaled back.
    unit = cloud.unit
    return api.add_gaussian_splats(
        name,
        cloud.centers / unit,
        cloud.covariances / unit**2,
        cloud.colors,
        cloud.opacities,
        scale=unit,
    )
