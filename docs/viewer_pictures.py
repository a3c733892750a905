"""Draws docs/images/viewer*.png: the page, every layer, physics, and a scene of several bundles.

    python docs/viewer_pictures.py out/drawer --input examples/drawer --beside true/mw_laptop

The first bundle is that of the shipped capture; what stands beside it is any other.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro
from PIL import Image, ImageDraw

from reel2sim.viewing.footage import Footage
from reel2sim.viewing.screenshot import screenshot
from reel2sim.viewing.viewer import Viewer, ViewerOptions, all_layers
from reel2sim.viewing.workspace import Workspace

IMAGES = Path(__file__).parent / "images"
COLUMNS, TILE = 4, (400, 300)
OPEN_S = 1.0
"""Time at which the drawer is open."""
LARGEST = 300_000
"""Bytes of a picture."""


@dataclass(frozen=True)
class Options:
    """What to draw.

    Attributes:
        bundle: bundle of the capture.
        input: the capture.
        beside: bundles that stand beside it in the scene of several.
    """

    bundle: tyro.conf.Positional[Path]
    input: Path = Path("examples/drawer")
    beside: tuple[Path, ...] = ()


def taken(viewer: Viewer, size: tuple[int, int], *, panels: bool = False) -> Image.Image:
    """What the viewer shows."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        screenshot(viewer, path, width=size[0], height=size[1], panels=panels)
        return Image.open(io.BytesIO(path.read_bytes())).convert("RGB")


def layers(options: Options) -> Image.Image:
    """Each layer alone on its ground, in a grid."""
    footage = Footage.load(options.input)
    names = [layer.name for layer in all_layers() if layer.name != "ground"]
    # Bones and axes are inside of parts, which can be seen through.
    beside = {"skeleton": ("parts",), "axes": ("parts",), "cameras": ("splats",)}
    tiles: list[Image.Image] = []
    for name in names:
        shown = (name, "ground", *beside.get(name, ()))
        made = ViewerOptions(port=0, docked=False, shown=shown)
        with Viewer(Workspace.open([options.bundle]), footage=footage, options=made) as viewer:
            viewer.session.seek(OPEN_S)
            tile = taken(viewer, TILE)
        ImageDraw.Draw(tile).text((8, 6), " + ".join(shown), fill=(60, 60, 60), font_size=15)
        tiles.append(tile)
    rows = -(-len(tiles) // COLUMNS)
    grid = Image.new("RGB", (COLUMNS * TILE[0], rows * TILE[1]), "white")
    for i, tile in enumerate(tiles):
        grid.paste(tile, (i % COLUMNS * TILE[0], i // COLUMNS * TILE[1]))
    return grid


def page(options: Options) -> Image.Image:
    """The page as people see it, with the input beside the render."""
    footage = Footage.load(options.input)
    with Viewer(
        Workspace.open([options.bundle]), footage=footage, options=ViewerOptions(port=0)
    ) as viewer:
        viewer.session.seek(OPEN_S)
        return taken(viewer, (1280, 640), panels=True)


def physics(options: Options) -> Image.Image:
    """Balls on an open drawer."""
    made = ViewerOptions(port=0, docked=False, shown=("visual", "ground"))
    with Viewer(Workspace.open([options.bundle]), options=made) as viewer:
        viewer.session.seek(OPEN_S)
        viewer.physics.start()
        for _ in range(12):
            viewer.physics.drop_ball()
            time.sleep(0.5)
        time.sleep(2.0)
        viewer.ticker.stop()  # a picture is taken of what stands still
        return taken(viewer, (640, 480))


def scene(options: Options) -> Image.Image:
    """Several bundles in one scene."""
    made = ViewerOptions(port=0, docked=False, shown=("visual", "axes", "ground"))
    paths = [options.bundle, *options.beside]
    with Viewer(Workspace.open(paths), options=made) as viewer:
        viewer.session.seek(OPEN_S)
        return taken(viewer, (640, 480))


def save(picture: Image.Image, name: str) -> None:
    """Write a picture, with fewer colours if it is too large."""
    path = IMAGES / name
    picture.save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        picture.quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB", flush=True)


def main(options: Options) -> None:
    """Draw all of them."""
    save(page(options), "viewer.png")
    save(layers(options), "viewer_layers.png")
    save(physics(options), "viewer_physics.png")
    save(scene(options), "viewer_scene.png")


if __name__ == "__main__":
    main(tyro.cli(Options))
