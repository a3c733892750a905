"""What can be seen of a scene, one file each; :data:`LAYERS` lists them."""

from __future__ import annotations

from reel2sim.viewing.layers.axes import JointAxes
from reel2sim.viewing.layers.collision import Collision
from reel2sim.viewing.layers.ground import Ground
from reel2sim.viewing.layers.layer import Figure, Layer
from reel2sim.viewing.layers.parts import Parts
from reel2sim.viewing.layers.skeleton import Skeleton
from reel2sim.viewing.layers.splats import Splats
from reel2sim.viewing.layers.visual import Visual

LAYERS: tuple[type[Layer], ...] = (
    Splats, Visual, Parts, Collision, Skeleton, JointAxes, Ground,
)  # fmt: skip
"""Layers that any bundle has, in the order of the panel."""

__all__ = [
    "LAYERS",
    "Collision",
    "Figure",
    "Ground",
    "JointAxes",
    "Layer",
    "Parts",
    "Skeleton",
    "Splats",
    "Visual",
]
