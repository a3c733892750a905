"""Time the renderer of scripted scenes beside PyBullet's TinyRenderer, in one run.

    python benchmarks/draw.py [--rounds 5] [--size 256] [--prompts TEXT ...] [--report FILE]

Both draw the same meshes with the same textures, from the same cameras at the same instants, and
take turns within every round, so that a busy machine slows both alike. TinyRenderer has no filter
and no samples within a pixel: as many pixels are drawn and averaged, which is what gives pictures
of the same quality. The figure is the best round's pictures per second of CPU time, everything
included that has to be done for each picture: posing, shadows, drawing, averaging; TinyRenderer
is timed without shadows and with.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from PIL import Image

from reel2sim.generation import GenerationConfig
from reel2sim.generation.materials import material
from reel2sim.generation.scripted.cameras import Shot, plan_shots
from reel2sim.generation.scripted.filming import Film
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.setting import Setting
from reel2sim.media.images import shrink
from reel2sim.scene.camera import Camera
from reel2sim.scene.transforms import quaternion_from_matrix

_PROMPTS = (
    "a wooden cabinet with two doors and a drawer, both doors open",
    "a laptop, the lid opens",
    "an excavator",
    "a robot arm",
    "scissors on a table",
)
_SAMPLES = 2


@dataclass(frozen=True)
class Options:
    """What to time.

    Attributes:
        rounds: how often each renderer has its turn.
        size: width and height of pictures, pixels.
        prompts: scenes.
        report: where to write the figures as JSON.
    """

    rounds: int = 5
    size: int = 256
    prompts: tuple[str, ...] = _PROMPTS
    report: Path | None = None


class Tiny:
    """The same scene in TinyRenderer."""

    def __init__(self, play: Performance, client: Any, world: int, folder: Path) -> None:
        self._client, self._world = client, world
        self._bodies: list[tuple[int, Any]] = []
        for a, actor in enumerate(play.actors):
            for name, surface in actor.spec.surfaces.items():
                look = material(surface.material, surface.colour, 0, pattern=surface.pattern)
                Image.fromarray(look.image).save(folder / f"{a}_{name}.png")
            for part in actor.spec.parts:
                for k, solid in enumerate(part.solids):
                    surface = actor.spec.surfaces[solid.surface]
                    uv = solid.uv if surface.pattern else solid.uv / surface.metres
                    stem = f"{a}_{part.name}_{k}"
                    (folder / f"{stem}.mtl").write_text(
                        f"newmtl m\nKd 1 1 1\nmap_Kd {a}_{solid.surface}.png\n"
                    )
                    lines = [f"mtllib {stem}.mtl", "usemtl m"]
                    lines += [
                        f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in solid.vertices - part.pivot
                    ]
                    lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv]
                    lines += [f"vn {x:.6f} {y:.6f} {z:.6f}" for x, y, z in solid.normals]
                    lines += ["f " + " ".join(f"{i}/{i}/{i}" for i in f) for f in solid.faces + 1]
                    (folder / f"{stem}.obj").write_text("\n".join(lines) + "\n")
                    shape = client.createVisualShape(
                        client.GEOM_MESH,
                        fileName=str(folder / f"{stem}.obj"),
                        physicsClientId=world,
                    )
                    body = client.createMultiBody(
                        0, baseVisualShapeIndex=shape, physicsClientId=world
                    )
                    self._bodies.append((body, actor.part_poses[part.name]))

    def picture(self, shot: Shot, shadow: bool) -> None:
        for body, poses in self._bodies:
            T = poses[shot.instant]
            q = quaternion_from_matrix(T[:3, :3])[[1, 2, 3, 0]]
            self._client.resetBasePositionAndOrientation(
                body, T[:3, 3].tolist(), q.tolist(), physicsClientId=self._world
            )
        image, mask = self._photograph(shot.camera, shadow)
        shrink(image, mask, shot.camera.width)

    def _photograph(self, camera: Camera, shadow: bool) -> tuple[Any, Any]:
        width, height = camera.width * _SAMPLES, camera.height * _SAMPLES
        fov = 2 * np.degrees(np.arctan(camera.height / 2 / camera.fy))
        projection = self._client.computeProjectionMatrixFOV(fov, width / height, 0.05, 50.0)
        view = np.diag([1.0, -1.0, -1.0, 1.0]) @ camera.T_camera_world
        _, _, rgba, _, ids = self._client.getCameraImage(
            width, height, view.T.ravel().tolist(), projection,
            renderer=self._client.ER_TINY_RENDERER, lightDirection=(1.2, 0.7, 2.0),
            shadow=int(shadow), physicsClientId=self._world,
        )  # fmt: skip
        picture = np.asarray(rgba, dtype=np.uint8).reshape(height, width, 4)[..., :3]
        seen = np.asarray(ids).reshape(height, width) >= 0
        return np.ascontiguousarray(picture), seen * np.uint8(255)


def rate(draw: Callable[[Shot], object], shots: list[Shot]) -> float:
    """Pictures per second of CPU time."""
    start = time.process_time()
    for shot in shots:
        draw(shot)
    return len(shots) / (time.process_time() - start)


def timed(prompt: str, options: Options) -> dict[str, Any]:
    """Figures of one scene."""
    import pybullet

    scene = parse_prompt(prompt)
    play = perform(scene, np.random.default_rng(0), np.linspace(0.0, 2.0, 12))
    config = GenerationConfig(size=options.size, frames=12, views=4, supersample=_SAMPLES)
    shots = sorted(plan_shots(play, config), key=lambda shot: shot.instant)
    room = GenerationConfig(
        size=options.size,
        supersample=_SAMPLES,
        setting=Setting(background="room", lighting="daylight"),
    )
    ours, furnished = Film(play, shots, config), Film(play, shots, room)
    world = pybullet.connect(pybullet.DIRECT)
    found: dict[str, float] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            tiny = Tiny(play, pybullet, world, Path(folder))
            draws: dict[str, Callable[[Shot], object]] = {
                "ours": ours.frame,
                "ours, in a room": furnished.frame,
                "TinyRenderer": lambda shot: tiny.picture(shot, False),
                "TinyRenderer, shadows": lambda shot: tiny.picture(shot, True),
            }
            for draw in draws.values():
                draw(shots[0])
            for _ in range(options.rounds):
                for name, draw in draws.items():
                    found[name] = max(found.get(name, 0.0), rate(draw, shots))
    finally:
        pybullet.disconnect(world)
    triangles = len(ours.model.faces)
    return {"prompt": prompt, "triangles": triangles, "pictures_per_s": found}


def main(options: Options) -> None:
    """Time every scene and print a table."""
    rows = [timed(prompt, options) for prompt in options.prompts]
    names = list(rows[0]["pictures_per_s"])
    print(f"pictures per CPU second, {options.size}², {_SAMPLES}×{_SAMPLES} samples")
    print(f"{'scene':<64}{'triangles':>10}" + "".join(f"{name:>24}" for name in names))
    for row in rows:
        figures = "".join(f"{row['pictures_per_s'][name]:>24.1f}" for name in names)
        print(f"{row['prompt']:<64}{row['triangles']:>10}{figures}")
    if options.report is not None:
        record = {"machine": platform.processor() or platform.machine(), "scenes": rows}
        options.report.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
