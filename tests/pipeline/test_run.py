"""The chain: what is kept, what is done again, and what is left after a failure."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from reel2sim.pipeline import Cache, PipelineConfig, run
from reel2sim.pipeline.publish import export_files, preview_media
from reel2sim.scene import Progress, SurfelSequence
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import (
    CancelledError,
    ConflictError,
    PromptError,
    Reel2SimError,
    RiggingError,
    UsageError,
)

from .conftest import Workshop, failing, make_sequence

STAGES = ("media", "reconstruction", "rigging")


def test_the_same_run_again_comes_from_the_cache(workshop: Workshop, tmp_path, source) -> None:
    cache = Cache(tmp_path / "cache")
    first = run(source, tmp_path / "a", cache=cache, toolchain=workshop.toolchain())
    second = run(source, tmp_path / "b", cache=cache, toolchain=workshop.toolchain())
    assert workshop.calls == {"media": 2, "reconstruction": 1, "rigging": 1}
    assert [stage.cached for stage in first.stages] == [False, False, False]
    assert [stage.cached for stage in second.stages] == [False, True, True]
    assert [s.seconds for s in second.stages[1:]] == [s.seconds for s in first.stages[1:]]
    assert (tmp_path / "a/manifest.json").read_text() == (tmp_path / "b/manifest.json").read_text()


@pytest.mark.parametrize("change", [{"seed": 1}, {"preset": "draft"}])
def test_another_config_is_another_result(workshop: Workshop, tmp_path, source, change) -> None:
    cache = Cache(tmp_path / "cache")
    run(source, tmp_path / "a", cache=cache, toolchain=workshop.toolchain())
    config = PipelineConfig(**change)
    run(source, tmp_path / "b", config=config, cache=cache, toolchain=workshop.toolchain())
    assert workshop.calls == {"media": 2, "reconstruction": 2, "rigging": 2}


def test_a_name_is_not_worth_another_fit(workshop: Workshop, tmp_path, source) -> None:
    cache = Cache(tmp_path / "cache")
    run(source, tmp_path / "a", cache=cache, toolchain=workshop.toolchain())
    named = PipelineConfig(name="chest")
    result = run(source, tmp_path / "b", config=named, cache=cache, toolchain=workshop.toolchain())
    assert result.asset.name == "chest"
    assert workshop.calls["rigging"] == 1


def test_another_version_of_a_stage_redoes_it_and_what_its_other_result_changes(
    workshop: Workshop, tmp_path, source
) -> None:
    cache = Cache(tmp_path / "cache")
    tools = workshop.toolchain()
    run(source, tmp_path / "a", cache=cache, toolchain=tools)
    newer = replace(tools, rigging=replace(tools.rigging, version=2))
    run(source, tmp_path / "b", cache=cache, toolchain=newer)
    assert workshop.calls == {"media": 2, "reconstruction": 1, "rigging": 2}
    newest = replace(tools, reconstruction=replace(tools.reconstruction, version=2))
    run(source, tmp_path / "c", cache=cache, toolchain=newest)
    assert workshop.calls == {"media": 3, "reconstruction": 2, "rigging": 2}, (
        "same surfels, same rig"
    )

    def other(*given: object) -> SurfelSequence:
        workshop.calls["reconstruction"] += 1
        return replace(make_sequence(), metrics={"psnr_db": 31.0})

    changed = replace(tools.reconstruction, version=3, function=other)
    run(source, tmp_path / "d", cache=cache, toolchain=replace(tools, reconstruction=changed))
    assert workshop.calls == {"media": 4, "reconstruction": 3, "rigging": 3}


def test_without_a_cache_everything_is_done(workshop: Workshop, tmp_path, source) -> None:
    for name in "ab":
        run(source, tmp_path / name, toolchain=workshop.toolchain())
    assert all(count == 2 for count in workshop.calls.values())


def test_a_damaged_entry_is_redone(workshop: Workshop, tmp_path, source) -> None:
    cache = Cache(tmp_path / "cache")
    run(source, tmp_path / "a", cache=cache, toolchain=workshop.toolchain())
    for path in (tmp_path / "cache" / "reconstruction").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:-100])
    run(source, tmp_path / "b", cache=cache, toolchain=workshop.toolchain())
    assert workshop.calls == {"media": 2, "reconstruction": 2, "rigging": 1}


def test_a_killed_run_goes_on_from_its_last_stage(workshop: Workshop, tmp_path, source) -> None:
    cache = Cache(tmp_path / "cache")
    out = tmp_path / "bundles" / "a"

    def die(given: object, config: PipelineConfig, progress: Progress) -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    tools = workshop.toolchain()
    deadly = replace(tools, rigging=replace(tools.rigging, function=die))
    child = multiprocessing.get_context("fork").Process(
        target=run, args=(source, out), kwargs={"cache": cache, "toolchain": deadly}
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert not out.exists()
    result = run(source, out, cache=cache, toolchain=tools)
    assert workshop.calls == {"media": 1, "rigging": 1}
    assert [stage.cached for stage in result.stages] == [False, True, False]


@pytest.mark.parametrize("stage", ["media", "reconstruction", "rigging", "export"])
@pytest.mark.parametrize("error", [RiggingError("no"), ValueError("bug"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_behind(
    workshop: Workshop, tmp_path, source, stage: str, error: BaseException
) -> None:
    parent = tmp_path / "bundles"
    parent.mkdir()
    tools = failing(workshop.toolchain(), stage, error)
    with pytest.raises(type(error)):
        run(source, parent / "a", toolchain=tools)
    assert list(parent.iterdir()) == []


def test_a_failure_keeps_the_bundle_that_was_to_be_replaced(
    workshop: Workshop, tmp_path, source
) -> None:
    tools = workshop.toolchain()
    run(source, tmp_path / "a", toolchain=tools)
    before = (tmp_path / "a/manifest.json").read_text()
    other = PipelineConfig(seed=5)
    with pytest.raises(ConflictError):
        run(source, tmp_path / "a", config=other, toolchain=tools)
    broken = failing(tools, "export", RiggingError("no"))
    with pytest.raises(RiggingError):
        run(source, tmp_path / "a", config=other, overwrite=True, toolchain=broken)
    assert (tmp_path / "a/manifest.json").read_text() == before
    run(source, tmp_path / "a", config=other, overwrite=True, toolchain=tools)
    assert (tmp_path / "a/manifest.json").read_text() != before


def test_a_folder_that_is_no_bundle_is_never_replaced(workshop: Workshop, tmp_path, source) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter.txt").write_text("dear")
    with pytest.raises(ConflictError, match="not a bundle"):
        run(source, tmp_path / "home", overwrite=True, toolchain=workshop.toolchain())
    assert workshop.calls == {}


def test_progress_can_stop_a_run(workshop: Workshop, tmp_path, source) -> None:
    def stop(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        if stage == "rigging" and fraction > 0.2:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        run(source, tmp_path / "a", progress=stop, toolchain=workshop.toolchain())
    assert not (tmp_path / "a").exists()


def test_progress_reports_every_stage_from_start_to_end(workshop, tmp_path, source) -> None:
    seen: dict[str, list[float]] = {}

    def note(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        seen.setdefault(stage, []).append(fraction)

    run(source, tmp_path / "a", progress=note, toolchain=workshop.toolchain())
    assert list(seen) == ["media", "reconstruction", "rigging", "export"]
    for fractions in seen.values():
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0
        assert fractions.count(1.0) == 1


def test_exactly_one_of_source_and_prompt(workshop: Workshop, tmp_path, source) -> None:
    for given in ({}, {"prompt": "a box"}):
        with pytest.raises(UsageError):
            run(source if given else None, tmp_path / "a", toolchain=workshop.toolchain(), **given)
    result = run(None, tmp_path / "a", prompt="A red box!", toolchain=workshop.toolchain())
    assert workshop.calls == {"generation": 1, "reconstruction": 1, "rigging": 1}
    assert result.asset.name == "a_red_box"


def test_every_stage_tells_its_cost(workshop: Workshop, tmp_path, source) -> None:
    result = run(source, tmp_path / "a", toolchain=workshop.toolchain())
    assert [stage.name for stage in result.stages] == list(STAGES)
    assert all(stage.seconds >= 0 for stage in result.stages)
    assert all(10 < stage.peak_memory_mb < 1e5 for stage in result.stages)
    assert result.peak_memory_mb >= max(stage.peak_memory_mb for stage in result.stages)


def test_an_empty_prompt_is_refused_by_its_own_error(tmp_path) -> None:
    with pytest.raises(PromptError):
        run(None, tmp_path / "a", prompt="  ")


@pytest.mark.parametrize(
    "wrong", [{"preset": "best"}, {"seed": -1}, {"device": "tpu"}, {"name": "a b"}, {"max_size": 1}]
)
def test_wrong_choices_name_their_field(wrong: dict) -> None:
    with pytest.raises(UsageError) as caught:
        PipelineConfig(**wrong)
    assert caught.value.field == next(iter(wrong))
    assert isinstance(caught.value, Reel2SimError)


def test_names_are_made_of_anything() -> None:
    config = PipelineConfig()
    for source, name in (("/x/7 bits.mp4", "object_7_bits"), ("/x/été", "t"), ("/x/!!", "object")):
        assert config.object_name(source=Path(source), prompt=None) == name


def test_a_bundle_that_was_made_before_is_put_down_again(workshop, tmp_path, source) -> None:
    tools = replace(workshop.toolchain(), preview=preview_media, export=export_files)
    cache = Cache(tmp_path / "cache")

    def make(out: str, **choices) -> str:
        config = PipelineConfig(preview_frames=2, preview_size=16, **choices)
        run(source, tmp_path / out, cache=cache, config=config, toolchain=tools)
        return digest_tree(tmp_path / out)

    # Made anew it would tell other timings in its manifest.
    assert make("a") == make("b") == make("c")
    assert len(list((tmp_path / "cache" / "export").glob("*.npz"))) == 1
    assert make("d", name="chest") != make("a2")
    assert len(list((tmp_path / "cache" / "export").glob("*.npz"))) == 2
