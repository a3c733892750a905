"""The diffusers backend, on pipelines of every class that have random weights."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reel2sim.generation import Controls, GenerationConfig, generate
from reel2sim.scene.errors import (
    CancelledError,
    InputError,
    NotFoundError,
    PromptError,
    Reel2SimError,
    UsageError,
)

from .tiny_pipelines import save_tiny

pytest.importorskip("diffusers", reason="needs the extra [generate]")
pytest.importorskip("transformers", reason="needs the extra [generate]")
PROMPT = "a red lamp opens"
SMALL = Controls(steps=2, width=32, height=32, frames=9)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")

    def saved(kind: str) -> str:
        path = folder / kind
        return str(path if path.exists() else save_tiny(kind, path))

    return saved


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "box.png"
    pixels = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


def made(prompt: str, controls: Controls, *, seed: int = 0, **more):
    config = GenerationConfig(seed=seed, controls=controls)
    reel = generate(prompt, backend="diffusers", config=config, **more).reel
    return reel, np.stack([frame.image for frame in reel.frames])


KINDS = {
    "wan": (16, 4),
    "wan_image": (16, 4),
    "cogvideox": (8, 4),
    "cogvideox_image": (8, 4),
    "ltx": (25, 4),
    "ltx_image": (25, 4),
    "ltx_condition": (25, 4),
    "svd": (7, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_gives_a_clip_that_its_seed_decides(kind, models, picture):
    fps, _ = KINDS[kind]
    sees = kind not in ("wan", "cogvideox", "ltx")
    prompt = "" if kind == "svd" else PROMPT
    controls = replace(SMALL, model=models(kind), first_frame=picture if sees else "")
    reel, frames = made(prompt, controls)
    assert frames.shape == (9, 32, 32, 3)
    assert not reel.calibrated
    assert not reel.masked
    assert list(reel.streams) == ["main"]
    np.testing.assert_allclose([f.time_s for f in reel.frames], np.arange(9) / fps)
    _, again = made(prompt, controls)
    np.testing.assert_array_equal(again, frames)
    _, other = made(prompt, controls, seed=1)
    assert (other != frames).any()
