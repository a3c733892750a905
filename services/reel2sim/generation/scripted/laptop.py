"""A laptop: a base with a keyboard and a lid with a screen."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.parts import Box, ObjectSpec, PartSpec
from reel2sim.generation.scripted.spec import SceneSpec
from reel2sim.generation.scripted.textures import keyboard_tile, material_tile, screen_tile
from reel2sim.scene.rig import JointType


def build_laptop(spec: SceneSpec, rng: np.random.Generator) -> ObjectSpec:
    """The laptop a prompt asks for; it lies on z = 0, opens towards +x, hinge along y behind."""
    scale, wide, high = spec.scale
    width, depth = 0.34 * scale * wide, 0.24 * scale
    thick, lid = 0.020 * scale * high, 0.010 * scale
    x0, x1, y = -depth / 2, depth / 2, width / 2
    gap = 0.002
    base = PartSpec("base", (Box((x0, -y, 0), (x1, y, thick), decals=(((0, 0, 1), "keyboard"),)),))
    cover = Box(
        (x0, -y, thick + gap),
        (x1, y, thick + gap + lid),
        decals=(((0, 0, -1), "screen"),),
    )
    hinge = Box((x0 - 0.006 * scale, -0.7 * y, thick * 0.5), (x0, 0.7 * y, thick + gap), "hinge")
    upper = PartSpec(
        name="lid",
        boxes=(cover, hinge),
        noun="lid",
        joint=JointType.REVOLUTE,
        axis=(0.0, -1.0, 0.0),
        pivot=(x0, 0.0, thick + gap / 2),
        travel=2.1,
    )
    tone = spec.colour or (0.68, 0.70, 0.73)
    dark = (0.25, 0.25, 0.27)
    tiles = {
        "base": material_tile(spec.material, spec.colour, rng, metres=0.5),
        "keyboard": keyboard_tile(tone, rng),
        "screen": screen_tile(rng),
        "hinge": material_tile("plastic", dark, rng, metres=0.5),
    }
    return ObjectSpec("laptop", (base, upper), tiles)
