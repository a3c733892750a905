"""What users bring: videos, plugins, servers; and what is done to clips afterwards."""

from __future__ import annotations

import importlib
import sys
import types
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation import (
    Capabilities,
    Controls,
    GeneratedReel,
    GenerationConfig,
    backends,
    generate,
    offers,
)
from reel2sim.generation.classical import between, enlarged
from reel2sim.generation.clips import clip_of_reel, reel_of_clip
from reel2sim.generation.diffusion.windows import joined, plan
from reel2sim.generation.keep import read_packed, read_reel, write_reel
from reel2sim.scene.errors import (
    MissingDependencyError,
    NotFoundError,
    PromptError,
    UsageError,
)

TINY = GenerationConfig(frames=3, size=32, views=2, supersample=1)


def square(at: float, size: int = 128) -> np.ndarray:
    """A textured square whose left edge is at ``at``, on grey."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
    texture = cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)
    image = np.full((size, size, 3), 128, np.uint8)
    shift = np.array([[1.0, 0.0, at], [0.0, 1.0, 20.0]])
    seen = cv2.warpAffine(texture, shift, (size, size))
    covered = cv2.warpAffine(np.full((48, 48), 255, np.uint8), shift, (size, size))[..., None]
    return np.where(covered > 127, seen, image).astype(np.uint8)


class Mine:
    """A backend as another package may bring it."""

    capabilities = Capabilities(
        name="mine",
        modalities=("text",),
        controls=("nothing",),
        max_frames=8,
        cameras_known=False,
        needs_gpu=False,
        takes=("fps",),
    )

    def generate(self, prompt, *, config, progress):
        frames = np.stack([square(8 + 4 * k) for k in range(4)])
        fps = config.controls.fps or 4.0
        return GeneratedReel(reel_of_clip(frames, fps=fps, source="mine", prompt=prompt), None)


def exploding():
    raise RuntimeError("no such thing")


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Entry points as an installed distribution has them."""
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[reel2sim.generators]\nmine = mine_plugin:Mine\nbroken = mine_plugin:exploding\n"
        "gone = no_such_module:Backend\nscripted = mine_plugin:Mine\n"
    )
    module = types.ModuleType("mine_plugin")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    monkeypatch.setitem(sys.modules, "mine_plugin", module)
    module.Mine, module.exploding = Mine, exploding
    return tmp_path


def test_plugins_are_found_and_broken_ones_named(plugins):
    listed = {(o.name, o.origin): o for o in offers()}
    assert listed["mine", "mine"].ready
    assert "no such thing" in listed["broken", "mine"].fault
    assert "no_such_module" in listed["gone", "mine"].fault
    assert "taken" in listed["scripted", "mine"].fault
    assert listed["scripted", "reel2sim"].ready
    assert set(backends()) == {"scripted", "diffusers", "uvit", "video", "server", "mine"}
    made = generate("anything", backend="mine", config=TINY).reel
    assert len(made.frames) == 4
    for name in ("broken", "gone"):
        with pytest.raises(MissingDependencyError, match="cannot be loaded") as refused:
            generate("anything", backend=name, config=TINY)
        assert "mine" in (refused.value.remedy or "")
    truth = generate("a laptop that opens", config=TINY).truth
    assert truth is not None


def test_doctor_lists_them_all(plugins):
    from reel2sim.cli.diagnosis import diagnose

    found = next(finding for finding in diagnose() if finding.name == "generation")
    for name in ("scripted", "diffusers", "video", "server", "mine", "broken (broken, from mine"):
        assert name in found.detail
    assert found.status == "warn"
    assert "remove mine" in found.fix


def test_controls_are_refused_by_those_who_lack_them(plugins):
    for backend, control in (("scripted", "guidance"), ("mine", "motion"), ("video", "steps")):
        controls = Controls(**{control: 1}, video="x" if backend == "video" else "")
        with pytest.raises((UsageError, NotFoundError)) as refused:
            generate("a laptop", backend=backend, config=replace(TINY, controls=controls))
        assert refused.value.field == control
    faster = replace(TINY, controls=Controls(fps=8.0))
    reel = generate("anything", backend="mine", config=faster).reel
    assert reel.frames[1].time_s == 0.125
    longer = replace(TINY, controls=Controls(frames=5))
    assert len(generate("a laptop", config=longer).reel.times_s) == 5


def test_a_clip_is_kept_without_loss_and_taken_as_it_is(plugins, tmp_path):
    reel = generate("anything", backend="mine", config=TINY).reel
    path = write_reel(reel, tmp_path / "clip")
    again = write_reel(reel, tmp_path / "again")
    assert path.read_bytes() == again.read_bytes()
    config = replace(TINY, controls=Controls(video=str(path)))
    for back in (read_reel(path), generate("", backend="video", config=config).reel):
        np.testing.assert_array_equal(clip_of_reel(back)[0], clip_of_reel(reel)[0])
        assert [f.time_s for f in back.frames] == [f.time_s for f in reel.frames]
    with pytest.raises(PromptError):
        generate("", backend="mine", config=TINY)


def test_what_travels_is_what_was_made(plugins, tmp_path):
    """As a tar of a capture, or as the file of a clip."""
    from reel2sim.pipeline.stages import reel_digest
    from reel2sim.transport.archive import pack_folder

    clip = generate("anything", backend="mine", config=TINY).reel
    path = write_reel(clip, tmp_path / "clip")
    assert reel_digest(read_packed(path)) == reel_digest(clip)
    folder = write_reel(generate("a laptop", config=TINY).reel, tmp_path / "laptop")
    pack_folder(folder, tmp_path / "packed")
    assert reel_digest(read_packed(tmp_path / "packed")) == reel_digest(read_reel(folder))


def test_flow_interpolation_keeps_frames_and_finds_what_is_between(plugins):
    a, middle, b = square(10.0), square(14.0), square(18.0)
    found = between(a, b, 2)[0].astype(float)
    blend = (a.astype(float) + b) / 2
    assert np.abs(found - middle).mean() < 0.05 * np.abs(blend - middle).mean()
    config = replace(TINY, controls=Controls(interpolate=3, upscale=2))
    plain = generate("anything", backend="mine", config=TINY).reel
    frames, fps = clip_of_reel(generate("anything", backend="mine", config=config).reel)
    assert frames.shape == (10, 256, 256, 3)
    assert fps == pytest.approx(12.0)
    np.testing.assert_array_equal(frames[3], enlarged(plain.frames[1].image, 2))
    with pytest.raises(UsageError, match="known cameras"):
        generate("a laptop", config=config)


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(2, 120),
    step=st.sampled_from([1, 4, 8]),
    window=st.integers(9, 40),
    overlap=st.integers(1, 8),
)
def test_windows_cover_every_frame_and_blend_between_their_values(frames, step, window, overlap):
    how = plan(frames, window=window, overlap=overlap, step=step)
    assert (how.window - 1) % step == 0
    assert how.starts[-1] + how.window >= frames
    if len(how.starts) > 1:
        assert how.starts[-2] + how.window < frames  # none is for nothing
        assert set(np.diff(how.starts)) == {how.window - overlap}
    # A clip that its windows agree on comes out as it is.
    truth = (np.arange(how.starts[-1] + how.window) % 251).astype(np.uint8)
    cuts = [truth[s : s + how.window] for s in how.starts]
    clip = joined([np.tile(c[:, None, None, None], (1, 1, 1, 3)) for c in cuts], how)
    np.testing.assert_array_equal(clip[:, 0, 0, 0], truth)


def test_windows_that_would_not_get_on_are_refused():
    with pytest.raises(UsageError, match="not less than"):
        plan(100, window=9, overlap=9, step=1)


@pytest.mark.parametrize(
    "wrong",
    [{"motion": 1.5}, {"steps": 0}, {"frames": 1}, {"interpolate": 1}, {"upscale_with": "x"}],
)
def test_controls_out_of_range_are_named(wrong):
    with pytest.raises(UsageError) as refused:
        Controls(**wrong)
    assert refused.value.field in wrong
