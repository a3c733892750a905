"""The ground, or a grid where the lowest asset ends if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reel2sim.scene import Scene
from reel2sim.viewing.extent import Extent
from reel2sim.viewing.layers.layer import Layer

if TYPE_CHECKING:
    from viser import SceneApi

_SQUARES = 20
"""Of the grid along the size of the scene."""


class Ground(Layer):
    """A grid; shadows fall on it."""

    name, title, shown = "ground", "Ground", True

    def add_scene(self, api: SceneApi, scene: Scene) -> Sequence[Any]:
        """One node."""
        extent = Extent.of(scene)
        side = _round(3 * extent.size / _SQUARES)
        width = side * _SQUARES
        x, y, _ = extent.center
        return [
            api.add_grid(
                "/ground",
                width,
                width,
                cell_size=side,
                section_size=5 * side,
                position=(x, y, extent.ground_z),
                shadow_opacity=0.2,
            )
        ]


def _round(length: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above ``length``."""
    power = 10.0**-9
    while power * 10 <= length:
        power *= 10
    return max(power * k for k in (1, 2, 5) if power * k <= length)
