"""Which part is which: meshes in a colour for each link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reel2sim.pipeline.preview import link_colors
from reel2sim.viewing.layers.layer import Figure, Layer

if TYPE_CHECKING:
    from viser import SceneApi

_OPACITY = 0.55
"""Low enough to see bones and axes inside, high enough to tell the parts."""


class Parts(Layer):
    """The mesh of every link in the colour that reports give it."""

    name, title = "parts", "Part colours"

    def add_asset(self, api: SceneApi, figure: Figure) -> Sequence[Any]:
        """One node a link."""
        links = figure.asset.links
        return [
            api.add_mesh_simple(
                f"{figure.link(i)}/part",
                link.visual.vertices,
                link.visual.faces,
                color=tuple(color.tolist()),
                opacity=_OPACITY,
                cast_shadow=False,
            )
            for i, (link, color) in enumerate(zip(links, link_colors(len(links)), strict=True))
            if len(link.visual.faces)
        ]
