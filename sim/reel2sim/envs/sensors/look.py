"""How the pictures of an episode differ from what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reel2sim.scene.arrays import Array


@dataclass(frozen=True, eq=False)
class Look:
    """How an episode's pictures differ from what was asked for; see ``randomise``.

    Attributes:
        shift: of cameras in their own axes ``(3,)``, as a share of the distance to the objects.
        turn: of cameras about their own axes ``(3,)``, radians.
        zoom: factor of the tangent of half the field of view.
        light: direction that light comes from ``(3,)``; None is the renderer's own.
        gains: factors of the links' colours ``(l, 3)``, root first, of each object; None is 1.
    """

    shift: Array = field(default_factory=lambda: np.zeros(3))
    turn: Array = field(default_factory=lambda: np.zeros(3))
    zoom: float = 1.0
    light: Array | None = None
    gains: Mapping[str, Array] | None = None
