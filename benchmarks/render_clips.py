"""Film clips with exact truth as a phone would: one camera, no masks, a room, hands, a shaky walk.

    python benchmarks/render_clips.py --out clips --count 12 --jobs 2
    python benchmarks/render_clips.py --out clips --kinds hand --count 4 --width 640 --height 480

Kinds of clips, of the same objects:

    static   a camera on a tripod
    hand     the same, and a hand comes in, moves what moves, and leaves
    moving   somebody holds the camera and walks past
    twostep  a walk around the object at rest, walk.mp4, and a static clip from elsewhere
    still    a tripod, and nothing moves: there is no joint to be found
    camera   somebody walks past an object that stands still: likewise

OUT/KIND/NAME has clip.mp4, truth.json with truth_points.npz (world frame, from the clip's first
instant on) and film.json: prompt, frames a second and, for whoever scores, the true cameras.
Objects are drawn from the prompts' grammar, one kind after another; started again, it goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from reel2sim.generation.backend import GeneratedReel, GenerationConfig
from reel2sim.generation.make import filmed_with
from reel2sim.generation.scripted.cameras import Shot, direction_of
from reel2sim.generation.scripted.filming import film, first_looks
from reel2sim.generation.scripted.hand import hand_for
from reel2sim.generation.scripted.handheld import handheld
from reel2sim.generation.scripted.happened import make_truth
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.say import random_scene, say
from reel2sim.generation.scripted.spec import SceneSpec
from reel2sim.generation.setting import Setting
from reel2sim.generation.truth import write_truth
from reel2sim.media.write import write_video
from reel2sim.scene import Camera, Reel, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import camera_fields, look_at

_FAMILIES: Final = (
    "laptop", "cabinet", "chest", "stapler", "door", "lamp", "tap", "fridge", "scissors", "barrier",
    "wardrobe", "oven", "switch", "pliers", "window", "toolbox", "bin", "valve", "seesaw", "garage",
    "microwave", "phone", "knife", "excavator",
)  # fmt: skip
_KINDS: Final = ("static", "hand", "moving", "twostep", "still", "camera")
_HELD_BY_HAND: Final = ("moving", "camera")
_SEED: Final = 0xC11B
_SECONDS, _WAIT_S, _WALK_S = 4.0, 0.6, 5.0
_FILL: Final = 0.8
_FOV: Final = np.radians(42.0)


@dataclass(frozen=True)
class Job:
    """One clip to film."""

    kind: str
    number: int
    folder: Path
    width: int
    height: int
    fps: float


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=12, help="objects")
    parser.add_argument("--first", type=int, default=0, help="number of the first object")
    parser.add_argument("--kinds", nargs="*", default=list(_KINDS), choices=_KINDS)
    parser.add_argument("--width", type=int, default=400)
    parser.add_argument("--height", type=int, default=300)
    parser.add_argument("--fps", type=float, default=24.0)
    parser.add_argument("--jobs", type=int, default=1, help="clips at a time")
    o = parser.parse_args()
    jobs = [
        Job(kind, k, o.out / kind / f"{k:03d}-{_FAMILIES[k % len(_FAMILIES)]}", o.width, o.height,
            o.fps)
        for k in range(o.first, o.first + o.count)
        for kind in o.kinds
    ]  # fmt: skip
    with ProcessPoolExecutor(o.jobs) as pool:
        for job, prompt in zip(jobs, pool.map(filmed, jobs), strict=True):
            print(f"{job.kind:8} {job.folder.name:16} {prompt}", flush=True)
    return 0


def filmed(job: Job) -> str:
    """Film a clip unless it is there; its prompt."""
    done = job.folder / "film.json"
    if done.is_file():
        return str(json.loads(done.read_text())["prompt"])
    scene, play = _happening(job)
    rng = np.random.default_rng([_SEED, job.number, _KINDS.index(job.kind)])
    setting = Setting(background="room", lighting="random", sensor="phone")
    config = GenerationConfig(seed=job.number, setting=setting)
    shots = _shots(job, play, rng)
    eye = shots[0].camera.position
    hand = hand_for(play, eye, rng) if job.kind == "hand" else None
    frames, views = film(play, shots, config, hand=hand, progress=silent)
    truth = make_truth(play, first_looks(views, shots), rng)
    made = GeneratedReel(Reel(tuple(frames), source="scripted", prompt=say(scene)), truth, views)
    write_truth(truth, job.folder)
    _write(job, "clip.mp4", filmed_with(made, config).reel)
    if job.kind == "twostep":
        _write(job, "walk.mp4", _walk(job, play, config))
    record = {
        "prompt": say(scene),
        "fps": job.fps,
        "cameras": [camera_fields(shot.camera) for shot in shots],
    }
    done.write_text(json.dumps(record, indent=1) + "\n")
    return record["prompt"]


def _happening(job: Job) -> tuple[SceneSpec, Performance]:
    """The first drawn scene of the object's kind in which one or two joints move and are all."""
    family = _FAMILIES[job.number % len(_FAMILIES)]
    count = round(_SECONDS * job.fps)
    for attempt in range(100):
        rng = np.random.default_rng([_SEED, job.number, attempt])
        scene = random_scene(rng, families=(family,))
        times_s = np.linspace(0.0, _SECONDS, count)
        play = perform(scene, np.random.default_rng(job.number), times_s)
        spans = [np.ptp(q) for a in play.actors if not a.scenery for q in a.positions.values()]
        base = [np.ptp(a.base_poses, axis=0).max() for a in play.actors]
        if 1 <= sum(span > 0.1 for span in spans) <= 2 and max(base) < 1e-9:
            break
    else:
        raise SystemExit(f"no scene of a {family} has one or two joints that move")
    wait = round(_WAIT_S * job.fps)
    play = play.waiting(before=wait, after=wait)
    if job.kind in ("still", "camera"):
        play = play.frozen()
    return scene, play


def _shots(job: Job, play: Performance, rng: np.random.Generator) -> list[Shot]:
    """Pictures of the clip."""
    azimuth, elevation = rng.uniform(-0.6, 0.6), rng.uniform(0.2, 0.6)
    camera = _standing(play.points(), azimuth, elevation, job)
    shots = [Shot("clip", k, camera, f"{k:04d}.png") for k in range(len(play.times_s))]
    if job.kind not in _HELD_BY_HAND:
        return shots
    return handheld(shots, play.times_s, play.points([0]).mean(axis=0), rng)


def _walk(job: Job, play: Performance, config: GenerationConfig) -> Reel:
    """Once around the object before anything moves."""
    rng = np.random.default_rng([_SEED, job.number, len(_KINDS)])
    still = play.frozen(count=round(_WALK_S * job.fps))
    camera = _standing(play.points([0]), 0.4, rng.uniform(0.35, 0.6), job)
    shots = [Shot("walk", k, camera, f"{k:04d}.png") for k in range(len(still.times_s))]
    middle = play.points([0]).mean(axis=0)
    shots = handheld(shots, still.times_s, middle, rng, walk=2 * np.pi * 0.95)
    frames, views = film(still, shots, config, progress=silent)
    made = GeneratedReel(Reel(tuple(frames), source="scripted"), None, views)
    return filmed_with(made, config).reel


def _standing(points: Array, azimuth: float, elevation: float, job: Job) -> Camera:
    """A camera that has all points well inside of its picture."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    direction = direction_of(azimuth, elevation)
    distance = float(np.linalg.norm(points - middle, axis=1).max())
    middle_px = np.array([job.width, job.height]) / 2
    while True:
        eye = middle + distance * direction
        camera = look_at(eye, middle, width=job.width, height=job.height, fov_y=_FOV)
        pixels, depth = camera.project(points)
        if (depth > 0).all() and (np.abs(pixels - middle_px) < _FILL * middle_px).all():
            return camera
        distance *= 1.05


def _write(job: Job, name: str, reel: Reel) -> None:
    write_video(job.folder / name, [frame.image for frame in reel.frames], job.fps)


if __name__ == "__main__":
    sys.exit(main())
