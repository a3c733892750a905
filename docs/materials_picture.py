"""Draw docs/images/materials.png and docs/images/settings.png: materials, and a scene in settings.

Usage: ``python docs/materials_picture.py docs/images``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from reel2sim.generation import GenerationConfig, generate
from reel2sim.generation.materials import PATTERNS, RECIPES, material
from reel2sim.generation.scripted.solids import Solid, box, plate, sphere
from reel2sim.generation.setting import Setting
from reel2sim.generation.surroundings import lights
from reel2sim.rendering import Mesh, Surface, draw
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import look_at

_CELL = 150
_SETTINGS = (
    ("none, studio", Setting()),
    ("floor, daylight", Setting(background="floor", lighting="daylight")),
    ("room, overcast", Setting(background="room", lighting="overcast")),
    ("room, evening", Setting(background="room", lighting="evening")),
    ("room, phone", Setting(background="room", sensor="phone")),
    ("room, night", Setting(background="room", lighting="evening", sensor="night")),
)


def mesh(solid: Solid, surface: int, metres: float) -> Mesh:
    """A solid with its texture tiled every so many metres."""
    return Mesh(
        solid.vertices,
        solid.faces,
        solid.uv[solid.faces] / metres,
        solid.normals[solid.faces],
        surface=surface,
    )


def cell(look: Surface, name: str) -> Array:
    """A ball on a block of a material, or a tilted plate with a pattern."""
    if look.repeats:
        solids = [box((-0.5, -0.5, 0.0), (0.5, 0.5, 0.3)), sphere((0, 0, 0.75), 0.45, sides=48)]
        meshes = [mesh(solid, 0, 0.8) for solid in solids]
    else:
        right, up = np.array([0.0, 0.7, 0.0]), np.array([-0.35, 0.0, 0.6])
        meshes = [mesh(plate((0, 0, 0.55), right, up, ""), 0, 1.0)]
    camera = look_at(
        np.array([2.9, 1.4, 1.9]), np.array([0, 0, 0.55]), width=_CELL, height=_CELL, fov_y=0.5
    )
    light = lights("studio", np.random.default_rng(0))
    poses = [np.eye(4)] * len(meshes)
    picture, _ = draw(meshes, [look], poses, camera, light, samples=3)
    alpha = picture.alpha[..., None] / 255.0
    return labelled(np.rint(picture.rgb * alpha + 255 * (1 - alpha)).astype(np.uint8), name)


def labelled(image: Array, text: str) -> Array:
    """The picture with a line of text below it."""
    sheet = Image.new("RGB", (image.shape[1], image.shape[0] + 16), "white")
    sheet.paste(Image.fromarray(image))
    ImageDraw.Draw(sheet).text((4, image.shape[0] + 2), text, fill="black")
    return np.asarray(sheet)


def grid(cells: list[Array], columns: int) -> Image.Image:
    """Pictures of one size in rows."""
    blank = np.full_like(cells[0], 255)
    cells = cells + [blank] * (-len(cells) % columns)
    rows = [np.concatenate(cells[k : k + columns], 1) for k in range(0, len(cells), columns)]
    return Image.fromarray(np.concatenate(rows))


def main() -> None:
    """Draw both sheets into the folder that is named."""
    out = Path(sys.argv[1])
    cells = [cell(material(name, None, 0), name) for name in RECIPES]
    cells += [cell(material("plastic", None, 0, pattern=name), name) for name in PATTERNS]
    grid(cells, 5).save(out / "materials.png", optimize=True)
    prompt = "a wooden cabinet with one drawer and two doors, the drawer slides open"
    shown: list[Array] = []
    for name, setting in _SETTINGS:
        config = GenerationConfig(size=250, frames=3, views=0, setting=setting)
        frames = generate(prompt, config=config).reel.streams["front"]
        shown.append(labelled(frames[1].image, name))
    grid(shown, 3).save(out / "settings.png", optimize=True)


if __name__ == "__main__":
    main()
