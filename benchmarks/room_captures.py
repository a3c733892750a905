"""Put a room behind rendered captures, so that the object must be found without masks.

Reads capture folders with alpha and truth, and writes them again in colour alone: the pictures
over a textured floor and walls in true perspective, with the shadow the object casts. The true
masks go to ``true_masks/``, where loaders do not look for them.

Example::

    python benchmarks/render_captures.py --out captures --objects mw_drawer
    python benchmarks/room_captures.py captures/mw_drawer --out room_captures --noise 3
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from captures.body import Body
from captures.models import load_exact
from captures.room import Room
from PIL import Image

from reel2sim.media import load_reel

_DATA = Path(os.environ.get("REEL2SIM_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


@dataclass(frozen=True)
class Options:
    """What to furnish.

    Attributes:
        captures: folders made by render_captures.py from objects under ``assets_gt``.
        out: folder that receives one capture folder per object.
        noise: standard deviation added to every picture, of 255.
        seed: of textures and noise.
    """

    captures: tyro.conf.Positional[tuple[Path, ...]]
    out: Path
    noise: float = 0.0
    seed: int = 0


def furnish(capture: Path, folder: Path, options: Options) -> None:
    """Write ``capture`` with a room behind it into ``folder``."""
    room = Room(Body.of(load_exact(_DATA / "assets_gt" / capture.name)), seed=options.seed)
    reel = load_reel(capture)
    duration_s = float(reel.times_s[-1])
    rng = np.random.default_rng(options.seed)
    if folder.exists():
        shutil.rmtree(folder)
    for frame in reel.frames:
        if frame.camera is None or frame.mask is None:
            raise SystemExit(f"{capture}: {frame.name} has no camera or no alpha")
        picture = np.dstack([frame.image, frame.mask])
        image = room.behind(picture, frame.camera, frame.time_s / duration_s)
        if options.noise:
            image += rng.normal(0, options.noise, image.shape)
        for name, pixels in ((frame.name, image), (f"true_masks/{frame.name}", frame.mask)):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8)).save(path)
    record = json.loads((capture / "transforms.json").read_text(encoding="utf-8"))
    (folder / "transforms.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for truth in capture.glob("truth*"):
        shutil.copy(truth, folder / truth.name)


def main(options: Options) -> None:
    """Furnish every capture."""
    for capture in options.captures:
        furnish(capture, options.out / capture.name, options)
        print(options.out / capture.name, flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
