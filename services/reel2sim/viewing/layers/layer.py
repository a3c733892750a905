"""What layers have in common: nodes that hang on the links of an asset, made when first seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from reel2sim.scene import RiggedAsset, Scene
from reel2sim.scene.arrays import Array
from reel2sim.viewing.extent import Extent

if TYPE_CHECKING:
    from viser import SceneApi


@dataclass(frozen=True, eq=False)
class Figure:
    """An asset on the stage.

    Attributes:
        asset: in the scene's frame.
        root: name of the node that holds its nodes; that of a link moves as the link does.
        size: diagonal of all it reaches in its motion, metres, never 0.
    """

    asset: RiggedAsset
    root: str
    size: float

    @classmethod
    def of(cls, asset: RiggedAsset) -> Figure:
        """The figure of ``asset``, alone on its branch of the stage."""
        return cls(asset, f"/scene/{asset.name}", Extent.around([asset]).size)

    def link(self, index: int) -> str:
        """Name of the node that moves with a link."""
        return f"{self.root}/{self.asset.links[index].name}"


class Layer:
    """One thing to see. What it adds below a link's node moves with the link by itself.

    Attributes:
        name: word for it on the command line.
        title: words for it on the page.
        shown: whether it is seen unless asked otherwise.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    shown: ClassVar[bool] = False

    def add_asset(self, api: SceneApi, figure: Figure) -> Sequence[Any]:
        """Add what belongs to one asset; returns handles of nodes."""
        return ()

    def add_scene(self, api: SceneApi, scene: Scene) -> Sequence[Any]:
        """Add what belongs to no asset; returns handles of nodes."""
        return ()

    def posed(self, handles: Sequence[Any], figure: Figure, poses: Array) -> None:
        """Follow an asset whose links are now at ``poses`` ``(l, 4, 4)``; most need not."""
