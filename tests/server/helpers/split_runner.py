"""The standard runner with stages that cost nothing, for tests of stages on several servers.

Each stage's result depends on all it was given. How a stage behaves is told by files in the
server's cache folder, so that it is no part of the content:

``slow``      seconds a stage takes, reporting all the while
``held``      report until that file is gone
``stubborn``  report once, then never again
``refuse``    raise an error of the project's tree
"""

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.pipeline import Toolchain, standard_toolchain
from reel2sim.pipeline.runner import plain
from reel2sim.pipeline.stages import reel_digest
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    PoseSpline,
    Reel,
    RiggedAsset,
    Surfels,
    SurfelSequence,
    TriangleMesh,
    look_at,
)
from reel2sim.scene.errors import RiggingError
from reel2sim.scene.reel import Frame
from reel2sim.scene.store import save_asset
from reel2sim.server.job import Job, JobResult
from reel2sim.server.jobs import run_with

TIMES = np.array([0.0, 0.5, 1.0])


def run(job: Job, progress) -> JobResult:
    return run_with(toolchain(job.cache), job, progress)


def toolchain(cache: Path) -> Toolchain:
    """The standard stages, of which only stores and code digests are left."""
    tools = standard_toolchain()

    def cheap(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
        def work(given, config, progress, *, scratch=None, checkpoints=None):
            with (cache / "attempts.log").open("a") as log:
                log.write(f"{name} begin\n")
            _behave(cache, name, progress)
            made = make(given, config)
            with (cache / "attempts.log").open("a") as log:
                log.write(f"{name} end\n")
            return made

        return work

    def moved(stage, make):
        # The true settings would load torch.
        return replace(stage, function=cheap(stage.name, make), settings=_settings)

    return replace(
        tools,
        generation=moved(tools.generation, _reel),
        reconstruction=moved(tools.reconstruction, _sequence),
        rigging=moved(tools.rigging, _asset),
        preview=lambda asset, reel, config, progress: None,
        export=_export,
    )


def _settings(config):
    return {"seed": config.seed, "preset": config.preset, "material": config.material}


def _behave(cache: Path, name: str, progress) -> None:
    if (cache / "refuse").exists():
        raise RiggingError("no joint was seen", source="reel", remedy="film it longer")
    progress(name, 0.1, "working", figure=1.0)
    if (cache / "stubborn").exists():
        time.sleep(600)
    held = cache / "held"
    for i in itertools.count():
        if not held.exists():
            break
        progress(name, i / (i + 10), f"step {i}")
        time.sleep(0.05)
    slow = cache / "slow"
    steps = int(10 * float(slow.read_text())) if slow.exists() else 0
    for i in range(steps):
        progress(name, i / steps, f"step {i}")
        time.sleep(0.1)


def _random(*parts: Any) -> np.random.Generator:
    text = json.dumps([plain(x) for x in parts])
    return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


def _reel(prompt, config) -> Reel:
    rng = _random(prompt, config.seed, config.preset)
    frames = []
    for k, stream in enumerate(("orbit", "front")):
        eye = np.array([2.0, float(k), 0.5])
        camera = look_at(eye, np.zeros(3), width=24, height=20, fov_y=0.6)
        for t in TIMES:
            image = rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)
            mask = rng.integers(0, 2, (20, 24), dtype=np.uint8) * np.uint8(255)
            frames.append(Frame(image, float(t), camera, mask, stream, f"{stream}/{t}.png"))
    return Reel(tuple(frames), source="scripted", prompt=prompt)


def _surfels(rng: np.random.Generator) -> Surfels:
    return Surfels.from_colors(
        means=rng.uniform(-0.3, 0.3, (60, 3)),
        rotations=rng.normal(size=(60, 4)),
        scales=np.full((60, 2), 0.05),
        opacities=np.full(60, 0.9),
        colors=rng.uniform(0, 1, (60, 3)),
    )


def _sequence(reel, config) -> SurfelSequence:
    rng = _random(reel_digest(reel), config.seed, config.preset)
    turns = np.tile([1.0, 0.0, 0.0, 0.0], (4, 1, 1))
    still = PoseSpline(0.0, 1.0, np.zeros((4, 1, 3)), turns, np.zeros((1, 3)))
    surfels = _surfels(rng)
    weights = np.ones((len(surfels), 1))
    metrics = {"psnr_db": float(rng.uniform(20, 40))}
    return SurfelSequence(surfels, still, np.ones((1, 3)), weights, TIMES, metrics)


def _asset(given, config) -> RiggedAsset:
    reel, sequence = given
    means = sequence.canonical.means.tolist()
    rng = _random(reel_digest(reel), means, config.seed, config.material, config.density)
    corners = np.vstack([np.zeros(3), np.eye(3)]) * 0.2
    mesh = TriangleMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    body = Inertial(1.0, np.full(3, 0.05), np.eye(3) * 0.01)
    links = (Link("base", mesh, (mesh,), body), Link("door", mesh, (mesh,), body))
    joint = Joint(
        name="hinge",
        type=JointType.REVOLUTE,
        parent="base",
        child="door",
        origin=rng.normal(size=3),
        axis=np.array([0.0, 0.0, 1.0]),
        limits=JointLimits(0.0, 1.2, 5.0, 3.0),
        confidence=float(rng.uniform()),
    )
    motion = Motion(TIMES, np.tile(np.eye(4), (3, 1, 1)), {"hinge": np.array([0.0, 0.4, 1.0])})
    ids = np.arange(60) % 2
    metrics = {"replay_error": float(rng.uniform())}
    return RiggedAsset("object", links, (joint,), motion, sequence.canonical, ids, metrics=metrics)


def _export(asset, out, *, media, provenance, progress) -> None:
    """The asset's bits, and all of its history but what time and memory it cost."""
    save_asset(out / "asset.npz", asset)
    record = asdict(provenance)
    for stage in record["stages"]:
        del stage["seconds"], stage["peak_memory_mb"]
    (out / "manifest.json").write_text(json.dumps(plain(record), indent=1, sort_keys=True))
