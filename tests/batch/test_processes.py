"""A batch in processes of this machine, and ends that outlive the driver."""

from __future__ import annotations

import operator
import os
from pathlib import Path

import pytest

from reel2sim.batch import BatchConfig, BatchJob, Made, Step, read_rows, run_batch
from reel2sim.batch.attempt import Places, attempt
from reel2sim.scene.errors import ConflictError

# Work must be importable where a spawned process looks, which is not in tests; these are.
LOCAL = BatchConfig(ray=False, workers=1, retries=1, backoff_s=0.01)


def job(name: str, **more: object) -> BatchJob:
    return BatchJob(id=name, prompt=name, **more)  # type: ignore[arg-type]


def making(job: BatchJob, bundle: Path, scratch: Path) -> Made:
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "made.txt").write_text(job.id)
    return Made(joints=3, facts={"size": 1.5, "fine": True})


def test_a_process_that_dies_costs_its_own_job(tmp_path: Path) -> None:
    # Called with a job, a folder and a scratch, both of these end badly, each in its way.
    deadly = Step(name="die", work=os.abort, holds=True)  # type: ignore[arg-type]
    summary = run_batch([job("a"), job("b")], tmp_path / "d", config=LOCAL, steps=[deadly])
    assert {row.reason for row in summary.rows} == {"WORKER_DIED"}
    assert [row.attempts for row in summary.rows] == [2, 2]
    wrong = Step(name="wrong", work=operator.add)  # type: ignore[arg-type]
    (row,) = run_batch([job("c")], tmp_path / "w", config=LOCAL, steps=[wrong]).rows
    assert (row.reason, row.attempts) == ("INTERNAL", 2)
    assert "TypeError" in row.message


def test_what_ended_without_a_driver_is_not_done_again(tmp_path: Path) -> None:
    asked = job("a")
    places = Places.of(tmp_path, "bundles", asked)
    first = attempt(making, asked, places)
    assert first.made is not None
    # The driver dies here; another one, or another worker, comes to the same job.

    def never(job: BatchJob, bundle: Path, scratch: Path) -> Made:
        raise AssertionError("done twice")

    assert attempt(never, asked, places) == first
    changed = attempt(never, job("a", seed=1), places)
    assert changed.reason == "INTERNAL"
    (places.folder / "made.txt").write_text("scribble")
    assert attempt(never, asked, places).reason == "INTERNAL"


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    def tell(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        with pytest.raises(ConflictError):
            run_batch([], tmp_path, config=LOCAL)

    run_batch(
        [], tmp_path, config=LOCAL, progress=lambda *a, **k: tell(*a, **k) if a[1] < 1 else None
    )


def test_the_table_has_a_column_a_fact(tmp_path: Path) -> None:
    table = pytest.importorskip("pyarrow.parquet")
    from reel2sim.batch.results import ResultRow, write_parquet

    rows = [
        ResultRow(id="a", status="ok", facts={"size": 2, "fine": True, "note": "x", "list": [1]}),
        ResultRow(id="b", status="failed", reason="INPUT"),
        ResultRow(id="c", status="ok", facts={"size": 0.5, "note": 7}),
    ]
    assert write_parquet(tmp_path / "results.parquet", rows)
    read = table.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["id"] for row in read] == ["a", "b", "c"]
    assert [row["fact_size"] for row in read] == [2.0, None, 0.5]
    assert [row["fact_fine"] for row in read] == [True, None, None]
    assert [row["fact_note"] for row in read] == ["x", None, "7"]
    assert read[0]["fact_list"] == "[1]"
    assert write_parquet(tmp_path / "none.parquet", [])
    assert read_rows(tmp_path / "nothing.jsonl") == {}
