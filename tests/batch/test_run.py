"""A batch on a local Ray: every job ends in one row, and what is done stays done."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reel2sim.batch import BatchConfig, BatchJob, BatchSummary, read_rows, run_batch
from reel2sim.batch.attempt import Made
from reel2sim.batch.cluster import patiently
from reel2sim.cli.main import main
from reel2sim.scene.errors import MediaError, UnavailableError, UsageError

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    """One Ray for all tests of this file: starting it takes seconds."""
    options = {"address": "local", "num_cpus": 2, "include_dashboard": False}
    options |= {"_node_ip_address": "127.0.0.1", "log_to_driver": False}
    patiently(lambda: ray.init(**options), ray.shutdown)
    yield
    ray.shutdown()


def job(name: str, **more: object) -> BatchJob:
    return BatchJob(id=name, prompt=name, **more)  # type: ignore[arg-type]


def runner(log: Path):
    """Does what a job's prompt says, and notes that it did.

    Made inside a function so that it travels to the workers by value.
    """
    made, media_error, unavailable = Made, MediaError, UnavailableError

    def work(job: BatchJob, bundle: Path, scratch: Path) -> Made:
        tries = log / job.id
        with tries.open("a") as stream:
            stream.write("x")
        number = tries.stat().st_size
        if job.prompt == "broken":
            raise media_error("is no video", source="clip.mp4")
        if job.prompt == "bug":
            raise ZeroDivisionError("oops")
        if job.prompt == "flaky" and number == 1:
            raise unavailable("try again")
        if job.prompt == "deadly" and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        bundle.mkdir(parents=True, exist_ok=True)
        (bundle / "manifest.json").write_text(f"{job.prompt} {job.seed}")
        return made(joints=2, peak_memory_mb=100.0)

    return work


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


def attempts(log: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in log.iterdir()}


def batch(jobs: list[BatchJob], out: Path, log: Path, **options: object) -> BatchSummary:
    config = BatchConfig(workers=2, backoff_s=0.1, **options)  # type: ignore[arg-type]
    return run_batch(jobs, out, config=config, runner=runner(log))


def test_every_job_ends_in_one_row(tmp_path: Path, log: Path) -> None:
    names = ["a", "broken", "bug", "flaky", "deadly", "b", "c"]
    summary = batch([job(name) for name in names], tmp_path / "out", log)
    assert [row.id for row in summary.rows] == names
    rows = {row.id: row for row in summary.rows}
    assert [row.id for row in summary.failed] == ["broken", "bug"]
    assert (rows["broken"].reason, rows["broken"].exit_code) == ("MEDIA", MediaError.exit_code)
    assert "clip.mp4" in rows["broken"].message
    assert (rows["bug"].reason, rows["bug"].exit_code) == ("INTERNAL", 1)
    assert "ZeroDivisionError" in rows["bug"].message
    assert {name: rows[name].attempts for name in names} == attempts(log)
    assert attempts(log) == {
        "a": 1, "b": 1, "c": 1, "broken": 1, "bug": 3, "flaky": 2, "deadly": 2
    }  # fmt: skip
    for name in ("a", "b", "c", "flaky", "deadly"):
        assert rows[name].joints == 2
        assert (tmp_path / "out/bundles" / name / "manifest.json").read_text() == f"{name} 0"
    lines = (tmp_path / "out/results.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(names)


def test_what_is_done_and_whole_is_not_done_again(tmp_path: Path, log: Path) -> None:
    out = tmp_path / "out"
    jobs = [job("kept"), job("damaged"), job("changed"), job("broken")]
    batch(jobs, out, log)
    (out / "bundles/damaged/manifest.json").write_text("scribble")
    jobs[2] = job("changed", seed=4)
    summary = batch([*jobs, job("new")], out, log)
    assert summary.skipped == 1
    assert attempts(log) == {"kept": 1, "damaged": 2, "changed": 2, "broken": 2, "new": 1}
    assert (out / "bundles/damaged/manifest.json").read_text() == "damaged 0"
    assert (out / "bundles/changed/manifest.json").read_text() == "changed 4"
    assert len((out / "results.jsonl").read_text().splitlines()) == 5
    forced = batch([jobs[0]], out, log, force=True)
    assert forced.skipped == 0
    assert attempts(log)["kept"] == 2
    assert set(read_rows(out / "results.jsonl")) == {"kept", "damaged", "changed", "broken", "new"}


def test_a_stopped_batch_goes_on(tmp_path: Path, log: Path) -> None:
    out = tmp_path / "out"
    jobs = [job(f"job{i}") for i in range(8)]

    def stop(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        if metrics.get("done", 0) >= 3:
            raise KeyboardInterrupt

    config = BatchConfig(workers=2)
    with pytest.raises(KeyboardInterrupt):
        run_batch(jobs, out, config=config, runner=runner(log), progress=stop)
    assert len(read_rows(out / "results.jsonl")) == 3
    summary = run_batch(jobs, out, config=config, runner=runner(log))
    assert summary.skipped == 3
    assert not summary.failed
    assert len(summary.rows) == 8


def test_the_command_leaves_a_page_of_all_jobs(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no film")
    (tmp_path / "jobs.jsonl").write_text('{"source": "clip.mp4", "id": "torn"}')
    assert main(["batch", str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / "out")]) == 1
    page = (tmp_path / "out/index.html").read_text()
    row = read_rows(tmp_path / "out/results.jsonl")["torn"]
    assert f"{row.reason}: " in page
    assert "0 bundles, 1 failed" in page


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"retries": -1}])
def test_wrong_options_name_their_field(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError) as caught:
        BatchConfig(**wrong)  # type: ignore[arg-type]
    assert caught.value.field == next(iter(wrong))


def test_a_slow_start_is_tried_again_and_a_failed_one_is_not() -> None:
    undone: list[int] = []

    def start(words: list[str]) -> str:
        if words:
            raise Exception(words.pop())
        return "started"

    slow = "The current node timed out during startup. This could happen"
    twice = [slow, slow]
    assert patiently(lambda: start(twice), lambda: undone.append(1)) == "started"
    assert len(undone) == 2
    for words, tries in (([slow] * 9, 3), (["no such address"] * 9, 1)):
        with pytest.raises(Exception, match=words[0]):
            patiently(lambda words=words: start(words), lambda: None)
        assert len(words) == 9 - tries
