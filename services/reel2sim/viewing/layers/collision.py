"""What collides: the convex pieces of every link."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reel2sim.viewing.layers.layer import Figure, Layer

if TYPE_CHECKING:
    from viser import SceneApi

_OPACITY = 0.7
_GOLDEN_TURN = 0.6180339887498949


class Collision(Layer):
    """Convex pieces, neighbours in different hues."""

    name, title = "collision", "Collision pieces"

    def add_asset(self, api: SceneApi, figure: Figure) -> Sequence[Any]:
        """One node a piece."""
        pieces = [
            (f"{figure.link(i)}/collision_{k:02d}", piece)
            for i, link in enumerate(figure.asset.links)
            for k, piece in enumerate(link.collision)
        ]
        return [
            api.add_mesh_simple(
                name,
                piece.vertices,
                piece.faces,
                color=colorsys.hsv_to_rgb(n * _GOLDEN_TURN % 1.0, 0.55, 0.95),
                opacity=_OPACITY,
                flat_shading=True,
                cast_shadow=False,
            )
            for n, (name, piece) in enumerate(pieces)
        ]
