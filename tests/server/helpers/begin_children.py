"""Start a child of every kind that work is handed to: ``begin_children.py FOLDER``. To be killed.

Instead of its script each runs one that writes its process id to FOLDER and sleeps.
"""

import os
import sys
import threading
import time
from pathlib import Path

import trimesh

from reel2sim.batch import BatchConfig, BatchJob, Step, run_batch
from reel2sim.exporters.check.robot import bullet
from reel2sim.importers.usd import crates
from reel2sim.media import decoder, load_reel
from reel2sim.rigging.physics import collision
from reel2sim.rigging.physics.config import PhysicsConfig

SCRIPT = """
import os, pathlib, time
pathlib.Path(__file__).with_suffix(".pid").write_text(str(os.getpid()))
time.sleep(600)
"""


def sleep(job, bundle, scratch):
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch.parents[2] / "batch.pid").write_text(str(os.getpid()))
    time.sleep(600)


def decode(folder: Path) -> None:
    film = folder / "film.mp4"
    film.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom")
    load_reel(film)


def decompose(folder: Path) -> None:
    box = trimesh.creation.box()
    two = trimesh.util.concatenate([box, box.copy().apply_translation([3, 0, 0])])
    collision.convex_pieces(two, config=PhysicsConfig(), clearance=0.0)


def wash(folder: Path) -> None:
    (folder / "a.usdc").touch()
    crates.CrateWasher().wash(folder / "a.usdc", folder / "b.usdc", "a.usdc")


def ask(folder: Path) -> None:
    bullet._ask({})


def batch(folder: Path) -> None:
    config = BatchConfig(ray=False, workers=1)
    steps = [Step(name="sleep", work=sleep)]
    run_batch([BatchJob(id="a", prompt="a")], folder / "out", config=config, steps=steps)


def main(folder: Path) -> None:
    for name in ("decoder", "coacd_worker", "crate_worker", "bullet_worker"):
        (folder / f"{name}.py").write_text(SCRIPT)
    decoder.__file__ = str(folder / "decoder.py")
    collision._WORKER = folder / "coacd_worker.py"
    crates.__file__ = bullet.__file__ = str(folder / "any.py")
    for work in (decode, decompose, wash, ask, batch):
        threading.Thread(target=work, args=(folder,), daemon=True).start()
    time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
