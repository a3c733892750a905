"""One view of an object, and the light that meshes without any of their own are shown in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.rendering import Lamp, Lights, Tableau
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_SAMPLES = 3
"""A side of a pixel."""
_GROUND, _SKY = 0.30, 0.48
_LAMPS = ((0.62, 35.0, 50.0), (0.22, -70.0, 15.0), (0.12, 160.0, 30.0))
"""Key, fill and rim: strength, azimuth from the front camera and elevation, degrees."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One view.

    Attributes:
        rgba: sRGB with straight alpha ``(h, w, 4)`` uint8.
        depth: along the optical axis at pixel centres ``(h, w)`` float32, metres; 0 where nothing.
        index: 1 + the part at pixel centres ``(h, w)`` int32; 0 where nothing.
    """

    rgba: Array
    depth: Array
    index: Array


def lamps(front_azimuth: float) -> Lights:
    """Lights that stand still in the world and cast no shadow.

    Args:
        front_azimuth: of the camera that they are arranged for, radians.
    """
    rows: list[Lamp] = []
    for strength, turn, height in _LAMPS:
        a, e = front_azimuth + np.radians(turn), np.radians(height)
        toward = float(np.cos(a) * np.cos(e)), float(np.sin(a) * np.cos(e)), float(np.sin(e))
        rows.append(Lamp(toward, (strength, strength, strength)))
    return Lights(tuple(rows), sky=(_SKY, _SKY, _SKY), ground=(_GROUND, _GROUND, _GROUND))


def drawn(tableau: Tableau, camera: Camera) -> Picture:
    """Draw triangles with 9 samples a pixel; what is known of them, at its centre."""
    picture, seen = tableau.picture(camera, samples=_SAMPLES), tableau.geometry(camera)
    rgba = np.concatenate([picture.rgb, picture.alpha[..., None]], axis=-1)
    return Picture(rgba, seen.depth.astype(np.float32), seen.part)
