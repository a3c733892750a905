"""A dataset made of prompts: drawn, filmed, judged, split and packed."""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reel2sim.batch import BatchConfig, ResultRow, read_rows
from reel2sim.dataset.plan import SPLITS, Plan, Split
from reel2sim.dataset.produce import (
    DATASET_FILE,
    Dataset,
    Kind,
    Packing,
    produce,
    read_record,
)
from reel2sim.dataset.sample import SAMPLE_FILE, VERSION, SampleJob, make_sample, read_facts
from reel2sim.dataset.shards import Sample
from reel2sim.dataset.storing import STRIP_FILE
from reel2sim.dataset.table import SampleRow, read_table, row_of, write_table
from reel2sim.scene.errors import ConflictError, NotFoundError, UsageError
from reel2sim.scene.progress import Progress, silent

Layout = Literal["folder", "webdataset"]
KIND = "made"
SAMPLES = "samples"
_LICENCE = "Apache-2.0"
_CELLS = 64


@dataclass(frozen=True)
class Made:
    """A generated dataset.

    Attributes:
        rows: of every sample, in the order of indices.
        produced: what the jobs came to, shards and sheets.
    """

    rows: tuple[SampleRow, ...]
    produced: Dataset

    @property
    def hourly(self) -> float:
        """Samples in an hour of one core; those that were rejected cost, and do not count."""
        return hourly(self.rows)


def make_dataset(
    plan: Plan,
    out: Path,
    *,
    count: int,
    split: Split | None = None,
    layout: Layout = "folder",
    config: BatchConfig | None = None,
    packing: Packing | None = None,
    progress: Progress = silent,
) -> Made:
    """Make samples 0 to ``count`` − 1 of ``plan`` under ``out/samples/<id>``.

    ``samples.jsonl`` and ``samples.parquet`` have a row for each, also for those that were
    rejected or failed; :func:`~reel2sim.dataset.loading.open_dataset` reads it all. With a larger
    count a dataset grows and its samples stay; with another split only the table and the shards
    change. Run again, it goes on where it was stopped.

    Args:
        plan: what the samples are.
        out: folder of the dataset.
        count: samples drawn.
        split: how they are divided; the defaults if None.
        layout: folders alone, or also shards for WebDataset, in a folder for each split.
        config: where and how the jobs run; processes of this machine if None.
        packing: size of shards, and the demand of a job.
        progress: told after each sample.

    Raises:
        ConflictError: if ``out`` holds something else, a dataset of another plan, or a larger one.
        UsageError: if ``count`` is not positive.
    """
    if count < 1:
        raise UsageError("must be at least 1", source="dataset", field="count")
    split, packing = split or Split(), packing or Packing()
    config = config or BatchConfig(ray=False)
    if not config.force:
        _check_grows(out, plan, count)
    if layout == "folder":
        packing = replace(packing, shard_mb=0.0)
    told: list[SampleRow] = []

    def division(row: ResultRow) -> str:
        return split.of(row.facts["prompt"], row.facts["families"])

    def record(dataset: Dataset) -> dict[str, Any]:
        told.extend(row_of(row, plan, split) for row in dataset.rows)
        write_table(out, told)
        return {**_head(plan, count, split), **_summary(told)}

    kind = Kind(
        name=KIND,
        folder=SAMPLES,
        work=make_sample,
        pack=pack_sample,
        title=_title,
        record=record,
        division=division,
        most_cells=_CELLS,
    )
    jobs = [SampleJob(plan, index) for index in range(count)]
    made = produce(
        kind,
        jobs,
        out,
        config=config,
        packing=packing,
        begun=_head(plan, count, split),
        progress=progress,
    )
    return Made(tuple(told), made)


def hourly(rows: tuple[SampleRow, ...]) -> float:
    """As :attr:`Made.hourly`."""
    spent = sum(row.cpu_s for row in rows)
    return 3600.0 * sum(row.verdict == "passed" for row in rows) / spent if spent else 0.0


def rows_so_far(out: Path) -> tuple[dict[str, Any], tuple[SampleRow, ...]]:
    """``dataset.json`` and the rows there are, while samples are still being made.

    Raises:
        NotFoundError: if there is no dataset.
        ConflictError: if it is of another kind, or malformed.
    """
    head = read_record(out, KIND)
    if head is None:
        raise NotFoundError(
            "holds no dataset", source=out, remedy="make one with `reel2sim dataset make`"
        )
    if head.get("complete"):
        return head, read_table(out)
    try:
        fields: dict[str, Any] = head["plan"]
        plan = Plan(**{**fields, "families": tuple(fields["families"])})
        split = Split(**{name: tuple(values) for name, values in head["split"].items()})
    except (KeyError, TypeError, AttributeError) as cause:
        raise ConflictError(f"is malformed: {cause}", source=out / DATASET_FILE) from cause
    results = read_rows(out / "results.jsonl").values()
    rows = [row_of(row, plan, split) for row in sorted(results, key=lambda row: row.id)]
    return head, tuple(row for row in rows if row.index < int(head["count"]))


def pack_sample(folder: Path) -> Sample:
    """All files of a sample but its strip; ``/`` in their names becomes ``_``.

    The record lists the names as they were, under ``files``.
    """
    left = (STRIP_FILE, SAMPLE_FILE)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in files if path.name not in left}
    record = {**read_facts(folder), "files": list(names)}
    return Sample(
        folder.name, tuple((packed_name(name), path) for name, path in names.items()), record
    )


def packed_name(file: str) -> str:
    """What a file of a sample is called in a shard, after the sample's id."""
    return file.replace("/", "_")


def _check_grows(out: Path, plan: Plan, count: int) -> None:
    """Refuse to put another dataset, or a smaller one, where one is."""
    before = read_record(out, KIND)
    if before is None:
        return
    told, asked = before.get("plan"), _plain(plan)
    if not isinstance(told, dict) or before.get("version") != VERSION:
        raise ConflictError("is of another version", source=out, remedy="choose another folder")
    differ = [name for name, value in asked.items() if told.get(name) != value]
    if differ:
        raise ConflictError(
            f"holds a dataset with other {', '.join(differ)}",
            source=out,
            field=differ[0],
            remedy="choose another folder, give what it was made with, or --force",
        )
    if before.get("complete") and count < int(before.get("count", 0)):
        raise ConflictError(
            f"holds {before['count']} samples, more than {count}",
            source=out,
            field="count",
            remedy="its first samples are those of a smaller one: take them from the table",
        )


def _plain(plan: Plan) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(plan).items()}


def _head(plan: Plan, count: int, split: Split) -> dict[str, Any]:
    return {
        "version": VERSION,
        "licence": _LICENCE,
        "origin": "generated by Reel2Sim's scripted backend; no foreign data",
        "made_with": {
            "reel2sim": version("reel2sim"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
        },
        "count": count,
        "plan": _plain(plan),
        "split": asdict(split),
    }


def _summary(rows: list[SampleRow]) -> dict[str, Any]:
    passed = [row for row in rows if row.verdict == "passed"]
    return {
        "verdicts": dict(Counter(row.verdict for row in rows)),
        "splits": {name: sum(row.split == name for row in passed) for name in SPLITS},
        "samples_per_core_hour": round(hourly(tuple(rows)), 1),
    }


def _title(row: ResultRow) -> str:
    facts = row.facts
    if facts.get("verdict") == "passed":
        return f"{row.id} {facts['motion']:.3f}  {facts['prompt']}"
    return f"{row.id} {facts['why']}: {facts['prompt']}"
