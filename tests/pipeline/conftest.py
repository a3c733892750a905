"""A tiny asset, a tiny reel, and stages that cost nothing and count their calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from reel2sim.pipeline import PipelineConfig, Stage, Toolchain
from reel2sim.pipeline.stores import AssetStore, ReconstructionStore, ValueStore
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    PoseSpline,
    Progress,
    Reel,
    RiggedAsset,
    Surfels,
    SurfelSequence,
    TriangleMesh,
    look_at,
)
from reel2sim.scene.reel import Frame

TIMES = np.array([0.0, 0.5, 1.0])


def make_surfels(n: int = 60, *, seed: int = 0) -> Surfels:
    rng = np.random.default_rng(seed)
    return Surfels.from_colors(
        means=rng.uniform(-0.3, 0.3, (n, 3)),
        rotations=rng.normal(size=(n, 4)),
        scales=np.full((n, 2), 0.05),
        opacities=np.full(n, 0.9),
        colors=rng.uniform(0, 1, (n, 3)),
    )


def make_reel(*, streams: tuple[str, ...] = ("main",), size: int = 24) -> Reel:
    rng = np.random.default_rng(1)
    frames = []
    for k, stream in enumerate(streams):
        eye = np.array([2.0, float(k), 0.5])
        camera = look_at(eye, np.zeros(3), width=size, height=size, fov_y=0.6)
        for t in TIMES:
            image = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
            mask = np.full((size, size), 255, np.uint8)
            frames.append(Frame(image, float(t), camera, mask, stream, f"{stream}/{t}.png"))
    return Reel(tuple(frames), source="memory")


def make_sequence() -> SurfelSequence:
    surfels = make_surfels()
    still = PoseSpline(
        0.0,
        1.0,
        np.zeros((4, 1, 3)),
        np.tile([1.0, 0.0, 0.0, 0.0], (4, 1, 1)),
        np.zeros((1, 3)),
    )
    weights = np.ones((len(surfels), 1))
    return SurfelSequence(surfels, still, np.ones((1, 3)), weights, TIMES, {"psnr_db": 30.0})


def make_asset(*, name: str = "object") -> RiggedAsset:
    corners = np.vstack([np.zeros(3), np.eye(3)]) * 0.2
    mesh = TriangleMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    body = Inertial(1.0, np.full(3, 0.05), np.eye(3) * 0.01)
    links = (Link("base", mesh, (mesh,), body), Link("door", mesh, (mesh,), body))
    joint = Joint(
        name="hinge",
        type=JointType.REVOLUTE,
        parent="base",
        child="door",
        origin=np.array([0.1, 0.0, 0.0]),
        axis=np.array([0.0, 0.0, 1.0]),
        limits=JointLimits(0.0, 1.2, 5.0, 3.0),
        confidence=0.9,
    )
    surfels = make_surfels()
    motion = Motion(TIMES, np.tile(np.eye(4), (3, 1, 1)), {"hinge": np.array([0.0, 0.4, 1.0])})
    ids = np.arange(len(surfels)) % 2
    return RiggedAsset(name, links, (joint,), motion, surfels, ids, metrics={"replay_error": 0.1})


@dataclass
class Workshop:
    """Stages that count how often they worked."""

    calls: Counter[str] = field(default_factory=Counter)

    def toolchain(self) -> Toolchain:
        def counted(name: str, value: object) -> object:
            def work(given: object, config: PipelineConfig, progress: Progress) -> object:
                self.calls[name] += 1
                progress("something", 0.5, "half", figure=1.0)
                return value

            return work

        def settings(config: PipelineConfig) -> dict[str, object]:
            return {"seed": config.seed, "preset": config.preset}

        reel = make_reel()
        return Toolchain(
            media=Stage("media", 1, counted("media", reel)),
            generation=Stage(
                "generation", 1, counted("generation", reel), settings, store=ValueStore(Reel)
            ),
            reconstruction=Stage(
                "reconstruction",
                1,
                counted("reconstruction", make_sequence()),
                settings,
                store=ReconstructionStore(),
            ),
            rigging=Stage(
                "rigging", 1, counted("rigging", make_asset()), settings, store=AssetStore()
            ),
            preview=lambda asset, reel, config, progress: None,
            export=export_note,
        )


def export_note(asset, out, *, media, provenance, progress) -> None:
    (out / "manifest.json").write_text(f"{asset.name} {provenance.seed}")


def failing(toolchain: Toolchain, stage: str, error: BaseException) -> Toolchain:
    """The toolchain with one stage, or the export, that raises half way."""

    def work(given: object, config: PipelineConfig, progress: Progress) -> object:
        raise error

    def export(asset, out, *, media, provenance, progress) -> None:
        (out / "half.txt").write_text("half")
        raise error

    if stage == "export":
        return replace(toolchain, export=export)
    return replace(toolchain, **{stage: replace(getattr(toolchain, stage), function=work)})


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "My capture"
    folder.mkdir()
    return folder
