"""What is kept of unfinished work comes back as it was, or not at all."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reel2sim.pipeline import Cache, PipelineConfig, Stage
from reel2sim.pipeline.cache import Cost
from reel2sim.pipeline.checkpoints import FolderCheckpoints
from reel2sim.pipeline.codec import load_value, save_value
from reel2sim.pipeline.runner import Runner
from reel2sim.pipeline.stores import ValueStore
from reel2sim.scene import Progress
from reel2sim.scene.checkpoints import Checkpoints
from reel2sim.scene.errors import CancelledError, ReconstructionError
from reel2sim.scene.progress import silent
from reel2sim.scene.reel import Frame

in_folder = settings(max_examples=30)


def every(folder: Path, key: str = "key") -> FolderCheckpoints:
    return FolderCheckpoints(folder, key, every_s=0.0, worth_s=0.0, worth_bytes=float("inf"))


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def never() -> Any:
    raise AssertionError("was done again")


def by_name(name: str) -> Any:
    return np.dtype(name)


numbers = st.sampled_from(["f4", "f8", "i4", "i8", "u1", "?", "c16"]).map(by_name)


@in_folder
@given(
    array=numbers.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0))),
    turn=st.randoms(use_true_random=False),
)
def test_arrays_keep_their_bits_and_the_order_of_their_axes(
    tmp_path: Path, array: np.ndarray, turn: Any
) -> None:
    axes = list(range(array.ndim))
    turn.shuffle(axes)
    given = array.transpose(axes)
    save_value(tmp_path / "x.npz", [given, given[()] if given.ndim == 0 else None])
    found, scalar = load_value(tmp_path / "x.npz")
    assert (found.dtype, found.shape) == (given.dtype, given.shape)
    assert found.tobytes() == given.tobytes()
    longer = [i for i in range(given.ndim) if given.shape[i] > 1]
    assert [found.strides[i] for i in longer] == [given.strides[i] for i in longer]
    assert given.ndim or type(scalar) is type(given[()])


def test_tensors_come_back_as_tensors(tmp_path: Path) -> None:
    leaf = torch.randn(3, 4, 2).permute(2, 0, 1).requires_grad_()
    save_value(tmp_path / "x.npz", {"leaf": leaf, "step": torch.tensor(3.0)})
    found = load_value(tmp_path / "x.npz")
    assert torch.equal(found["leaf"], leaf.detach())
    assert found["leaf"].stride() == leaf.stride()
    assert not found["leaf"].requires_grad
    assert found["step"].shape == ()


def test_a_step_is_done_once_and_leaves_the_generator_where_it_was_left(tmp_path: Path) -> None:
    def work(rng: np.random.Generator) -> np.ndarray:
        return every(tmp_path).step("draw", lambda: rng.normal(size=5), rng=rng)

    first, second = np.random.default_rng(3), np.random.default_rng(3)
    assert np.array_equal(work(first), work(second))
    assert first.integers(1 << 60) == second.integers(1 << 60)
    assert every(tmp_path).step("draw", never).shape == (5,)


def test_a_loop_goes_on_from_its_last_state(tmp_path: Path) -> None:
    loop = every(tmp_path).loop("rounds")
    assert loop.state is None
    for i in range(3):
        loop.reached(lambda i=i: {"round": i, "sum": np.full(2, i)})
    assert every(tmp_path).loop("rounds").state["round"] == 2
    assert every(tmp_path).within("part").loop("rounds").state is None


def test_states_are_not_asked_for_more_often_than_is_wanted(tmp_path: Path) -> None:
    loop = FolderCheckpoints(tmp_path, "key", every_s=60.0).loop("rounds")
    loop.reached(never)
    assert files(tmp_path) == []


def test_a_step_that_took_no_time_is_not_kept_nor_one_that_is_too_large(tmp_path: Path) -> None:
    assert FolderCheckpoints(tmp_path, "key").step("quick", lambda: 1) == 1
    tight = FolderCheckpoints(tmp_path, "key", worth_s=0.0, worth_bytes=1.0)
    tight.step("large", lambda: np.zeros(1000))
    assert files(tmp_path) == []


def test_parts_go_when_the_whole_is_kept(tmp_path: Path) -> None:
    steps = every(tmp_path)

    def work() -> int:
        inside = steps.within("whole")
        inside.loop("rounds").reached(lambda: 1)
        return inside.step("part", lambda: 2) + 1

    assert steps.step("other", lambda: 0) == 0
    assert steps.step("whole", work) == 3
    assert len(files(tmp_path)) == 2
    assert steps.step("whole", never) == 3
    # What was resumed is kept however little there was left to do.
    steps.within("next").step("part", lambda: 2)
    assert FolderCheckpoints(tmp_path, "key").step("next", lambda: 5) == 5
    assert steps.step("next", never) == 5


@in_folder
@given(where=st.floats(0, 0.999), keep=st.booleans(), bit=st.integers(0, 7))
def test_any_damage_costs_the_work_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, where: float, keep: bool, bit: int
) -> None:
    every(tmp_path).discard()
    every(tmp_path).step("work", lambda: np.arange(40.0))
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    at = int(where * len(data))
    if keep:
        data[at] ^= 1 << bit
    else:
        del data[at:]
    path.write_bytes(bytes(data))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        found = every(tmp_path).step("work", lambda: np.arange(40.0) + 1)
    again = found[0] == 1
    assert np.array_equal(found, np.arange(40.0) + again)
    assert again == bool(caplog.records)


def test_what_is_of_other_work_is_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    every(tmp_path, "a").step("work", lambda: 1)
    (path,) = files(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert every(tmp_path, "b").step("work", lambda: 2) == 2
        assert every(tmp_path, "b").step("work", never) == 2
        path.rename(path.with_name("other.step"))
        assert every(tmp_path, "b").step("other", lambda: 3) == 3
    assert [record.message.split(": ")[-1] for record in caplog.records] == [
        "it is damaged, or of other work"
    ] * 2


@dataclass(frozen=True)
class Foreign:
    """No type of the project."""

    value: int = 1


@pytest.mark.parametrize("value", [Foreign(), {1, 2}, np.array([object()])])
def test_what_cannot_be_kept_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    with caplog.at_level(logging.WARNING):
        assert every(tmp_path).step("work", lambda: value) is value
    found = every(tmp_path).step("work", lambda: "again")
    assert found == "again"
    assert caplog.records


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert every(tmp_path / "steps").step("work", lambda: 4) == 4


def test_a_file_in_place_of_the_folder_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "steps").write_text("in the way")
    assert every(tmp_path / "steps").step("work", lambda: 4) == 4


class Worker:
    """A stage of two steps, the second of which ends in ``error`` while there is one."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
        self.done: list[str] = []

    def stage(self) -> Stage[str, Frame]:
        return Stage("work", 1, self.work, store=ValueStore(Frame), resumable=True)

    def work(
        self, given: str, config: PipelineConfig, progress: Progress, *, checkpoints: Checkpoints
    ) -> Frame:
        # Of a real stage only what takes long is kept; here all is.
        kept = replace(checkpoints, worth_s=0.0, worth_bytes=1e9)  # type: ignore[type-var]
        first = kept.step("first", self.first)
        if self.error is not None:
            raise self.error
        self.done.append("second")
        return Frame(first, 0.5)

    def first(self) -> np.ndarray:
        self.done.append("first")
        return np.full((2, 2, 3), 9, np.uint8)


@pytest.mark.parametrize("error", [CancelledError("stopped"), KeyboardInterrupt()])
def test_a_stage_that_was_stopped_goes_on_and_then_leaves_only_its_result(
    tmp_path: Path, error: BaseException
) -> None:
    worker = Worker(error)
    with pytest.raises(type(error)):
        Runner(PipelineConfig(), silent, Cache(tmp_path))(worker.stage(), "x", "x")
    worker.error = None
    frame, _ = Runner(PipelineConfig(), silent, Cache(tmp_path))(worker.stage(), "x", "x")
    assert worker.done == ["first", "second"]
    assert frame.image[0, 0, 0] == 9
    assert {path.suffix for path in files(tmp_path)} == {".npz", ".json"}


def test_nothing_is_kept_of_work_that_cannot_be_done(tmp_path: Path) -> None:
    worker = Worker(ReconstructionError("diverged"))
    with pytest.raises(ReconstructionError):
        Runner(PipelineConfig(), silent, Cache(tmp_path))(worker.stage(), "x", "x")
    assert files(tmp_path) == []


def test_unfinished_work_goes_when_the_cache_is_full_oldest_first(tmp_path: Path) -> None:
    store, cost = ValueStore(Frame), Cost(1.0, 1.0)
    frame = Frame(np.zeros((9, 9, 3), np.uint8), 0.0)
    roomy = Cache(tmp_path)
    for key, age in (("old", 300), ("new", 100)):
        steps = every(roomy.checkpoints("stage", key).folder)
        steps.step("work", lambda: np.zeros(4000))
        then = time.time() - age
        os.utime(steps.folder, (then, then))
    size = sum(path.stat().st_size for path in files(tmp_path)) // 2
    Cache(tmp_path, max_bytes=2 * size).put("stage", "key", frame, store, cost=cost)
    assert not roomy.checkpoints("stage", "old").folder.exists()
    assert roomy.checkpoints("stage", "new").folder.exists()
    assert roomy.get("stage", "key", store) is not None
