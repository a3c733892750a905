"""A dataset of animated objects: every object drawn, judged, indexed and packed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reel2sim.batch import BatchConfig, Demand, ResultRow, Step, run_batch
from reel2sim.dataset.job import VERSION, ObjectJob
from reel2sim.dataset.recipe import SERIES
from reel2sim.dataset.render import CAMERA_FILE, MOTION_FILE, OBJECT_FILE, STRIP_FILE, render_object
from reel2sim.dataset.shards import Sample, write_shards
from reel2sim.dataset.sheet import Cell, write_sheets
from reel2sim.pipeline.atomic import write_atomically
from reel2sim.scene.errors import ConflictError
from reel2sim.scene.progress import Progress, silent

DATASET_FILE = "dataset.json"
_OBJECTS = "objects"


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How the samples are packed.

    Attributes:
        shard_mb: size at which a new shard is begun, MiB; 0 packs none.
        memory_mb: that each object reserves of its machine, MiB.
        limit_s: seconds that an object may take.
    """

    shard_mb: float = 256.0
    memory_mb: float = 0.0
    limit_s: float | None = 600.0


@dataclass(frozen=True)
class Dataset:
    """What was made.

    Attributes:
        rows: of every object, in the order of ids.
        skipped: objects that had been drawn before.
        shards: files of samples.
        sheets: pictures to look at.
    """

    rows: tuple[ResultRow, ...]
    skipped: int
    shards: tuple[Path, ...]
    sheets: tuple[Path, ...]

    @property
    def passed(self) -> tuple[ResultRow, ...]:
        """Objects that are samples."""
        return tuple(row for row in self.rows if row.facts.get("verdict") == "passed")

    @property
    def rejected(self) -> tuple[ResultRow, ...]:
        """Objects that the filters took out."""
        return tuple(row for row in self.rows if row.facts.get("verdict") == "rejected")

    @property
    def failed(self) -> tuple[ResultRow, ...]:
        """Inputs that could not be drawn."""
        return tuple(row for row in self.rows if row.status != "ok")


def make_dataset(
    jobs: Sequence[ObjectJob],
    out: Path,
    *,
    config: BatchConfig | None = None,
    packing: Packing | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Draw every object under ``out/objects/<id>``, and pack those that pass.

    Beside the objects there are ``results.jsonl`` (and ``results.parquet``) with a row each,
    ``shards`` of those that passed, contact sheets, and ``dataset.json``. Run again, it goes on
    where it was stopped. The same objects and recipe give the same bytes, whoever drew them, but
    for the seconds in the result tables.

    Args:
        jobs: the objects.
        out: folder of the dataset.
        config: where and how the jobs run; processes of this machine if None.
        packing: shards, and the demand of a job.
        progress: told after each object.

    Raises:
        ConflictError: if ``out`` holds something else, or is being worked on.
    """
    config = config or BatchConfig(ray=False)
    packing = packing or Packing()
    _check_ours(out)
    out.mkdir(parents=True, exist_ok=True)
    _write_json(out / DATASET_FILE, {"version": VERSION, "complete": False})
    step = Step(
        name="render",
        work=render_object,
        demand=Demand(memory_mb=packing.memory_mb),
        limit_s=packing.limit_s,
    )
    summary = run_batch(jobs, out, config=config, steps=[step], folder=_OBJECTS, progress=progress)
    progress("pack", 0.0, "shards and sheets")
    drawn = [row for row in summary.rows if row.status == "ok"]
    passed = [row for row in drawn if row.facts.get("verdict") == "passed"]
    shards: tuple[Path, ...] = ()
    if packing.shard_mb:
        samples = [_sample(out / _OBJECTS / row.id) for row in passed]
        shards = write_shards(out / "shards", samples, most_bytes=int(packing.shard_mb * 2**20))
    sheets = write_sheets(out, [_cell(out, row) for row in drawn])
    dataset = Dataset(summary.rows, summary.skipped, shards, sheets)
    _write_json(out / DATASET_FILE, _record(dataset, jobs))
    progress("pack", 1.0, "done")
    return dataset


def _check_ours(out: Path) -> None:
    """Refuse to put a dataset among other things."""
    if out.is_dir() and any(out.iterdir()) and not (out / DATASET_FILE).is_file():
        raise ConflictError(
            "is not empty and holds no dataset", source=out, remedy="choose another folder"
        )


def _sample(folder: Path) -> Sample:
    names = ((name, folder / name) for name in SERIES)
    files = [
        (f"{name}_{path.name}", path)
        for name, series in names
        for path in sorted(series.glob("*.png"))
    ]
    record = json.loads((folder / OBJECT_FILE).read_text(encoding="utf-8"))
    for field, file in (("cameras", CAMERA_FILE), ("motion", MOTION_FILE)):
        record[field] = json.loads((folder / file).read_text(encoding="utf-8"))
    return Sample(folder.name, tuple(files), record)


def _cell(out: Path, row: ResultRow) -> Cell:
    facts = row.facts
    motion = f"{row.id}   motion {facts['motion']:.3f}"
    passed = facts.get("verdict") == "passed"
    caption = motion if passed else f"{row.id}: {facts['why']}"
    return Cell(out / _OBJECTS / row.id / STRIP_FILE, caption, passed)


def _record(dataset: Dataset, jobs: Sequence[ObjectJob]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "complete": True,
        "recipe": asdict(jobs[0].recipe) if jobs else {},
        "objects": len(dataset.rows),
        "passed": [row.id for row in dataset.passed],
        "rejected": {row.id: row.facts.get("why") for row in dataset.rejected},
        "failed": {
            row.id: {"reason": row.reason, "message": row.message} for row in dataset.failed
        },
        "shards": [path.name for path in dataset.shards],
        "sheets": [path.name for path in dataset.sheets],
    }


def _write_json(path: Path, record: Any) -> None:
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda aside: aside.write_text(text, encoding="utf-8"))
