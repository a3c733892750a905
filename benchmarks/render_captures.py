"""Render capture folders with exact truth: known joints, animated USD files, and no joint at all.

Example::

    python benchmarks/render_captures.py --out captures --objects mw_drawer mw_laptop
    python benchmarks/render_captures.py --out captures --urdf path/to/robot.urdf --joints j1 j2
    python benchmarks/render_captures.py --out captures --usd walk.usdz --protocol orbit mono
    python benchmarks/render_captures.py --out captures --controls turntable ball sheet carried
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from captures.body import Body
from captures.cameras import (
    Protocol,
    Ring,
    Shot,
    best_azimuth,
    held_out_shots,
    instants,
    training_shots,
)
from captures.controls import Control, load_control
from captures.models import load_exact, load_urdf
from captures.raycast import RayScene
from captures.sdf import load_sdf
from captures.shape import joint_truth, shape_truth, surface_samples, write_arrays
from captures.usd import load_usd
from PIL import Image

from reel2sim.generation.truth import write_truth
from reel2sim.media.capture import opencv_from_opengl
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError

ROOT = Path(__file__).parents[1]
_DATA = Path(os.environ.get("REEL2SIM_DATA", ROOT / ".." / "shared" / "data"))
DURATION_S = 2.0
_TRACKS = 2000


@dataclass(frozen=True)
class Options:
    """What to render.

    Attributes:
        out: folder that receives one capture folder per object, or, with several protocols, one
            folder of those per protocol.
        objects: names under ``assets_gt`` of the data folder; empty: all, unless something else
            is named.
        urdf: render these files; URDF, or SDF by their ending.
        joints: joints of the URDF that move; empty: all.
        usd: render these animated files; their whole range is played.
        controls: render these bodies, which move without a joint.
        name: of the capture folder of the one body; empty: that of the file.
        amplitude: how far joints go, as a share of how far they usually do.
        protocol: orbit: static views, a camera that circles and one that stays; front: without
            the circling one; mono: the circling one alone; multiview: eight that stay.
        texture: rich solid texture or flat colours, for what has no picture of its own.
        size: picture edge in pixels.
        frames: instants of the motion.
        static_views: views at time zero.
        held_out: views for scoring alone.
        seed: of textures and surface samples.
        points: candidate surface samples for the truth; those no view at time zero sees are
            dropped.
    """

    out: Path
    objects: tuple[str, ...] = ()
    urdf: tuple[Path, ...] = ()
    joints: tuple[str, ...] = ()
    usd: tuple[Path, ...] = ()
    controls: tuple[Control, ...] = ()
    name: str = ""
    amplitude: float = 1.0
    protocol: tuple[Protocol, ...] = ("orbit",)
    texture: Literal["rich", "flat"] = "rich"
    size: int = 192
    frames: int = 24
    static_views: int = 24
    held_out: int = 24
    seed: int = 0
    points: int = 20000


class Studio:
    """One body with its cameras; protocols share the pictures they have in common."""

    def __init__(self, body: Body, options: Options) -> None:
        self._options = options
        self._shares = instants(options.frames)
        rich = options.texture == "rich"
        self._scene = RayScene(body, seed=options.seed, rich=rich)
        self._ring = Ring(body, self._shares, options.size)
        self._front = best_azimuth(self._scene, self._ring, self._shares)
        self._taken: dict[tuple[float, float, float], Image.Image] = {}

    def write(self, folder: Path, protocol: Protocol) -> None:
        """Write pictures, their cameras and the truth into ``folder``, which is made anew."""
        options = self._options
        if folder.exists():
            shutil.rmtree(folder)
        training = training_shots(
            protocol, self._front, frames=options.frames, static_views=options.static_views
        )
        held_out = list(held_out_shots(self._front, frames=options.frames, views=options.held_out))
        self._write_pictures(folder, "transforms.json", list(training))
        self._write_pictures(folder, "heldout.json", held_out)
        samples = surface_samples(self._scene, self._ring, count=options.points, seed=options.seed)
        if self._scene.body.poses_at is not None:
            times = DURATION_S * self._shares
            write_truth(joint_truth(self._scene.body, times, self._shares, samples), folder)
        shape = shape_truth(
            self._scene,
            self._ring,
            held_out,
            self._shares,
            _some(samples, _TRACKS, options.seed),
            duration_s=DURATION_S,
        )
        write_arrays(folder / "shape.npz", shape)

    def _write_pictures(self, folder: Path, index: str, shots: Sequence[Shot]) -> None:
        entries: list[dict[str, object]] = []
        for shot in shots:
            path = folder / shot.file
            path.parent.mkdir(parents=True, exist_ok=True)
            self._picture(shot).save(path, optimize=True)
            camera = self._ring.camera(shot.azimuth, shot.elevation)
            entries.append(
                {
                    "file_path": shot.file,
                    "stream": shot.stream,
                    "time": DURATION_S * shot.share,
                    "transform_matrix": opencv_from_opengl(camera.T_world_camera).tolist(),
                }
            )
        camera = self._ring.camera(self._front)
        record = {
            "w": camera.width, "h": camera.height, "fl_x": camera.fx, "fl_y": camera.fy,
            "cx": camera.cx, "cy": camera.cy, "frames": entries,
        }  # fmt: skip
        (folder / index).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def _picture(self, shot: Shot) -> Image.Image:
        key = (round(shot.azimuth, 9), shot.elevation, shot.share)
        if key not in self._taken:
            camera = self._ring.camera(shot.azimuth, shot.elevation)
            self._taken[key] = Image.fromarray(self._scene.picture(camera, shot.share))
        return self._taken[key]


def _some(samples: tuple[Array, Array], count: int, seed: int) -> tuple[Array, Array]:
    """At most ``count`` of the surface samples, drawn evenly."""
    triangles, bary = samples
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(triangles))[:count])
    return triangles[chosen], bary[chosen]


def bodies(options: Options) -> Iterator[Body]:
    """Every chosen object."""
    named = [*options.urdf, *options.usd, *options.controls]
    if options.name and len(named) != 1:
        raise UsageError("names one body's capture folder", field="name")
    if options.amplitude != 1.0 and (options.usd or options.controls):
        raise UsageError("is of joints, which these bodies do not have", field="amplitude")
    for path in options.urdf:
        load = load_sdf if path.suffix == ".sdf" else load_urdf
        body = Body.of(load(path, only=options.joints).scaled(options.amplitude))
        yield body.named(options.name or body.name)
    for body in (*map(load_usd, options.usd), *map(load_control, options.controls)):
        yield body.named(options.name or body.name)
    names = options.objects
    if not names and not named:
        names = tuple(sorted(p.name for p in (_DATA / "assets_gt").iterdir()))
    for name in names:
        yield Body.of(load_exact(_DATA / "assets_gt" / name).scaled(options.amplitude))


def main(options: Options) -> None:
    """Render every chosen object under every chosen protocol."""
    several = len(options.protocol) > 1
    for body in bodies(options):
        studio = Studio(body, options)
        for protocol in options.protocol:
            folder = (options.out / protocol if several else options.out) / body.name
            studio.write(folder, protocol)
            print(f"{body.name}: {folder}", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
