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
    "wan": 16,
    "wan_image": 16,
    "wan_vace": 16,
    "cogvideox": 8,
    "cogvideox_image": 8,
    "ltx": 25,
    "ltx_image": 25,
    "ltx_condition": 25,
    "svd": 7,
}
"""Each class with its frames a second."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_gives_a_clip_that_its_seed_decides(kind, models, picture):
    sees = kind not in ("wan", "wan_vace", "cogvideox", "ltx")
    prompt = "" if kind == "svd" else PROMPT
    controls = replace(SMALL, model=models(kind), first_frame=picture if sees else "")
    reel, frames = made(prompt, controls)
    assert frames.shape == (9, 32, 32, 3)
    assert not reel.calibrated
    assert not reel.masked
    assert list(reel.streams) == ["main"]
    np.testing.assert_allclose([f.time_s for f in reel.frames], np.arange(9) / KINDS[kind])
    _, again = made(prompt, controls)
    np.testing.assert_array_equal(again, frames)
    _, other = made(prompt, controls, seed=1)
    assert (other != frames).any()


def test_controls_a_pipeline_lacks_are_refused_with_the_list_of_its_own(models, picture):
    for kind, control, value in (
        ("wan", "motion", 0.5),
        ("wan", "fps", 12.0),
        ("wan", "last_frame", picture),
        ("wan_image", "reference", picture),
        ("cogvideox", "first_frame", picture),
        ("svd", "negative_prompt", "blur"),
        ("svd", "orbit", True),
    ):
        with pytest.raises(UsageError) as refused:
            made(PROMPT, replace(SMALL, model=models(kind), **{control: value}))
        assert refused.value.field == control
        has = (refused.value.remedy or "").split("it has: ")[1].split(", ")
        assert {"model", "steps", "guidance", "frames", "width"} <= set(has)
        assert control not in has


def test_inputs_a_pipeline_needs_are_asked_for(models, picture):
    with pytest.raises(UsageError, match="begins with a picture"):
        made(PROMPT, replace(SMALL, model=models("wan_image")))
    with pytest.raises(PromptError, match="reads no prompt"):
        made(PROMPT, replace(SMALL, model=models("svd"), first_frame=picture))
    with pytest.raises(PromptError, match="empty"):
        made("", replace(SMALL, model=models("wan_image"), first_frame=picture))
    with pytest.raises(UsageError, match="divisible by 16"):
        made(PROMPT, replace(SMALL, model=models("wan"), width=40))
    with pytest.raises(UsageError, match="no model is named"):
        made(PROMPT, SMALL)


@pytest.mark.parametrize(
    ("kind", "control", "value"),
    [
        ("svd", "motion", 1.0),
        ("svd", "fps", 20.0),
        ("svd", "guidance", 9.0),
        ("wan", "negative_prompt", "slowly moves"),
        ("wan_image", "last_frame", "picture"),
        ("wan_image", "orbit", True),
        ("ltx_condition", "last_frame", "picture"),
        ("ltx", "steps", 3),
        ("wan_vace", "reference", "picture"),
    ],
)
def test_controls_reach_the_model(kind, control, value, models, picture):
    sees = kind in ("svd", "wan_image", "ltx_condition")
    base = replace(SMALL, model=models(kind), first_frame=picture if sees else "")
    prompt = "" if kind == "svd" else PROMPT
    value = picture if value == "picture" else value
    _, without = made(prompt, base)
    reel, frames = made(prompt, replace(base, **{control: value}))
    assert (frames != without).any()
    if control == "fps":
        assert reel.frames[1].time_s == pytest.approx(1 / value)


def test_a_video_is_redrawn_after_its_reference(models, picture, tmp_path):
    from reel2sim.generation.keep import write_reel

    base = replace(SMALL, model=models("wan_vace"))
    reel, _ = made(PROMPT, base)
    video = str(write_reel(reel, tmp_path / "clip"))
    redrawn = Controls(model=base.model, steps=2, video=video)
    _, without = made(PROMPT, redrawn)
    _, frames = made(PROMPT, replace(redrawn, reference=picture))
    assert frames.shape == without.shape == (9, 32, 32, 3)
    assert (frames != without).any()


@pytest.mark.parametrize("kind", ["ltx", "wan_image", "svd"])
def test_long_clips_are_made_of_windows(kind, models, picture):
    sees = kind != "ltx"
    prompt = "" if kind == "svd" else PROMPT
    base = replace(SMALL, model=models(kind), first_frame=picture if sees else "", window=9)
    _, long = made(prompt, replace(base, frames=20, overlap=3))
    assert len(long) == 20
    _, first = made(prompt, replace(base, window=None if kind == "ltx" else 9))
    np.testing.assert_array_equal(long[:6], first[:6])


def test_what_cannot_go_on_from_a_picture_makes_one_window_only(models):
    with pytest.raises(UsageError, match="cannot go on from a picture") as refused:
        made(PROMPT, replace(SMALL, model=models("cogvideox"), frames=20))
    assert refused.value.field == "frames"


def test_a_cascade_of_models(models, picture):
    keys = replace(SMALL, model=models("wan"), frames=5)
    _, rough = made(PROMPT, keys)
    whole = replace(
        keys,
        interpolate=4,
        interpolate_with=models("wan_image"),
        upscale=2,
        upscale_with=models("cogvideox_video"),
    )
    reel, frames = made(PROMPT, whole)
    assert frames.shape == (17, 64, 64, 3)
    np.testing.assert_allclose([f.time_s for f in reel.frames], np.arange(17) / 64)
    _, between = made(PROMPT, replace(whole, upscale=None, upscale_with=""))
    np.testing.assert_array_equal(between[::4], rough)


def test_progress_counts_steps_and_can_stop_them(models):
    seen: list[float] = []

    def watch(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        seen.append(fraction)
        if message.startswith("step 2"):
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        made(PROMPT, replace(SMALL, model=models("wan"), steps=5), progress=watch)
    assert seen == sorted(seen)
    assert seen[-1] < 0.9


class _Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_pickles_are_never_read(models, tmp_path, monkeypatch):
    import shutil

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    shutil.copytree(models("wan"), folder)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    weights.with_suffix(".bin").write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(InputError, match="pickle"):
        made(PROMPT, replace(SMALL, model=str(folder)))
    # Neither in a folder that hides it beside safetensors which do not hold the model.
    (folder / "transformer" / "other.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(InputError, match="cannot be loaded"):
        made(PROMPT, replace(SMALL, model=str(folder)))
    assert not (tmp_path / "exploded").exists()


def test_code_that_comes_with_a_model_is_never_run(models, tmp_path, monkeypatch):
    import shutil

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    shutil.copytree(models("wan"), folder)
    (folder / "mine.py").write_text("open('exploded', 'w')\nclass WanTransformer3DModel: pass\n")
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps({**index, "transformer": ["mine", "WanTransformer3DModel"]}))
    with pytest.raises(InputError, match="never run"):
        made(PROMPT, replace(SMALL, model=str(folder)))
    path.write_text(json.dumps({**index, "_class_name": ["mine", "Pipeline"]}))
    with pytest.raises(InputError, match="never run"):
        made(PROMPT, replace(SMALL, model=str(folder)))
    assert not (tmp_path / "exploded").exists()


def test_what_is_no_model_is_said(models, tmp_path):
    with pytest.raises(NotFoundError, match="neither a folder nor an id"):
        made(PROMPT, replace(SMALL, model=str(tmp_path / "none")))
    with pytest.raises(InputError, match="no saved pipeline"):
        made(PROMPT, replace(SMALL, model=str(tmp_path)))
    index = tmp_path / "model_index.json"
    index.write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(UsageError, match="makes no video"):
        made(PROMPT, replace(SMALL, model=str(tmp_path)))
    index.write_text(json.dumps({"_class_name": "SoonPipeline"}))
    with pytest.raises(UsageError, match="does not have"):
        made(PROMPT, replace(SMALL, model=str(tmp_path)))


@pytest.mark.parametrize("kind", ["wan", "cogvideox", "ltx", "svd"])
def test_a_clip_goes_through_the_chain_as_a_video_file_does(kind, models, picture, tmp_path):
    """The stages take it; that noise shows no subject is theirs to say, in the same words."""
    from reel2sim.generation.keep import read_reel, write_reel
    from reel2sim.pipeline import PipelineConfig, run

    sees = kind == "svd"
    controls = replace(SMALL, model=models(kind), first_frame=picture if sees else "")
    config = PipelineConfig(preset="draft", backend="diffusers", controls=controls)
    asked = "" if sees else PROMPT
    reel, frames = made(asked, controls)
    path = write_reel(reel, tmp_path / "clip")
    back = read_reel(path)
    np.testing.assert_array_equal(np.stack([f.image for f in back.frames]), frames)
    np.testing.assert_allclose([f.time_s for f in back.frames], [f.time_s for f in reel.frames])
    said: list[str] = []
    for source, prompt in ((None, asked), (path, None)):
        try:
            done = run(source, tmp_path / f"out{len(said)}", prompt=prompt, config=config)
            said.append(str(len(done.asset.joints)))
        except Reel2SimError as error:
            said.append(f"{type(error).__name__} {error.message}")
    assert said[0] == said[1]
